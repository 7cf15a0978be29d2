/* conv-ops.c -- the ops of layers with a weight: convolutions done directly, and the choice between
   these, Winograd's algorithm and dense layers. */
#include "engine/layers/affine.h"

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
    op.block = fm_smallest_block(builder, op.out_shape.h * op.out_shape.w, FM_MC);
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
    op.early = true;
    op.jobs = panels;
    if (fm_new_buffer(builder, row, op.units, &op.rotated, err) != 0 ||
        fm_add_op(builder, &op, 0, FM_ROTATED, err) != 0)
        return -1;
    fm_count_work(builder, &op);
    op.kind = FM_OP_conv_backward_data;
    op.early = false;
    op.block = fm_smallest_block(builder, op.in_shape.h * op.in_shape.w, FM_MC);
    op.jobs = panels * fm_row_blocks(batch * op.in_shape.h * op.in_shape.w);
    return fm_add_op(builder, &op, FM_ROTATED | FM_GRAD_OUT, FM_GRAD_IN, err);
}

/* If there are few blocks of taps, the groups of their sums are jobs of their own, so that all
   threads have work; then another op adds the groups. The bits are the same. */
static int conv_backward_weights(struct fm_builder *builder, struct fm_op *op,
                                 struct fmnn_error *err)
{
    enum { FLOATS = 1 << 20 }; /* the maximum of group_sums */
    size_t blocks = op->jobs = fm_panels(op->units) * fm_row_blocks(op->taps);
    size_t rows = op->taps < FM_MC ? op->taps : FM_MC;
    size_t gemms = (builder->plan->batch * op->out_shape.h + FM_GEMM_TAPS - 1) / FM_GEMM_TAPS;
    if (blocks >= FM_ENOUGH_JOBS || gemms < 2 || op->out_shape.h * op->out_shape.w == 1 ||
        op->out_shape.w > FM_KC ||
        gemms > FLOATS / (blocks * fm_groups_of_rows(op->out_shape.w) * rows * FM_PANEL))
        return fm_add_op(builder, op, FM_IN | FM_GRAD_OUT, 0, err);
    op->kind = FM_OP_conv_gradient_groups;
    op->jobs = gemms * blocks;
    if (fm_new_buffer(builder, op->jobs, fm_groups_of_rows(op->out_shape.w) * rows * FM_PANEL,
                      &op->group_sums, err) != 0 ||
        fm_add_op(builder, op, FM_IN | FM_GRAD_OUT, FM_GROUP_SUMS, err) != 0)
        return -1;
    op->kind = FM_OP_conv_gradient_sum;
    op->jobs = blocks;
    op->flops = op->flops_done = op->bytes = 0; /* are counted once */
    return fm_add_op(builder, op, FM_GROUP_SUMS | (op->bias ? FM_GRAD_OUT : 0), 0, err);
}

/* The weights' gradient comes last, since its op may change them. */
int fm_affine_backward(struct fm_builder *builder, const struct fm_node *node,
                       struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, FM_OP_conv_backward_weights);
    if (fm_is_dense(&op))
        return fm_dense_backward(builder, &op, err);
    struct fm_op weights = op;
    weights.phase = FM_BACKWARD_WEIGHTS;
    bool winograd = op.weight->trained && fm_choice_of(builder, &op)->forward;
    bool first = winograd && !fm_winograd_data_first(builder, &op);
    if (first && fm_winograd_output_gradient(builder, &weights, err) != 0)
        return -1;
    if (fm_wants_gradient(builder, node, 0) && conv_backward_data(builder, op, err) != 0)
        return -1;
    if (winograd && !first && fm_winograd_output_gradient(builder, &weights, err) != 0)
        return -1;
    if (winograd)
        return fm_winograd_backward_weights(builder, &weights, err);
    if (!op.weight->trained)
        return 0;
    fm_from_corner(&weights.window, &weights.in);
    fm_count_work(builder, &weights);
    return conv_backward_weights(builder, &weights, err);
}
