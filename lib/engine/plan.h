/* plan.h -- a net's work, laid out once: where values lie, and steps of independent jobs.

   The planner sees shapes, the batch and what is to be done, never caches or the CPU, and threads
   only to give each some memory of its own. A step is a kind of job and a number of them with
   disjoint outputs; a step begins when the last is done. So the same bits come out for any number
   of threads, by structure. */
#ifndef FM_PLAN_H
#define FM_PLAN_H

#include "engine/net.h"
#include "engine/optim/optimizer.h"
#include "engine/winograd.h"

/* Where the pixels (n,y,x) of a value or gradient lie, in floats from the start of the
   workspace. The channels of a pixel are side by side. Around the image there may be rows and
   columns of zeros that are written once and never again. */
struct fm_place {
    size_t origin; /* of pixel (0,0,0) */
    size_t image, row, pixel;
};

/* The kinds of jobs; the kernels' headers have a function job_NAME for each, compiled for every
   set. */
#define FM_JOBS(X)                                                                                 \
    X(affine)                                                                                      \
    X(gradient)                                                                                    \
    X(transpose_weight)                                                                            \
    X(affine_back)                                                                                 \
    X(dense)                                                                                       \
    X(dense_back)                                                                                  \
    X(dense_gradient)                                                                              \
    X(dense_both)                                                                                  \
    X(winograd_filter)                                                                             \
    X(winograd_turned_filter)                                                                      \
    X(winograd_input)                                                                              \
    X(winograd_product)                                                                            \
    X(winograd_back)                                                                               \
    X(winograd_spread)                                                                             \
    X(winograd_gradient)                                                                           \
    X(avgpool)                                                                                     \
    X(avgpool_back)                                                                                \
    X(maxpool)                                                                                     \
    X(maxpool_back)
/* Those whose job is a block of images, so that steps of them can follow each other in one job;
   a function block_NAME each. The kinds above that are named here again can be had either way. */
#define FM_BLOCKS(X)                                                                               \
    X(gather)                                                                                      \
    X(transpose_batch)                                                                             \
    X(loss)
#define FM_BLOCK_JOBS(X)                                                                           \
    FM_BLOCKS(X)                                                                                   \
    X(dense)                                                                                       \
    X(dense_back)

enum fm_job_kind {
#define FM_JOB_KIND(name) FM_JOB_##name,
    FM_JOBS(FM_JOB_KIND) FM_BLOCKS(FM_JOB_KIND)
#undef FM_JOB_KIND
        FM_JOB_COUNT
};

/* What a step is a part of, for a profile. */
enum fm_phase { FM_FORWARD, FM_BACKWARD, FM_GRADIENT, FM_PHASES };

/* Floats of a filter's point, of so many panels of inputs, with a row to spare. */
static inline size_t fm_filter_point(size_t panels)
{
    return (panels * FM_PANEL + 1) * FM_PANEL;
}

/* Panels of outputs that one job works on where these share what they read, and jobs for all. */
enum { FM_PANELS_A_JOB = 2 };
static inline size_t fm_pairs(size_t units)
{
    return (fm_panels(units) + FM_PANELS_A_JOB - 1) / FM_PANELS_A_JOB;
}

/* Rows of a product that one job works on, and its panel of outputs; and the images of a block,
   in a step that is or is not all there is. */
enum { FM_ROWS = 96, FM_BLOCK = 16, FM_WIDE_BLOCK = 64 };
/* The most terms of a sum that are added up in one go, see kernels/product.h. */
enum { FM_GROUP = 512 };
/* Weights of a layer that stay in a cache beside a block of images. */
enum { FM_SMALL = 32768 };
/* Pixels that are looked at together for whether they are dark. */
enum { FM_LIT = 6 };

/* What the jobs of a step need; those of one kind use the fields named with it.

   affine            y(n,y,x,:) = act(sum over taps of x . weight + bias): in, out, weight, bias
   gradient          of weight and bias, to the sink: in, back (the gradient of the output)
   transpose_weight  weight to scratch, taps turned round, panels over the input's channels
   affine_back       gradient of the input from that of the output: back, scratch, in_back, in
   winograd_*        see kernels/winograd.h: in, out, back, in_back, winograd, filter, points,
                     back_points
   dense             the same where the output is one pixel: so dense_gradient, dense_back
   transpose_batch   gradient of the output to scratch, images side by side, for dense_back
   dense_both        dense_back and dense_gradient in one, rows inputs a job
   pools             in, out, side; back: in, out, back, in_back
   gather            bytes to out, and where they are not 0 to light and scratch
   loss              in, in_back */
