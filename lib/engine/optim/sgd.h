/* sgd.h -- the update of a vector of parameters w with gradients g and velocities u:
   u = momentum u - lr g; w += u. factor: momentum, lr. The vector is elements at .. at + VL - 1. */
#include "base/internal.h"

static inline void update_sgd(const struct fm_update *u, float *w, float *const slots[FM_MAX_SLOTS],
                              size_t at, vec g)
{
    const vec tiny = v_splat(1e-30f), minus_tiny = v_splat(-1e-30f), zero = v_splat(0);
    vec velocity =
        v_sub(v_mul(v_splat(u->factor[0]), v_load(slots[0] + at)), v_mul(v_splat(u->factor[1]), g));
    if (u->flush)
        velocity = v_select(v_greater(velocity, tiny), velocity,
                            v_select(v_greater(minus_tiny, velocity), velocity, zero));
    v_store(slots[0] + at, velocity);
    v_store(w + at, v_add(v_load(w + at), velocity));
}
