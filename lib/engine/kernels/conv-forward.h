/* conv-forward.h -- direct convolution, forward: a GEMM whose rows are output pixels and whose k
   runs over (kernel_h, kernel_w, c).

   No image is copied (no im2col): a table of offsets says where the rows of the kernel lie in the
   image. Backward data is the same GEMM over other arrays, see conv-backward.h. */
#include "base/internal.h"

/* Offsets of the kernel's rows from the first pixel of a window: a in the image, b in a panel of
   weights (kernel_h, kernel_w, c, 32). Each is `inner` elements of (kernel_w, c). If the rows
   follow each other in the image without a gap, they count as a single one. */
struct window_taps {
    size_t count, inner, a[FM_MAX_KERNEL], b[FM_MAX_KERNEL];
};

/* row: from one row of the image to the next, in floats. */
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

/* ---- windows of few terms: nothing but a loop over them, from registers to the outputs' places */

enum { MAX_FEW_TERMS = 32 };

struct few_terms {
    const float *a, *b;                /* the workspace; (terms,32) */
    const float *bias;                 /* (32) */
    float *out;                        /* the panel in the workspace */
    size_t terms, term[MAX_FEW_TERMS]; /* offsets from the first pixel of a window */
};

#define FEW_START(i) TILE_ZERO(i) const float *a##i = p->a + row[i];
#define FEW_END(i)                                                                                 \
    v_store(p->out + to[i] + lane, activate(activation, v_add(bias0, low##i)));                    \
    v_store(p->out + to[i] + lane + VL, activate(activation, v_add(bias1, high##i)));

/* row, to [rows]: offsets into a and out. */
#define DEFINE_FEW(name, rows, activation_)                                                        \
    static void name##_##rows(const struct few_terms *p, const size_t *row, const size_t *to,      \
                              size_t lane)                                                         \
    {                                                                                              \
        const enum fm_activation activation = activation_;                                         \
        const float *b = p->b + lane;                                                              \
        ROWS_##rows(FEW_START) for (size_t k = 0; k < p->terms; k++, b += FM_PANEL)                \
        {                                                                                          \
            const size_t o = p->term[k];                                                           \
            const vec b0 = v_load(b), b1 = v_load(b + VL);                                         \
            ROWS_##rows(TILE_TERM)                                                                 \
        }                                                                                          \
        const vec bias0 = v_load(p->bias + lane), bias1 = v_load(p->bias + lane + VL);             \
        ROWS_##rows(FEW_END)                                                                       \
    }
#define DEFINE_FEW_ALL(name, activation)                                                           \
    DEFINE_FEW(name, 1, activation)                                                                \
    DEFINE_FEW(name, 2, activation)                                                                \
    DEFINE_FEW(name, 4, activation)                                                                \
    DEFINE_FEW(name, 6, activation)                                                                \
    DEFINE_FEW(name, 8, activation)                                                                \
    DEFINE_FEW(name, 10, activation)                                                               \
    DEFINE_FEW(name, 12, activation)
DEFINE_FEW_ALL(few_linear, FM_LINEAR)
DEFINE_FEW_ALL(few_relu, FM_RELU)

/* Whether they can be used: whole panels, and one of these activations. */
static inline bool has_few_terms(const struct fm_op *op, size_t lanes)
{
    return op->taps <= MAX_FEW_TERMS && lanes == FM_PANEL &&
           (op->activation == FM_LINEAR || op->activation == FM_RELU);
}

/* As gemm() and activation for a single group of k. row, to [rows]. */
static void multiply_few(const struct fm_op *op, const struct gemm *g, const float *bias,
                         const size_t *to, size_t rows, float *out)
{
    struct few_terms p = {.a = g->a, .b = g->b, .bias = bias, .out = out};
    for (size_t t = 0; t < g->taps; t++)
        for (size_t i = 0; i < g->inner; i++)
            p.term[p.terms++] = g->a_tap[t] + i;
    for (size_t r = 0, n; r < rows; r += n) {
        n = tile_rows(rows - r);
        for (size_t lane = 0; lane < FM_PANEL; lane += NR)
            if (op->activation == FM_RELU) {
                CALL_TILE(few_relu, n, &p, g->row + r, to + r, lane)
            } else {
                CALL_TILE(few_linear, n, &p, g->row + r, to + r, lane)
            }
    }
}

/* ---- */

/* out = activation(in * weight + bias), for output pixels first .. first + rows - 1 of the batch,
   FM_MC at most, and a panel of outputs.
   in       (n,h,w,c) by op->in, which points at the corner of the padding
   weight   (panel of outputs, kernel_h, kernel_w, c, 32), bias (panel, 32)
   out      (n,h,w,units) by op->out */
static void conv_forward_rows(const struct fm_op *op, const struct fm_run *run, size_t first,
                              size_t rows, size_t panel)
{
    float tile[FM_MC * FM_PANEL];
    size_t row[FM_MC], out[FM_MC];
    const struct walk walk = walk_from(op->out_shape, first);
    const float *bias = bias_of(op, run, panel);
    list_offsets(row, &op->in, walk, rows, op->window.stride);
    list_offsets(out, &op->out, walk, rows, 1);
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
    if (has_few_terms(op, lanes)) {
        multiply_few(op, &p, bias, out, rows, run->workspace + panel * FM_PANEL);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        memcpy(tile + r * FM_PANEL, bias, FM_PANEL * sizeof *tile);
    gemm(&p, rows, tile);
    for (size_t r = 0; r < rows; r++)
        store_lanes(run->workspace + out[r] + panel * FM_PANEL, tile + r * FM_PANEL, lanes,
                    op->activation);
}

typedef void conv_rows(const struct fm_op *op, const struct fm_run *run, size_t first, size_t rows,
                       size_t panel);

/* Jobs: (block of FM_MC of the run's pixels, panel), panels fastest. pixels: of an image. */
static inline void conv_job(const struct fm_op *op, const struct fm_run *run, size_t job,
                            size_t pixels, size_t panels, conv_rows *multiply)
{
    size_t first, rows;
    if (rows_of_block(run->images * pixels, job / panels, &first, &rows))
        multiply(op, run, first, rows, job % panels);
}

/* All pixels of images first .. first + count - 1, FM_MC at a time. */
static inline void conv_block(const struct fm_op *op, const struct fm_run *run, size_t first,
                              size_t count, size_t pixels, size_t panels, conv_rows *multiply)
{
    size_t from, rows;
    for (size_t block = 0; rows_of_block(count * pixels, block, &from, &rows); block++)
        for (size_t panel = 0; panel < panels; panel++)
            multiply(op, run, first * pixels + from, rows, panel);
}

static void job_conv_forward(const struct fm_plan *plan, const struct fm_op *op,
                             const struct fm_run *run, size_t job)
{
    (void)plan;
    conv_job(op, run, job, op->out_shape.h * op->out_shape.w, fm_panels(op->units),
             conv_forward_rows);
}

static void block_conv_forward(const struct fm_plan *plan, const struct fm_op *op,
                               const struct fm_run *run, size_t first, size_t count)
{
    (void)plan;
    conv_block(op, run, first, count, op->out_shape.h * op->out_shape.w, fm_panels(op->units),
               conv_forward_rows);
}
