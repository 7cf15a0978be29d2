/* adamw.h -- AdamW's update of a vector of parameters w with gradients g and moments m, v:
   w -= decay w; m += (g - m)(1 - beta1); v += (g^2 - v)(1 - beta2);
   w -= m alpha / (sqrt(v) beta + epsilon). factor: 1 - beta1, 1 - beta2, alpha, epsilon, beta.
   The moments move as in adam.h, which comes before. */
#include "base/internal.h"

static inline void update_adamw(const struct fm_update *u, float *w,
                                float *const slots[FM_MAX_SLOTS], size_t at, vec g)
{
    vec m, v, old = v_load(w + at);
    move_moments(u, slots, at, g, &m, &v);
    old = v_fma(v_splat(-u->decay), old, old);
    vec below = v_add(v_mul(v_sqrt(v), v_splat(u->factor[4])), v_splat(u->factor[3]));
    v_store(w + at, v_sub(old, v_div(v_mul(m, v_splat(u->factor[2])), below)));
}
