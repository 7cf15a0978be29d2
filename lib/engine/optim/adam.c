/* adam.c -- Adam as in Keras: D. P. Kingma and J. Ba, "Adam: a method for stochastic
   optimization" (ICLR 2015), in the form before its section 2.1, with epsilon added to the
   square root. */
#include "engine/optim/optimizer.h"

#include <math.h>

/* The moments of weights whose input is hardly ever non-zero would become denormal, and operations
   on denormals take tens of cycles. Every 16th step sets moments below a threshold to zero (see
   adam.h). The threshold, 1e-30, is far enough above the denormals: 0.9^16 is 0.19. */
enum { FLUSH_EVERY = 16 };

static void begin(const struct fmnn_recipe *recipe, uint64_t t, double power[FM_POWERS],
                  struct fm_update *update)
{
    const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7;
    power[0] *= beta1;
    power[1] *= beta2;
    update->factor[0] = (float)(1 - beta1);
    update->factor[1] = (float)(1 - beta2);
    update->factor[2] = (float)(recipe->lr * sqrt(1 - power[1]) / (1 - power[0]));
    update->factor[3] = (float)epsilon;
    update->flush = t % FLUSH_EVERY == 0;
}

const struct fm_optimizer fm_adam = {
    .name = "adam",
    .lr = 1e-3,
    .slot_names = {"m", "v"},
    .begin = begin,
};
