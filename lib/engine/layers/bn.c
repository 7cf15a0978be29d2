/* bn.c -- batch normalisation: bn [ACTIVATION]; kernels/norm.h has the formulas. */
#include "engine/layers/elementwise.h"

static int parse(struct fm_layer *layer, struct fm_words *words, struct fmnn_error *err)
{
    (void)err;
    fm_word_activation(words, &layer->activation);
    return 0;
}

static size_t parameters(const struct fm_layer *layer, struct fm_shape in,
                         struct fm_parameter_spec spec[FM_MAX_PARAMETERS])
{
    static const struct {
        const char *name;
        enum fm_init init;
        bool trained;
    } rows[] = {[0] = {"weight", FM_INIT_ONE, true},
                [1] = {"bias", FM_INIT_ZERO, true},
                [FM_RUNNING_MEAN] = {"running_mean", FM_INIT_ZERO, false},
                [FM_RUNNING_VARIANCE] = {"running_var", FM_INIT_ONE, false}};
    (void)layer;
    for (size_t i = 0; i < FM_COUNT(rows); i++)
        spec[i] = (struct fm_parameter_spec){.name = rows[i].name,
                                             .units = in.c,
                                             .c = 1,
                                             .h = 1,
                                             .w = 1,
                                             .rank = 1,
                                             .init = rows[i].init,
                                             .trained = rows[i].trained};
    return FM_COUNT(rows);
}

static int add_moments(struct fm_builder *builder, struct fm_op *op, enum fm_op_kind kind,
                       unsigned reads, struct fmnn_error *err)
{
    op->kind = kind;
    op->block = 1;
    if (fm_new_images(builder, 2 * fm_panels(op->units) * FM_PANEL, &op->moments, err) != 0)
        return -1;
    return fm_add_op(builder, op, reads, FM_MOMENTS, err);
}

static int forward(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, FM_OP_norm_forward);
    if (fm_new_buffer(builder, FM_NORM_ROWS, fm_panels(op.units) * FM_PANEL, &op.channels, err) !=
        0)
        return -1;
    *fm_kept(builder, node) = op.channels;
    bool batch = builder->training && op.weight->trained;
    if (batch && add_moments(builder, &op, FM_OP_norm_moments, FM_IN, err) != 0)
        return -1;
    op.kind = FM_OP_norm_finish;
    op.early = !batch;
    op.once = op.early && fm_do_once(builder, op.channels);
    op.block = 0;
    op.jobs = fm_panels(op.units);
    if (fm_add_op(builder, &op, batch ? FM_IN | FM_MOMENTS : 0, FM_CHANNELS, err) != 0)
        return -1;
    op.kind = FM_OP_norm_forward;
    op.early = op.once = false;
    op.block = 1;
    return fm_add_op(builder, &op, FM_IN | FM_CHANNELS, FM_OUT, err);
}

/* The gradients of weight and bias, and the two means that the input's gradient needs. */
static int add_gradients(struct fm_builder *builder, struct fm_op op, struct fmnn_error *err)
{
    op.phase = FM_BACKWARD_WEIGHTS;
    if (add_moments(builder, &op, FM_OP_norm_gradient_moments, FM_IN | FM_GRAD_OUT | FM_CHANNELS,
                    err) != 0)
        return -1;
    op.kind = FM_OP_norm_gradient_finish;
    op.block = 0;
    op.jobs = fm_panels(op.units);
    return fm_add_op(builder, &op, FM_MOMENTS | FM_CHANNELS, FM_CHANNELS, err);
}

static int backward(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, FM_OP_norm_backward);
    op.channels = *fm_kept(builder, node);
    if (op.weight->trained && add_gradients(builder, op, err) != 0)
        return -1;
    op.block = 1;
    op.in_place = true;
    if (!fm_wants_gradient(builder, node, 0))
        return 0;
    return fm_add_op(builder, &op, FM_IN | FM_GRAD_OUT | FM_CHANNELS, FM_GRAD_IN, err);
}

const struct fm_layer_type fm_bn = {
    .name = "bn",
    .synopsis = "bn [ACTIVATION]",
    .parse = parse,
    .shape = fm_same_shape_as_input,
    .window = fm_window_of_pixel,
    .parameters = parameters,
    .undoes_relu = true,
    .forward = forward,
    .backward = backward,
};
