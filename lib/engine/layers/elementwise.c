/* elementwise.c -- layers that change each value by itself: activations that are nodes, and
   dropout. kernels/pointwise.h has the formulas. */
#include "engine/layers/elementwise.h"

#include <stdio.h>

int fm_same_shape_as_input(const struct fm_layer *layer, const struct fm_shape *in,
                           struct fm_shape *out, struct fmnn_error *err)
{
    (void)layer, (void)err;
    *out = *in;
    return 0;
}

struct fm_window fm_window_of_pixel(const struct fm_layer *layer, struct fm_shape in)
{
    (void)layer, (void)in;
    return (struct fm_window){.kernel_h = 1, .kernel_w = 1, .stride = 1};
}

int fm_forward_by_image(struct fm_builder *builder, const struct fm_node *node,
                        enum fm_op_kind kind, struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, kind);
    op.block = 1;
    return fm_add_op(builder, &op, FM_IN, FM_OUT, err);
}

int fm_backward_by_image(struct fm_builder *builder, const struct fm_node *node,
                         enum fm_op_kind kind, unsigned reads, bool in_place,
                         struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, kind);
    op.block = 1;
    op.in_place = in_place;
    if (!fm_wants_gradient(builder, node, 0))
        return 0;
    return fm_add_op(builder, &op, reads | FM_GRAD_OUT, FM_GRAD_IN, err);
}

/* ---- activate: has no statement; the net makes it of the word behind another layer */

static int activate_forward(struct fm_builder *builder, const struct fm_node *node,
                            struct fmnn_error *err)
{
    return fm_forward_by_image(builder, node, FM_OP_activate_forward, err);
}

static int activate_backward(struct fm_builder *builder, const struct fm_node *node,
                             struct fmnn_error *err)
{
    return fm_backward_by_image(builder, node, FM_OP_activate_backward, FM_IN, true, err);
}

const struct fm_layer_type fm_activate = {
    .name = "activate",
    .shape = fm_same_shape_as_input,
    .window = fm_window_of_pixel,
    .forward = activate_forward,
    .backward = activate_backward,
};

/* ---- dropout P */

static int dropout_parse(struct fm_layer *layer, struct fm_words *words, struct fmnn_error *err)
{
    const char *word = fm_next_word(words);
    if (!word)
        return fm_fail(err, FMNN_USAGE, "the fraction of values that are dropped is missing");
    bool number = fm_parse_double(word, &layer->rate);
    if (number)
        layer->rate = fm_rounded(layer->rate); /* files have 0.9999999999 as 1 */
    if (!number || !(layer->rate >= 0 && layer->rate < 1))
        return fm_fail(err, FMNN_USAGE, "the fraction of values '%s' is not in 0..1, 1 excluded",
                       word);
    return 0;
}

static void dropout_print(const struct fm_layer *layer, char *text, size_t size)
{
    char number[32];
    fmnn_format_number(number, layer->rate);
    snprintf(text, size, "%s", number);
}

static int dropout_forward(struct fm_builder *builder, const struct fm_node *node,
                           struct fmnn_error *err)
{
    return fm_forward_by_image(builder, node, FM_OP_dropout_forward, err);
}

static int dropout_backward(struct fm_builder *builder, const struct fm_node *node,
                            struct fmnn_error *err)
{
    return fm_backward_by_image(builder, node, FM_OP_dropout_backward, 0, true, err);
}

const struct fm_layer_type fm_dropout = {
    .name = "dropout",
    .synopsis = "dropout P",
    .parse = dropout_parse,
    .print = dropout_print,
    .shape = fm_same_shape_as_input,
    .window = fm_window_of_pixel,
    .forward = dropout_forward,
    .backward = dropout_backward,
};
