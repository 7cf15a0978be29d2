/* op.h -- an operation of the plan, and what one run of a plan works on: all that kernels see.

   An op is a kind of job and a number of jobs whose outputs are disjoint; an op begins when the
   one before has ended, or, in a chain, with each block of images that the one before is done with.
   So the same bits come out for any number of threads, by structure. */
#ifndef FM_OP_H
#define FM_OP_H

#include "engine/augment/augment.h"
#include "engine/net.h"
#include "engine/optim/optimizer.h"
#include "engine/winograd.h"

/* Where the values of pixels (n,y,x) lie, in floats from the start of the workspace: at offset +
   n*stride_n + y*stride_h + x*stride_w, its channels side by side. Around an image there may be
   rows and columns of zeros, which are written once and never again. */
struct fm_view {
    size_t buffer; /* of the plan; 0: none */
    size_t offset; /* of pixel (0,0,0) */
    size_t stride_n, stride_h, stride_w;
};

/* The kinds of ops. The kernel headers have functions for each kind, compiled for every instruction
   set. The jobs of a kind are its own, or blocks of images, or it can be done either way. */
#define FM_OPS(X)                                                                                  \
    FM_JOB_OPS(X)                                                                                  \
    FM_EITHER_OPS(X)                                                                               \
    FM_BLOCK_OPS(X)                                                                                \
    FM_IMAGE_OPS(X)
/* A function job_NAME: job after job. */
#define FM_JOB_OPS(X)                                                                              \
    X(conv_backward_weights)                                                                       \
    X(conv_gradient_groups)                                                                        \
    X(conv_gradient_sum)                                                                           \
    X(conv_rotate_weights)                                                                         \
    X(dense_backward_weights)                                                                      \
    X(dense_backward)                                                                              \
    X(winograd_filter)                                                                             \
    X(winograd_rotated_filter)                                                                     \
    X(winograd_backward_weights)                                                                   \
    X(winograd_gradient_points)                                                                    \
    X(winograd_gradient_filters)                                                                   \
    X(norm_finish)                                                                                 \
    X(norm_gradient_finish)                                                                        \
    X(gradient_squares)                                                                            \
    X(gradient_norm)                                                                               \
    X(update)                                                                                      \
    X(average)
/* Functions job_NAME and block_NAME. */
#define FM_EITHER_OPS(X)                                                                           \
    X(conv_forward)                                                                                \
    X(conv_backward_data)                                                                          \
    X(dense_forward)                                                                               \
    X(dense_backward_data)                                                                         \
    X(winograd_forward)                                                                            \
    X(winograd_backward_data)
/* A function block_NAME: block after block of images. */
#define FM_BLOCK_OPS(X)                                                                            \
    X(gather)                                                                                      \
    X(transpose_batch)                                                                             \
    X(loss)
/* A function image_NAME, which is called for each image of a block. */
#define FM_IMAGE_OPS(X)                                                                            \
    X(winograd_input)                                                                              \
    X(winograd_output_gradient)                                                                    \
    X(avgpool_forward)                                                                             \
    X(avgpool_backward)                                                                            \
    X(maxpool_forward)                                                                             \
    X(maxpool_backward)                                                                            \
    X(add_forward)                                                                                 \
    X(add_backward)                                                                                \
    X(norm_moments)                                                                                \
    X(norm_forward)                                                                                \
    X(norm_gradient_moments)                                                                       \
    X(norm_backward)                                                                               \
    X(activate_forward)                                                                            \
    X(activate_backward)                                                                           \
    X(dropout_forward)                                                                             \
    X(dropout_backward)

enum fm_op_kind {
#define FM_OP_KIND(name) FM_OP_##name,
    FM_OPS(FM_OP_KIND)
#undef FM_OP_KIND
        FM_OP_COUNT
};

/* What a profile counts an op as. */
enum fm_phase { FM_FORWARD, FM_BACKWARD_DATA, FM_BACKWARD_WEIGHTS, FM_PHASES };

/* What an op reads and writes, for the lifetimes of buffers: its views, and its rooms, which are
   buffers that only ops of the same layer know. */
enum {
    FM_IN = 1 << 0,
    FM_OTHER = 1 << 1,
    FM_OUT = 1 << 2,
    FM_GRAD_IN = 1 << 3,
    FM_GRAD_OUT = 1 << 4,
    FM_VIEWS = 5,
    FM_ROOM_0 = 1 << 5,
    FM_ROOM_1 = 1 << 6,
    FM_ROOM_2 = 1 << 7,
    FM_ROOMS = 3,
    /* The rooms' names below. */
    FM_ROTATED = FM_ROOM_0,
    FM_GROUP_SUMS = FM_ROOM_0,
    FM_TRANSPOSED = FM_ROOM_0,
    FM_NONZERO_PAIRS = FM_ROOM_1,
    FM_NONZERO_GROUPS = FM_ROOM_2,
    FM_FILTERS = FM_ROOM_0,
    FM_POINT_SUMS = FM_ROOM_0,
    FM_INPUTS = FM_ROOM_1,
    FM_GRADIENTS = FM_ROOM_2,
    FM_SOFTMAX = FM_ROOM_0,
    FM_CHOSEN = FM_ROOM_0,
    FM_MOMENTS = FM_ROOM_0,
    FM_CHANNELS = FM_ROOM_1
};

