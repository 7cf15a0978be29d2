/* points.c -- the steps of convolutions that are done by points, see kernels/winograd.h. */
#include "engine/layers/affine.h"

static size_t winograd_points(const struct fm_winograd *w)
{
    return w->y.points * w->x.points;
}

/* Floats, from where on points do not stay in a cache until they are read. */
enum { STREAM = 1 << 20 };

/* Panels of outputs whose filters' points are had at a time: so few that they stay in a cache until
   they are used, as a rule, but enough for many threads. */
static size_t panels_of_part(size_t filter, size_t blocks)
{
    enum { CACHE = 1 << 21, JOBS = 16 };
    size_t panels = CACHE / filter / FM_PANELS_A_JOB * FM_PANELS_A_JOB;
    size_t min = (JOBS + blocks - 1) / blocks * FM_PANELS_A_JOB;
    return panels > min ? panels : min;
}

/* Filters to points, and the product with them, part by part of the outputs. */
static int add_parts(struct fm_builder *builder, const struct fm_step *step,
                     enum fm_job_kind filter_kind, size_t filter, size_t in, size_t out,
                     struct fmnn_error *err)
{
    size_t blocks = fm_winograd_blocks(step->winograd, builder->plan->batch);
    size_t max = panels_of_part(filter, blocks), count;
    struct fm_step product = *step;
    fm_count_work(builder, &product);
    for (size_t panel = 0; panel < fm_panels(out); panel += count) {
        count = fm_panels(out) - panel < max ? fm_panels(out) - panel : max;
        fm_raise_to(&builder->filter_floats, count * filter);
        struct fm_step before = *step;
        before.kind = filter_kind;
        before.panel = product.panel = panel;
        before.stream = count * filter > STREAM;
        before.jobs = fm_panels(in) * count;
        product.jobs = blocks * fm_pairs(count * FM_PANEL);
        if (fm_add_step(builder, &before, err) != 0 || fm_add_step(builder, &product, err) != 0)
            return -1;
        product.flops = product.flops_done = product.bytes = 0; /* have been told */
    }
    return 0;
}

/* Floats of the points of a whole batch of so many channels. */
static int count_points(const struct fm_builder *builder, const struct fm_winograd *w,
                        size_t channels, size_t *floats, struct fmnn_error *err)
{
    if (fm_mul(fm_winograd_rows(w, builder->plan->batch), fm_panels(channels) * FM_PANEL, floats))
        return 0;
    return fm_fail(err, FMNN_USAGE, "the net is too large at a batch of %zu", builder->plan->batch);
}

/* *winograd stays NULL where the convolution is not done by points. */
static int choose(struct fm_builder *builder, const struct fm_window *window, struct fm_shape in,
                  struct fm_shape out, const struct fm_winograd **winograd, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    struct fm_winograd *w = fm_alloc(1, sizeof *w, err);
    if (!w)
        return -1;
    if (!fm_winograd_plan(w, window, in, out, plan->batch)) {
        free(w);
        return 0;
    }
    assert(plan->winograd_count < 2 * plan->net->node_count);
    *winograd = plan->winograd[plan->winograd_count++] = w;
    return 0;
}

/* Shared is the room for what one step makes and the next ones use up: the input's points where
   they need not be kept for training, and those of the output's gradient. */
int fm_choose_points(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err)
{
    struct fm_step step = fm_node_step(builder, node, FM_JOB_winograd_input);
    const struct fm_winograd **forward = &builder->forward[node->input];
    const struct fm_winograd **back = &builder->back[node->input];
    struct fm_shape in = step.in_shape, out = step.out_shape;
    size_t floats = 0, more = 0;
    if (fm_is_dense(&step))
        return 0;
    if (choose(builder, &step.window, in, out, forward, err) != 0 ||
        (builder->training && node->input != 0 &&
         choose(builder, &step.window, out, in, back, err) != 0))
        return -1;
    if ((*forward &&
         count_points(builder, *forward, builder->training ? out.c : in.c, &floats, err) != 0) ||
        (*back && count_points(builder, *back, out.c, &more, err) != 0))
        return -1;
    fm_raise_to(&builder->shared_floats, floats);
    fm_raise_to(&builder->shared_floats, more);
    return 0;
}

