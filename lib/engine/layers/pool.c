/* pool.c -- avgpool N and maxpool N: squares of N by N without overlap; rows and columns that
   fill no square are dropped. */
#include <stdio.h>

#include "engine/builder.h"

enum { MAX_SIDE = 255 };

static int parse(struct fm_layer *layer, struct fm_words *words, struct fmnn_error *err)
{
    return fm_word_count(words, "the side of the pool", MAX_SIDE, &layer->units, err);
}

static void print(const struct fm_layer *layer, char *text, size_t size)
{
    snprintf(text, size, "%zu", layer->units);
}

static int shape(const struct fm_layer *layer, const struct fm_shape *input, struct fm_shape *out,
                 struct fmnn_error *err)
{
    struct fm_shape in = *input;
    size_t n = layer->units;
    if (n > in.h || n > in.w)
        return fm_fail(err, FMNN_USAGE, "a pool of %zux%zu does not fit into %zux%zu", n, n, in.h,
                       in.w);
    *out = (struct fm_shape){in.c, in.h / n, in.w / n};
    return 0;
}

static struct fm_window window(const struct fm_layer *layer, struct fm_shape in)
{
    (void)in;
    return (struct fm_window){
        .kernel_h = layer->units, .kernel_w = layer->units, .stride = layer->units};
}

static size_t stride(const struct fm_layer *layer)
{
    return layer->all ? 0 : layer->units;
}

static int add_forward(struct fm_builder *builder, const struct fm_node *node, enum fm_op_kind kind,
                       struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, kind);
    op.jobs = builder->plan->batch;
    return fm_add_op(builder, &op, FM_IN, FM_OUT, err);
}

/* reads: apart from the output's gradient. */
static int add_backward(struct fm_builder *builder, const struct fm_node *node,
                        enum fm_op_kind kind, unsigned reads, struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, kind);
    op.jobs = builder->plan->batch;
    if (!fm_wants_gradient(builder, node, 0))
        return 0;
    return fm_add_op(builder, &op, reads | FM_GRAD_OUT, FM_GRAD_IN, err);
}

static int avgpool_forward(struct fm_builder *builder, const struct fm_node *node,
                           struct fmnn_error *err)
{
    return add_forward(builder, node, FM_OP_avgpool_forward, err);
}

static int avgpool_backward(struct fm_builder *builder, const struct fm_node *node,
                            struct fmnn_error *err)
{
    return add_backward(builder, node, FM_OP_avgpool_backward, 0, err);
}

static int maxpool_forward(struct fm_builder *builder, const struct fm_node *node,
                           struct fmnn_error *err)
{
    return add_forward(builder, node, FM_OP_maxpool_forward, err);
}

static int maxpool_backward(struct fm_builder *builder, const struct fm_node *node,
                            struct fmnn_error *err)
{
    return add_backward(builder, node, FM_OP_maxpool_backward, FM_IN, err);
}

const struct fm_layer_type fm_avgpool = {
    .name = "avgpool",
    .synopsis = "avgpool N",
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
    .synopsis = "maxpool N",
    .parse = parse,
    .print = print,
    .shape = shape,
    .window = window,
    .stride = stride,
    .spatial = true,
    .forward = maxpool_forward,
    .backward = maxpool_backward,
};
