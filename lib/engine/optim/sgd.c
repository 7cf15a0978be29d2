/* sgd.c -- stochastic gradient descent with momentum as in Keras. */
#include "engine/optim/optimizer.h"

static void begin(const struct fmnn_recipe *recipe, uint64_t t, double power[FM_POWERS],
                  struct fm_update *update)
{
    (void)power;
    update->factor[0] = (float)recipe->momentum;
    update->factor[1] = (float)recipe->lr;
    update->flush = t % 16 == 0;
}

const struct fm_optimizer fm_sgd = {
    .name = "sgd",
    .lr = 1e-2,
    .slot_names = {"velocity"},
    .begin = begin,
};
