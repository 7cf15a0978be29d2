/* dense-both.h -- the whole way back through a large dense layer, in one pass over its weights: the
   gradient of its input, and that of its weights, which changes them.

   Such a layer lies in memory: cnn's largest has 103 MB of weights and as much of each of Adam's
   moments. A job has some inputs; their weights are in the cache when the gradient comes. It is
   summed up tile by tile, and meanwhile the optimizer does the tile before, and what it will want
   for the next panel is fetched. */
#include "base/internal.h"

/* A tile of the weights' gradient over some images: their inputs, and a panel of gradients of the
   outputs. Half the registers are enough for it, and the optimizer needs some, too. */
struct fused {
    const float *in, *grad_out;
    size_t in_image, grad_image, images;
};

#define FUSED_TERM(rows)                                                                           \
    vec b0 = v_load(b), b1 = v_load(b + VL);                                                       \
    ROWS_##rows(STREAM_COLUMN) n++;                                                                \
    a += t->in_image;                                                                              \
    b += t->grad_image;

#define DEFINE_FUSED_TILE(rows)                                                                    \
    static void both_tile_##rows(const struct fused *t, size_t lane, struct pending *work,         \
                                 float *c)                                                         \
    {                                                                                              \
        struct pending pending = *work;                                                            \
        const float *a = t->in, *b = t->grad_out + lane;                                           \
        size_t n = 0;                                                                              \
        c += lane;                                                                                 \
        ROWS_##rows(TILE_ZERO) while (n < t->images && pending.at < pending.end)                   \
        {                                                                                          \
            FUSED_TERM(rows)                                                                       \
            v_prefetch(pending.next[0] + pending.at);                                              \
            v_prefetch(pending.next[1] + pending.at);                                              \
            sink_next(&pending);                                                                   \
        }                                                                                          \
        while (n < t->images) {                                                                    \
            FUSED_TERM(rows)                                                                       \
        }                                                                                          \
        ROWS_##rows(TILE_END) work->at = pending.at;                                               \
    }

DEFINE_FUSED_TILE(1)
DEFINE_FUSED_TILE(2)
DEFINE_FUSED_TILE(4)
DEFINE_FUSED_TILE(8)

static inline void fused_tile(const struct fused *t, size_t rows, size_t lane,
                              struct pending *pending, float *c)
{
    if (rows == 8)
        both_tile_8(t, lane, pending, c);
    else if (rows == 4)
        both_tile_4(t, lane, pending, c);
    else if (rows == 2)
        both_tile_2(t, lane, pending, c);
    else
        both_tile_1(t, lane, pending, c);
}

static inline size_t fused_rows(size_t left)
{
    enum { LIMIT = MR < 8 ? 4 : 8 };
    return left >= LIMIT ? LIMIT : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/* The gradient of a panel's weights for some inputs, over all images. Each tile of it is due as
   soon as it is there. tile: zero. next: the weights that come after these. */
static void fused_weights(const struct fm_plan *plan, const struct fm_op *op,
                          const struct fm_run *run, size_t input, size_t rows, size_t panel,
                          size_t next, struct pending *pending, float *tile)
{
    size_t weight = (panel * op->taps + input) * FM_PANEL;
    size_t lanes = lanes_of_panel(op->units, panel), n;
    for (size_t r = 0; r < rows; r += n) {
        n = fused_rows(rows - r);
        float *c = tile + r * FM_PANEL;
        struct fused t = {.in_image = op->in.stride_n, .grad_image = op->grad_out.stride_n};
        for (size_t first = 0; first < run->images; first += t.images) {
            t.images = run->images - first < FM_KC ? run->images - first : FM_KC;
            t.in = run->workspace + op->in.offset + first * op->in.stride_n + input + r;
            t.grad_out = run->workspace + op->grad_out.offset + first * op->grad_out.stride_n +
                         panel * FM_PANEL;
            for (size_t lane = 0; lane < lanes; lane += 2 * VL)
                fused_tile(&t, n, lane, pending, c);
        }
        clear_spare(c, n, lanes);
        sink_rest(*pending);
        *pending = sink_pending(plan, run, op->weight, weight + r * FM_PANEL, c, n * FM_PANEL);
        for (size_t i = 0; i < PREFETCHED; i++)
            pending->next[i] = run->slots[i] ? run->slots[i] + next + r * FM_PANEL : c;
    }
}

static void fused_data(const struct fm_op *op, const struct fm_run *run, size_t input, size_t rows)
{
    float tile[FM_MC * FM_PANEL];
    size_t panels = fm_panels(op->units);
    const float *weight = run->weights + op->weight->offset + input * FM_PANEL;
    for (size_t first = 0; first < run->images; first += FM_PANEL) {
        size_t images = run->images - first < FM_PANEL ? run->images - first : FM_PANEL;
        multiply_rows(weight, weight + rows * FM_PANEL, op->taps * FM_PANEL, panels, rows,
                      run->workspace + op->transposed + first * panels * FM_PANEL, images, tile);
        store_dense_backward(op, run, input, rows, first, images, tile);
    }
}

/* Jobs: blocks of step->rows inputs; the first also does the bias. */
static void job_dense_backward(const struct fm_plan *plan, const struct fm_op *op,
                               const struct fm_run *run, size_t job)
{
    size_t input = job * op->rows, panels = fm_panels(op->units);
    size_t rows = op->taps - input < op->rows ? op->taps - input : op->rows;
    float tiles[2][FM_MC * FM_PANEL];
    struct pending pending = {.end = 0};
    fused_data(op, run, input, rows);
    for (size_t panel = 0; panel < panels; panel++) {
        size_t next =
            op->weight->offset +
            (panel + 1 < panels ? (panel + 1) * op->taps + input : input + rows) * FM_PANEL;
        memset(tiles[panel % 2], 0, rows * FM_PANEL * sizeof **tiles);
        fused_weights(plan, op, run, input, rows, panel, next, &pending, tiles[panel % 2]);
        if (job == 0)
            bias_gradient(plan, op, run, panel, lanes_of_panel(op->units, panel));
    }
    sink_rest(pending);
}
