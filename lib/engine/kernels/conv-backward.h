/* conv-backward.h -- direct convolution, backward weights and backward data.

   Backward weights sums over the output pixels of all images. Backward data is a convolution of
   the output's gradient, dilated by the stride and padded with zeros, with the kernel rotated by
   180 degrees and input and output channels exchanged. */
#include "base/internal.h"

/* ---- backward weights, and the gradient of the bias */

/* The offsets of `count` rows of pixels from `walk` on, as seen by op->in with the window's stride,
   and in grad_out. */
static inline void list_rows(const struct fm_op *op, struct walk *walk, size_t count, size_t *a_tap,
                             size_t *b_tap)
{
    for (size_t t = 0; t < count; t++) {
        a_tap[t] = walk->n * op->in.stride_n + walk->y * op->window.stride * op->in.stride_h;
        b_tap[t] = walk->n * op->grad_out.stride_n + walk->y * op->grad_out.stride_h;
        walk->x = op->out_shape.w - 1;
        walk_on(walk);
    }
}

/* tile (rows,32) += sum over n, y, x of a[row(r) + pixel(n,y,x)] * grad_out(n,y,x)[lane], the
   pixels as seen by op->in with the window's stride. p: a, b, row and lanes are given.
   k of the GEMM: the taps are rows of pixels, each of out_shape.w inner elements. If an image has
   one output pixel, there is a single tap, whose inner elements are the images. */
static void sum_over_pixels(const struct fm_op *op, const struct fm_run *run, struct gemm *p,
                            size_t rows, float *tile)
{
    size_t a_tap[FM_GEMM_TAPS] = {0}, b_tap[FM_GEMM_TAPS] = {0};
    struct fm_shape shape = op->out_shape;
    p->a_tap = a_tap;
    p->b_tap = b_tap;
    if (shape.h * shape.w == 1) {
        p->taps = 1;
        p->inner = run->images;
        p->a_stride = op->in.stride_n;
        p->b_stride = op->grad_out.stride_n;
        gemm(p, rows, tile);
        return;
    }
    p->inner = shape.w;
    p->a_stride = op->window.stride * op->in.stride_w;
    p->b_stride = op->grad_out.stride_w;
    struct walk walk = walk_from(shape, 0);
    for (size_t left = run->images * shape.h; left > 0; left -= p->taps) {
        p->taps = left < FM_GEMM_TAPS ? left : FM_GEMM_TAPS;
        list_rows(op, &walk, p->taps, a_tap, b_tap);
        gemm(p, rows, tile);
    }
}

/* The gradient of a panel of the bias, for convolutions and dense layers: that of a weight whose
   input is 1 at every pixel. grad_out (n,h,w,units) by op->grad_out; the sums (32) go to the
   sink. */
static void bias_gradient(const struct fm_plan *plan, const struct fm_op *op,
                          const struct fm_run *run, size_t panel)
{
    static const float one = 1;
    float sum[FM_PANEL] = {0};
    size_t row[1] = {0};
    if (!op->bias)
        return;
    struct fm_op ones = *op; /* its input is one element, read again and again */
    ones.in.stride_n = ones.in.stride_h = ones.in.stride_w = 0;
    struct gemm p = {.a = &one,
                     .b = run->workspace + op->grad_out.offset + panel * FM_PANEL,
                     .row = row,
                     .lanes = lanes_of_panel(op->units, panel)};
    sum_over_pixels(&ones, run, &p, 1, sum);
    clear_spare(sum, 1, p.lanes);
    sink(plan, run, op->bias, panel * FM_PANEL, sum, FM_PANEL);
}

/* A block of FM_MC taps of the weight and a panel of outputs, panels fastest. */
struct gradient_block {
    size_t panel, lanes, first, rows, row[FM_MC]; /* row: offsets of the taps in the image */
};

/* False if there is no block of this number. */
static bool gradient_block(const struct fm_op *op, size_t number, struct gradient_block *block)
{
    size_t panels = fm_panels(op->units);
    block->panel = number % panels;
    block->lanes = lanes_of_panel(op->units, block->panel);
    if (!rows_of_block(op->taps, number / panels, &block->first, &block->rows))
        return false;
    struct fm_shape kernel = {
        .c = op->in_shape.c, .h = op->window.kernel_h, .w = op->window.kernel_w * op->in_shape.c};
    struct walk walk = walk_from(kernel, block->first); /* x runs over (kernel_w, c) */
    for (size_t r = 0; r < block->rows; r++, walk_on(&walk))
        block->row[r] = op->in.offset + walk.y * op->in.stride_h + walk.x;
    return true;
}

