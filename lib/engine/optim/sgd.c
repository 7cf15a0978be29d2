/* sgd.c -- stochastic gradient descent with momentum, in PyTorch's form: the learning rate is no
   part of the velocity. I. Sutskever and others, "On the importance of initialization and momentum
   in deep learning" (ICML 2013), for Nesterov's momentum. */
#include "engine/optim/optimizer.h"

static void begin(const struct fmnn_recipe *recipe, const struct fm_rate *rate, uint64_t t,
                  double power[FM_POWERS], struct fm_update *update)
{
    (void)power;
    update->factor[0] = (float)(rate->cycled ? rate->momentum : recipe->momentum);
    update->factor[1] = (float)rate->lr;
    update->decay = (float)recipe->decay;
    update->nesterov = !strcmp(recipe->nesterov, "on");
    update->flush = t % FM_FLUSH_EVERY == 0;
}

const struct fm_optimizer fm_sgd = {
    .name = "sgd",
    .lr = 1e-2,
    .slot_names = {"momentum_buffer"},
    .begin = begin,
};
