/* affine.c -- the steps of layers with a weight: convolutions, and dense layers as the
   convolution whose kernel is the whole picture. */
#include "layers/affine.h"

/* The kernel is the whole input: one output pixel, and every weight is used once a picture. */
static bool is_dense(const struct fm_step *step)
{
    const struct fm_window *w = &step->window;
    return w->kernel_h == step->in_shape.h && w->kernel_w == step->in_shape.w &&
           !(w->top || w->left || w->bottom || w->right);
}

static size_t blocks(size_t rows)
{
    return (rows + FM_ROWS - 1) / FM_ROWS;
}

int fm_affine_forward(struct fm_builder *builder, const struct fm_node *node,
                      struct fmnn_error *err)
{
    struct fm_step step = fm_node_step(builder, node, FM_JOB_affine);
    if (is_dense(&step)) {
        step.kind = FM_JOB_dense;
        step.jobs = fm_panels(step.units) * blocks(builder->plan->batch);
        return fm_add_step(builder, &step, err);
    }
    size_t pixels = builder->plan->batch * step.out_shape.h * step.out_shape.w;
    step.jobs = fm_panels(step.units) * blocks(pixels);
    return fm_add_step(builder, &step, err);
}

/* The input's gradient: a step that lays something ready in the scratch, and one that uses it. */
static int input_gradient(struct fm_builder *builder, struct fm_step step, struct fmnn_error *err)
{
    size_t batch = builder->plan->batch, room;
    step.kind = FM_JOB_transpose_weight;
    step.jobs = fm_panels(step.in_shape.c);
    if (!fm_mul(step.jobs * FM_PANEL, step.window.kernel_h * step.window.kernel_w * step.units,
                &room))
        return fm_fail(err, FMNN_USAGE, "the net is too large at a batch of %zu", batch);
    if (room > builder->scratch_floats)
        builder->scratch_floats = room;
    if (fm_add_step(builder, &step, err) != 0)
        return -1;
    step.kind = FM_JOB_affine_back;
    step.jobs = fm_panels(step.in_shape.c) * blocks(batch * step.in_shape.h * step.in_shape.w);
    return fm_add_step(builder, &step, err);
}

static int dense_input_gradient(struct fm_builder *builder, struct fm_step step,
                                struct fmnn_error *err)
{
    size_t batch = builder->plan->batch, pictures = fm_panels(batch);
    size_t share = (pictures * FM_PANEL + batch - 1) / batch; /* of a picture, in whole panels */
    step.kind = FM_JOB_transpose_batch;
    step.block = FM_BLOCK;
    if (fm_take(builder->plan, fm_panels(step.units) * FM_PANEL, share, 1, &step.scratch, err) !=
            0 ||
        fm_add_step(builder, &step, err) != 0)
        return -1;
    step.kind = FM_JOB_dense_back;
    step.block = 0;
    step.jobs = pictures * blocks(step.taps);
    return fm_add_step(builder, &step, err);
}

/* The parameters' gradient comes last, for it may change them. */
int fm_affine_backward(struct fm_builder *builder, const struct fm_node *node,
                       struct fmnn_error *err)
{
    struct fm_step step = fm_node_step(builder, node, FM_JOB_gradient);
    bool dense = is_dense(&step);
    int (*back)(struct fm_builder *, struct fm_step, struct fmnn_error *) =
        dense ? dense_input_gradient : input_gradient;
    if (node->input != 0 && back(builder, step, err) != 0)
        return -1;
    if (dense)
        step.kind = FM_JOB_dense_gradient;
    step.jobs = fm_panels(step.units) * blocks(step.taps);
    return fm_add_step(builder, &step, err);
}

/* Where the gradient of the output lies: for affine_back, spread out by the stride and with
   zeros around, so that the convolution turned round finds what it needs at every input pixel. */
struct fm_frame fm_affine_frame(const struct fm_layer *layer, struct fm_shape in)
{
    struct fm_step step = {.in_shape = in, .window = layer->type->window(layer, in)};
    if (is_dense(&step))
        return (struct fm_frame){.spread = 1};
    const struct fm_window *w = &step.window;
    return (struct fm_frame){.h = in.h + w->kernel_h - 1,
                             .w = in.w + w->kernel_w - 1,
                             .top = w->kernel_h - 1 - w->top,
                             .left = w->kernel_w - 1 - w->left,
                             .spread = w->stride};
}
