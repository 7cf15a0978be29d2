/* adamw.c -- AdamW: I. Loshchilov and F. Hutter, "Decoupled weight decay regularization" (ICLR
   2019), in PyTorch's form: the decay is multiplied by the learning rate of the step, and epsilon
   is added after the correction of the bias. */
#include "engine/optim/optimizer.h"

#include <math.h>

#include "base/float.h"

static void begin(const struct fmnn_recipe *recipe, const struct fm_rate *rate, uint64_t t,
                  double power[FM_POWERS], struct fm_update *update)
{
    const double beta1 = rate->cycled ? rate->momentum : 0.9, beta2 = 0.999, epsilon = 1e-8;
    (void)power;
    update->factor[0] = (float)(1 - beta1);
    update->factor[1] = (float)(1 - beta2);
    update->factor[2] = (float)(rate->lr / (1 - fm_power(beta1, t)));
    update->factor[3] = (float)epsilon;
    update->factor[4] = (float)(1 / sqrt(1 - fm_power(beta2, t)));
    update->decay = (float)(rate->lr * recipe->decay);
    update->flush = t % FM_FLUSH_EVERY == 0;
}

const struct fm_optimizer fm_adamw = {
    .name = "adamw",
    .lr = 1e-3,
    .decay = 0.01,
    .slot_names = {"m", "v"},
    .begin = begin,
};
