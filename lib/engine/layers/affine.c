/* affine.c -- the steps of layers with a weight: convolutions, and dense layers as the
   convolution whose kernel is the whole image. */
#include "engine/layers/affine.h"

bool fm_is_dense(const struct fm_step *step)
{
    const struct fm_window *w = &step->window;
    return w->kernel_h == step->in_shape.h && w->kernel_w == step->in_shape.w &&
           !(w->top || w->left || w->bottom || w->right);
}

bool fm_in_one_pass(const struct fm_step *step)
{
    return fm_is_dense(step) && step->node->input != 0 && step->taps * step->units > FM_SMALL;
}

/* What each of the three products of a layer takes: of values and weights going forward, of
   gradients and weights, and of values and gradients; this one updates the weights. */
void fm_count_work(const struct fm_builder *builder, struct fm_step *step)
{
    size_t slots = fm_optimizer_slots(fm_optimizer_at(builder->plan->optimizer));
    uint64_t weights = (uint64_t)fm_panels(step->units) * FM_PANEL * step->taps;
    step->bytes = sizeof(float) * weights * (step->phase == FM_GRADIENT ? 2 * (1 + slots) : 1);
    step->flops = (uint64_t)2 * step->units * step->taps * step->out_shape.h * step->out_shape.w;
    step->flops_done = step->flops;
    if (step->winograd)
        step->flops_done = (uint64_t)2 * step->winograd->products * step->units * step->in_shape.c;
}

void fm_raise_to(size_t *room, size_t floats)
{
    if (*room < floats)
        *room = floats;
}

static size_t blocks(size_t rows)
{
    return (rows + FM_ROWS - 1) / FM_ROWS;
}

int fm_affine_forward(struct fm_builder *builder, const struct fm_node *node,
                      struct fmnn_error *err)
{
    struct fm_step step = fm_node_step(builder, node, FM_JOB_affine);
    if (fm_is_dense(&step)) {
        step.kind = FM_JOB_dense;
        step.jobs = fm_pairs(step.units) * blocks(builder->plan->batch);
        fm_count_work(builder, &step);
        return fm_add_step(builder, &step, err);
    }
    if (builder->forward[node->input])
        return fm_points_forward(builder, &step, err);
    size_t pixels = builder->plan->batch * step.out_shape.h * step.out_shape.w;
    step.jobs = fm_panels(step.units) * blocks(pixels);
    fm_count_work(builder, &step);
    return fm_add_step(builder, &step, err);
}

/* The input's gradient: a step that lays something ready in the scratch, and one that uses it. */
static int input_gradient(struct fm_builder *builder, struct fm_step step, struct fmnn_error *err)
{
    size_t batch = builder->plan->batch, room;
    if (builder->back[step.node->input])
        return fm_points_input_gradient(builder, &step, err);
    step.kind = FM_JOB_transpose_weight;
    step.jobs = fm_panels(step.in_shape.c);
    if (!fm_mul(step.jobs * FM_PANEL, step.window.kernel_h * step.window.kernel_w * step.units,
                &room))
        return fm_fail(err, FMNN_USAGE, "the net is too large at a batch of %zu", batch);
    fm_raise_to(&builder->scratch_floats, room);
    if (fm_add_step(builder, &step, err) != 0)
        return -1;
    fm_count_work(builder, &step);
    step.kind = FM_JOB_affine_back;
    step.jobs = fm_panels(step.in_shape.c) * blocks(batch * step.in_shape.h * step.in_shape.w);
    return fm_add_step(builder, &step, err);
}

/* The output's gradient laid ready with the images side by side. */
static int add_transpose(struct fm_builder *builder, struct fm_step *step, struct fmnn_error *err)
{
    step->kind = FM_JOB_transpose_batch;
    step->block = FM_BLOCK;
    if (fm_reserve(builder, fm_panels(builder->plan->batch) * FM_PANEL,
                   fm_panels(step->units) * FM_PANEL, &step->scratch, err) != 0 ||
        fm_add_step(builder, step, err) != 0)
        return -1;
    step->block = 0;
    return 0;
}

static int dense_input_gradient(struct fm_builder *builder, struct fm_step step,
                                struct fmnn_error *err)
{
    if (add_transpose(builder, &step, err) != 0)
        return -1;
    fm_count_work(builder, &step);
    step.kind = FM_JOB_dense_back;
    step.jobs = fm_panels(builder->plan->batch) * blocks(step.taps);
    return fm_add_step(builder, &step, err);
}

/* Both gradients of a layer that is too large for a cache; in smaller parts where there are few
   inputs, so that there are jobs for many threads. */
static int dense_both(struct fm_builder *builder, struct fm_step step, struct fmnn_error *err)
{
    enum { MANY = 64 * FM_ROWS };
    if (add_transpose(builder, &step, err) != 0)
        return -1;
    step.phase = FM_GRADIENT;
    fm_count_work(builder, &step);
    step.flops *= 2;
    step.flops_done *= 2;
    step.kind = FM_JOB_dense_both;
    step.rows = step.taps < MANY ? FM_PANEL : FM_ROWS;
    step.jobs = (step.taps + step.rows - 1) / step.rows;
    return fm_add_step(builder, &step, err);
}

/* The parameters' gradient comes last, for it may change them. */
int fm_affine_backward(struct fm_builder *builder, const struct fm_node *node,
                       struct fmnn_error *err)
{
    struct fm_step step = fm_node_step(builder, node, FM_JOB_gradient);
    bool dense = fm_is_dense(&step);
    if (fm_in_one_pass(&step))
        return dense_both(builder, step, err);
    if (node->input != 0 && (dense ? dense_input_gradient(builder, step, err)
                                   : input_gradient(builder, step, err)) != 0)
        return -1;
    if (builder->forward[node->input])
        return fm_points_gradient(builder, node, err);
    if (dense)
        step.kind = FM_JOB_dense_gradient;
    step.jobs = fm_panels(step.units) * blocks(step.taps);
    step.phase = FM_GRADIENT;
    fm_count_work(builder, &step);
    return fm_add_step(builder, &step, err);
}

/* Where the gradient of the output lies: for affine_back, spread out by the stride and with
   zeros around, so that the convolution turned round finds what it needs at every input pixel. */
struct fm_frame fm_affine_frame(const struct fm_layer *layer, struct fm_shape in)
{
    struct fm_step step = {.in_shape = in, .window = layer->type->window(layer, in)};
    if (fm_is_dense(&step))
        return (struct fm_frame){.spread = 1};
    const struct fm_window *w = &step.window;
    return (struct fm_frame){.h = in.h + w->kernel_h - 1,
                             .w = in.w + w->kernel_w - 1,
                             .top = w->kernel_h - 1 - w->top,
                             .left = w->kernel_w - 1 - w->left,
                             .spread = w->stride};
}