/* The input's tiles to points, and their product with the filters': from so many channels to so
   many. step: of the product; the others differ from it in kind and jobs. */
static int add_winograd(struct fm_builder *builder, const struct fm_step *step,
                        enum fm_job_kind filter_kind, size_t in, size_t out, struct fmnn_error *err)
{
    const struct fm_winograd *w = step->winograd;
    size_t filter, filters, points;
    if (!fm_mul(fm_filter_point(fm_panels(in)), winograd_points(w), &filter) ||
        !fm_mul(filter, fm_panels(out), &filters))
        return fm_fail(err, FMNN_USAGE, "the net is too large at a batch of %zu",
                       builder->plan->batch);
    if (count_points(builder, w, in, &points, err) != 0)
        return -1;
    fm_raise_to(&builder->plan->own_floats,
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
int fm_points_forward(struct fm_builder *builder, struct fm_step *step, struct fmnn_error *err)
{
    size_t id = step->node->input, batch = builder->plan->batch;
    step->winograd = builder->forward[id];
    step->kind = FM_JOB_winograd_product;
    step->points = builder->shared;
    if (builder->training) {
        if (fm_reserve(builder, fm_panels(step->in_shape.c),
                       fm_winograd_rows(step->winograd, batch) * FM_PANEL, &builder->points[id],
                       err) != 0)
            return -1;
        step->points = builder->points[id];
    }
    return add_winograd(builder, step, FM_JOB_winograd_filter, step->in_shape.c, step->units, err);
}

/* The gradient of the input is a convolution of the output's, from the corner of the zeros around
   it. */
int fm_points_input_gradient(struct fm_builder *builder, struct fm_step *step,
                             struct fmnn_error *err)
{
    const struct fm_window *window = &step->window;
    step->winograd = builder->back[step->node->input];
    step->kind = FM_JOB_winograd_back;
    step->points = builder->shared;
    step->out = builder->value[step->node->input];
    step->in = builder->gradient[step->node->output];
    step->in.origin -= (window->kernel_h - 1 - window->top) * step->in.row +
                       (window->kernel_w - 1 - window->left) * step->in.pixel;
    fm_raise_to(&builder->plan->own_floats,
                window->kernel_h * window->kernel_w * FM_PANEL * FM_PANEL);
    return add_winograd(builder, step, FM_JOB_winograd_turned_filter, step->units, step->in_shape.c,
                        err);
}

int fm_points_gradient(struct fm_builder *builder, const struct fm_node *node,
                       struct fmnn_error *err)
{
    struct fm_step step = fm_node_step(builder, node, FM_JOB_winograd_spread);
    const struct fm_winograd *w = builder->forward[node->input];
    size_t points;
    step.phase = FM_GRADIENT;
    step.winograd = w;
    step.points = step.back_points = builder->shared;
    step.jobs = builder->plan->batch * w->y.tiles;
    if (count_points(builder, w, step.units, &points, err) != 0)
        return -1;
    step.stream = points > STREAM;
    if (fm_add_step(builder, &step, err) != 0)
        return -1;
    step.kind = FM_JOB_winograd_gradient;
    fm_count_work(builder, &step);
    step.points = builder->points[node->input];
    step.jobs = fm_pairs(step.units) * fm_panels(step.in_shape.c);
    fm_raise_to(&builder->plan->own_floats,
                (FM_PANELS_A_JOB * winograd_points(w) * (FM_PANEL + 1) +
                 step.window.kernel_h * step.window.kernel_w * FM_PANEL) *
                    FM_PANEL);
    return fm_add_step(builder, &step, err);
}
