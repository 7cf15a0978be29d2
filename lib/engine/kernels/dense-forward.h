/* dense-forward.h -- dense layers, forward.

   A dense layer is a convolution whose kernel is the whole input: there is one output pixel, and an
   image uses every weight once. k runs over the inputs, (h,w,c), op->taps of them.

     in       (n, inputs) by op->in, inputs side by side
     weight   (panel of outputs, inputs, 32), bias (panel, 32)
     out      (n, units) by op->out

   Small layers work on a block of images, so that several ops follow each other in one job; large
   layers divide their weights among the jobs. The first layer leaves out terms whose pixel is zero,
   by the masks of input.h. */
#include "base/internal.h"

/* Images first .. first + count - 1, FM_MC at most; panels panel .. panel + panels - 1 of the
   outputs, FM_PANELS_PER_JOB at most. */
static void dense_panels(const struct fm_op *op, const struct fm_run *run, size_t first,
                         size_t count, size_t panel, size_t panels)
{
    enum { TILE_FLOATS = FM_MC * FM_PANEL };
    float tiles[FM_PANELS_PER_JOB * TILE_FLOATS]; /* (panels, image, 32) */
    struct gemm p[FM_PANELS_PER_JOB] = {{.a = NULL}};
    size_t row[FM_MC];
    static const size_t none[1];
    for (size_t r = 0; r < count; r++)
        row[r] = r * op->in.stride_n;
    for (size_t i = 0; i < panels; i++) {
        const float *bias = bias_of(op, run, panel + i);
        for (size_t r = 0; r < count; r++)
            memcpy(tiles + i * TILE_FLOATS + r * FM_PANEL, bias, FM_PANEL * sizeof *bias);
        p[i] = (struct gemm){.a = run->workspace + op->in.offset + first * op->in.stride_n,
                             .b = run->weights + op->weight->offset +
                                  (panel + i) * op->taps * FM_PANEL,
                             .row = row,
                             .a_tap = none,
                             .b_tap = none,
                             .taps = 1,
                             .inner = op->taps,
                             .a_stride = 1,
                             .b_stride = FM_PANEL,
                             .lanes = lanes_of_panel(op->units, panel + i)};
    }
    gemm_batch(p, panels, count, tiles);
    for (size_t i = 0; i < panels; i++)
        for (size_t r = 0; r < count; r++)
            store_lanes(run->workspace + op->out.offset + (first + r) * op->out.stride_n +
                            (panel + i) * FM_PANEL,
                        tiles + i * TILE_FLOATS + r * FM_PANEL, p[i].lanes, op->activation);
}

/* ---- the first layer, by the mask of non-zero pixels */

/* The register tile: two images, a and b, by four vectors of outputs: two from `low`, two from
   `high`. */
#define SPARSE_VECTORS(X) X(0, low) X(1, low + VL) X(2, high) X(3, high + VL)
#define SPARSE_LOAD(i, w) vec a##i = v_load(sum + i * VL), b##i = v_load(sum + (i + 4) * VL);
#define SPARSE_TERM(i, w)                                                                          \
    {                                                                                              \
        vec weight = v_load(w + k * FM_PANEL);                                                     \
        v_keep(weight);                                                                            \
        a##i = v_fma(xa, weight, a##i);                                                            \
        b##i = v_fma(xb, weight, b##i);                                                            \
    }
