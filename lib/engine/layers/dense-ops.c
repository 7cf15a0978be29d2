/* dense-ops.c -- the ops of dense layers. A layer whose weights stay in the cache beside a block of
   images becomes part of a chain; a larger one shares out its weights among the jobs. */
#include "engine/layers/affine.h"

enum { SMALL = 32768 }; /* weights; found by experiment, the machine is not on record */

static bool is_small(const struct fm_op *op)
{
    return op->taps * op->units <= SMALL;
}

static bool reads_image(const struct fm_op *op)
{
    return op->node->input[0] == FM_IMAGE;
}

/* The first layer leaves out pixels that are zero. */
int fm_dense_forward(struct fm_builder *builder, struct fm_op *op, struct fmnn_error *err)
{
    unsigned reads = FM_IN;
    size_t batch = builder->plan->batch;
    op->kind = FM_OP_dense_forward;
    if (is_small(op) || !builder->training)
        op->block = is_small(op) ? FM_BLOCK : FM_WIDE_BLOCK;
    op->jobs = fm_panel_pairs(op->units) * fm_row_blocks(batch);
    fm_count_work(builder, op);
    if (reads_image(op)) {
        if (fm_want_nonzero(builder, false, &op->nonzero_pairs, err) != 0)
            return -1;
        op->jobs = fm_panel_pairs(op->units) * ((batch + FM_BLOCK - 1) / FM_BLOCK);
        reads |= FM_NONZERO_PAIRS;
    }
    return fm_add_op(builder, op, reads, FM_OUT, err);
}

/* The output's gradient with the images side by side. */
static int add_transpose(struct fm_builder *builder, struct fm_op *op, struct fmnn_error *err)
{
    struct fm_op transpose = *op;
    transpose.kind = FM_OP_transpose_batch;
    transpose.block = FM_BLOCK;
    if (fm_new_buffer(builder, fm_panels(builder->plan->batch) * FM_PANEL,
                      fm_panels(op->units) * FM_PANEL, &op->transposed, err) != 0)
        return -1;
    builder->buffer[op->transposed].image = fm_panels(op->units) * FM_PANEL;
    transpose.transposed = op->transposed;
    return fm_add_op(builder, &transpose, FM_GRAD_OUT, FM_TRANSPOSED, err);
}

static int backward_data(struct fm_builder *builder, struct fm_op op, struct fmnn_error *err)
{
    if (add_transpose(builder, &op, err) != 0)
        return -1;
    op.kind = FM_OP_dense_backward_data;
    op.block = is_small(&op) ? FM_BLOCK : 0;
    op.jobs = fm_panels(builder->plan->batch) * fm_row_blocks(op.taps);
    fm_count_work(builder, &op);
    return fm_add_op(builder, &op, FM_TRANSPOSED, FM_GRAD_IN, err);
}

/* Backward data and backward weights of a layer that is too large for a cache, in one pass; in
   smaller parts if there are few inputs, so that there are jobs for many threads. */
static int backward_both(struct fm_builder *builder, struct fm_op op, struct fmnn_error *err)
{
    enum { MANY = 64 * FM_MC }; /* inputs that give 64 jobs of FM_MC */
    if (add_transpose(builder, &op, err) != 0)
        return -1;
    op.phase = FM_BACKWARD_WEIGHTS;
    fm_count_work(builder, &op);
    op.flops *= 2;
    op.flops_done *= 2;
    op.kind = FM_OP_dense_backward;
    op.rows = op.taps < MANY ? FM_PANEL : FM_MC;
    op.jobs = (op.taps + op.rows - 1) / op.rows;
    return fm_add_op(builder, &op, FM_TRANSPOSED | FM_IN | FM_GRAD_OUT, FM_GRAD_IN, err);
}

int fm_dense_backward(struct fm_builder *builder, struct fm_op *op, struct fmnn_error *err)
{
    bool data = fm_wants_gradient(builder, op->node, 0), trained = op->weight->trained;
    unsigned reads = FM_IN | FM_GRAD_OUT;
    if (data && trained && !is_small(op))
        return backward_both(builder, *op, err);
    if (data && backward_data(builder, *op, err) != 0)
        return -1;
    if (!trained)
        return 0;
    op->kind = FM_OP_dense_backward_weights;
    op->phase = FM_BACKWARD_WEIGHTS;
    op->late = 1;
    op->jobs = fm_panels(op->units) * fm_row_blocks(op->taps);
    fm_count_work(builder, op);
    if (reads_image(op)) {
        if (fm_want_nonzero(builder, true, &op->nonzero_groups, err) != 0)
            return -1;
        reads |= FM_NONZERO_GROUPS;
    }
    return fm_add_op(builder, op, reads, 0, err);
}
