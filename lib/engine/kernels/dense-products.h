/* dense.h -- dense layers, whose kernel is the whole input: one output pixel, and every weight
   is used once an image.

   The steps of small layers work on a block of images, so that several follow each other in one
   job; those of large ones share out the weights. */
#include "base/internal.h"

/* So many panels of the outputs, FM_PANELS_A_JOB at most, of images first .. first + count - 1,
   FM_ROWS at most. */
static void dense_panels(const struct fm_step *step, const struct fm_run *run, size_t first,
                         size_t count, size_t panel, size_t panels)
{
    enum { TILE_FLOATS = FM_ROWS * FM_PANEL };
    float tiles[FM_PANELS_A_JOB * TILE_FLOATS];
    struct product p[FM_PANELS_A_JOB] = {{.a = NULL}};
    size_t row[FM_ROWS];
    static const size_t none[1];
    for (size_t r = 0; r < count; r++)
        row[r] = r * step->in.image;
    for (size_t i = 0; i < panels; i++) {
        const float *bias = run->weights + step->bias + (panel + i) * FM_PANEL;
        for (size_t r = 0; r < count; r++)
            memcpy(tiles + i * TILE_FLOATS + r * FM_PANEL, bias, FM_PANEL * sizeof *bias);
        p[i] =
            (struct product){.a = run->workspace + step->in.origin + first * step->in.image,
                             .b = run->weights + step->weight + (panel + i) * step->taps * FM_PANEL,
                             .row = row,
                             .a_tap = none,
                             .b_tap = none,
                             .taps = 1,
                             .inner = step->taps,
                             .a_step = 1,
                             .b_step = FM_PANEL,
                             .lanes = lanes_of_panel(step->units, panel + i)};
    }
    products(p, panels, count, tiles);
    for (size_t i = 0; i < panels; i++)
        for (size_t r = 0; r < count; r++)
            store_lanes(run->workspace + step->out.origin + (first + r) * step->out.image +
                            (panel + i) * FM_PANEL,
                        tiles + i * TILE_FLOATS + r * FM_PANEL, p[i].lanes, step->activation);
}

/* Two images by four vectors: the terms of up to 64 pixels that are not dark in both. */
#define LIGHT_VECTORS(X) X(0, low) X(1, low + VL) X(2, high) X(3, high + VL)
#define LIGHT_LOAD(i, w) vec a##i = v_load(sum + i * VL), b##i = v_load(sum + (i + 4) * VL);
#define LIGHT_STEP(i, w)                                                                           \
    {                                                                                              \
        vec weight = v_load(w + k * FM_PANEL);                                                     \
        v_keep(weight);                                                                            \
        a##i = v_fma(xa, weight, a##i);                                                            \
        b##i = v_fma(xb, weight, b##i);                                                            \
    }