static inline struct gemm gradient_gemm(const struct fm_op *op, const struct fm_run *run,
                                        const struct gradient_block *block)
{
    return (struct gemm){.a = run->workspace,
                         .b = run->workspace + op->grad_out.offset + block->panel * FM_PANEL,
                         .row = block->row,
                         .lanes = block->lanes};
}

/* The sums of a block, tile (rows,32), to the sink; the first block also does the bias. */
static void sink_gradient(const struct fm_plan *plan, const struct fm_op *op,
                          const struct fm_run *run, const struct gradient_block *block, float *tile)
{
    clear_spare(tile, block->rows, block->lanes);
    sink(plan, run, op->weight, (block->panel * op->taps + block->first) * FM_PANEL, tile,
         block->rows * FM_PANEL);
    if (block->first == 0)
        bias_gradient(plan, op, run, block->panel);
}

/* The gradient of a convolution's weight and bias.
   in         (n,h,w,c) by op->in, which points at the corner of the padding
   grad_out   (n,h,w,units) by op->grad_out
   Gradients go to the sink, in the weight's order: (panel of outputs, kernel_h, kernel_w, c, 32).
   Jobs: blocks. */
static void job_conv_backward_weights(const struct fm_plan *plan, const struct fm_op *op,
                                      const struct fm_run *run, size_t job)
{
    float tile[FM_MC * FM_PANEL] = {0};
    struct gradient_block block;
    if (!gradient_block(op, job, &block))
        return;
    struct gemm p = gradient_gemm(op, run, &block);
    sum_over_pixels(op, run, &p, block.rows, tile);
    sink_gradient(plan, op, run, &block, tile);
}

/* The sums of group 0 of the GEMM with these rows of pixels and of a block, see
   job_conv_gradient_groups(). */
static inline float *group_sums(const struct fm_op *op, const struct fm_run *run, size_t gemm,
                                size_t block)
{
    size_t blocks = fm_panels(op->units) * fm_row_blocks(op->taps);
    size_t rows = op->taps < FM_MC ? op->taps : FM_MC;
    return run->workspace + op->group_sums +
           (gemm * blocks + block) * fm_groups_of_rows(op->out_shape.w) * rows * FM_PANEL;
}

/* The same in two ops, for layers with few blocks: first each group of the sums by itself.
   group_sums   (FM_GEMM_TAPS rows of pixels, block, group, taps of a block, 32)
   Jobs: (FM_GEMM_TAPS rows of pixels, block). */
static void job_conv_gradient_groups(const struct fm_plan *plan, const struct fm_op *op,
                                     const struct fm_run *run, size_t job)
{
    size_t a_tap[FM_GEMM_TAPS], b_tap[FM_GEMM_TAPS];
    size_t blocks = fm_panels(op->units) * fm_row_blocks(op->taps), all = run->images;
    size_t first = job / blocks * FM_GEMM_TAPS, group = fm_taps_of_group(op->out_shape.w);
    struct gradient_block block;
    (void)plan;
    all *= op->out_shape.h;
    if (first >= all || !gradient_block(op, job % blocks, &block))
        return;
    size_t count = all - first < FM_GEMM_TAPS ? all - first : FM_GEMM_TAPS;
    struct walk walk = walk_from(op->out_shape, first * op->out_shape.w);
    list_rows(op, &walk, count, a_tap, b_tap);
    struct gemm p = gradient_gemm(op, run, &block);
    float *sums = group_sums(op, run, job / blocks, job % blocks);
    p.fresh = true;
    p.inner = op->out_shape.w;
    p.a_stride = op->window.stride * op->in.stride_w;
    p.b_stride = op->grad_out.stride_w;
    for (size_t t = 0; t < count; t += group, sums += block.rows * FM_PANEL) {
        p.a_tap = a_tap + t;
        p.b_tap = b_tap + t;
        p.taps = count - t < group ? count - t : group;
        gemm(&p, block.rows, sums);
    }
}

/* Then the groups in order, and on to the sink. Jobs: blocks. */
static void job_conv_gradient_sum(const struct fm_plan *plan, const struct fm_op *op,
                                  const struct fm_run *run, size_t job)
{
    float tile[FM_MC * FM_PANEL] = {0};
    struct gradient_block block;
    size_t left = run->images * op->out_shape.h, group = fm_taps_of_group(op->out_shape.w);
    if (!gradient_block(op, job, &block))
        return;
    for (size_t gemm = 0, count; left > 0; left -= count, gemm++) {
        const float *sums = group_sums(op, run, gemm, job);
        count = left < FM_GEMM_TAPS ? left : FM_GEMM_TAPS;
        for (size_t t = 0; t < count; t += group, sums += block.rows * FM_PANEL)
            add_gradient(tile, sums, block.rows * FM_PANEL);
    }
    sink_gradient(plan, op, run, &block, tile);
}

