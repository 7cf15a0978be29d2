/* optimizer-registry.c -- the list of all optimizers. */
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

int fm_optimizer_find(const char *name)
{
    for (int i = 0; i < FM_OPTIMIZER_COUNT; i++)
        if (!strcmp(name, optimizers[i]->name))
            return i;
    return -1;
}

size_t fm_optimizer_slots(const struct fm_optimizer *optimizer)
{
    size_t count = 0;
    while (optimizer->slot_names[count])
        count++;
    return count;
}