#define SPARSE_STORE(i, w)                                                                         \
    v_store(sum + i * VL, a##i);                                                                   \
    v_store(sum + (i + 4) * VL, b##i);

/* Adds the terms of those of 64 pixels whose bits are set.
   a, b        (64 pixels) of an image each
   low, high   (64 pixels, 32) of a panel of weights, of which two vectors are used
   sum         (2 images, 4 VL) */
static inline void sparse_word(uint64_t bits, const float *a, const float *b, const float *low,
                               const float *high, float *sum)
{
    SPARSE_VECTORS(SPARSE_LOAD)
    for (; bits; bits &= bits - 1) {
        size_t k = (size_t)__builtin_ctzll(bits);
        vec xa = v_splat(a[k]), xb = v_splat(b[k]);
        SPARSE_VECTORS(SPARSE_TERM)
    }
    SPARSE_VECTORS(SPARSE_STORE)
}

/* The end of a group of FM_KC pixels: tile += sum, sum = 0; both (2 images, 4 VL). */
static inline void end_group(float *tile, float *sum)
{
    for (size_t i = 0; i < 8 * VL; i += VL) {
        v_store(tile + i, v_add(v_load(tile + i), v_load(sum + i)));
        v_store(sum + i, v_splat(0));
    }
}

/* 4 VL outputs of images first .. first + count - 1, FM_BLOCK at most. All images do 64 pixels
   before the next 64, so that these weights stay in the first-level cache.
   low, high   (pixels, 32) of a panel of weights, two vectors each
   tile        (pair of images, 2, 4 VL): the start of the sums, then the sums */
static void sparse_product(const struct fm_op *op, const struct fm_run *run, size_t first,
                           size_t count, const float *low, const float *high, float *tile)
{
    enum { PAIR_FLOATS = 8 * VL };
    float sum[FM_BLOCK / 2 * PAIR_FLOATS] = {0};
    size_t words = (op->taps + 63) / 64;
    const float *nonzero = run->workspace + op->nonzero_pairs + first / 2 * words * 2;
    const float *x = run->workspace + op->in.offset + first * op->in.stride_n;
    for (size_t w = 0; w < words; w++, low += 64 * FM_PANEL, high += 64 * FM_PANEL)
        for (size_t n = 0; n < count; n += 2) {
            uint64_t bits;
            memcpy(&bits, nonzero + (n / 2 * words + w) * 2, sizeof bits);
            const float *a = x + n * op->in.stride_n + w * 64;
            sparse_word(bits, a, n + 1 < count ? a + op->in.stride_n : a, low, high,
                        sum + n / 2 * PAIR_FLOATS);
            if ((w + 1) % (FM_KC / 64) == 0 || w + 1 == words)
                end_group(tile + n / 2 * PAIR_FLOATS, sum + n / 2 * PAIR_FLOATS);
        }
}

/* Image n of sparse_product's tile, (4 VL). */
static inline float *sparse_row(float *tile, size_t n)
{
    return tile + n * 4 * VL;
}

/* Panels panel and panel + 1 of the outputs, or the last one, of images first .. first + count - 1,
   FM_BLOCK at most, by their non-zero pixels. A bias of -0 becomes +0, as it would if the zero
   terms were added. */
static void sparse_panels(const struct fm_op *op, const struct fm_run *run, size_t first,
                          size_t count, size_t panel)
{
    float tile[FM_BLOCK * 4 * VL], rows[FM_BLOCK * 2 * FM_PANEL]; /* rows: (image, 64) */
    size_t size = op->taps * FM_PANEL, panels = fm_panels(op->units) - panel;
    size_t lanes = panels > 1 ? 2 * FM_PANEL : FM_PANEL;
    const float *bias = bias_of(op, run, panel);
    const float *weight = run->weights + op->weight->offset + panel * size;
    for (size_t lane = 0; lane < lanes; lane += 4 * VL) {
        size_t half = lane + 2 * VL < lanes ? lane + 2 * VL : lane;
        for (size_t n = 0; n < FM_BLOCK; n++)
            for (size_t l = 0; l < 2 * VL; l += VL) {
                float *start = sparse_row(tile, n) + l;
                v_store(start, v_add(v_load(bias + lane + l), v_splat(0)));
                v_store(start + 2 * VL, v_add(v_load(bias + half + l), v_splat(0)));
            }
        sparse_product(op, run, first, count, weight + lane / FM_PANEL * size + lane % FM_PANEL,
                       weight + half / FM_PANEL * size + half % FM_PANEL, tile);
        for (size_t n = 0; n < count; n++)
            for (size_t l = 0; l < 4 * VL && lane + l < lanes; l += VL)
                v_store(rows + n * 2 * FM_PANEL + lane + l, v_load(sparse_row(tile, n) + l));
    }
    float *to = run->workspace + op->out.offset + first * op->out.stride_n + panel * FM_PANEL;
    size_t left = op->units - panel * FM_PANEL;
    for (size_t n = 0; n < count; n++)
        store_lanes(to + n * op->out.stride_n, rows + n * 2 * FM_PANEL, left < lanes ? left : lanes,
                    op->activation);
}

/* ---- the kernels */

/* out = activation(in * weight + bias); shapes above.
   Jobs: (FM_PANELS_PER_JOB panels of outputs, block of images), blocks fastest, so that a thread
   continues with the panels it began with. A block is FM_MC images, FM_BLOCK with a mask. */
static void job_dense_forward(const struct fm_plan *plan, const struct fm_op *op,
                              const struct fm_run *run, size_t job)
{
    size_t max = op->nonzero_pairs ? FM_BLOCK : FM_MC, blocks = (plan->batch + max - 1) / max;
    size_t first = job % blocks * max, panel = job / blocks * FM_PANELS_PER_JOB;
    if (first >= run->images)
        return;
    size_t count = run->images - first < max ? run->images - first : max;
    size_t panels = fm_panels(op->units) - panel;
    if (op->nonzero_pairs)
        sparse_panels(op, run, first, count, panel);
    else
        dense_panels(op, run, first, count, panel,
                     panels < FM_PANELS_PER_JOB ? panels : FM_PANELS_PER_JOB);
}

/* The same. Blocks: images first .. first + count - 1, all outputs. */
static void block_dense_forward(const struct fm_plan *plan, const struct fm_op *op,
                                const struct fm_run *run, size_t first, size_t count)
{
    (void)plan;
    size_t panels = fm_panels(op->units);
    for (size_t panel = 0; panel < panels && !op->nonzero_pairs; panel++)
        dense_panels(op, run, first, count, panel, 1);
    for (size_t panel = 0; panel < panels && op->nonzero_pairs; panel += FM_PANELS_PER_JOB)
        for (size_t n = 0; n < count; n += FM_BLOCK)
            sparse_panels(op, run, first + n, count - n < FM_BLOCK ? count - n : FM_BLOCK, panel);
}
