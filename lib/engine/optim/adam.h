/* adam.h -- Adam's update of a vector of parameters w with gradients g and moments m, v:
   g += decay w; m += (g - m)(1 - beta1); v += (g^2 - v)(1 - beta2);
   w -= m alpha / (sqrt(v) + epsilon). factor: 1 - beta1, 1 - beta2, alpha, epsilon. The vector is
   elements at .. at + VL - 1. */
#include "base/internal.h"

/* Moves the moments of a vector by its gradient; *first and *second are their new values. */
static inline void move_moments(const struct fm_update *u, float *const slots[FM_MAX_SLOTS],
                                size_t at, vec g, vec *first, vec *second)
{
    const vec tiny = v_splat(1e-30f), minus_tiny = v_splat(-1e-30f), zero = v_splat(0);
    vec m = v_load(slots[0] + at), v = v_load(slots[1] + at);
    m = v_fma(v_sub(g, m), v_splat(u->factor[0]), m);
    v = v_fma(v_sub(v_mul(g, g), v), v_splat(u->factor[1]), v);
    if (u->flush) {
        m = v_select(v_greater(m, tiny), m, v_select(v_greater(minus_tiny, m), m, zero));
        v = v_select(v_greater(v, tiny), v, zero);
    }
    v_store(slots[0] + at, m);
    v_store(slots[1] + at, v);
    *first = m;
    *second = v;
}

static inline void update_adam(const struct fm_update *u, float *w,
                               float *const slots[FM_MAX_SLOTS], size_t at, vec g)
{
    vec m, v;
    if (u->decay > 0)
        g = v_fma(v_splat(u->decay), v_load(w + at), g);
    move_moments(u, slots, at, g, &m, &v);
    vec step = v_div(v_mul(m, v_splat(u->factor[2])), v_add(v_sqrt(v), v_splat(u->factor[3])));
    v_store(w + at, v_sub(v_load(w + at), step));
}
