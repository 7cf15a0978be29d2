/* winograd-ops.c -- the ops of convolutions by Winograd's algorithm, see
   kernels/winograd-products.h. */
#include "engine/layers/affine.h"

/* Floats above which transformed values do not stay in a cache until they are read. This and CACHE
   below were found by experiment; the machine is not on record. */
enum { STREAM = 1 << 20 };

static size_t points_of(const struct fm_winograd *w)
{
    return w->y.points * w->x.points;
}

/* The number of output panels whose filters are transformed at once: few enough for the last-level
   cache, if not for a core's own, and enough to keep many threads busy. */
static size_t panels_of_part(size_t filter, size_t blocks)
{
    enum { CACHE = 1 << 21 }; /* floats */
    size_t panels = CACHE / filter / FM_PANELS_PER_JOB * FM_PANELS_PER_JOB;
    size_t min = (FM_ENOUGH_JOBS + blocks - 1) / blocks * FM_PANELS_PER_JOB;
    return panels > min ? panels : min;
}

/* A buffer for a batch in the Winograd domain: (panel of channels, point, image, tile, 32). */
static int new_transformed(struct fm_builder *builder, const struct fm_winograd *w, size_t channels,
                           size_t *buffer, struct fmnn_error *err)
{
    size_t panels = fm_panels(channels);
    if (fm_new_buffer(builder, panels, fm_winograd_rows(w, builder->plan->batch) * FM_PANEL, buffer,
                      err) != 0)
        return -1;
    builder->buffer[*buffer].image = panels * w->products * FM_PANEL;
    builder->buffer[*buffer].by_block = true;
    return 0;
}

static bool is_streamed(const struct fm_builder *builder, size_t buffer)
{
    return builder->buffer[buffer].floats > STREAM;
}

/* ---- the choice */

/* *winograd stays NULL if the direct convolution is cheaper. */
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

int fm_winograd_choose(struct fm_builder *builder, const struct fm_node *node,
                       struct fmnn_error *err)
{
    struct fm_op op = fm_node_op(builder, node, 0, FM_OP_winograd_input);
    struct fm_choice *choice = &builder->choice[fm_node_number(builder->plan->net, node)];
    struct fm_shape in = op.in_shape, out = op.out_shape;
    if (fm_is_dense(&op))
        return 0;
    if (choose(builder, &op.window, in, out, &choice->forward, err) != 0)
        return -1;
    if (builder->training && fm_wants_gradient(builder, node, 0))
        return choose(builder, &op.window, out, in, &choice->backward, err);
    return 0;
}

/* ---- forward, and backward data, which is the same with rotated filters */

static void count_products(const struct fm_builder *builder, struct fm_op *op)
{
    fm_count_work(builder, op);
    op->flops_done = (uint64_t)2 * op->winograd->products * op->units * op->in_shape.c;
}

struct part {
    size_t in, out; /* channels */
    size_t filter;  /* floats of a panel of transformed filters */
    enum fm_op_kind filter_kind;
    unsigned writes; /* by the product */
};

/* What of a total belongs to the panels before this one. */
static uint64_t share_before(uint64_t total, size_t panel, size_t panels)
{
    return total / panels * panel + total % panels * panel / panels;
}

static uint64_t share(uint64_t total, size_t panel, size_t count, size_t panels)
{
    return share_before(total, panel + count, panels) - share_before(total, panel, panels);
}

/* Filters to the Winograd domain, and the product with them, part by part of the outputs. Filters
   that are kept are one part. */