/* ---- backward data */

/* Rotates the weights by 180 degrees and exchanges inputs and outputs.
   weight    (panel of outputs, kernel_h, kernel_w, c, 32)
   rotated   (panel of inputs, kernel_h, kernel_w, units, 32); lanes beyond c are not written
   Jobs: panels of inputs. */
static void job_conv_rotate_weights(const struct fm_plan *plan, const struct fm_op *op,
                                    const struct fm_run *run, size_t job)
{
    (void)plan;
    size_t channels = op->in_shape.c, kernel = op->window.kernel_h * op->window.kernel_w;
    size_t lanes = lanes_of_panel(channels, job);
    float *to = run->workspace + op->rotated + job * kernel * op->units * FM_PANEL;
    for (size_t tap = 0; tap < kernel; tap++)
        for (size_t unit = 0; unit < op->units; unit++, to += FM_PANEL) {
            const float *from =
                run->weights + op->weight->offset + unit % FM_PANEL +
                (unit / FM_PANEL * op->taps + (kernel - 1 - tap) * channels + job * FM_PANEL) *
                    FM_PANEL;
            for (size_t l = 0; l < lanes; l++)
                to[l] = from[l * FM_PANEL];
        }
}

/* grad_in = grad_out * rotated, then through the derivative of the input's activation, for input
   pixels first .. first + rows - 1 of the batch, FM_MC at most, and a panel of inputs.
   grad_out   (n,h,w,units) by op->grad_out, dilated by the stride and padded, see
              fm_affine_gradient_layout(): its strides are from pixel to pixel of the output
   rotated    (panel of inputs, kernel_h, kernel_w, units, 32)
   in         (n,h,w,c) by op->in: the values, for the derivative
   grad_in    (n,h,w,c) by op->grad_in */
static void conv_backward_rows(const struct fm_op *op, const struct fm_run *run, size_t first,
                               size_t rows, size_t panel)
{
    float tile[FM_MC * FM_PANEL] = {0};
    size_t row[FM_MC], value[FM_MC], to[FM_MC];
    struct fm_shape shape = op->in_shape;
    size_t kernel = op->window.kernel_h * op->window.kernel_w;
    const struct walk walk = walk_from(shape, first);
    /* grad_out without the dilation: pixel by pixel, zeros too, from the corner of the padding. */
    struct fm_view from = op->grad_out;
    from.offset -=
        (op->window.kernel_h - 1 - op->window.top) * op->grad_out.stride_h / op->window.stride +
        (op->window.kernel_w - 1 - op->window.left) * op->units;
    from.stride_h /= op->window.stride;
    from.stride_w = op->units;
    list_offsets(row, &from, walk, rows, 1);
    list_offsets(value, &op->in, walk, rows, 1);
    list_offsets(to, &op->grad_in, walk, rows, 1);
    struct window_taps taps;
    find_taps(&taps, op->window.kernel_h, op->window.kernel_w, op->units, from.stride_h);
    struct gemm p = {.a = run->workspace,
                     .b = run->workspace + op->rotated + panel * kernel * op->units * FM_PANEL,
                     .row = row,
                     .a_tap = taps.a,
                     .b_tap = taps.b,
                     .taps = taps.count,
                     .inner = taps.inner,
                     .a_stride = 1,
                     .b_stride = FM_PANEL,
                     .lanes = lanes_of_panel(shape.c, panel)};
    gemm(&p, rows, tile);
    for (size_t r = 0; r < rows; r++)
        store_backward(op, run->workspace + to[r] + panel * FM_PANEL, tile + r * FM_PANEL,
                       run->workspace + value[r] + panel * FM_PANEL, p.lanes);
}

static void job_conv_backward_data(const struct fm_plan *plan, const struct fm_op *op,
                                   const struct fm_run *run, size_t job)
{
    (void)plan;
    conv_job(op, run, job, op->in_shape.h * op->in_shape.w, fm_panels(op->in_shape.c),
             conv_backward_rows);
}

static void block_conv_backward_data(const struct fm_plan *plan, const struct fm_op *op,
                                     const struct fm_run *run, size_t first, size_t count)
{
    (void)plan;
    conv_block(op, run, first, count, op->in_shape.h * op->in_shape.w, fm_panels(op->in_shape.c),
               conv_backward_rows);
}
