/* execute.c -- runs a plan: its ops in order, the jobs of each shared out among threads. */
#include "base/internal.h"

#include <math.h>

#include "base/float.h"
#include "base/threads.h"
#include "engine/kernels.h"
#include "engine/plan.h"
#include "engine/profile.h"

/* What the threads of a loop share. Between runs there is a job of its own, the feeding. Ops that
   start together, or form a chain, are one to the team. */
struct loop {
    const struct fm_plan *plan;
    const struct fm_kernels *kernels;
    fm_feed *feed;
    void *state;
    struct fm_run run;
    const struct fm_op *op; /* NULL: feeding */
    const struct fm_op *next, *end;
    size_t jobs; /* of all ops that start together */
    bool begun, more;
};

/* NULL: the feeding, which is counted behind the ops. */
static size_t op_number(const struct loop *loop, const struct fm_op *op)
{
    return op ? (size_t)(op - loop->plan->op) : loop->plan->op_count;
}

static const struct fm_op *behind(const struct fm_op *op)
{
    return op + (op->chain ? op->chain : 1);
}

/* Counts the jobs of all ops that start with this one. next: the first op that does not, or
   NULL. */
static size_t jobs_together(const struct loop *loop, const struct fm_op **next)
{
    const struct fm_op *op = loop->op;
    size_t jobs = op->jobs;
    while ((op = behind(op)) < loop->end && op->together)
        jobs += op->jobs;
    *next = op < loop->end ? op : NULL;
    return jobs;
}

/* Whether an op behind the run's others has work now: see kernels/sink.h. */
static bool has_work(const struct fm_run *run, enum fm_op_kind kind)
{
    if (kind == FM_OP_gradient_squares || kind == FM_OP_gradient_norm)
        return run->squares != NULL;
    return kind == FM_OP_update ? run->apply : kind != FM_OP_average || run->average;
}

/* Counts a run of each op up to the next ones. */
static void profile_begin(const struct loop *loop)
{
    struct fm_profile *profile = loop->run.profile;
    const struct fm_op *end = loop->next ? loop->next : loop->end;
    if (!loop->op)
        fm_profile_begin(profile, op_number(loop, NULL), 0);
    for (const struct fm_op *op = loop->op; op && op < end; op++)
        if (has_work(&loop->run, op->kind))
            fm_profile_begin(profile, op_number(loop, op), loop->run.images);
}

/* Whether the losses have just been computed and are not finite: then no backward ops must follow.
   A chain may contain the loss and gradients, but no op that changes weights. */
static bool is_lost(const struct loop *loop)
{
    const struct fm_op *backward = loop->plan->op + loop->plan->forward_ops;
    if (!loop->run.backward || loop->op >= backward || (loop->next && loop->next < backward))
        return false;
    double loss = 0;
    for (size_t i = 0; i < loop->run.images; i++)
        loss += loop->run.loss[i];
    return !isfinite(loss);
}

/* How many of the plan's ops this run does. Without backward, the forward ops; the ops behind
   run_ops only if there is an update or an average. */
static size_t ops_of_run(const struct loop *loop)
{
    if (!loop->run.backward)
        return loop->plan->forward_ops;
    bool more = loop->run.apply || loop->run.average;
    return more ? loop->plan->op_count : loop->plan->run_ops;
}

static size_t next_ops(void *state)
{
    struct loop *loop = state;
    const struct fm_plan *plan = loop->plan;
    bool fed = loop->begun && !loop->op;
    if (fed && !loop->more)
        return 0;
    if (fed) {
        loop->op = plan->op + (loop->run.prepared ? plan->once_ops : 0);
        loop->end = plan->op + ops_of_run(loop);
        loop->run.prepared = true;
    } else {
        loop->op = loop->begun && is_lost(loop) ? NULL : loop->next;
    }
    loop->begun = true;
    loop->jobs = loop->op ? jobs_together(loop, &loop->next) : 1;
    if (loop->run.profile)
        profile_begin(loop);
    return loop->jobs;
}