static int add_parts(struct fm_builder *builder, const struct fm_op *op, const struct part *part,
                     struct fmnn_error *err)
{
    size_t blocks = fm_winograd_blocks(op->winograd, builder->plan->batch);
    size_t panels = fm_panels(part->out), max = panels_of_part(part->filter, blocks), count;
    struct fm_op product = *op, whole = *op;
    count_products(builder, &whole);
    if (fm_fits_once(builder, panels * part->filter))
        max = panels;
    if (fm_new_buffer(builder, panels < max ? panels : max, part->filter, &product.filters, err) !=
        0)
        return -1;
    for (size_t panel = 0; panel < panels; panel += count) {
        count = panels - panel < max ? panels - panel : max;
        product.panel = panel;
        product.flops = share(whole.flops, panel, count, panels);
        product.flops_done = share(whole.flops_done, panel, count, panels);
        product.bytes = share(whole.bytes, panel, count, panels);
        struct fm_op filter = product;
        filter.kind = part->filter_kind;
        filter.early = count == panels;
        filter.once = filter.early && fm_do_once(builder, product.filters);
        filter.block = 0;
        filter.flops = filter.flops_done = filter.bytes = 0;
        filter.stream = count * part->filter > STREAM;
        filter.jobs = fm_panels(part->in) * count;
        product.jobs = blocks * fm_panel_pairs(count * FM_PANEL);
        if (count < panels)
            product.block = 0;
        if (fm_add_op(builder, &filter, 0, FM_FILTERS, err) != 0 ||
            fm_add_op(builder, &product, FM_FILTERS | FM_INPUTS, part->writes, err) != 0)
            return -1;
    }
    return 0;
}

/* The input's tiles to the Winograd domain, from `source`, and their product with the filters. op:
   of the product; the other ops differ from it in kind and jobs. */
static int add_winograd(struct fm_builder *builder, const struct fm_op *op,
                        const struct fm_view *source, struct part part, struct fmnn_error *err)
{
    const struct fm_winograd *w = op->winograd;
    size_t filters;
    if (!fm_mul(fm_filter_point(fm_panels(part.in)), points_of(w), &part.filter) ||
        !fm_mul(part.filter, fm_panels(part.out), &filters))
        return fm_too_large(builder, err);
    fm_raise_to(&builder->plan->scratch_floats,
                FM_PANELS_PER_JOB * fm_winograd_rows(w, w->block) * FM_PANEL);
    struct fm_op input = *op;
    input.kind = FM_OP_winograd_input;
    input.in = *source;
    input.in_shape.c = part.in;
    input.max_block = 0;
    if (!input.block)
        input.block = 1;
    size_t at = builder->plan->op_count;
    if (fm_add_op(builder, &input, FM_IN, FM_INPUTS, err) != 0 ||
        add_parts(builder, op, &part, err) != 0)
        return -1;
    struct fm_op *transform = &builder->plan->op[at];
    bool chained = builder->plan->op[builder->plan->op_count - 1].block;
    transform->stream = !chained && is_streamed(builder, op->inputs);
    if (!chained)
        transform->block = 1; /* no product needs many rows in this chain */
    return 0;
}

/* A block in a chain: the GEMM of a point has enough rows on average, and the products stay in the
   scratch memory. */
static void set_block(const struct fm_builder *builder, struct fm_op *op)
{
    enum { POINT_ROWS = 24 };
    const struct fm_winograd *w = op->winograd;
    op->block = fm_smallest_block(builder, w->products, POINT_ROWS * points_of(w));
    op->max_block = w->block;
    op->images = builder->plan->batch;
    if (op->block > w->block)
        op->block = w->block;
}

/* In training the transformed input is kept for the gradient of the filters. */
int fm_winograd_forward(struct fm_builder *builder, struct fm_op *op, struct fmnn_error *err)
{
    struct fm_choice *choice = &builder->choice[fm_node_number(builder->plan->net, op->node)];
    struct part part = {.in = op->in_shape.c,
                        .out = op->units,
                        .filter_kind = FM_OP_winograd_filter,
                        .writes = FM_OUT};
    op->kind = FM_OP_winograd_forward;
    op->winograd = choice->forward;
    set_block(builder, op);
    if (new_transformed(builder, op->winograd, part.in, &op->inputs, err) != 0)
        return -1;
    choice->kept = op->inputs;
    return add_winograd(builder, op, &op->in, part, err);
}

