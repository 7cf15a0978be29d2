/* adam.c -- Adam as Keras has it: D. P. Kingma and J. Ba, "Adam: a method for stochastic
   optimization" (ICLR 2015), in the form before its section 2.1, with epsilon added to the
   square root. */
#include "engine/optim/optimizer.h"

#include <math.h>

/* Moments of pixels that are hardly ever set would sink into denormals, which cost tens of
   cycles each. They are flushed by comparison (see adam.h) on every 16th step: 0.9^16 is far
   from the distance between the threshold and the denormals. */
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
