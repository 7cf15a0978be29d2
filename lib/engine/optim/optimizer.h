/* optimizer.h -- what an optimizer is: slots for each parameter, a few numbers for each step, and
   an update.

   A step is one batch of training. The update of a vector of parameters is an inline function in
   NAME.h, which is compiled into every kernel set. The rest of the library sees only the struct
   below, which is in NAME.c. */
#ifndef FM_OPTIMIZER_H
#define FM_OPTIMIZER_H

#include "base/internal.h"
#include "engine/optim/schedule.h"

enum { FM_MAX_SLOTS = 4, FM_FACTORS = 5, FM_POWERS = 2 };

/* Slots of weights whose input is hardly ever non-zero would become denormal, and operations on
   denormals take tens of cycles. Every 16th step sets values below a threshold to zero (see
   adam.h). The threshold, 1e-30, is far enough above the denormals: 0.9^16 is 0.19. */
enum { FM_FLUSH_EVERY = 16 };

/* All optimizers. A new one needs NAME.c, NAME.h, and a row here. */
#define FM_OPTIMIZERS(X) X(adam) X(sgd) X(adamw)

enum fm_optimizer_id {
#define FM_OPTIMIZER_ID(name) FM_OPTIMIZER_##name,
    FM_OPTIMIZERS(FM_OPTIMIZER_ID)
#undef FM_OPTIMIZER_ID
        FM_OPTIMIZER_COUNT
};

/* The numbers of one step, the same for all parameters. */
struct fm_update {
    float factor[FM_FACTORS];
    float decay;    /* of parameters that decay; for adamw, times the learning rate */
    bool decay_all; /* also those of rank 1: biases, and weights of bn */
    bool nesterov;
    bool flush; /* in this step, slots that are nearly denormal become zero */
};

struct fm_optimizer {
    const char *name;
    double lr, decay; /* the defaults */
    /* As in the names of a checkpoint's tensors; ends in NULL. */
    const char *slot_names[FM_MAX_SLOTS + 1];
    /* Fills in *update, except decay_all, for step t, from 1. power[] is 1.0 before the first step
       and is kept from step to step, and in checkpoints: powers of the betas by repeated
       multiplication, because pow() differs between C libraries. */
    void (*begin)(const struct fmnn_recipe *recipe, const struct fm_rate *rate, uint64_t t,
                  double power[FM_POWERS], struct fm_update *update);
};

extern const struct fm_optimizer fm_adam, fm_sgd, fm_adamw;
const struct fm_optimizer *fm_optimizer_at(size_t id); /* NULL beyond the last */
int fm_optimizer_find(const char *name);               /* the id, or -1 */
size_t fm_optimizer_slots(const struct fm_optimizer *optimizer);

#endif
