/* sgd.h -- the update of a row of parameters w with gradients g and velocities u:
   u = momentum u - lr g; w += u. */

static inline void update_sgd(const struct fm_update *u, float *w, float *slots[FM_SLOTS],
                              const float *g, size_t n)
{
    const vec momentum = v_splat(u->factor[0]), lr = v_splat(u->factor[1]);
    const vec tiny = v_splat(1e-30f), minus_tiny = v_splat(-1e-30f), zero = v_splat(0);
    for (size_t i = 0; i < n; i += VL) {
        vec velocity = v_sub(v_mul(momentum, v_load(slots[0] + i)), v_mul(lr, v_load(g + i)));
        if (u->flush)
            velocity = v_select(v_greater(velocity, tiny), velocity,
                                v_select(v_greater(minus_tiny, velocity), velocity, zero));
        v_store(slots[0] + i, velocity);
        v_store(w + i, v_add(v_load(w + i), velocity));
    }
}
