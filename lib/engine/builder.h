/* builder.h -- how a plan comes about: what layers use to add their ops.

   Layers name the memory they need as buffers. Each op says which buffers it reads and writes;
   when all ops are known, layout.c places the buffers, so that buffers which are not in use at
   the same time can share memory. */
#ifndef FM_BUILDER_H
#define FM_BUILDER_H

#include "engine/plan.h"

struct fm_buffer {
    size_t floats, offset;
    size_t image;       /* floats of each image; 0: it is not made of images */
    bool by_block;      /* may have room for a block of images only, if one chain uses it */
    bool lasting;       /* has zeros around its images, or is written once: shares no memory */
    bool used;          /* by an op; below, what layout.c knows of it */
    size_t first, last; /* turns of the first op that uses it and of the last */
    size_t alias;       /* the buffer in whose place it lies; 0: none */
    bool local;         /* of a chain: has room for a block, once for each thread */
};

/* How a node's convolution is done; both NULL: directly. */
struct fm_choice {
    const struct fm_winograd *forward, *backward; /* backward: of the data */
    size_t kept; /* the buffer that the node keeps from forward to backward; see fm_kept() */
};

struct fm_builder {
    struct fm_plan *plan;
    bool training;
    bool keep;                /* all outputs, until the forward ops have ended */
    struct fm_buffer *buffer; /* from 1 */
    size_t buffer_count, buffer_capacity;
    struct fm_view *value, *gradient; /* [values]; gradients in training only */
    size_t *pending;                  /* [values]: readers whose backward ops are still to come */
    bool backward;                    /* the backward ops are being added; of the node: */
    bool add[FM_MAX_INPUTS], last[FM_MAX_INPUTS]; /* see struct fm_op */
    struct fm_choice *choice;                     /* [nodes] */
    size_t once_floats; /* of buffers that are written once, see fm_do_once() */
};

/* A new buffer of rows x row floats. */
int fm_new_buffer(struct fm_builder *builder, size_t rows, size_t row, size_t *buffer,
                  struct fmnn_error *err);
/* The same for the plan's batch, with this number of floats for each image. */
int fm_new_images(struct fm_builder *builder, size_t image, size_t *buffer, struct fmnn_error *err);
/* The smallest block of images that gives a GEMM `wanted` rows, `rows` an image, or FM_BLOCK; 0:
   there would be fewer blocks than threads. */
size_t fm_smallest_block(const struct fm_builder *builder, size_t rows, size_t wanted);
/* An op with the node's shapes, views and parameters filled in, reading the given input of the
   node. A backward op's activation is its input's. */
struct fm_op fm_node_op(const struct fm_builder *builder, const struct fm_node *node, size_t input,
                        enum fm_op_kind kind);
/* Appends an op, which reads and writes these operands (FM_IN | ...). Writing grad_in implies the
   reading that its addition and the activation's derivative need. */
int fm_add_op(struct fm_builder *builder, const struct fm_op *op, unsigned reads, unsigned writes,
              struct fmnn_error *err);
/* The buffer that the node keeps from forward to backward, such as its transformed input. */
size_t *fm_kept(struct fm_builder *builder, const struct fm_node *node);
/* Whether there is room to keep this many floats of what depends on the weights alone, so that it
   is computed only once: in prediction, 2^24 floats in all. */
bool fm_fits_once(const struct fm_builder *builder, size_t floats);
/* If there is room to keep the buffer, counts it and makes it lasting; the op that writes it is
   then done once. */
bool fm_do_once(struct fm_builder *builder, size_t buffer);
/* Whether the node's backward ops compute the gradient of this input. */
bool fm_wants_gradient(const struct fm_builder *builder, const struct fm_node *node, size_t input);
/* *buffer: a mask of the image's non-zero pixels (kernels/input.h), which gather then fills: with
   groups, the one for backward weights, else the one for forward. */
int fm_want_nonzero(struct fm_builder *builder, bool groups, size_t *buffer,
                    struct fmnn_error *err);
/* Moves a view from pixel (0,0,0) to the corner of the window that is about it. */
void fm_from_corner(const struct fm_window *window, struct fm_view *view);
/* The maximum size of a workspace: 2^36 floats, or what can be counted in bytes. */
size_t fm_max_floats(void);
/* The errors of a net whose sizes overflow, and of one that needs more floats than that. */
int fm_too_large(const struct fm_builder *builder, struct fmnn_error *err);
int fm_out_of_room(const struct fm_builder *builder, struct fmnn_error *err);
void fm_raise_to(size_t *size, size_t floats); /* *size = max(*size, floats) */

/* Floats that stay in the cache of a core: of an op's operands, a block of images. Found by
   experiment, with 2 MiB of second-level cache. */
enum { FM_CACHED = 1 << 19 };
/* Whether an op's operands stay in a cache beside a block of this many images (order.c). */
bool fm_fits(const struct fm_builder *builder, const struct fm_op *op, size_t block);
/* Puts the ops in order, and makes chains of them (order.c). */
int fm_order(struct fm_builder *builder, struct fmnn_error *err);
/* What an op reads and writes: the buffer of FM_IN ..., which is bit i; 0: none (layout.c). */
size_t fm_operand(const struct fm_op *op, unsigned i);
/* Places all buffers (layout.c). */
int fm_lay_out(struct fm_builder *builder, struct fmnn_error *err);

#endif