/* Outputs are computed by panels of FM_PANEL; a job that reads the same input for several panels
   does this many. */
enum { FM_PANELS_PER_JOB = 2 };
static inline size_t fm_panel_pairs(size_t units)
{
    return (fm_panels(units) + FM_PANELS_PER_JOB - 1) / FM_PANELS_PER_JOB;
}

/* The sizes of jobs are constants, since they may decide the order of sums. FM_MC, FM_KC: rows and
   terms of a GEMM that are worked on at once, by the names of BLIS; see kernels/gemm.h. */
enum { FM_MC = 96, FM_KC = 512 };
/* Blocks of FM_MC rows. */
static inline size_t fm_row_blocks(size_t rows)
{
    return (rows + FM_MC - 1) / FM_MC;
}
/* Taps of a group of a GEMM with `inner` terms a tap. */
static inline size_t fm_taps_of_group(size_t inner)
{
    return inner < FM_KC ? FM_KC / inner : 1;
}
/* Rows of pixels that one GEMM of backward weights is given at most; their offsets lie on the
   stack. It ends a group, so another value would change the order of sums. */
enum { FM_GEMM_TAPS = 256 };
/* Groups of these, if a row of pixels has `width` pixels, FM_KC at most. */
static inline size_t fm_groups_of_rows(size_t width)
{
    return (FM_GEMM_TAPS + fm_taps_of_group(width) - 1) / fm_taps_of_group(width);
}
/* The maximum number of images of a block, in training and in prediction; powers of two. */
enum { FM_BLOCK = 16, FM_WIDE_BLOCK = 64 };
/* Pixels that share a bit of a mask of non-zero pixels. */
enum { FM_MASK_PIXELS = 6 };
/* Floats that an image takes as bytes, with the channels of each pixel side by side; whole cache
   lines. Gather has two of them in its scratch memory. */
static inline size_t fm_interleaved_floats(struct fm_shape shape)
{
    return (shape.c * shape.h * shape.w + 63) / 64 * 16;
}
/* bn: the rows of its values per channel. */
enum fm_norm_row {
    FM_NORM_MEAN,
    FM_NORM_INVERSE, /* 1 / sqrt(variance + epsilon) */
    FM_NORM_FACTOR,  /* weight times that */
    FM_NORM_BIAS,
    FM_NORM_GRADIENT, /* mean of dy */
    FM_NORM_SLOPE,    /* mean of dy xh, times FM_NORM_INVERSE */
    FM_NORM_ROWS
};
/* Its parameters behind weight and bias; what is added to a variance, as in PyTorch. */
enum { FM_RUNNING_MEAN = 2, FM_RUNNING_VARIANCE = 3 };
#define FM_NORM_EPSILON 1e-5
/* Floats of a job of an update of stored gradients. */
enum { FM_UPDATE = 1 << 14 };
static inline size_t fm_update_jobs(size_t floats)
{
    return (floats + FM_UPDATE - 1) / FM_UPDATE;
}

/* Floats of one point of a transformed filter with this many panels of inputs, (inputs,32), and a
   spare row. */
static inline size_t fm_filter_point(size_t panels)
{
    return (panels * FM_PANEL + 1) * FM_PANEL;
}

struct fm_op {
    enum fm_op_kind kind;
    size_t jobs; /* for a full batch; a job beyond the images at hand has nothing to do */
    /* block not 0: jobs are blocks of this many images, which go through this op and, if it is the
       first of a chain, through the next chain - 1. Layers say how many images are enough for an
       efficient block and, if that is limited, the maximum; a chain may take more. */
    size_t block, max_block, chain;
    bool together; /* starts along with the op before, on which it does not depend */
    bool early;    /* depends on no op before: may start before the chain that it would end */
    bool once;     /* depends on the weights alone: prediction, whose weights stay, does it in its
                      first run, before all other ops */
    /* Not 0: only other late ops depend on it. It may start behind the chain, with the op that ends
       the chain; 2: with the one that ends the next chain. */
    unsigned late;
    bool in_place;          /* may write grad_in over in, pixel by pixel */
    unsigned reads, writes; /* FM_IN ... */
    unsigned local; /* of these, what only the chain uses: it has a place for a block and thread */
    const struct fm_node *node; /* NULL: gather, loss, update */
    enum fm_phase phase;
    /* Floating-point operations an image: by the layer's definition, and as done here. A phase
       counts its own once, whatever the number of its ops. */
    uint64_t flops, flops_done;
    uint64_t bytes; /* of parameters and optimizer slots, read and written in a run */
    /* Of buffers, read and written outside the memory of a chain: in a run, and for each image.
       What an op before it in its chain has read or written is in the cache. */
    uint64_t run_traffic, image_traffic;

