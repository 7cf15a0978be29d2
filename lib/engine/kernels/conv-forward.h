/* affine.h -- convolution and dense layers: forward, and the gradient of their parameters. */
#include "base/internal.h"

/* Walks over the pixels of all images in order, (n, y, x), without a division a pixel. */
struct walk {
    size_t h, w, n, y, x;
};

static inline struct walk walk_from(struct fm_shape shape, size_t row)
{
    return (struct walk){.h = shape.h,
                         .w = shape.w,
                         .n = row / (shape.h * shape.w),
                         .y = row / shape.w % shape.h,
                         .x = row % shape.w};
}

static inline void walk_on(struct walk *walk)
{
    if (++walk->x == walk->w) {
        walk->x = 0;
        if (++walk->y == walk->h) {
            walk->y = 0;
            walk->n++;
        }
    }
}

static inline size_t offset_of(const struct fm_view *view, const struct walk *at, size_t stride)
{
    return view->offset + at->n * view->stride_n + at->y * stride * view->stride_h +
           at->x * stride * view->stride_w;
}

/* The taps of a window over a value: one for each row of the kernel, or a single one where the rows
   follow each other without a gap; and the same in the packed weight. */
struct window_taps {
    size_t count, inner, a[4096], b[4096]; /* a kernel has at most 4,096 rows, the image's most */
};

static void find_taps(struct window_taps *taps, size_t kernel_h, size_t kernel_w, size_t channels,
                      size_t row)
{
    taps->count = kernel_h;
    taps->inner = kernel_w * channels;
    if (taps->inner == row) {
        taps->count = 1;
        taps->inner *= kernel_h;
    }
    for (size_t t = 0; t < taps->count; t++) {
        taps->a[t] = t * row;
        taps->b[t] = t * taps->inner * FM_PANEL;
    }
}

/* The rows of one job: block `part` of all rows there are. False where there are none. */
static inline bool rows_of_part(size_t all, size_t part, size_t *first, size_t *rows)
{
    *first = part * FM_MC;
    if (*first >= all)
        return false;
    *rows = all - *first < FM_MC ? all - *first : FM_MC;
    return true;
}

static inline size_t lanes_of_panel(size_t units, size_t panel)
{
    size_t left = units - panel * FM_PANEL;
    return left < FM_PANEL ? left : FM_PANEL;
}

/* y[0..lanes) = activation(x[0..lanes)); x has 32. */
static inline void store_lanes(float *y, const float *x, size_t lanes,
                               enum fm_activation activation)
{
    size_t l = 0;
    for (; l + VL <= lanes; l += VL)
        v_store(y + l, activate(activation, v_load(x + l)));
    if (l < lanes)
        v_store_part(y + l, activate(activation, v_load(x + l)), lanes - l);
}

/* Jobs: (panel of outputs, block of output pixels). */
static void job_conv_forward(const struct fm_plan *plan, const struct fm_op *op,
                             const struct fm_run *run, size_t job)
{
    (void)plan;
    float tile[FM_MC * FM_PANEL];
    size_t row[FM_MC], out[FM_MC], first, rows;
    struct fm_shape shape = op->out_shape;
    size_t panels = fm_panels(op->units), panel = job % panels;
    if (!rows_of_part(run->images * shape.h * shape.w, job / panels, &first, &rows))
        return;
    struct walk walk = walk_from(shape, first);
    const float *bias = run->weights + op->bias->offset + panel * FM_PANEL;
    for (size_t r = 0; r < rows; r++, walk_on(&walk)) {
        row[r] = offset_of(&op->in, &walk, op->window.stride);
        out[r] = offset_of(&op->out, &walk, 1);
        memcpy(tile + r * FM_PANEL, bias, FM_PANEL * sizeof *tile);
    }
    struct window_taps taps;
    find_taps(&taps, op->window.kernel_h, op->window.kernel_w, op->in_shape.c, op->in.stride_h);
    size_t lanes = lanes_of_panel(op->units, panel);
    struct gemm p = {.a = run->workspace,
                     .b = run->weights + op->weight->offset + panel * op->taps * FM_PANEL,
                     .row = row,
                     .a_tap = taps.a,
                     .b_tap = taps.b,
                     .taps = taps.count,
                     .inner = taps.inner,
                     .a_stride = 1,
                     .b_stride = FM_PANEL,
                     .lanes = lanes};
    gemm(&p, rows, tile);
    for (size_t r = 0; r < rows; r++)
        store_lanes(run->workspace + out[r] + panel * FM_PANEL, tile + r * FM_PANEL, lanes,
                    op->activation);
}

