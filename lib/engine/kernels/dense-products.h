/* dense.h -- dense layers, whose kernel is the whole input: one output pixel, and every weight
   is used once an image.

   The steps of small layers work on a block of images, so that several follow each other in one
   job; those of large ones share out the weights. */
#include "base/internal.h"

/* So many panels of the outputs, FM_PANELS_PER_JOB at most, of images first .. first + count - 1,
   FM_MC at most. */
static void dense_panels(const struct fm_op *op, const struct fm_run *run, size_t first,
                         size_t count, size_t panel, size_t panels)
{
    enum { TILE_FLOATS = FM_MC * FM_PANEL };
    float tiles[FM_PANELS_PER_JOB * TILE_FLOATS];
    struct gemm p[FM_PANELS_PER_JOB] = {{.a = NULL}};
    size_t row[FM_MC];
    static const size_t none[1];
    for (size_t r = 0; r < count; r++)
        row[r] = r * op->in.stride_n;
    for (size_t i = 0; i < panels; i++) {
        const float *bias = run->weights + op->bias->offset + (panel + i) * FM_PANEL;
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

/* Two images by four vectors: the terms of up to 64 pixels that are not dark in both. */
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

/* tile (image of the pair, 4 VL lanes) += sum: the end of a group of FM_KC pixels. */
static inline void end_group(float *tile, float *sum)
{
    for (size_t i = 0; i < 8 * VL; i += VL) {
        v_store(tile + i, v_add(v_load(tile + i), v_load(sum + i)));
        v_store(sum + i, v_splat(0));
    }
}

/* 4 VL outputs, from `low` and `high` on two vectors each, of up to FM_BLOCK images: 64 inputs
   at a time for all images, so that their weights stay in the first cache. tile: (pair of
   images, 2, 4 VL). */
static void sparse_product(const struct fm_op *op, const struct fm_run *run, size_t first,
                           size_t count, const float *low, const float *high, float *tile)
{
    enum { PAIR = 8 * VL };
    float sum[FM_BLOCK / 2 * PAIR] = {0};
    size_t words = (op->taps + 63) / 64;
    const float *nonzero = run->workspace + op->nonzero_pairs + first / 2 * words * 2;
    const float *x = run->workspace + op->in.offset + first * op->in.stride_n;
    for (size_t w = 0; w < words; w++, low += 64 * FM_PANEL, high += 64 * FM_PANEL)
        for (size_t n = 0; n < count; n += 2) {
            uint64_t bits;
            memcpy(&bits, nonzero + (n / 2 * words + w) * 2, sizeof bits);
            const float *a = x + n * op->in.stride_n + w * 64;
            sparse_word(bits, a, n + 1 < count ? a + op->in.stride_n : a, low, high,
                        sum + n / 2 * PAIR);
            if ((w + 1) % (FM_KC / 64) == 0 || w + 1 == words)
                end_group(tile + n / 2 * PAIR, sum + n / 2 * PAIR);
        }
}

/* Where an image of sparse_product's begins in its tile. */
static inline float *sparse_row(float *tile, size_t n)
{
    return tile + n * 4 * VL;
}

/* Two panels of outputs, or the last one, of up to FM_BLOCK images, by their pixels that are not
   dark. A bias of -0 would tell what has been left out from what has been added: it becomes +0. */
static void sparse_panels(const struct fm_op *op, const struct fm_run *run, size_t first,
                          size_t count, size_t panel)
{
    float tile[FM_BLOCK * 4 * VL], rows[FM_BLOCK * 2 * FM_PANEL];
    size_t size = op->taps * FM_PANEL, panels = fm_panels(op->units) - panel;
    size_t lanes = panels > 1 ? 2 * FM_PANEL : FM_PANEL;
    const float *bias = run->weights + op->bias->offset + panel * FM_PANEL;
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

/* Jobs: (FM_PANELS_PER_JOB panels of outputs, block of FM_MC images, or of FM_BLOCK by light). A
   thread goes on with the panels it has begun with. */
static void job_dense_forward(const struct fm_plan *plan, const struct fm_op *op,
                              const struct fm_run *run, size_t job)
{
    size_t max = op->nonzero_pairs ? FM_BLOCK : FM_MC, parts = (plan->batch + max - 1) / max;
    size_t first = job % parts * max, panel = job / parts * FM_PANELS_PER_JOB;
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

/* The gradient of the output to `transposed`: (panel of images, units rounded up to 32, 32 images);
   spare units are zero, spare images anything. */
static void block_transpose_batch(const struct fm_plan *plan, const struct fm_op *op,
                                  const struct fm_run *run, size_t first, size_t count)
{
    (void)plan;
    size_t padded = fm_panels(op->units) * FM_PANEL;
    float *to =
        run->workspace + op->transposed + first / FM_PANEL * padded * FM_PANEL + first % FM_PANEL;
    const float *from = run->workspace + op->grad_out.offset + first * op->grad_out.stride_n;
    for (size_t unit = 0; unit < padded; unit++, to += FM_PANEL)
        for (size_t l = 0; l < count; l++)
            to[l] = unit < op->units ? from[l * op->grad_out.stride_n + unit] : 0;
}

/* An image's row of gradients to where it belongs: `first` counts the input's values as they
   lie. */
static inline void store_dense_row(const struct fm_op *op, const struct fm_run *run, size_t image,
                                   size_t first, size_t count, const float *g)
{
    struct fm_shape row_shape = {.c = 1, .h = op->in_shape.h, .w = op->in_shape.w * op->in_shape.c};
    const float *value = run->workspace + op->in.offset + image * op->in.stride_n;
    float *to = run->workspace + op->grad_in.offset + image * op->grad_in.stride_n;
    struct walk walk = walk_from(row_shape, first);
    size_t c = op->in_shape.c, run_length;
    for (size_t r = 0; r < count; r += run_length) {
        size_t channel = walk.x % c;
        run_length = c - channel < count - r ? c - channel : count - r;
        store_backward(
            op, to + walk.y * op->grad_in.stride_h + walk.x / c * op->grad_in.stride_w + channel,
            g + r, value + walk.y * op->in.stride_h + walk.x, run_length);
        walk.x += run_length - 1;
        walk_on(&walk);
    }
}

/* Stores a tile of (rows of the input, images) as rows of images. It is turned as a whole
   first: a vector cannot be loaded at once from where single floats have just been stored. */
static void store_dense_backward(const struct fm_op *op, const struct fm_run *run, size_t first,
                                 size_t rows, size_t image, size_t lanes, const float *tile)
{
    float g[FM_PANEL * FM_MC];
    for (size_t l = 0; l < lanes; l++)
        for (size_t r = 0; r < rows; r++)
            g[l * FM_MC + r] = tile[r * FM_PANEL + l];
    for (size_t l = 0; l < lanes; l++)
        store_dense_row(op, run, image + l, first, rows, g + l * FM_MC);
}

/* The gradient of inputs first .. first + rows - 1 (FM_MC at most) of images that are side by
   side in scratch. The weights are used as they lie, with the images as lanes. */
static void dense_backward_rows(const struct fm_op *op, const struct fm_run *run, size_t first,
                                size_t rows, size_t image, size_t images)
{
    float tile[FM_MC * FM_PANEL];
    size_t row[FM_MC], panels = fm_panels(op->units);
    for (size_t r = 0; r < rows; r++)
        row[r] = op->weight->offset + (first + r) * FM_PANEL;
    struct gemm p = {.a = run->weights,
                     .row = row,
                     .inner = FM_PANEL,
                     .a_stride = 1,
                     .b_stride = FM_PANEL,
                     .lanes = images,
                     .fresh = true};
    enum { AT_ONCE = 64 };
    size_t a_tap[AT_ONCE], b_tap[AT_ONCE];
    p.a_tap = a_tap;
    p.b_tap = b_tap;
    p.b = run->workspace + op->transposed + image / FM_PANEL * panels * FM_PANEL * FM_PANEL +
          image % FM_PANEL;
    for (size_t from = 0; from < panels; from += p.taps) {
        p.taps = panels - from < AT_ONCE ? panels - from : AT_ONCE;
        for (size_t t = 0; t < p.taps; t++) {
            a_tap[t] = (from + t) * op->taps * FM_PANEL;
            b_tap[t] = (from + t) * FM_PANEL * FM_PANEL;
        }
        gemm(&p, rows, tile);
        p.fresh = false;
    }
    store_dense_backward(op, run, first, rows, image, images, tile);
}

/* Jobs: (panel of images, block of inputs). */
static void job_dense_backward_data(const struct fm_plan *plan, const struct fm_op *op,
                                    const struct fm_run *run, size_t job)
{
    size_t first, rows, panels = fm_panels(plan->batch), image = job % panels * FM_PANEL;
    if (image < run->images && rows_of_part(op->taps, job / panels, &first, &rows))
        dense_backward_rows(op, run, first, rows, image, lanes_of_panel(run->images, job % panels));
}

static void block_dense_backward_data(const struct fm_plan *plan, const struct fm_op *op,
                                      const struct fm_run *run, size_t first, size_t count)
{
    (void)plan;
    size_t input, rows;
    for (size_t part = 0; rows_of_part(op->taps, part, &input, &rows); part++)
        dense_backward_rows(op, run, input, rows, first, count);
}

/* The gradient of a panel of the bias: that of a weight whose input is 1. */
static void dense_bias_gradient(const struct fm_plan *plan, const struct fm_op *op,
                                const struct fm_run *run, struct gemm *p, size_t panel)
{
    static const float one = 1;
    static const size_t row[1];
    float sum[FM_PANEL];
    p->a = &one;
    p->a_stride = 0;
    p->row = row;
    gemm(p, 1, sum);
    for (size_t l = p->lanes; l < FM_PANEL; l++)
        sum[l] = 0;
    sink(plan, run, op->bias, panel * FM_PANEL, sum, FM_PANEL);
}

/* A group of images of the product for FM_MASK_PIXELS rows side by side: those whose bits are set. What
   is left out is zero and would add nothing. */
static void sparse_tile(const struct gemm *p, const float *inputs, struct group k, size_t lane,
                        const uint16_t *mask_bits, size_t groups, float *c)
{
    c += lane;
    ROWS_6(TILE_ZERO)
    for (size_t n = k.from; n < k.to; n += 64) {
        uint64_t bits = 0;
        for (size_t i = 0; i < 4 && n + i * FM_BLOCK < k.to; i++)
            bits |= (uint64_t)mask_bits[(n / FM_BLOCK + i) * groups] << i * FM_BLOCK;
        for (; bits; bits &= bits - 1) {
            size_t image = n + (size_t)__builtin_ctzll(bits);
            const float *a = inputs + image * p->a_stride, *b = p->b + image * p->b_stride + lane;
            vec b0 = v_load(b), b1 = v_load(b + VL);
            ROWS_6(STREAM_COLUMN)
        }
    }
    if (k.fresh) {
        ROWS_6(TILE_FRESH_END)
    } else {
        ROWS_6(TILE_END)
    }
}

/* The product for whole FM_MASK_PIXELS rows, as far as they go, from the input's `first` on; returns how
   many rows these are. */
static size_t sparse_weights_product(const struct fm_op *op, const struct fm_run *run,
                                     const struct gemm *p, size_t first, size_t rows, float *tile)
{
    size_t groups = op->taps / FM_MASK_PIXELS;
    const uint16_t *mask_bits =
        (const uint16_t *)(run->workspace + op->nonzero_groups) + first / FM_MASK_PIXELS;
    rows -= rows % FM_MASK_PIXELS;
    for (struct group k = {.fresh = true}; k.from < p->inner; k.from = k.to, k.fresh = false) {
        k.to = p->inner - k.from > FM_KC ? k.from + FM_KC : p->inner;
        for (size_t r = 0; r < rows; r += FM_MASK_PIXELS)
            for (size_t lane = 0; lane < p->lanes; lane += 2 * VL)
                sparse_tile(p, p->a + r, k, lane, mask_bits + r / FM_MASK_PIXELS, groups,
                            tile + r * FM_PANEL);
    }
    return rows;
}

/* The panel's spare weights stay zero. */
static inline void clear_spare(float *tile, size_t rows, size_t lanes)
{
    for (size_t r = 0; r < rows && lanes < FM_PANEL; r++)
        for (size_t l = lanes; l < FM_PANEL; l++)
            tile[r * FM_PANEL + l] = 0;
}

/* Jobs: (panel of outputs, block of inputs), so that the thread which has begun with a panel goes
   on with it; the first block also does the bias. */
static void job_dense_backward_weights(const struct fm_plan *plan, const struct fm_op *op,
                                       const struct fm_run *run, size_t job)
{
    float tile[FM_MC * FM_PANEL];
    size_t row[FM_MC], first, rows, parts = (op->taps + FM_MC - 1) / FM_MC;
    static const size_t none[1];
    size_t panel = job / parts, lanes = lanes_of_panel(op->units, panel);
    if (!rows_of_part(op->taps, job % parts, &first, &rows))
        return;
    for (size_t r = 0; r < rows; r++)
        row[r] = r;
    struct gemm p = {.a = run->workspace + op->in.offset + first,
                     .b = run->workspace + op->grad_out.offset + panel * FM_PANEL,
                     .row = row,
                     .a_tap = none,
                     .b_tap = none,
                     .taps = 1,
                     .inner = run->images,
                     .a_stride = op->in.stride_n,
                     .b_stride = op->grad_out.stride_n,
                     .lanes = lanes,
                     .fresh = true};
    size_t done = op->nonzero_groups ? sparse_weights_product(op, run, &p, first, rows, tile) : 0;
    p.row += done;
    gemm(&p, rows - done, tile + done * FM_PANEL);
    clear_spare(tile, rows, lanes);
    sink(plan, run, op->weight, (panel * op->taps + first) * FM_PANEL, tile, rows * FM_PANEL);
    if (first == 0)
        dense_bias_gradient(plan, op, run, &p, panel);
}
