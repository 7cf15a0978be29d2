/* pool.c -- avgpool and maxpool: squares of N by N without overlap, or one window over all pixels.
   Rows and columns that fill no square are dropped, or with `same`, as Keras has it, make smaller
   windows. */
#include "base/internal.h"

#include <stdio.h>

#include "engine/layers/elementwise.h"

enum { MAX_SIDE = 255 };

static int parse(struct fm_layer *layer, struct fm_words *words, struct fmnn_error *err)
{
    layer->all = fm_take_word(words, "all");
    if (layer->all)
        return 0;
    if (fm_word_count(words, "the side of the pool", MAX_SIDE, &layer->units, err) != 0)
        return -1;
    layer->same = fm_take_word(words, "same");
    return 0;
}

static void print(const struct fm_layer *layer, char *text, size_t size)
{
    if (layer->all)
        snprintf(text, size, "all");
    else
        snprintf(text, size, "%zu%s", layer->units, layer->same ? " same" : "");
}

static struct fm_window window(const struct fm_layer *layer, struct fm_shape in)
{
    size_t h = layer->all ? in.h : layer->units, w = layer->all ? in.w : layer->units;
    return (struct fm_window){.kernel_h = h, .kernel_w = w, .stride = h};
}

static int shape(const struct fm_layer *layer, const struct fm_shape *input, struct fm_shape *out,
                 struct fmnn_error *err)
{
    struct fm_shape in = *input;
    struct fm_window w = window(layer, in);
    if (!layer->same && (w.kernel_h > in.h || w.kernel_w > in.w))
        return fm_fail(err, FMNN_USAGE, "a pool of %zux%zu does not fit into %zux%zu", w.kernel_h,
                       w.kernel_w, in.h, in.w);
    size_t rows = layer->same ? in.h + w.kernel_h - 1 : in.h;
    size_t columns = layer->same ? in.w + w.kernel_w - 1 : in.w;
    *out = (struct fm_shape){in.c, rows / w.kernel_h, columns / w.kernel_w};
    return 0;
}

static size_t stride(const struct fm_layer *layer)
{
    return layer->all ? 0 : layer->units;
}

static int avgpool_forward(struct fm_builder *builder, const struct fm_node *node,
                           struct fmnn_error *err)
{
    return fm_forward_by_image(builder, node, FM_OP_avgpool_forward, err);
}

static int avgpool_backward(struct fm_builder *builder, const struct fm_node *node,
                            struct fmnn_error *err)
{
    return fm_backward_by_image(builder, node, FM_OP_avgpool_backward, 0, true, err);
}

/* The pixels that had the maximum are kept for backward, so that the input need not be. */
static int maxpool_forward(struct fm_builder *builder, const struct fm_node *node,
                           struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, FM_OP_maxpool_forward);
    bool keep = builder->training && fm_wants_gradient(builder, node, 0);
    op.block = 1;
    if (keep && fm_new_images(builder, op.out_shape.h * op.out_shape.w * fm_chosen_floats(&op),
                              fm_kept(builder, node), err) != 0)
        return -1;
    op.chosen = *fm_kept(builder, node);
    return fm_add_op(builder, &op, FM_IN, FM_OUT | (keep ? FM_CHOSEN : 0), err);
}

static int maxpool_backward(struct fm_builder *builder, const struct fm_node *node,
                            struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, FM_OP_maxpool_backward);
    if (!fm_wants_gradient(builder, node, 0))
        return 0;
    op.block = 1;
    op.in_place = true;
    op.chosen = *fm_kept(builder, node);
    return fm_add_op(builder, &op, FM_CHOSEN | FM_GRAD_OUT, FM_GRAD_IN, err);
}

const struct fm_layer_type fm_avgpool = {
    .name = "avgpool",
    .synopsis = "avgpool N [same] | avgpool all",
    .parse = parse,
    .print = print,
    .shape = shape,
    .window = window,
    .stride = stride,
    .spatial = true,
    .forward = avgpool_forward,
    .backward = avgpool_backward,
};

const struct fm_layer_type fm_maxpool = {
    .name = "maxpool",
    .synopsis = "maxpool N [same] | maxpool all",
    .parse = parse,
    .print = print,
    .shape = shape,
    .window = window,
    .stride = stride,
    .spatial = true,
    .forward = maxpool_forward,
    .backward = maxpool_backward,
};
