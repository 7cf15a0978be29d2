/* sink.h -- where the gradients of parameters go: straight into the optimizer, or into a block of
   their own, stored or added up, from which an op of its own updates the parameters. Updating at
   once and updating later give the same bits, since the optimizer gets the same gradient.

   The optimizer waits for memory and for divisions, a GEMM for neither: so the optimizer's work
   can be done vector by vector in the midst of the next GEMM (struct pending). */
#include "base/internal.h"

enum { PREFETCHED = 2 }; /* slots that are prefetched */

/* An update that is still to be done: by the gradient [at, end), in vectors, of weights w. */
struct pending {
    enum fm_optimizer_id optimizer;
    struct fm_update update;
    const struct fm_parameter *parameter; /* whose gradient it is */
    float *w, *slots[FM_MAX_SLOTS];
    const float *gradient;
    const float *next[PREFETCHED]; /* what to prefetch meanwhile */
    size_t at, end;
};

static void add_gradient(float *to, const float *gradient, size_t n)
{
    for (size_t i = 0; i < n; i += VL)
        v_store(to + i, v_add(v_load(to + i), v_load(gradient + i)));
}

/* gradient: n floats (a multiple of 16) for the parameter's floats from `offset` on. */
static struct pending sink_pending(const struct fm_plan *plan, const struct fm_run *run,
                                   const struct fm_parameter *parameter, size_t offset,
                                   const float *gradient, size_t n)
{
    struct pending pending = {
        .optimizer = plan->optimizer, .parameter = parameter, .gradient = gradient};
    offset += parameter->offset;
    if (run->sink == FM_SINK_STORE)
        memcpy(run->gradients + offset, gradient, n * sizeof *gradient);
    else if (run->sink == FM_SINK_ADD)
        add_gradient(run->gradients + offset, gradient, n);
    if (run->sink != FM_SINK_UPDATE)
        return pending;
    pending.update = *run->update;
    pending.w = run->weights + offset;
    for (size_t i = 0; i < plan->slots; i++)
        pending.slots[i] = run->slots[i] + offset;
    pending.end = n;
    return pending;
}

/* One vector of it. */
static inline void sink_next(struct pending *pending)
{
    vec g = v_load(pending->gradient + pending->at);
    switch (pending->optimizer) {
#define CASE(name)                                                                                 \
    case FM_OPTIMIZER_##name:                                                                      \
        update_##name(&pending->update, pending->w, pending->slots, pending->at, g);               \
        break;
        FM_OPTIMIZERS(CASE)
#undef CASE
    case FM_OPTIMIZER_COUNT:
        break;
    }
    pending->at += VL;
}

static void sink_rest(struct pending pending)
{
    while (pending.at < pending.end)
        sink_next(&pending);
}

static void sink(const struct fm_plan *plan, const struct fm_run *run,
                 const struct fm_parameter *parameter, size_t offset, const float *gradient,
                 size_t n)
{
    sink_rest(sink_pending(plan, run, parameter, offset, gradient, n));
}

/* Jobs: FM_UPDATE floats of the trained parameters, by run->gradients. */
static void job_update(const struct fm_plan *plan, const struct fm_op *op, const struct fm_run *run,
                       size_t job)
{
    struct fm_run apply = *run;
    size_t from = job * FM_UPDATE, end = from + FM_UPDATE;
    (void)op;
    apply.sink = FM_SINK_UPDATE;
    for (size_t i = 0; i < plan->net->parameter_count; i++) {
        const struct fm_parameter *p = &plan->net->parameter[i];
        size_t first = from > p->offset ? from : p->offset;
        size_t last = end < p->offset + p->stored ? end : p->offset + p->stored;
        if (p->trained && first < last)
            sink(plan, &apply, p, first - p->offset, run->gradients + first, last - first);
    }
}
