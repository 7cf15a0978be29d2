/* optimizer.h -- what an optimizer is: slots beside each parameter, a few numbers a step, and an
   update.

   The update itself, of a row of parameters, stands as an inline function over vectors in NAME.h
   and is compiled into every kernel set; the struct here, in NAME.c, is all that the rest of the
   library sees. */
#ifndef FM_OPTIMIZER_H
#define FM_OPTIMIZER_H

#include "base/internal.h"
#include "engine/optim/recipe.h"

enum { FM_MAX_SLOTS = 4, FM_FACTORS = 4, FM_POWERS = 2 };

/* The optimizers there are. A new one: NAME.c, NAME.h, and a row here. */
#define FM_OPTIMIZERS(X) X(adam) X(sgd)

enum fm_optimizer_id {
#define FM_OPTIMIZER_ID(name) FM_OPTIMIZER_##name,
    FM_OPTIMIZERS(FM_OPTIMIZER_ID)
#undef FM_OPTIMIZER_ID
        FM_OPTIMIZER_COUNT
};

/* The numbers of one step, the same for all parameters. */
struct fm_update {
    float factor[FM_FACTORS];
    bool flush; /* on some steps, slots that have sunk near the denormals become zero */
};

struct fm_optimizer {
    const char *name;
    double lr; /* the default */
    const char *slot_names[FM_MAX_SLOTS +
                           1]; /* as in the names of a checkpoint's tensors; NULL ends them */
    /* Readies step t (from 1). power[] is 1.0 before the first step and is kept from step to
       step, and in checkpoints: powers of the betas by repeated product, for pow() differs
       between libraries. */
    void (*begin)(const struct fmnn_recipe *recipe, uint64_t t, double power[FM_POWERS],
                  struct fm_update *update);
};

extern const struct fm_optimizer fm_adam, fm_sgd;
const struct fm_optimizer *fm_optimizer_at(size_t id); /* NULL beyond the last */
int fm_optimizer_find(const char *name);               /* the id, or -1 */
size_t fm_optimizer_slots(const struct fm_optimizer *optimizer);

#endif
