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

/* What each of the three products of a layer takes: of values and weights going forward, of
   gradients and weights, and of values and gradients; this one updates the weights. */
static void count_work(const struct fm_builder *builder, struct fm_step *step)
{
    size_t slots = fm_optimizer_slots(fm_optimizer_at(builder->plan->optimizer));
    uint64_t weights = (uint64_t)fm_panels(step->units) * FM_PANEL * step->taps;
    step->bytes = sizeof(float) * weights * (step->phase == FM_GRADIENT ? 2 * (1 + slots) : 1);
    step->flops = (uint64_t)2 * step->units * step->taps * step->out_shape.h * step->out_shape.w;
    step->flops_done = step->flops;
    if (step->winograd)
        step->flops_done = (uint64_t)2 * step->winograd->products * step->units * step->in_shape.c;
}

static size_t blocks(size_t rows)
{
    return (rows + FM_ROWS - 1) / FM_ROWS;
}

/* ---- by points, see kernels/winograd.h */

static size_t pairs(size_t units)
{
    return (fm_panels(units) + FM_PANELS_A_JOB - 1) / FM_PANELS_A_JOB;
}

static size_t winograd_points(const struct fm_winograd *w)
{
    return w->y.points * w->x.points;
}

/* Floats, from where on points do not stay in a cache until they are read. */
enum { STREAM = 1 << 20 };

static void at_least(size_t *room, size_t floats)
{
    if (*room < floats)
        *room = floats;
}

/* Panels of outputs whose filters' points are had at a time: so few that they stay in a cache until
   they are used, as a rule, but enough for many threads. */
static size_t panels_of_part(size_t filter, size_t blocks)
{
    enum { CACHE = 1 << 21, JOBS = 16 };
    size_t panels = CACHE / filter / FM_PANELS_A_JOB * FM_PANELS_A_JOB;
    size_t least = (JOBS + blocks - 1) / blocks * FM_PANELS_A_JOB;
    return panels > least ? panels : least;
}

/* Filters to points, and the product with them, part by part of the outputs. */
static int add_parts(struct fm_builder *builder, const struct fm_step *step,
                     enum fm_job_kind filter_kind, size_t filter, size_t in, size_t out,
                     struct fmnn_error *err)
{
    size_t blocks = fm_winograd_blocks(step->winograd, builder->plan->batch);
    size_t most = panels_of_part(filter, blocks), count;
    struct fm_step product = *step;
    count_work(builder, &product);
    for (size_t panel = 0; panel < fm_panels(out); panel += count) {
        count = fm_panels(out) - panel < most ? fm_panels(out) - panel : most;
        at_least(&builder->filter_floats, count * filter);
        struct fm_step before = *step;
        before.kind = filter_kind;
        before.panel = product.panel = panel;
        before.stream = count * filter > STREAM;
        before.jobs = fm_panels(in) * count;
        product.jobs = blocks * pairs(count * FM_PANEL);
        if (fm_add_step(builder, &before, err) != 0 || fm_add_step(builder, &product, err) != 0)
            return -1;
        product.flops = product.flops_done = product.bytes = 0; /* have been told */
    }
    return 0;
}

/* The input's tiles to points, and their product with the filters': from so many channels to so many.
   step: of the product; the others differ from it in kind and jobs. */
static int add_winograd(struct fm_builder *builder, const struct fm_step *step,
                        enum fm_job_kind filter_kind, size_t in, size_t out, struct fmnn_error *err)
{
    const struct fm_winograd *w = step->winograd;
    size_t filter, filters, points;
    if (!fm_mul(fm_filter_point(fm_panels(in)), winograd_points(w), &filter) ||
        !fm_mul(filter, fm_panels(out), &filters) ||
        !fm_mul(fm_winograd_rows(w, builder->plan->batch), fm_panels(in) * FM_PANEL, &points))
        return fm_fail(err, FMNN_USAGE, "the net is too large at a batch of %zu",
                       builder->plan->batch);
    if (step->shared_points)
        at_least(&builder->points_floats, points);
    at_least(&builder->plan->own_floats,
             FM_PANELS_A_JOB * fm_winograd_rows(w, w->group) * FM_PANEL);
    struct fm_step input = *step;
    input.kind = FM_JOB_winograd_input;
    input.stream = points > STREAM;
    input.jobs = builder->plan->batch * w->y.tiles;
    input.in_shape.c = in;
    if (fm_add_step(builder, &input, err) != 0)
        return -1;
    return add_parts(builder, step, filter_kind, filter, in, out, err);
}

