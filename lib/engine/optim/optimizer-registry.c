/* registry.c -- the optimizers there are. */
#include "engine/optim/optimizer.h"

static const struct fm_optimizer *const optimizers[] = {
#define ROW(name) [FM_OPTIMIZER_##name] = &fm_##name,
    FM_OPTIMIZERS(ROW)
#undef ROW
};

const struct fm_optimizer *fm_optimizer_at(size_t id)
{
    return id < FM_OPTIMIZER_COUNT ? optimizers[id] : NULL;
}

int fm_optimizer_find(const char *name, struct fmnn_error *err)
{
    const char *names[FM_OPTIMIZER_COUNT + 1] = {NULL};
    for (int i = 0; i < FM_OPTIMIZER_COUNT; i++) {
        names[i] = optimizers[i]->name;
        if (!strcmp(name, names[i]))
            return i;
    }
    const char *nearest = fmnn_suggest(name, names);
    if (nearest)
        return fm_fail(err, FMNN_USAGE, "unknown optimizer '%s'; did you mean '%s'?", name,
                       nearest);
    return fm_fail(err, FMNN_USAGE, "unknown optimizer '%s' (known: adam, sgd)", name);
}

size_t fm_optimizer_slots(const struct fm_optimizer *optimizer)
{
    size_t count = 0;
    while (optimizer->slot_names[count])
        count++;
    return count;
}
