/* adam.c -- Adam as in Keras: D. P. Kingma and J. Ba, "Adam: a method for stochastic
   optimization" (ICLR 2015), in the form before its section 2.1, with epsilon added to the
   square root. */
#include "engine/optim/optimizer.h"

#include <math.h>

#include "base/float.h"

/* If beta1 changes from step to step, its power is the step's beta1 to the power t, as in
   PyTorch. */
static void begin(const struct fmnn_recipe *recipe, const struct fm_rate *rate, uint64_t t,
                  double power[FM_POWERS], struct fm_update *update)
{
    const double beta1 = rate->cycled ? rate->momentum : 0.9, beta2 = 0.999, epsilon = 1e-7;
    power[0] = rate->cycled ? fm_power(beta1, t) : power[0] * beta1;
    power[1] *= beta2;
    update->factor[0] = (float)(1 - beta1);
    update->factor[1] = (float)(1 - beta2);
    update->factor[2] = (float)(rate->lr * sqrt(1 - power[1]) / (1 - power[0]));
    update->factor[3] = (float)epsilon;
    update->decay = (float)recipe->decay;
    update->flush = t % FM_FLUSH_EVERY == 0;
}

const struct fm_optimizer fm_adam = {
    .name = "adam",
    .lr = 1e-3,
    .slot_names = {"m", "v"},
    .begin = begin,
};