/* Gradients sum over the pixels of all images. Where there is one an image, the images are
   the inner elements of a single tap; else a row of pixels is a tap, handed over in pieces of so
   many. */
enum { MAX_GEMM_TAPS = 256 };

static void sum_over_pixels(const struct fm_op *op, const struct fm_run *run, struct gemm *p,
                            size_t rows, float *tile)
{
    size_t a_tap[MAX_GEMM_TAPS] = {0}, b_tap[MAX_GEMM_TAPS] = {0};
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
        p->taps = left < MAX_GEMM_TAPS ? left : MAX_GEMM_TAPS;
        for (size_t t = 0; t < p->taps; t++) {
            a_tap[t] = walk.n * op->in.stride_n + walk.y * op->window.stride * op->in.stride_h;
            b_tap[t] = walk.n * op->grad_out.stride_n + walk.y * op->grad_out.stride_h;
            walk.x = shape.w - 1;
            walk_on(&walk);
        }
        gemm(p, rows, tile);
    }
}

/* The gradient of a panel of the bias: that of a weight whose input is 1. */
static void bias_gradient(const struct fm_plan *plan, const struct fm_op *op,
                          const struct fm_run *run, size_t panel, size_t lanes)
{
    static const float one = 1;
    float sum[FM_PANEL] = {0};
    size_t row[1] = {0};
    struct fm_op ones = *op; /* one element, read again and again */
    ones.in.stride_n = ones.in.stride_h = ones.in.stride_w = 0;
    struct gemm p = {.a = &one,
                     .b = run->workspace + op->grad_out.offset + panel * FM_PANEL,
                     .row = row,
                     .lanes = lanes};
    sum_over_pixels(&ones, run, &p, 1, sum);
    for (size_t l = lanes; l < FM_PANEL; l++)
        sum[l] = 0;
    sink(plan, run, op->bias, panel * FM_PANEL, sum, FM_PANEL);
}

/* Jobs: (panel of outputs, block of the weight's taps); the first block of a panel also does the
   bias. */
static void job_conv_backward_weights(const struct fm_plan *plan, const struct fm_op *op,
                                      const struct fm_run *run, size_t job)
{
    float tile[FM_MC * FM_PANEL] = {0};
    size_t row[FM_MC], first, rows;
    size_t panels = fm_panels(op->units), panel = job % panels;
    size_t lanes = lanes_of_panel(op->units, panel);
    if (!rows_of_part(op->taps, job / panels, &first, &rows))
        return;
    struct fm_shape kernel = {
        .c = op->in_shape.c, .h = op->window.kernel_h, .w = op->window.kernel_w * op->in_shape.c};
    struct walk walk = walk_from(kernel, first); /* x is (column, channel), side by side */
    for (size_t r = 0; r < rows; r++, walk_on(&walk))
        row[r] = op->in.offset + walk.y * op->in.stride_h + walk.x;
    struct gemm p = {.a = run->workspace,
                     .b = run->workspace + op->grad_out.offset + panel * FM_PANEL,
                     .row = row,
                     .lanes = lanes};
    sum_over_pixels(op, run, &p, rows, tile);
    for (size_t r = 0; r < rows && lanes < FM_PANEL; r++)
        for (size_t l = lanes; l < FM_PANEL; l++)
            tile[r * FM_PANEL + l] = 0; /* the panel's spare weights stay zero */
    sink(plan, run, op->weight, (panel * op->taps + first) * FM_PANEL, tile, rows * FM_PANEL);
    if (first == 0)
        bias_gradient(plan, op, run, panel, lanes);
}
