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

static inline size_t place_of(const struct fm_place *place, const struct walk *at, size_t stride)
{
    return place->origin + at->n * place->image + at->y * stride * place->row +
           at->x * stride * place->pixel;
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
    *first = part * FM_ROWS;
    if (*first >= all)
        return false;
    *rows = all - *first < FM_ROWS ? all - *first : FM_ROWS;
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
static void job_affine(const struct fm_plan *plan, const struct fm_step *step,
                       const struct fm_run *run, size_t job)
{
    (void)plan;
    float tile[FM_ROWS * FM_PANEL];
    size_t row[FM_ROWS], out[FM_ROWS], first, rows;
    struct fm_shape shape = step->out_shape;
    size_t panels = fm_panels(step->units), panel = job % panels;
    if (!rows_of_part(run->images * shape.h * shape.w, job / panels, &first, &rows))
        return;
    struct walk walk = walk_from(shape, first);
    const float *bias = run->weights + step->bias + panel * FM_PANEL;
    for (size_t r = 0; r < rows; r++, walk_on(&walk)) {
        row[r] = place_of(&step->in, &walk, step->window.stride);
        out[r] = place_of(&step->out, &walk, 1);
        memcpy(tile + r * FM_PANEL, bias, FM_PANEL * sizeof *tile);
    }
    struct window_taps taps;
    find_taps(&taps, step->window.kernel_h, step->window.kernel_w, step->in_shape.c, step->in.row);
    size_t lanes = lanes_of_panel(step->units, panel);
    struct product p = {.a = run->workspace,
                        .b = run->weights + step->weight + panel * step->taps * FM_PANEL,
                        .row = row,
                        .a_tap = taps.a,
                        .b_tap = taps.b,
                        .taps = taps.count,
                        .inner = taps.inner,
                        .a_step = 1,
                        .b_step = FM_PANEL,
                        .lanes = lanes};
    product(&p, rows, tile);
    for (size_t r = 0; r < rows; r++)
        store_lanes(run->workspace + out[r] + panel * FM_PANEL, tile + r * FM_PANEL, lanes,
                    step->activation);
}

/* Gradients sum over the pixels of all images. Where there is one an image, the images are
   the inner elements of a single tap; else a row of pixels is a tap, handed over in pieces of so
   many. */
enum { GRADIENT_TAPS = 256 };

static void sum_over_pixels(const struct fm_step *step, const struct fm_run *run, struct product *p,
                            size_t rows, float *tile)
{
    size_t a_tap[GRADIENT_TAPS] = {0}, b_tap[GRADIENT_TAPS] = {0};
    struct fm_shape shape = step->out_shape;
    p->a_tap = a_tap;
    p->b_tap = b_tap;
    if (shape.h * shape.w == 1) {
        p->taps = 1;
        p->inner = run->images;
        p->a_step = step->in.image;
        p->b_step = step->back.image;
        product(p, rows, tile);
        return;
    }
    p->inner = shape.w;
    p->a_step = step->window.stride * step->in.pixel;
    p->b_step = step->back.pixel;
    struct walk walk = walk_from(shape, 0);
    for (size_t left = run->images * shape.h; left > 0; left -= p->taps) {
        p->taps = left < GRADIENT_TAPS ? left : GRADIENT_TAPS;
        for (size_t t = 0; t < p->taps; t++) {
            a_tap[t] = walk.n * step->in.image + walk.y * step->window.stride * step->in.row;
            b_tap[t] = walk.n * step->back.image + walk.y * step->back.row;
            walk.x = shape.w - 1;
            walk_on(&walk);
        }
        product(p, rows, tile);
    }
}

/* The gradient of a panel of the bias: that of a weight whose input is 1. */
static void bias_gradient(const struct fm_plan *plan, const struct fm_step *step,
                          const struct fm_run *run, size_t panel, size_t lanes)
{
    static const float one = 1;
    float sum[FM_PANEL] = {0};
    size_t row[1] = {0};
    struct fm_step ones = *step; /* one element, read again and again */
    ones.in.image = ones.in.row = ones.in.pixel = 0;
    struct product p = {.a = &one,
                        .b = run->workspace + step->back.origin + panel * FM_PANEL,
                        .row = row,
                        .lanes = lanes};
    sum_over_pixels(&ones, run, &p, 1, sum);
    for (size_t l = lanes; l < FM_PANEL; l++)
        sum[l] = 0;
    sink(plan, run, step->bias + panel * FM_PANEL, sum, FM_PANEL);
}

/* Jobs: (panel of outputs, block of the weight's taps); the first block of a panel also does the
   bias. */
static void job_gradient(const struct fm_plan *plan, const struct fm_step *step,
                         const struct fm_run *run, size_t job)
{
    float tile[FM_ROWS * FM_PANEL] = {0};
    size_t row[FM_ROWS], first, rows;
    size_t panels = fm_panels(step->units), panel = job % panels;
    size_t lanes = lanes_of_panel(step->units, panel);
    if (!rows_of_part(step->taps, job / panels, &first, &rows))
        return;
    struct fm_shape kernel = {.c = step->in_shape.c,
                              .h = step->window.kernel_h,
                              .w = step->window.kernel_w * step->in_shape.c};
    struct walk walk = walk_from(kernel, first); /* x is (column, channel), side by side */
    for (size_t r = 0; r < rows; r++, walk_on(&walk))
        row[r] = step->in.origin + walk.y * step->in.row + walk.x;
    struct product p = {.a = run->workspace,
                        .b = run->workspace + step->back.origin + panel * FM_PANEL,
                        .row = row,
                        .lanes = lanes};
    sum_over_pixels(step, run, &p, rows, tile);
    for (size_t r = 0; r < rows && lanes < FM_PANEL; r++)
        for (size_t l = lanes; l < FM_PANEL; l++)
            tile[r * FM_PANEL + l] = 0; /* the panel's spare weights stay zero */
    sink(plan, run, step->weight + (panel * step->taps + first) * FM_PANEL, tile, rows * FM_PANEL);
    if (first == 0)
        bias_gradient(plan, step, run, panel, lanes);
}
