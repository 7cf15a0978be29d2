/* affine.c -- the ops of layers with a weight and a bias: convolutions done directly, and the
   choice between the ways. A dense layer is the convolution whose kernel is the whole image. */
#include "engine/layers/affine.h"

bool fm_is_dense(const struct fm_op *op)
{
    const struct fm_window *w = &op->window;
    return w->kernel_h == op->in_shape.h && w->kernel_w == op->in_shape.w &&
           !(w->top || w->left || w->bottom || w->right);
}

size_t fm_affine_parameters(const struct fm_layer *layer, struct fm_shape in,
                            struct fm_parameter_spec spec[FM_MAX_PARAMETERS])
{
    struct fm_window window = layer->type->window(layer, in);
    spec[0] = (struct fm_parameter_spec){.name = "weight",
                                         .units = layer->units,
                                         .c = in.c,
                                         .h = window.kernel_h,
                                         .w = window.kernel_w,
                                         .rank = layer->type->flattens ? 2 : 4,
                                         .init = FM_INIT_HE_NORMAL,
                                         .trained = true};
    spec[1] = (struct fm_parameter_spec){.name = "bias",
                                         .units = layer->units,
                                         .c = 1,
                                         .h = 1,
                                         .w = 1,
                                         .rank = 1,
                                         .init = FM_INIT_ZERO,
                                         .trained = true};
    return 2;
}

/* Each of the three products of a layer reads and writes: forward values and weights, backward
   data gradients and weights, backward weights values and gradients; the last updates weights. */
void fm_count_work(const struct fm_builder *builder, struct fm_op *op)
{
    uint64_t weights = (uint64_t)fm_panels(op->units) * FM_PANEL * op->taps;
    bool update = op->phase == FM_BACKWARD_WEIGHTS;
    op->bytes = sizeof(float) * weights * (update ? 2 * (1 + builder->plan->slots) : 1);
    op->flops = (uint64_t)2 * op->units * op->taps * op->out_shape.h * op->out_shape.w;
    op->flops_done = op->flops;
}

int fm_affine_prepare(struct fm_builder *builder, const struct fm_node *node,
                      struct fmnn_error *err)
{
    return builder->plan->net->exact ? 0 : fm_winograd_choose(builder, node, err);
}

int fm_affine_forward(struct fm_builder *builder, const struct fm_node *node,
                      struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, FM_OP_conv_forward);
    if (fm_is_dense(&op))
        return fm_dense_forward(builder, &op, err);
    fm_from_corner(&op.window, &op.in);
    if (fm_choice_of(builder, &op)->forward)
        return fm_winograd_forward(builder, &op, err);
    size_t pixels = builder->plan->batch * op.out_shape.h * op.out_shape.w;
    op.jobs = fm_panels(op.units) * fm_row_blocks(pixels);
    fm_count_work(builder, &op);
    return fm_add_op(builder, &op, FM_IN, FM_OUT, err);
}

/* The gradient of the input: the weights are rotated, then convolved with. */
static int conv_backward_data(struct fm_builder *builder, struct fm_op op, struct fmnn_error *err)
{
    size_t batch = builder->plan->batch, panels = fm_panels(op.in_shape.c), row;
    if (fm_choice_of(builder, &op)->backward)
        return fm_winograd_backward_data(builder, &op, err);
    if (!fm_mul(panels * FM_PANEL, op.window.kernel_h * op.window.kernel_w, &row))
        return fm_too_large(builder, err);
    op.kind = FM_OP_conv_rotate_weights;
    op.jobs = panels;
    if (fm_new_buffer(builder, row, op.units, &op.rotated, err) != 0 ||
        fm_add_op(builder, &op, 0, FM_ROTATED, err) != 0)
        return -1;
    fm_count_work(builder, &op);
    op.kind = FM_OP_conv_backward_data;
    op.jobs = panels * fm_row_blocks(batch * op.in_shape.h * op.in_shape.w);
    return fm_add_op(builder, &op, FM_ROTATED | FM_GRAD_OUT, FM_GRAD_IN, err);
}

/* The weights' gradient comes last, since its op may change them. */
int fm_affine_backward(struct fm_builder *builder, const struct fm_node *node,
                       struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, FM_OP_conv_backward_weights);
    if (fm_is_dense(&op))
        return fm_dense_backward(builder, &op, err);
    if (fm_wants_gradient(builder, node, 0) && conv_backward_data(builder, op, err) != 0)
        return -1;
    op.phase = FM_BACKWARD_WEIGHTS;
    if (fm_choice_of(builder, &op)->forward)
        return fm_winograd_backward_weights(builder, &op, err);
    fm_from_corner(&op.window, &op.in);
    op.jobs = fm_panels(op.units) * fm_row_blocks(op.taps);
    fm_count_work(builder, &op);
    return fm_add_op(builder, &op, FM_IN | FM_GRAD_OUT, 0, err);
}

/* For conv_backward_data: dilated by the stride and padded, so that the convolution with the
   rotated weights finds what it needs at every input pixel. */
struct fm_layout fm_affine_gradient_layout(const struct fm_layer *layer, struct fm_shape in)
{
    struct fm_op op = {.in_shape = in, .window = layer->type->window(layer, in)};
    const struct fm_window *w = &op.window;
    if (fm_is_dense(&op))
        return (struct fm_layout){.h = 0};
    return (struct fm_layout){.h = in.h + w->kernel_h - 1,
                              .w = in.w + w->kernel_w - 1,
                              .top = w->kernel_h - 1 - w->top,
                              .left = w->kernel_w - 1 - w->left,
                              .dilation = w->stride};
}
