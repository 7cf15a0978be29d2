/* add.c -- the sum of two values of one shape. It has no statement in the model's text. */
#include "engine/layers/elementwise.h"

static int shape(const struct fm_layer *layer, const struct fm_shape *in, struct fm_shape *out,
                 struct fmnn_error *err)
{
    (void)layer;
    *out = in[0];
    if (in[0].c != in[1].c || in[0].h != in[1].h || in[0].w != in[1].w)
        return fm_fail(err, FMNN_USAGE,
                       "the shapes differ: %zu channels of %zux%zu and %zu channels of %zux%zu",
                       in[0].c, in[0].h, in[0].w, in[1].c, in[1].h, in[1].w);
    return 0;
}

static int forward(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, FM_OP_add_forward);
    op.other = builder->value[node->input[1]];
    op.block = 1;
    return fm_add_op(builder, &op, FM_IN | FM_OTHER, FM_OUT, err);
}

static int backward(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err)
{
    for (size_t k = 0; k < node->inputs; k++) {
        struct fm_op op = fm_node_op(builder, node, k, FM_OP_add_backward);
        op.block = 1;
        if (fm_wants_gradient(builder, node, k) &&
            fm_add_op(builder, &op, FM_GRAD_OUT, FM_GRAD_IN, err) != 0)
            return -1;
    }
    return 0;
}

const struct fm_layer_type fm_add = {
    .name = "add",
    .inputs = 2,
    .shape = shape,
    .window = fm_window_of_pixel,
    .forward = forward,
    .backward = backward,
};
