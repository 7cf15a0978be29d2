/* dense-both.h -- the whole way back through a large dense layer, in one pass over its weights: the
   gradient of its input, and that of its weights, which changes them.

   Such a layer lies in memory: cnn's largest has 103 MB of weights and as much of each of Adam's
   moments. A job has some inputs; their weights are in the cache when the gradient comes. It is
   summed up tile by tile, and meanwhile the optimizer does the tile before, and what it will want
   for the next panel is fetched. */
#include "base/internal.h"

/* A tile of the weights' gradient over some images: their inputs, and a panel of gradients of the
   outputs. Half the registers are enough for it, and the optimizer needs some, too. */
struct both {
    const float *in, *back;
    size_t in_image, back_image, images;
};

#define BOTH_STEP(rows)                                                                            \
    vec b0 = v_load(b), b1 = v_load(b + VL);                                                       \
    ROWS_##rows(STREAM_COLUMN) n++;                                                                \
    a += t->in_image;                                                                              \
    b += t->back_image;

#define DEFINE_BOTH_TILE(rows)                                                                     \
    static void both_tile_##rows(const struct both *t, size_t lane, struct due *work, float *c)    \
    {                                                                                              \
        struct due due = *work;                                                                    \
        const float *a = t->in, *b = t->back + lane;                                               \
        size_t n = 0;                                                                              \
        c += lane;                                                                                 \
        ROWS_##rows(TILE_ZERO) while (n < t->images && due.at < due.end)                           \
        {                                                                                          \
            BOTH_STEP(rows)                                                                        \
            v_prefetch(due.next[0] + due.at);                                                      \
            v_prefetch(due.next[1] + due.at);                                                      \
            sink_next(&due);                                                                       \
        }                                                                                          \
        while (n < t->images) {                                                                    \
            BOTH_STEP(rows)                                                                        \
        }                                                                                          \
        ROWS_##rows(TILE_END) work->at = due.at;                                                   \
    }

DEFINE_BOTH_TILE(1)
DEFINE_BOTH_TILE(2)
DEFINE_BOTH_TILE(4)
DEFINE_BOTH_TILE(8)

static inline void both_tile(const struct both *t, size_t rows, size_t lane, struct due *due,
                             float *c)
{
    if (rows == 8)
        both_tile_8(t, lane, due, c);
    else if (rows == 4)
        both_tile_4(t, lane, due, c);
    else if (rows == 2)
        both_tile_2(t, lane, due, c);
    else
        both_tile_1(t, lane, due, c);
}

static inline size_t both_rows(size_t left)
{
    enum { LIMIT = TILE < 8 ? 4 : 8 };
    return left >= LIMIT ? LIMIT : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/* The gradient of a panel's weights for some inputs, over all images. Each tile of it is due as
   soon as it is there. tile: zero. next: the weights that come after these. */
static void both_gradient(const struct fm_plan *plan, const struct fm_step *step,
                          const struct fm_run *run, size_t input, size_t rows, size_t panel,
                          size_t next, struct due *due, float *tile)
{
    size_t weight = step->weight + (panel * step->taps + input) * FM_PANEL;
    size_t lanes = lanes_of_panel(step->units, panel), n;
    for (size_t r = 0; r < rows; r += n) {
        n = both_rows(rows - r);
        float *c = tile + r * FM_PANEL;
        struct both t = {.in_image = step->in.image, .back_image = step->back.image};
        for (size_t first = 0; first < run->images; first += t.images) {
            t.images = run->images - first < K_GROUP ? run->images - first : K_GROUP;
            t.in = run->workspace + step->in.origin + first * step->in.image + input + r;
            t.back =
                run->workspace + step->back.origin + first * step->back.image + panel * FM_PANEL;
            for (size_t lane = 0; lane < lanes; lane += 2 * VL)
                both_tile(&t, n, lane, due, c);
        }
        clear_spare(c, n, lanes);
        sink_rest(*due);
        *due = sink_later(plan, run, weight + r * FM_PANEL, c, n * FM_PANEL);
        for (int i = 0; i < FM_SLOTS; i++)
            due->next[i] = run->slots[i] ? run->slots[i] + next + r * FM_PANEL : c;
    }
}

static void both_input_gradient(const struct fm_step *step, const struct fm_run *run, size_t input,
                                size_t rows)
{
    float tile[FM_ROWS * FM_PANEL];
    size_t panels = fm_panels(step->units);
    const float *weight = run->weights + step->weight + input * FM_PANEL;
    for (size_t first = 0; first < run->images; first += FM_PANEL) {
        size_t images = run->images - first < FM_PANEL ? run->images - first : FM_PANEL;
        multiply_rows(weight, weight + rows * FM_PANEL, step->taps * FM_PANEL, panels, rows,
                      run->workspace + step->scratch + first * panels * FM_PANEL, images, tile);
        store_dense_back(step, run, input, rows, first, images, tile);
    }
}

/* Jobs: blocks of step->rows inputs; the first also does the bias. */
static void job_dense_both(const struct fm_plan *plan, const struct fm_step *step,
                           const struct fm_run *run, size_t job)
{
    size_t input = job * step->rows, panels = fm_panels(step->units);
    size_t rows = step->taps - input < step->rows ? step->taps - input : step->rows;
    float tiles[2][FM_ROWS * FM_PANEL];
    struct due due = {.end = 0};
    both_input_gradient(step, run, input, rows);
    for (size_t panel = 0; panel < panels; panel++) {
        size_t next =
            step->weight +
            (panel + 1 < panels ? (panel + 1) * step->taps + input : input + rows) * FM_PANEL;
        memset(tiles[panel % 2], 0, rows * FM_PANEL * sizeof **tiles);
        both_gradient(plan, step, run, input, rows, panel, next, &due, tiles[panel % 2]);
        if (job == 0)
            bias_gradient(plan, step, run, panel, lanes_of_panel(step->units, panel));
    }
    sink_rest(due);
}
