/* adam.h -- Adam's update of a row of parameters w with gradients g and moments m, v:
   m += (g - m)(1 - beta1); v += (g^2 - v)(1 - beta2); w -= m alpha / (sqrt(v) + epsilon). */

static inline void update_adam(const struct fm_update *u, float *w, float *slots[FM_SLOTS],
                               const float *g, size_t n)
{
    const vec r1 = v_splat(u->factor[0]), r2 = v_splat(u->factor[1]);
    const vec alpha = v_splat(u->factor[2]), epsilon = v_splat(u->factor[3]);
    const vec tiny = v_splat(1e-30f), minus_tiny = v_splat(-1e-30f), zero = v_splat(0);
    for (size_t i = 0; i < n; i += VL) {
        vec gi = v_load(g + i), m = v_load(slots[0] + i), v = v_load(slots[1] + i);
        m = v_fma(v_sub(gi, m), r1, m);
        v = v_fma(v_sub(v_mul(gi, gi), v), r2, v);
        if (u->flush) {
            m = v_select(v_greater(m, tiny), m, v_select(v_greater(minus_tiny, m), m, zero));
            v = v_select(v_greater(v, tiny), v, zero);
        }
        v_store(slots[0] + i, m);
        v_store(slots[1] + i, v);
        vec step = v_div(v_mul(m, alpha), v_add(v_sqrt(v), epsilon));
        v_store(w + i, v_sub(v_load(w + i), step));
    }
}