/* In training the input's points are kept for the gradient of the filters. */
static int winograd_forward(struct fm_builder *builder, size_t id, struct fm_step *step,
                            struct fmnn_error *err)
{
    const struct fm_winograd *w = step->winograd;
    builder->winograd[id] = w;
    step->kind = FM_JOB_winograd_product;
    step->shared_points = !builder->training;
    if (builder->training && fm_take_room(builder, fm_panels(step->in_shape.c),
                                          fm_winograd_rows(w, builder->plan->batch) * FM_PANEL,
                                          &builder->points[id], err) != 0)
        return -1;
    step->points = builder->points[id];
    return add_winograd(builder, step, FM_JOB_winograd_filter, step->in_shape.c, step->units, err);
}

/* The gradient of the input is a convolution of the output's, from the corner of the zeros around
   it. */
static int winograd_input_gradient(struct fm_builder *builder, const struct fm_node *node,
                                   struct fm_step *step, struct fmnn_error *err)
{
    const struct fm_window *window = &step->window;
    step->kind = FM_JOB_winograd_back;
    step->shared_points = true;
    step->out = builder->value[node->input];
    step->in = builder->gradient[node->output];
    step->in.origin -= (window->kernel_h - 1 - window->top) * step->in.row +
                       (window->kernel_w - 1 - window->left) * step->in.pixel;
    at_least(&builder->plan->own_floats, window->kernel_h * window->kernel_w * FM_PANEL * FM_PANEL);
    return add_winograd(builder, step, FM_JOB_winograd_turned_filter, step->units, step->in_shape.c,
                        err);
}

static int winograd_gradient(struct fm_builder *builder, const struct fm_node *node,
                             const struct fm_winograd *w, struct fmnn_error *err)
{
    struct fm_step step = fm_node_step(builder, node, FM_JOB_winograd_spread);
    step.phase = FM_GRADIENT;
    step.winograd = w;
    step.shared_points = true;
    step.jobs = builder->plan->batch * w->y.tiles;
    size_t points = fm_winograd_rows(w, builder->plan->batch) * fm_panels(step.units) * FM_PANEL;
    step.stream = points > STREAM;
    at_least(&builder->points_floats, points);
    if (fm_add_step(builder, &step, err) != 0)
        return -1;
    step.kind = FM_JOB_winograd_gradient;
    count_work(builder, &step);
    step.shared_points = false;
    step.points = builder->points[node - builder->plan->net->node];
    step.jobs = pairs(step.units) * fm_panels(step.in_shape.c);
    at_least(&builder->plan->own_floats, (FM_PANELS_A_JOB * winograd_points(w) * (FM_PANEL + 1) +
                                          step.window.kernel_h * step.window.kernel_w * FM_PANEL) *
                                             FM_PANEL);
    return fm_add_step(builder, &step, err);
}

/* ---- by the panel product */

int fm_affine_forward(struct fm_builder *builder, const struct fm_node *node,
                      struct fmnn_error *err)
{
    struct fm_step step = fm_node_step(builder, node, FM_JOB_affine);
    if (is_dense(&step)) {
        step.kind = FM_JOB_dense;
        step.jobs = fm_panels(step.units) * blocks(builder->plan->batch);
        count_work(builder, &step);
        return fm_add_step(builder, &step, err);
    }
    if (fm_choose_winograd(builder, &step.window, step.in_shape, step.out_shape, &step.winograd,
                           err) != 0)
        return -1;
    if (step.winograd)
        return winograd_forward(builder, (size_t)(node - builder->plan->net->node), &step, err);
    size_t pixels = builder->plan->batch * step.out_shape.h * step.out_shape.w;
    step.jobs = fm_panels(step.units) * blocks(pixels);
    count_work(builder, &step);
    return fm_add_step(builder, &step, err);
}