    struct fm_shape in_shape, out_shape;
    struct fm_window window;
    enum fm_activation activation; /* forward: applied to out; backward: undone in grad_in */
    bool undo_relu;                /* bn, backward: also that of out, in grad_out as it is read */
    /* The gradient of a value with several readers is a sum. The first op that reaches it stores,
       the others add; the last one then applies the activation's derivative. */
    bool add, last;
    struct fm_view in, other, out;    /* values; other: a second input */
    struct fm_view grad_in, grad_out; /* gradients of in (before its activation) and of out */

    /* Offsets in the workspace once the plan is laid out, buffers before; 0: none. */
    union {
        size_t room[FM_ROOMS];
        struct {
            size_t
                rotated; /* conv: (panel of inputs, h, w, units, 32), taps rotated by 180 degrees */
        };
        struct {
            size_t group_sums; /* conv: see conv_gradient_groups */
        };
        struct {
            size_t transposed;     /* dense: grad_out as (panel of images, units, 32) */
            size_t nonzero_pairs;  /* gather, dense: see input.h */
            size_t nonzero_groups; /* the same */
        };
        struct {
            size_t filters;   /* Winograd: U (panel of outputs, point, input, 32) */
            size_t inputs;    /* V (panel of channels, point, image, tile, 32) */
            size_t gradients; /* W, likewise */
        };
        struct {
            size_t
                point_sums; /* Winograd: V' W (panel of inputs, panel of outputs, point, 32, 32) */
        };
        struct {
            size_t moments, channels; /* bn: see norm.h */
        };
        struct {
            size_t chosen; /* maxpool: see pooling.h */
        };
        struct {
            size_t softmax; /* loss: (image, classes rounded up to 16) */
        };
    };

    /* Layers with weights: the parameters, outputs, and inputs of each. */
    const struct fm_parameter *weight, *bias;
    size_t units, taps;
    union {
        struct {
            size_t rows; /* dense_backward: inputs of a job */
        };
        struct {
            const struct fm_winograd *winograd;
            size_t images, first; /* of arrays in the Winograd domain: the number, and the first */
            size_t panel;         /* the first panel of outputs of this part */
            bool stream;          /* write what is transformed past the caches */
        };
    };
};

/* maxpool: floats of the chosen pixels of an output pixel. */
static inline size_t fm_chosen_floats(const struct fm_op *op)
{
    return (op->out_shape.c + 15) / 16 * 16;
}

enum fm_mode { FM_PREDICT, FM_TRAIN };

/* Where the gradients of parameters go. */
enum fm_sink {
    FM_SINK_UPDATE, /* straight into the optimizer, never stored */
    FM_SINK_STORE,  /* into run->gradients */
    FM_SINK_ADD     /* the same, added to what is there */
};

/* What one run works on. */
struct fm_run {
    enum fm_mode mode;
    size_t images; /* 1 .. the plan's batch */
    float *workspace;
    float *scratch;               /* of the thread that does the job: plan->scratch_floats */
    const uint8_t *const *pixels; /* [images + ahead], each (c,h,w) bytes */
    size_t ahead;                 /* images of the next run, to be prefetched */
    bool prepared; /* the ops that are done once have been done, with these weights */
    /* What random numbers are formed from: the seed, the epoch, from 1, and each image's number,
       its row in the table. Prediction has none of them: 0, 0, NULL. */
    uint64_t seed;
    uint32_t epoch;
    const uint32_t *index;  /* [images] */
    const uint16_t *labels; /* [images], or NULL: no loss */
    /* Of training only. The images are changed in its memory; NULL: they are not. */
    const struct fm_augment_batch *augmented;
    double smooth;              /* label smoothing, 0 .. 1 */
    const float *class_weights; /* [classes], or NULL: all are 1 */
    double share;               /* of this batch in running statistics; 0: they stay */
    float *weights;             /* the parameters, stored order */
    float *slots[FM_MAX_SLOTS]; /* the optimizer's, beside the trained parameters */
    enum fm_sink sink;
    float *gradients; /* for FM_SINK_STORE and _ADD: laid out like the trained parameters */
    /* If not NULL: sums of squares of blocks of the gradients, and behind them the factor that
       makes the norm of all gradients at most `clip`. */
    double *squares;
    double clip;
    float *average;      /* of all parameters, or NULL: not in this run */
    float average_share; /* how far it moves to them */
    bool look_back;      /* then they become the average */
    bool apply;          /* then update the parameters by the gradients, in an op of its own */
    const struct fm_update *update;
    double *loss;                  /* [images] */
    uint8_t *correct;              /* [images] */
    float *logits, *probabilities; /* (images, classes), or NULL */
    bool backward;
    struct fm_profile *profile; /* that is added to, or NULL */
};

#endif
