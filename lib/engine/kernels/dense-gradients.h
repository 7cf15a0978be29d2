/* dense-gradients.h -- dense layers, backward data and backward weights.

     in           (n, inputs) by op->in, inputs (h,w,c) side by side except for padding
     grad_out     (n, units) by op->grad_out
     transposed   (panel of images, units rounded up to 32, 32 images): grad_out
     weight       (panel of outputs, inputs, 32)
     grad_in      (n,h,w,c) by op->grad_in

   Backward data uses the weights as they are stored, as rows of the GEMM, with images as lanes: for
   this, grad_out is transposed. */
#include "base/internal.h"

/* grad_out to transposed. Spare units become zero; the lanes of spare images hold anything.
   Blocks: images first .. first + count - 1, within a panel of images. */
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

/* ---- backward data */

/* g (count): the gradient of an image's inputs first .. first + count - 1, goes to grad_in, pixel
   by pixel. */
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

/* tile (rows, 32 images): the gradient of inputs first .. first + rows - 1 of images
   image .. image + lanes - 1, goes to grad_in. The whole tile is transposed first: a CPU cannot
   forward single stored floats to the load of a vector. */
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

/* grad_in = weight * transposed for inputs first .. first + rows - 1, FM_MC at most, and images
   image .. image + images - 1 of a panel. k of the GEMM: (panel of outputs, 32). */
static void dense_backward_rows(const struct fm_op *op, const struct fm_run *run, size_t first,
                                size_t rows, size_t image, size_t images)
{
    float tile[FM_MC * FM_PANEL]; /* (rows, 32 images) */
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
    /* Panels of outputs that one GEMM is given at most; their offsets lie on the stack. A multiple
       of FM_KC / FM_PANEL, so that it does not change the groups of k. */
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

/* Jobs: (block of FM_MC inputs, panel of images), panels fastest. */
static void job_dense_backward_data(const struct fm_plan *plan, const struct fm_op *op,
                                    const struct fm_run *run, size_t job)
{
    size_t first, rows, panels = fm_panels(plan->batch), image = job % panels * FM_PANEL;
    if (image < run->images && rows_of_block(op->taps, job / panels, &first, &rows))
        dense_backward_rows(op, run, first, rows, image, lanes_of_panel(run->images, job % panels));
}

/* Blocks: images first .. first + count - 1, within a panel of images; all inputs. */
static void block_dense_backward_data(const struct fm_plan *plan, const struct fm_op *op,
                                      const struct fm_run *run, size_t first, size_t count)
{
    (void)plan;
    size_t input, rows;
    for (size_t block = 0; rows_of_block(op->taps, block, &input, &rows); block++)
        dense_backward_rows(op, run, input, rows, first, count);
}

/* ---- backward weights */

/* For a register tile and the optimizer. With fewer, updating between the terms is slower. */
enum { ENOUGH_REGISTERS = MR >= 8 };

/* A register tile of FM_MASK_PIXELS inputs for a group of images, those whose bits are set: in the
   others the inputs are zero, and their terms would change nothing.
   inputs      (n, inputs) by p->a_stride, from the tile's first input on
   mask_bits   (block of FM_BLOCK images, groups), from the tile's group on
   c           (6 rows, 32)
   Where there are registers enough, a vector of the pending update is done after each term. */
static void sparse_tile(const struct gemm *p, const float *inputs, struct group k, size_t lane,
                        const uint16_t *mask_bits, size_t groups, float *c, struct pending *pending)
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
            if (ENOUGH_REGISTERS && pending->at < pending->end)
                sink_next(pending);
        }
    }
    if (k.fresh) {
        ROWS_6(TILE_FRESH_END)
    } else {
        ROWS_6(TILE_END)
    }
}

/* The GEMM p by the mask of non-zero pixels, for as many of the inputs first .. first + rows - 1 as
   fill groups of FM_MASK_PIXELS. tile (rows,32). The update of rows that are complete is pending;
   its end stays 0 if none is. Returns the number of rows that are done. */
static size_t sparse_weights_product(const struct fm_op *op, const struct fm_run *run,
                                     const struct gemm *p, size_t first, size_t rows, float *tile,
                                     bool update, struct pending *pending)
{
    size_t groups = op->taps / FM_MASK_PIXELS;
    const uint16_t *mask_bits =
        (const uint16_t *)(run->workspace + op->nonzero_groups) + first / FM_MASK_PIXELS;
    rows -= rows % FM_MASK_PIXELS;
    for (struct group k = {.fresh = true}; k.from < p->inner; k.from = k.to, k.fresh = false) {
        k.to = p->inner - k.from > FM_KC ? k.from + FM_KC : p->inner;
        for (size_t r = 0; r < rows; r += FM_MASK_PIXELS) {
            float *c = tile + r * FM_PANEL;
            for (size_t lane = 0; lane < p->lanes; lane += NR)
                sparse_tile(p, p->a + r, k, lane, mask_bits + r / FM_MASK_PIXELS, groups, c,
                            pending);
            if (k.to < p->inner)
                continue;
            clear_spare(c, FM_MASK_PIXELS, p->lanes);
            pending->end = update ? (r + FM_MASK_PIXELS) * FM_PANEL : 0;
        }
    }
    return rows;
}

/* The gradient of weight = in transposed * grad_out, k of the GEMM being the images, and of the
   bias; both go to the sink.
   Jobs: (panel of outputs, block of FM_MC inputs), blocks fastest, so that a thread continues with
   the panel it began with; the first block also does the bias. */
static void job_dense_backward_weights(const struct fm_plan *plan, const struct fm_op *op,
                                       const struct fm_run *run, size_t job)
{
    float tile[FM_MC * FM_PANEL];
    size_t row[FM_MC], first, rows, blocks = (op->taps + FM_MC - 1) / FM_MC;
    static const size_t none[1];
    size_t panel = job / blocks, lanes = lanes_of_panel(op->units, panel);
    if (!rows_of_block(op->taps, job % blocks, &first, &rows))
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
    size_t offset = (panel * op->taps + first) * FM_PANEL, done = 0;
    bool update = run->sink == FM_SINK_UPDATE && ENOUGH_REGISTERS;
    struct pending pending = {0};
    if (update)
        pending = update_to_come(plan, run, op->weight, offset);
    pending.gradient = tile;
    if (op->nonzero_groups)
        done = sparse_weights_product(op, run, &p, first, rows, tile, update, &pending);
    p.row += done;
    gemm(&p, rows - done, tile + done * FM_PANEL);
    clear_spare(tile + done * FM_PANEL, rows - done, lanes);
    if (update) {
        pending.end = rows * FM_PANEL;
        sink_rest(pending);
    } else {
        sink(plan, run, op->weight, offset, tile, rows * FM_PANEL);
    }
    if (first == 0)
        bias_gradient(plan, op, run, panel);
}