struct fm_step {
    enum fm_job_kind kind;
    size_t jobs; /* for a full batch; a job beyond the images at hand has nothing to do */
    /* Not 0: jobs are blocks of so many images, which go through this step and through the next
       chain - 1 that have been made part of it. */
    size_t block, chain;
    bool together; /* begins with the step before, which it has nothing to do with */
    struct fm_shape in_shape, out_shape;
    enum fm_activation activation; /* of out in forward steps, of in in backward steps */
    struct fm_place in, out;       /* values; in from the window's corner, zeros around included */
    struct fm_place in_back, back; /* gradients of in (before its activation) and of out */
    struct fm_window window;
    size_t weight, bias;        /* offsets in the block of parameters */
    size_t units, taps;         /* of the weight: outputs, and inputs of each */
    size_t scratch;             /* offset in the workspace */
    size_t light;               /* the same, or 0: see ends.h */
    const struct fm_node *node; /* NULL: gather or loss */
    enum fm_phase phase;
    /* An image's floating-point operations: by the definition of the layer, and as they are
       done in this step. A phase has its own once, whatever the number of its steps. */
    uint64_t flops, flops_done;
    uint64_t bytes; /* of parameters, and of the optimizer's slots, read and written in a run */
    const struct fm_winograd *winograd;
    size_t rows;                        /* inputs of a job */
    size_t panel;                       /* the first that a part of Winograd's product has */
    size_t filter, points, back_points; /* offsets in the workspace: filters, tiles as points */
    bool stream;                        /* the points are many: past the caches with them */
};

/* What one run works on. */
struct fm_run {
    size_t images; /* 1 .. the plan's batch */
    float *workspace;
    float *own;                   /* of the thread that does the job: plan->own_floats */
    const uint8_t *const *pixels; /* [images + ahead], each height * width bytes */
    size_t ahead;                 /* images of the next run, to be fetched */
    const uint16_t *labels;       /* [images], or NULL: no loss */
    float *weights;               /* the parameters, stored order */
    float *slots[FM_SLOTS];       /* the optimizer's, beside them */
    float *gradients;             /* not NULL: the sink stores here instead of updating */
    const struct fm_update *update;
    double *loss;         /* [images] */
    uint8_t *correct;     /* [images] */
    float *probabilities; /* (images, classes), or NULL */
    bool backward;
    struct fm_profile *profile; /* that is added to, or NULL */
};

struct fm_plan {
    const struct fmnn_net *net;
    size_t batch, floats; /* of the workspace */
    void *memory;         /* that the workspace is in */
    float *workspace;     /* 64-byte aligned, zero at first */
    unsigned threads;     /* the most that will run it */
    struct fm_team *team;
    size_t own, own_floats; /* memory that each has for itself: offset in the workspace, size */
    struct fm_winograd **winograd; /* that steps refer to; two a node at most */
    size_t winograd_count;
    struct fm_step *step;
    size_t step_count, step_capacity;
    size_t forward_steps; /* the rest is backward */
    enum fm_optimizer_id optimizer;
};

/* A plan for batches of up to `batch` images and so many threads at most; with backward steps
   where `training`. */
struct fm_plan *fm_plan_new(const struct fmnn_net *net, size_t batch, unsigned threads,
                            bool training, enum fm_optimizer_id optimizer, struct fmnn_error *err);
/* Gives the workspace back; the plan cannot be run any more. */
void fm_plan_end(struct fm_plan *plan);
void fm_plan_free(struct fm_plan *plan);
struct fm_kernels;
/* Called by one of the threads before each run: takes what the last run gave, fills in what
   differs in the next one and returns true, or false at the end. */
typedef bool fm_feed(void *state, struct fm_run *run);
/* Runs the steps with so many threads, again and again, until there is nothing to feed. run:
   what all runs have in common; its workspace is set here. Where the losses are not finite no step
   follows that would change the weights. */
void fm_plan_loop(const struct fm_plan *plan, const struct fm_kernels *kernels, unsigned threads,
                  const struct fm_run *run, fm_feed *feed, void *state);

/* ---- for layers: what their steps are made of */

struct fm_builder {
    struct fm_plan *plan;
    bool training;
    struct fm_place *value, *gradient; /* [values]; gradients in training only */
    size_t scratch_floats;             /* room that a backward step and the one before it share */
    size_t filter_floats;              /* the same, for filters as points */
    /* Convolutions that are done by points, forward and for the gradient of the input; [nodes],
       NULL where one is not. */
    const struct fm_winograd **forward, **back;
    size_t *points; /* [nodes]: the input's points, kept for the gradient of the filters */
    size_t shared, shared_floats; /* room for the points of the others, one after the other */
    size_t lent;                  /* so much of it is lent to values that end before that */
};
/* A step with the node's shapes and places filled in; appended to the plan by fm_add_step. */
struct fm_step fm_node_step(const struct fm_builder *builder, const struct fm_node *node,
                            enum fm_job_kind kind);
/* Room in the workspace for rows of so many floats. */
int fm_reserve(struct fm_builder *builder, size_t rows, size_t row, size_t *origin,
               struct fmnn_error *err);
int fm_add_step(struct fm_builder *builder, const struct fm_step *step, struct fmnn_error *err);

#endif
