/* sink.h -- where the gradients of parameters go (enum fm_sink): straight into the optimizer (a
   fused optimizer step), or into run->gradients, stored or added, from which the op `update`
   updates the parameters. Both ways give the same bits, because the optimizer gets the same
   gradient.

   The optimizer waits for memory and for divisions, a GEMM for neither. So an update can be
   deferred and done vector by vector between the terms of the next GEMM: a pending update.

   Gradients, parameters and slots are all in stored order, (panel of outputs, h, w, c, 32). */
#include "base/internal.h"

/* Slots that are prefetched: all that adam has. */
enum { PREFETCHED = 2 };

/* A pending update of w and slots by gradient, elements [at, end). */
struct pending {
    enum fm_optimizer_id optimizer;
    struct fm_update update;
    float *w, *slots[FM_MAX_SLOTS];
    const float *gradient;
    const float *next[PREFETCHED]; /* prefetched beside the update: next[i][at .. end) */
    size_t at, end;
};

/* to += gradient, both (n), n a multiple of 16. */
static void add_gradient(float *to, const float *gradient, size_t n)
{
    for (size_t i = 0; i < n; i += VL)
        v_store(to + i, v_add(v_load(to + i), v_load(gradient + i)));
}

/* An update of the parameter's elements from `offset` on, whose gradient is still to come: nothing
   of it is pending yet, end == 0. Only if the sink is FM_SINK_UPDATE. */
static struct pending update_to_come(const struct fm_plan *plan, const struct fm_run *run,
                                     const struct fm_parameter *parameter, size_t offset)
{
    struct pending pending = {.optimizer = plan->optimizer, .update = *run->update};
    offset += parameter->offset;
    if (parameter->rank == 1 && !run->update->decay_all)
        pending.update.decay = 0;
    pending.w = run->weights + offset;
    for (size_t i = 0; i < plan->slots; i++)
        pending.slots[i] = run->slots[i] + offset;
    return pending;
}

/* Takes the gradient (n), n a multiple of 16, of the parameter's elements offset .. offset + n - 1.
   Stores or adds it, or returns the update as pending: then the gradient must stay in place until
   sink_rest(). An update that is not pending has end == 0. */
static struct pending sink_pending(const struct fm_plan *plan, const struct fm_run *run,
                                   const struct fm_parameter *parameter, size_t offset,
                                   const float *gradient, size_t n)
{
    struct pending pending = {.optimizer = plan->optimizer};
    float *stored = run->gradients ? run->gradients + parameter->offset + offset : NULL;
    if (run->sink == FM_SINK_STORE) {
        memcpy(stored, gradient, n * sizeof *gradient);
    } else if (run->sink == FM_SINK_ADD) {
        add_gradient(stored, gradient, n);
    } else {
        pending = update_to_come(plan, run, parameter, offset);
        pending.gradient = gradient;
        pending.end = n;
    }
    return pending;
}

/* Updates one vector. */
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

/* Does what is left of a pending update. */
static void sink_rest(struct pending pending)
{
    while (pending.at < pending.end)
        sink_next(&pending);
}

/* Takes a gradient, as sink_pending(), and updates at once. */
static void sink(const struct fm_plan *plan, const struct fm_run *run,
                 const struct fm_parameter *parameter, size_t offset, const float *gradient,
                 size_t n)
{
    sink_rest(sink_pending(plan, run, parameter, offset, gradient, n));
}

/* The sum of squares of a block of gradients: 16 sums of every 16th element, then their sum. Jobs:
   blocks of FM_UPDATE floats. */
static void job_gradient_squares(const struct fm_plan *plan, const struct fm_op *op,
                                 const struct fm_run *run, size_t job)
{
    enum { SUMS = 16 };
    double sum[SUMS] = {0};
    size_t from = job * FM_UPDATE, end = from + FM_UPDATE;
    (void)op;
    if (!run->squares)
        return;
    if (end > plan->net->trained)
        end = plan->net->trained;
    for (size_t i = from; i < end; i += SUMS)
        for (size_t k = 0; k < SUMS; k++)
            sum[k] += (double)run->gradients[i + k] * (double)run->gradients[i + k];
    for (size_t k = 1; k < SUMS; k++)
        sum[0] += sum[k];
    run->squares[job] = sum[0];
}

/* The factor that limits the norm of all gradients to run->clip, as in PyTorch; at most 1. One
   job. */
static void job_gradient_norm(const struct fm_plan *plan, const struct fm_op *op,
                              const struct fm_run *run, size_t job)
{
    size_t blocks = fm_update_jobs(plan->net->trained);
    double sum = 0;
    (void)op, (void)job;
    if (!run->squares)
        return;
    for (size_t i = 0; i < blocks; i++)
        sum += run->squares[i];
    double factor = run->clip / (sqrt(sum) + 1e-6);
    run->squares[blocks] = factor > 1 ? 1 : factor; /* a factor that is not a number stays */
}

/* Updates the trained parameters by run->gradients (trained). Jobs: blocks of FM_UPDATE floats. */
static void job_update(const struct fm_plan *plan, const struct fm_op *op, const struct fm_run *run,
                       size_t job)
{
    struct fm_run apply = *run;
    size_t from = job * FM_UPDATE, end = from + FM_UPDATE;
    if (!run->apply)
        return;
    float factor = run->squares ? (float)run->squares[op->jobs] : 1;
    if (end > plan->net->trained)
        end = plan->net->trained;
    for (size_t i = from; factor != 1 && i < end; i += VL)
        v_store(run->gradients + i, v_mul(v_load(run->gradients + i), v_splat(factor)));
    apply.sink = FM_SINK_UPDATE;
    for (size_t i = 0; i < plan->net->parameter_count; i++) {
        const struct fm_parameter *p = &plan->net->parameter[i];
        size_t first = from > p->offset ? from : p->offset;
        size_t last = end < p->offset + p->stored ? end : p->offset + p->stored;
        if (p->trained && first < last)
            sink(plan, &apply, p, first - p->offset, run->gradients + first, last - first);
    }
}

/* Moves the average of all parameters. Jobs: blocks of FM_UPDATE floats. */
static void job_average(const struct fm_plan *plan, const struct fm_op *op,
                        const struct fm_run *run, size_t job)
{
    size_t from = job * FM_UPDATE, end = from + FM_UPDATE;
    vec share = v_splat(run->average_share);
    bool copy = run->average_share == 1;
    (void)op;
    if (!run->average)
        return;
    if (end > plan->net->stored)
        end = plan->net->stored;
    for (size_t i = from; i < end; i += VL) {
        vec w = v_load(run->weights + i), average = v_load(run->average + i);
        average = copy ? w : v_fma(v_sub(w, average), share, average);
        v_store(run->average + i, average);
        if (run->look_back)
            v_store(run->weights + i, average);
    }
}
