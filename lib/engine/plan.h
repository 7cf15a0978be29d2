/* plan.h -- the work of a net, laid out once for a batch size: where values lie, and ops.

   The planner sees shapes, the batch and what is to be done, never caches or the CPU. The number of
   threads decides how much memory they get and what is chained, which changes no bit. */
#ifndef FM_PLAN_H
#define FM_PLAN_H

#include "engine/op.h"

struct fm_plan {
    const struct fmnn_net *net;
    size_t batch, floats; /* of the workspace */
    void *memory;         /* that holds the workspace */
    float *workspace;     /* 64-byte aligned, zero at first */
    unsigned threads;     /* the maximum that will run it */
    struct fm_team *team;
    bool guest; /* the team is another plan's */
    /* Scratch memory of the threads, each with what is local to a chain behind it: offset in the
       workspace, and size of each. */
    size_t scratch, scratch_floats;
    struct fm_winograd **winograd; /* that ops refer to; two a node at most */
    size_t winograd_count;
    struct fm_op *op;
    size_t op_count, op_capacity;
    size_t once_ops; /* that come first, and are left out of a prepared run */
    size_t forward_ops,
        run_ops; /* then backward ones up to run_ops; then squares, norm, update, average */
    enum fm_optimizer_id optimizer;
    size_t slots; /* of the optimizer */
};

/* A plan for batches of up to `batch` images and up to `threads` threads. Training plans have
   backward ops. */
struct fm_plan *fm_plan_new(const struct fmnn_net *net, size_t batch, unsigned threads,
                            bool training, enum fm_optimizer_id optimizer, struct fmnn_error *err);
/* The same plan for training, but all outputs stay in the workspace until the forward ops have
   ended. */
struct fm_plan *fm_plan_to_look_at(const struct fm_plan *like, struct fmnn_error *err);
/* Lets a plan use the threads of another one for as many threads, which is freed later. Only one of
   the two runs at a time. */
void fm_plan_join(struct fm_plan *plan, const struct fm_plan *host);
/* Gives the workspace back; the plan cannot run any more. */
void fm_plan_end(struct fm_plan *plan);
void fm_plan_free(struct fm_plan *plan);
/* The op for a block of images, from the first one on, in a thread: with the places of what is
   local there. */
struct fm_op fm_op_in_thread(const struct fm_plan *plan, const struct fm_op *op, unsigned thread,
                             size_t first);
struct fm_kernels;
/* Called by one of the threads before each run: takes the results of the last run, fills in what
   differs in the next one and returns true, or false at the end. */
typedef bool fm_feed(void *state, struct fm_run *run);
/* Runs the ops again and again until there is nothing to feed. run: what all runs have in common;
   its workspace is set here. If the losses are not finite, no op follows that would change the
   weights. */
void fm_plan_loop(const struct fm_plan *plan, const struct fm_kernels *kernels, unsigned threads,
                  const struct fm_run *run, fm_feed *feed, void *state);

#endif
