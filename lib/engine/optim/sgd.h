/* sgd.h -- the update of a vector of parameters w with gradients g and velocities v:
   g += decay w; v = momentum v + g; w -= lr v or, by Nesterov, lr (g + momentum v).
   factor: momentum, lr. The vector is elements at .. at + VL - 1. */
#include "base/internal.h"

static inline void update_sgd(const struct fm_update *u, float *w, float *const slots[FM_MAX_SLOTS],
                              size_t at, vec g)
{
    const vec tiny = v_splat(1e-30f), minus_tiny = v_splat(-1e-30f), zero = v_splat(0);
    const vec momentum = v_splat(u->factor[0]);
    vec old = v_load(w + at);
    if (u->decay > 0)
        g = v_fma(v_splat(u->decay), old, g);
    vec velocity = v_add(v_mul(momentum, v_load(slots[0] + at)), g);
    if (u->flush)
        velocity = v_select(v_greater(velocity, tiny), velocity,
                            v_select(v_greater(minus_tiny, velocity), velocity, zero));
    v_store(slots[0] + at, velocity);
    if (u->nesterov)
        velocity = v_add(v_mul(momentum, velocity), g);
    v_store(w + at, v_sub(old, v_mul(v_splat(u->factor[1]), velocity)));
}