/* The convolution reads the output's gradient from the corner of the zeros around it. */
int fm_winograd_backward_data(struct fm_builder *builder, struct fm_op *op, struct fmnn_error *err)
{
    const struct fm_window *window = &op->window;
    struct part part = {.in = op->units,
                        .out = op->in_shape.c,
                        .filter_kind = FM_OP_winograd_rotated_filter,
                        .writes = FM_GRAD_IN};
    struct fm_view source = op->grad_out;
    source.offset -= (window->kernel_h - 1 - window->top) * source.stride_h +
                     (window->kernel_w - 1 - window->left) * source.stride_w;
    op->kind = FM_OP_winograd_backward_data;
    op->winograd = fm_choice_of(builder, op)->backward;
    op->in_place = true;
    set_block(builder, op);
    if (new_transformed(builder, op->winograd, part.in, &op->inputs, err) != 0)
        return -1;
    fm_raise_to(&builder->plan->scratch_floats,
                window->kernel_h * window->kernel_w * FM_PANEL * FM_PANEL);
    return add_winograd(builder, op, &source, part, err);
}

/* ---- backward weights */

/* If there are panels enough for many threads, a job sums all points of its panels and finishes
   their filters. Narrow layers have a job for each point, whose sums are stored, and then one for
   each filter. The bits are the same. */
static int add_gradient_ops(struct fm_builder *builder, struct fm_op *op, struct fmnn_error *err)
{
    size_t in = fm_panels(op->in_shape.c), out = fm_panels(op->units);
    size_t points = points_of(op->winograd);
    unsigned bias = op->bias ? FM_GRAD_OUT : 0;
    op->jobs = in * fm_panel_pairs(op->units);
    op->kind = FM_OP_winograd_backward_weights;
    if (op->jobs >= FM_ENOUGH_JOBS)
        return fm_add_op(builder, op, FM_INPUTS | FM_GRADIENTS | bias, 0, err);
    op->kind = FM_OP_winograd_gradient_points;
    op->jobs *= points;
    if (fm_new_buffer(builder, in * out, points * fm_filter_point(1), &op->point_sums, err) != 0 ||
        fm_add_op(builder, op, FM_INPUTS | FM_GRADIENTS, FM_POINT_SUMS, err) != 0)
        return -1;
    op->kind = FM_OP_winograd_gradient_filters;
    op->late = 2;
    op->flops = op->flops_done = op->bytes = 0; /* are counted once */
    op->jobs = in * out;
    return fm_add_op(builder, op, FM_POINT_SUMS | bias, 0, err);
}

/* Whether the transform of the output's gradient that the filters' gradient needs comes after
   backward data: if backward data has too many filters for a chain, and the bias keeps the output's
   gradient in memory. Then both transforms use the same memory, one after the other. Whether the
   chain goes on is an estimate here; only memory depends on it. */
bool fm_winograd_data_first(const struct fm_builder *builder, const struct fm_op *op)
{
    const struct fm_winograd *w = fm_choice_of(builder, op)->backward;
    return op->bias && w &&
           fm_filter_point(fm_panels(op->units)) * points_of(w) * fm_panels(op->in_shape.c) >
               FM_CACHED;
}

/* Unless fm_winograd_data_first(), it comes before backward data, whose product may break the
   chain: so the output's gradient is read where the op before has left it. */
int fm_winograd_output_gradient(struct fm_builder *builder, struct fm_op *op,
                                struct fmnn_error *err)
{
    op->kind = FM_OP_winograd_output_gradient;
    op->winograd = fm_choice_of(builder, op)->forward;
    op->images = builder->plan->batch;
    op->block = 1;
    if (new_transformed(builder, op->winograd, op->units, &op->gradients, err) != 0)
        return -1;
    op->stream = is_streamed(builder, op->gradients);
    return fm_add_op(builder, op, FM_GRAD_OUT, FM_GRADIENTS, err);
}

/* op: as fm_winograd_output_gradient() has left it. */
int fm_winograd_backward_weights(struct fm_builder *builder, struct fm_op *op,
                                 struct fmnn_error *err)
{
    const struct fm_choice *choice = fm_choice_of(builder, op);
    const struct fm_winograd *w = choice->forward;
    op->block = 0;
    op->late = 1;
    op->inputs = choice->kept;
    count_products(builder, op);
    fm_raise_to(&builder->plan->scratch_floats,
                FM_PANELS_PER_JOB * points_of(w) * fm_filter_point(1) +
                    op->window.kernel_h * op->window.kernel_w * FM_PANEL * FM_PANEL);
    return add_gradient_ops(builder, op, err);
}