#define LIGHT_STORE(i, w)                                                                          \
    v_store(sum + i * VL, a##i);                                                                   \
    v_store(sum + (i + 4) * VL, b##i);

static inline void light_word(uint64_t bits, const float *a, const float *b, const float *low,
                              const float *high, float *sum)
{
    LIGHT_VECTORS(LIGHT_LOAD)
    for (; bits; bits &= bits - 1) {
        size_t k = (size_t)__builtin_ctzll(bits);
        vec xa = v_splat(a[k]), xb = v_splat(b[k]);
        LIGHT_VECTORS(LIGHT_STEP)
    }
    LIGHT_VECTORS(LIGHT_STORE)
}

/* tile (image of the pair, 4 VL lanes) += sum: the end of a group of K_GROUP pixels. */
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
static void light_product(const struct fm_step *step, const struct fm_run *run, size_t first,
                          size_t count, const float *low, const float *high, float *tile)
{
    enum { PAIR = 8 * VL };
    float sum[FM_BLOCK / 2 * PAIR] = {0};
    size_t words = (step->taps + 63) / 64;
    const float *light = run->workspace + step->light + first / 2 * words * 2;
    const float *x = run->workspace + step->in.origin + first * step->in.image;
    for (size_t w = 0; w < words; w++, low += 64 * FM_PANEL, high += 64 * FM_PANEL)
        for (size_t n = 0; n < count; n += 2) {
            uint64_t bits;
            memcpy(&bits, light + (n / 2 * words + w) * 2, sizeof bits);
            const float *a = x + n * step->in.image + w * 64;
            light_word(bits, a, n + 1 < count ? a + step->in.image : a, low, high,
                       sum + n / 2 * PAIR);
            if ((w + 1) % (K_GROUP / 64) == 0 || w + 1 == words)
                end_group(tile + n / 2 * PAIR, sum + n / 2 * PAIR);
        }
}

/* Where an image of light_product's begins in its tile. */
static inline float *light_row(float *tile, size_t n)
{
    return tile + n * 4 * VL;
}

/* Two panels of outputs, or the last one, of up to FM_BLOCK images, by their pixels that are not
   dark. A bias of -0 would tell what has been left out from what has been added: it becomes +0. */
static void light_panels(const struct fm_step *step, const struct fm_run *run, size_t first,
                         size_t count, size_t panel)
{
    float tile[FM_BLOCK * 4 * VL], rows[FM_BLOCK * 2 * FM_PANEL];
    size_t size = step->taps * FM_PANEL, panels = fm_panels(step->units) - panel;
    size_t lanes = panels > 1 ? 2 * FM_PANEL : FM_PANEL;
    const float *bias = run->weights + step->bias + panel * FM_PANEL;
    const float *weight = run->weights + step->weight + panel * size;
    for (size_t lane = 0; lane < lanes; lane += 4 * VL) {
        size_t half = lane + 2 * VL < lanes ? lane + 2 * VL : lane;
        for (size_t n = 0; n < FM_BLOCK; n++)
            for (size_t l = 0; l < 2 * VL; l += VL) {
                float *start = light_row(tile, n) + l;
                v_store(start, v_add(v_load(bias + lane + l), v_splat(0)));
                v_store(start + 2 * VL, v_add(v_load(bias + half + l), v_splat(0)));
            }
        light_product(step, run, first, count, weight + lane / FM_PANEL * size + lane % FM_PANEL,
                      weight + half / FM_PANEL * size + half % FM_PANEL, tile);
        for (size_t n = 0; n < count; n++)
            for (size_t l = 0; l < 4 * VL && lane + l < lanes; l += VL)
                v_store(rows + n * 2 * FM_PANEL + lane + l, v_load(light_row(tile, n) + l));
    }
    float *to = run->workspace + step->out.origin + first * step->out.image + panel * FM_PANEL;
    size_t left = step->units - panel * FM_PANEL;
    for (size_t n = 0; n < count; n++)
        store_lanes(to + n * step->out.image, rows + n * 2 * FM_PANEL, left < lanes ? left : lanes,
                    step->activation);
}

/* Jobs: (FM_PANELS_A_JOB panels of outputs, block of FM_ROWS images, or of FM_BLOCK by light). A
   thread goes on with the panels it has begun with. */
static void job_dense(const struct fm_plan *plan, const struct fm_step *step,
                      const struct fm_run *run, size_t job)
{
    size_t max = step->light ? FM_BLOCK : FM_ROWS, parts = (plan->batch + max - 1) / max;
    size_t first = job % parts * max, panel = job / parts * FM_PANELS_A_JOB;
    if (first >= run->images)
        return;
    size_t count = run->images - first < max ? run->images - first : max;
    size_t panels = fm_panels(step->units) - panel;
    if (step->light)
        light_panels(step, run, first, count, panel);
    else
        dense_panels(step, run, first, count, panel,
                     panels < FM_PANELS_A_JOB ? panels : FM_PANELS_A_JOB);
}

static void block_dense(const struct fm_plan *plan, const struct fm_step *step,
                        const struct fm_run *run, size_t first, size_t count)
{
    (void)plan;
    size_t panels = fm_panels(step->units);
    for (size_t panel = 0; panel < panels && !step->light; panel++)
        dense_panels(step, run, first, count, panel, 1);
    for (size_t panel = 0; panel < panels && step->light; panel += FM_PANELS_A_JOB)
        for (size_t n = 0; n < count; n += FM_BLOCK)
            light_panels(step, run, first + n, count - n < FM_BLOCK ? count - n : FM_BLOCK, panel);
}

/* The gradient of the output to scratch: (panel of images, units rounded up to 32, 32 images);
   spare units are zero, spare images anything. */
static void block_transpose_batch(const struct fm_plan *plan, const struct fm_step *step,
                                  const struct fm_run *run, size_t first, size_t count)
{
    (void)plan;
    size_t padded = fm_panels(step->units) * FM_PANEL;
    float *to =
        run->workspace + step->scratch + first / FM_PANEL * padded * FM_PANEL + first % FM_PANEL;
    const float *from = run->workspace + step->back.origin + first * step->back.image;
    for (size_t unit = 0; unit < padded; unit++, to += FM_PANEL)
        for (size_t l = 0; l < count; l++)
            to[l] = unit < step->units ? from[l * step->back.image + unit] : 0;
}

/* An image's row of gradients to where it belongs: `first` counts the input's values as they
   lie. */
static inline void store_dense_row(const struct fm_step *step, const struct fm_run *run,
                                   size_t image, size_t first, size_t count, const float *g)
{
    struct fm_shape row_shape = {
        .c = 1, .h = step->in_shape.h, .w = step->in_shape.w * step->in_shape.c};
    const float *value = run->workspace + step->in.origin + image * step->in.image;
    float *to = run->workspace + step->in_back.origin + image * step->in_back.image;
    struct walk walk = walk_from(row_shape, first);
    size_t c = step->in_shape.c, run_length;
    for (size_t r = 0; r < count; r += run_length) {
        size_t channel = walk.x % c;
        run_length = c - channel < count - r ? c - channel : count - r;
        store_back(to + walk.y * step->in_back.row + walk.x / c * step->in_back.pixel + channel,
                   g + r, value + walk.y * step->in.row + walk.x, run_length, step->activation);
        walk.x += run_length - 1;
        walk_on(&walk);
    }
}

/* Stores a tile of (rows of the input, images) as rows of images. It is turned as a whole
   first: a vector cannot be loaded at once from where single floats have just been stored. */
static void store_dense_back(const struct fm_step *step, const struct fm_run *run, size_t first,
                             size_t rows, size_t image, size_t lanes, const float *tile)
{
    float g[FM_PANEL * FM_ROWS];
    for (size_t l = 0; l < lanes; l++)
        for (size_t r = 0; r < rows; r++)
            g[l * FM_ROWS + r] = tile[r * FM_PANEL + l];
    for (size_t l = 0; l < lanes; l++)
        store_dense_row(step, run, image + l, first, rows, g + l * FM_ROWS);
}

/* The gradient of inputs first .. first + rows - 1 (FM_ROWS at most) of images that are side by
   side in scratch. The weights are used as they lie, with the images as lanes. */
static void dense_back_rows(const struct fm_step *step, const struct fm_run *run, size_t first,
                            size_t rows, size_t image, size_t images)
{
    float tile[FM_ROWS * FM_PANEL];
    size_t row[FM_ROWS], panels = fm_panels(step->units);
    for (size_t r = 0; r < rows; r++)
        row[r] = step->weight + (first + r) * FM_PANEL;
    struct product p = {.a = run->weights,
                        .row = row,
                        .inner = FM_PANEL,
                        .a_step = 1,
                        .b_step = FM_PANEL,
                        .lanes = images,
                        .fresh = true};
    enum { AT_ONCE = 64 };
    size_t a_tap[AT_ONCE], b_tap[AT_ONCE];
    p.a_tap = a_tap;
    p.b_tap = b_tap;
    p.b = run->workspace + step->scratch + image / FM_PANEL * panels * FM_PANEL * FM_PANEL +
          image % FM_PANEL;
    for (size_t from = 0; from < panels; from += p.taps) {
        p.taps = panels - from < AT_ONCE ? panels - from : AT_ONCE;
        for (size_t t = 0; t < p.taps; t++) {
            a_tap[t] = (from + t) * step->taps * FM_PANEL;
            b_tap[t] = (from + t) * FM_PANEL * FM_PANEL;
        }
        product(&p, rows, tile);
        p.fresh = false;
    }
    store_dense_back(step, run, first, rows, image, images, tile);
}

/* Jobs: (panel of images, block of inputs). */
static void job_dense_back(const struct fm_plan *plan, const struct fm_step *step,
                           const struct fm_run *run, size_t job)
{
    size_t first, rows, panels = fm_panels(plan->batch), image = job % panels * FM_PANEL;
    if (image < run->images && rows_of_part(step->taps, job / panels, &first, &rows))
        dense_back_rows(step, run, first, rows, image, lanes_of_panel(run->images, job % panels));
}

static void block_dense_back(const struct fm_plan *plan, const struct fm_step *step,
                             const struct fm_run *run, size_t first, size_t count)
{
    (void)plan;
    size_t input, rows;
    for (size_t part = 0; rows_of_part(step->taps, part, &input, &rows); part++)
        dense_back_rows(step, run, input, rows, first, count);
}

/* The gradient of a panel of the bias: that of a weight whose input is 1. */
static void dense_bias_gradient(const struct fm_plan *plan, const struct fm_step *step,
                                const struct fm_run *run, struct product *p, size_t panel)
{
    static const float one = 1;
    static const size_t row[1];
    float sum[FM_PANEL];
    p->a = &one;
    p->a_step = 0;
    p->row = row;
    product(p, 1, sum);
    for (size_t l = p->lanes; l < FM_PANEL; l++)
        sum[l] = 0;
    sink(plan, run, step->bias + panel * FM_PANEL, sum, FM_PANEL);
}

/* A group of images of the product for FM_LIT rows side by side: those whose bits are set. What
   is left out is zero and would add nothing. */
static void lit_tile(const struct product *p, const float *inputs, struct group k, size_t lane,
                     const uint16_t *lit, size_t groups, float *c)
{
    c += lane;
    ROWS_6(TILE_ZERO)
    for (size_t n = k.from; n < k.to; n += 64) {
        uint64_t bits = 0;
        for (size_t i = 0; i < 4 && n + i * FM_BLOCK < k.to; i++)
            bits |= (uint64_t)lit[(n / FM_BLOCK + i) * groups] << i * FM_BLOCK;
        for (; bits; bits &= bits - 1) {
            size_t image = n + (size_t)__builtin_ctzll(bits);
            const float *a = inputs + image * p->a_step, *b = p->b + image * p->b_step + lane;
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

/* The product for whole FM_LIT rows, as far as they go, from the input's `first` on; returns how
   many rows these are. */
static size_t lit_product(const struct fm_step *step, const struct fm_run *run,
                          const struct product *p, size_t first, size_t rows, float *tile)
{
    size_t groups = step->taps / FM_LIT;
    const uint16_t *lit = (const uint16_t *)(run->workspace + step->scratch) + first / FM_LIT;
    rows -= rows % FM_LIT;
    for (struct group k = {.fresh = true}; k.from < p->inner; k.from = k.to, k.fresh = false) {
        k.to = p->inner - k.from > K_GROUP ? k.from + K_GROUP : p->inner;
        for (size_t r = 0; r < rows; r += FM_LIT)
            for (size_t lane = 0; lane < p->lanes; lane += 2 * VL)
                lit_tile(p, p->a + r, k, lane, lit + r / FM_LIT, groups, tile + r * FM_PANEL);
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
static void job_dense_gradient(const struct fm_plan *plan, const struct fm_step *step,
                               const struct fm_run *run, size_t job)
{
    float tile[FM_ROWS * FM_PANEL];
    size_t row[FM_ROWS], first, rows, parts = (step->taps + FM_ROWS - 1) / FM_ROWS;
    static const size_t none[1];
    size_t panel = job / parts, lanes = lanes_of_panel(step->units, panel);
    if (!rows_of_part(step->taps, job % parts, &first, &rows))
        return;
    for (size_t r = 0; r < rows; r++)
        row[r] = r;
    struct product p = {.a = run->workspace + step->in.origin + first,
                        .b = run->workspace + step->back.origin + panel * FM_PANEL,
                        .row = row,
                        .a_tap = none,
                        .b_tap = none,
                        .taps = 1,
                        .inner = run->images,
                        .a_step = step->in.image,
                        .b_step = step->back.image,
                        .lanes = lanes,
                        .fresh = true};
    size_t done = step->scratch ? lit_product(step, run, &p, first, rows, tile) : 0;
    p.row += done;
    product(&p, rows - done, tile + done * FM_PANEL);
    clear_spare(tile, rows, lanes);
    sink(plan, run, step->weight + (panel * step->taps + first) * FM_PANEL, tile, rows * FM_PANEL);
    if (first == 0)
        dense_bias_gradient(plan, step, run, &p, panel);
}