/* The input's gradient: a step that lays something ready in the scratch, and one that uses it. */
static int input_gradient(struct fm_builder *builder, const struct fm_node *node,
                          struct fm_step step, struct fmnn_error *err)
{
    size_t batch = builder->plan->batch, room;
    if (fm_choose_winograd(builder, &step.window, step.out_shape, step.in_shape, &step.winograd,
                           err) != 0)
        return -1;
    if (step.winograd)
        return winograd_input_gradient(builder, node, &step, err);
    step.kind = FM_JOB_transpose_weight;
    step.jobs = fm_panels(step.in_shape.c);
    if (!fm_mul(step.jobs * FM_PANEL, step.window.kernel_h * step.window.kernel_w * step.units,
                &room))
        return fm_fail(err, FMNN_USAGE, "the net is too large at a batch of %zu", batch);
    if (room > builder->scratch_floats)
        builder->scratch_floats = room;
    if (fm_add_step(builder, &step, err) != 0)
        return -1;
    count_work(builder, &step);
    step.kind = FM_JOB_affine_back;
    step.jobs = fm_panels(step.in_shape.c) * blocks(batch * step.in_shape.h * step.in_shape.w);
    return fm_add_step(builder, &step, err);
}

/* The output's gradient laid ready with the pictures side by side. */
static int add_transpose(struct fm_builder *builder, struct fm_step *step, struct fmnn_error *err)
{
    size_t batch = builder->plan->batch;
    size_t share = (fm_panels(batch) * FM_PANEL + batch - 1) / batch; /* in whole panels */
    step->kind = FM_JOB_transpose_batch;
    step->block = FM_BLOCK;
    if (fm_take_frames(builder->plan, fm_panels(step->units) * FM_PANEL, share, 1, &step->scratch,
                       err) != 0 ||
        fm_add_step(builder, step, err) != 0)
        return -1;
    step->block = 0;
    return 0;
}

static int dense_input_gradient(struct fm_builder *builder, const struct fm_node *node,
                                struct fm_step step, struct fmnn_error *err)
{
    (void)node;
    if (add_transpose(builder, &step, err) != 0)
        return -1;
    count_work(builder, &step);
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
    count_work(builder, &step);
    step.flops *= 2;
    step.flops_done *= 2;
    step.kind = FM_JOB_dense_both;
    step.rows = step.taps < MANY ? FM_PANEL : FM_ROWS;
    step.jobs = (step.taps + step.rows - 1) / step.rows;
    size_t pictures = builder->plan->batch < FM_GROUP ? builder->plan->batch : FM_GROUP;
    at_least(&builder->plan->own_floats, pictures * (FM_ROWS + FM_PANEL));
    return fm_add_step(builder, &step, err);
}

/* The parameters' gradient comes last, for it may change them. */
int fm_affine_backward(struct fm_builder *builder, const struct fm_node *node,
                       struct fmnn_error *err)
{
    const struct fm_winograd *winograd = builder->winograd[node - builder->plan->net->node];
    struct fm_step step = fm_node_step(builder, node, FM_JOB_gradient);
    bool dense = is_dense(&step);
    int (*back)(struct fm_builder *, const struct fm_node *, struct fm_step, struct fmnn_error *) =
        dense ? dense_input_gradient : input_gradient;
    if (dense && node->input != 0 && step.taps * step.units > FM_SMALL)
        return dense_both(builder, step, err);
    if (node->input != 0 && back(builder, node, step, err) != 0)
        return -1;
    if (winograd)
        return winograd_gradient(builder, node, winograd, err);
    if (dense)
        step.kind = FM_JOB_dense_gradient;
    step.jobs = fm_panels(step.units) * blocks(step.taps);
    step.phase = FM_GRADIENT;
    count_work(builder, &step);
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
