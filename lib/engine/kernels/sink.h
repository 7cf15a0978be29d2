/* sink.h -- where gradients go: into the optimizer at once, or into a block of their own. Both
   give the same bits, for a stored gradient is what the optimizer would have been given.

   The optimizer waits for memory and for divisions, products for neither: so it can be handed its
   work vector by vector, in the midst of the next product. */
#include "base/internal.h"

/* Work of the optimizer that is due: gradient (left floats, a multiple of 16) for the weights w. */
struct due {
    enum fm_optimizer_id optimizer;
    struct fm_update update;
    float *w, *slots[FM_SLOTS];
    const float *gradient;
    const float *next[FM_SLOTS]; /* what may be fetched meanwhile */
    size_t at, end;
};

/* gradient: n floats (a multiple of 16) for the parameters from offset on. */
static struct due sink_later(const struct fm_plan *plan, const struct fm_run *run, size_t offset,
                             const float *gradient, size_t n)
{
    struct due due = {.optimizer = plan->optimizer, .gradient = gradient};
    if (run->gradients) {
        memcpy(run->gradients + offset, gradient, n * sizeof *gradient);
        return due;
    }
    due.update = *run->update;
    due.w = run->weights + offset;
    for (int i = 0; i < FM_SLOTS; i++)
        due.slots[i] = run->slots[i] ? run->slots[i] + offset : NULL;
    due.end = n;
    return due;
}

/* One vector of it. */
static inline void sink_next(struct due *due)
{
    vec g = v_load(due->gradient + due->at);
    switch (due->optimizer) {
#define CASE(name)                                                                                 \
    case FM_OPTIMIZER_##name:                                                                      \
        update_##name(&due->update, due->w, due->slots, due->at, g);                               \
        break;
        FM_OPTIMIZERS(CASE)
#undef CASE
    case FM_OPTIMIZER_COUNT:
        break;
    }
    due->at += VL;
}

static void sink_rest(struct due due)
{
    while (due.at < due.end)
        sink_next(&due);
}

static void sink(const struct fm_plan *plan, const struct fm_run *run, size_t offset,
                 const float *gradient, size_t n)
{
    sink_rest(sink_later(plan, run, offset, gradient, n));
}