struct fm_op fm_op_in_thread(const struct fm_plan *plan, const struct fm_op *op, unsigned thread,
                             size_t first)
{
    struct fm_op here = *op;
    struct fm_view *view[FM_VIEWS] = {&here.in, &here.other, &here.out, &here.grad_in,
                                      &here.grad_out};
    size_t on = thread * plan->scratch_floats;
    for (unsigned i = 0; i < FM_VIEWS; i++)
        if (op->local >> i & 1)
            view[i]->offset += on - first * view[i]->stride_n;
    if (op->local & FM_INPUTS) {
        here.inputs += on;
        here.first = first;
    }
    return here;
}

/* A block of images goes through a chain of ops. */
static void do_chain(const struct loop *loop, const struct fm_run *run, const struct fm_op *op,
                     unsigned thread, size_t job)
{
    size_t first = job * op->block, count = op->block;
    if (first >= run->images)
        return;
    if (count > run->images - first)
        count = run->images - first;
    for (const struct fm_op *part = op; part < behind(op) && part < loop->end; part++) {
        double start = run->profile ? fm_now() : 0;
        const struct fm_op here = fm_op_in_thread(loop->plan, part, thread, first);
        loop->kernels->block[part->kind](loop->plan, &here, run, first, count);
        if (run->profile)
            fm_profile_add(run->profile, thread, op_number(loop, part), fm_now() - start);
    }
}

/* A batch's images lie anywhere in memory: the last jobs of a run prefetch those of the next run,
   some in each, so that no thread has to wait for them. */
static void fetch_ahead(const struct loop *loop, size_t job)
{
    const struct fm_run *run = &loop->run;
    size_t bytes = fm_elements(loop->plan->net->shape);
    size_t n = run->ahead * job / loop->jobs, end = run->ahead * (job + 1) / loop->jobs;
    for (; n < end; n++)
        for (size_t i = 0; i < bytes; i += 64)
            FM_PREFETCH(run->pixels[run->images + n] + i, 0, 2);
}

static void do_op(const struct loop *loop, const struct fm_run *run, unsigned thread, size_t job)
{
    const struct fm_op *op = loop->op;
    if (!loop->next)
        fetch_ahead(loop, job);
    for (; job >= op->jobs; op = behind(op))
        job -= op->jobs;
    if (op->chain) {
        do_chain(loop, run, op, thread, job);
        return;
    }
    double start = run->profile ? fm_now() : 0;
    loop->kernels->job[op->kind](loop->plan, op, run, job);
    if (run->profile)
        fm_profile_add(run->profile, thread, op_number(loop, op), fm_now() - start);
}

static void do_job(void *state, unsigned thread, size_t job)
{
    struct loop *loop = state;
    struct fm_run run = loop->run;
    fm_float_state before = fm_float_enter();
    run.scratch += thread * loop->plan->scratch_floats;
    if (loop->op) {
        do_op(loop, &run, thread, job);
    } else {
        double start = run.profile ? fm_now() : 0;
        loop->more = loop->feed(loop->state, &loop->run);
        if (run.profile)
            fm_profile_add(run.profile, thread, op_number(loop, NULL), fm_now() - start);
    }
    fm_float_leave(before);
}

void fm_plan_loop(const struct fm_plan *plan, const struct fm_kernels *kernels, unsigned threads,
                  const struct fm_run *run, fm_feed *feed, void *state)
{
    struct loop loop = {
        .plan = plan, .kernels = kernels, .feed = feed, .state = state, .run = *run};
    struct fm_work work = {next_ops, do_job, &loop};
    assert(threads <= plan->threads);
    loop.run.workspace = plan->workspace;
    loop.run.scratch = plan->workspace + plan->scratch;
    double start = run->profile ? fm_now() : 0;
    fm_team_run(plan->team, &work, threads);
    if (run->profile)
        run->profile->wall += fm_now() - start;
}
