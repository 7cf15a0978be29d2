/* winograd.h -- convolutions by their values at points (lib/winograd.h has the mathematics):

       input     tiles of the input to points           V = B' d B
       filter    filters to points                      U = G g G'
       product   for each point, V U; back to outputs   Y = A' (V U) A
       spread    tiles of a gradient to points          W = A dY A'
       gradient  for each point, V' W; to filters       dg = G' (V' W) G

   The gradient of the input is the same convolution of the output's gradient, with the filters
   turned round. Points of images lie as (panel of channels, point, image, tile, 32), those of a
   product likewise but for a block of images, those of filters as (panel of outputs, point,
   input, 32), inputs rounded up to 32 with zeros. */
#include "base/internal.h"

/* Where the points of the first tile of the first of so many images lie in a panel. */
static struct spots points_of_first(const struct fm_winograd *w, size_t images)
{
    struct spots spots;
    for (size_t i = 0; i < w->y.points; i++)
        for (size_t k = 0; k < w->x.points; k++)
            spots.at[i * FM_MAX_POINTS + k] =
                fm_point_row(w, images, i * w->x.points + k) * FM_PANEL;
    return spots;
}

/* The same for tile (y,x) of image n. Only the last points are had by fewer tiles. */
static struct spots points_of_tile(const struct fm_winograd *w, const struct spots *first, size_t n,
                                   size_t y, size_t x)
{
    struct spots spots;
    size_t last = w->x.points - 1;
    for (size_t i = 0; i < w->y.points; i++) {
        size_t row = n * (i + 1 < w->y.points ? w->y.tiles : w->y.large) + y;
        size_t on = (row * w->x.tiles + x) * FM_PANEL;
        for (size_t k = 0; k < last; k++)
            spots.at[i * FM_MAX_POINTS + k] = first->at[i * FM_MAX_POINTS + k] + on;
        spots.at[i * FM_MAX_POINTS + last] =
            first->at[i * FM_MAX_POINTS + last] + (row * w->x.large + x) * FM_PANEL;
    }
    return spots;
}

/* The images of a block that are at hand. */
static inline size_t images_of_block(const struct fm_winograd *w, const struct fm_run *run,
                                     size_t block)
{
    size_t first = block * w->group;
    if (first >= run->images)
        return 0;
    return run->images - first < w->group ? run->images - first : w->group;
}

/* Calls for a panel of so many pixels: they will be read, or be written, when they are due. */
static inline void fetch_pixels(const float *at, const struct fm_view *view, size_t rows,
                                size_t columns)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < columns; k++)
            for (size_t l = 0; l < FM_PANEL; l += LINE)
                v_prefetch(at + i * view->stride_h + k * view->stride_w + l);
}

/* Tiles of what lies at `place` to points, all channels of a tile together, as they lie. Jobs: rows
   of tiles of the images. */
static void transform_tiles(const struct fm_plan *plan, const struct fm_op *op,
                            const struct fm_run *run, size_t job, const struct fm_view *view,
                            size_t to_room, size_t channels, const struct fm_matrix *y_matrix,
                            const struct fm_matrix *x_matrix)
{
    enum { AHEAD = 2 }; /* panels: the first cache has room for so many tiles */
    const struct fm_winograd *w = op->winograd;
    size_t y = job % w->y.tiles, n = job / w->y.tiles;
    if (n >= run->images)
        return;
    const struct spots first = points_of_first(w, plan->batch);
    const struct spots in_at = even_spots(view->stride_h, view->stride_w);
    const float *in = run->workspace + view->offset + n * view->stride_n +
                      fm_tile_start(&w->y, y) * view->stride_h;
    for (size_t x = 0; x < w->x.tiles; x++) {
        const struct spots out_at = points_of_tile(w, &first, n, y, x);
        const float *tile = in + fm_tile_start(&w->x, x) * view->stride_w;
        float *points = run->workspace + to_room;
        for (size_t panel = 0; panel < fm_panels(channels); panel++) {
            fetch_pixels(tile + (panel + AHEAD) * FM_PANEL, view, y_matrix->columns,
                         x_matrix->columns);
            transform_panel(&y_matrix[fm_tile_is_small(&w->y, y)],
                            &x_matrix[fm_tile_is_small(&w->x, x)], tile + panel * FM_PANEL, &in_at,
                            lanes_of_panel(channels, panel), points, &out_at, op->stream);
            points += fm_winograd_rows(w, plan->batch) * FM_PANEL;
        }
    }
    v_stream_end();
}

static void job_winograd_input(const struct fm_plan *plan, const struct fm_op *op,
                               const struct fm_run *run, size_t job)
{
    transform_tiles(plan, op, run, job, &op->in, op->inputs, op->in_shape.c, op->winograd->y.input,
                    op->winograd->x.input);
}

static void job_winograd_output_gradient(const struct fm_plan *plan, const struct fm_op *op,
                                         const struct fm_run *run, size_t job)
{
    transform_tiles(plan, op, run, job, &op->grad_out, op->gradients, op->units,
                    op->winograd->y.output_gradient, op->winograd->x.output_gradient);
}

/* Filters (kernel_h, kernel_w, 32 inputs, 32 outputs), of which so many inputs are there, to
   points. tap, point: how far apart the taps and points are. */
static void transform_filters(const struct fm_winograd *w, const float *in, size_t tap,
                              size_t inputs, float *out, size_t point, bool stream)
{
    struct spots in_at = even_spots(w->x.filter.columns * tap, tap);
    struct spots out_at = even_spots(w->x.points * point, point);
    for (size_t i = 0; i < FM_PANEL; i++)
        if (i < inputs)
            transform_panel(&w->y.filter, &w->x.filter, in + i * FM_PANEL, &in_at, FM_PANEL,
                            out + i * FM_PANEL, &out_at, stream);
        else
            for (size_t p = 0; p < w->y.points * w->x.points; p++)
                memset(out + p * point + i * FM_PANEL, 0, FM_PANEL * sizeof *out);
    v_stream_end();
}

/* Jobs: (panel of outputs, from step->panel on, panel of inputs). */
static void job_winograd_filter(const struct fm_plan *plan, const struct fm_op *op,
                                const struct fm_run *run, size_t job)
{
    (void)plan;
    size_t c = op->in_shape.c, panels = fm_panels(c), in = job % panels, out = job / panels;
    size_t points = op->winograd->y.points * op->winograd->x.points;
    size_t point = fm_filter_point(panels);
    transform_filters(op->winograd,
                      run->weights + op->weight->offset +
                          ((op->panel + out) * op->taps + in * FM_PANEL) * FM_PANEL,
                      c * FM_PANEL, lanes_of_panel(c, in),
                      run->workspace + op->filters + out * points * point +
                          in * FM_PANEL * FM_PANEL,
                      point, op->stream);
}

/* The filters of a panel of outputs and one of inputs turned round: (kernel_h, kernel_w, 32
   outputs, 32 inputs). */
static void rotate_filters(const struct fm_op *op, const float *weight, size_t lanes, float *to)
{
    size_t taps = op->window.kernel_h * op->window.kernel_w;
    for (size_t tap = 0; tap < taps; tap++, to += FM_PANEL * FM_PANEL) {
        const float *from = weight + (taps - 1 - tap) * op->in_shape.c * FM_PANEL;
        for (size_t i = 0; i < FM_PANEL; i++)
            for (size_t l = 0; l < FM_PANEL; l++)
                to[i * FM_PANEL + l] = l < lanes ? from[l * FM_PANEL + i] : 0;
    }
}

/* The same for the gradient of the input, where outputs come in and inputs go out. Jobs: (panel of
   inputs, from step->panel on, panel of outputs). */
static void job_winograd_rotated_filter(const struct fm_plan *plan, const struct fm_op *op,
                                        const struct fm_run *run, size_t job)
{
    (void)plan;
    size_t panels = fm_panels(op->units), out = job % panels, in = job / panels;
    size_t points = op->winograd->y.points * op->winograd->x.points;
    size_t point = fm_filter_point(panels);
    rotate_filters(op,
                   run->weights + op->weight->offset +
                       (out * op->taps + (op->panel + in) * FM_PANEL) * FM_PANEL,
                   lanes_of_panel(op->in_shape.c, op->panel + in), run->scratch);
    transform_filters(
        op->winograd, run->scratch, FM_PANEL * FM_PANEL, lanes_of_panel(op->units, out),
        run->workspace + op->filters + in * points * point + out * FM_PANEL * FM_PANEL, point,
        op->stream);
}

/* For each point the product of a block's rows, of so many channels, with two panels of filters, or
   the last one, to own memory: the second finds the rows in the cache. */
static void winograd_gemm(const struct fm_plan *plan, const struct fm_op *op,
                          const struct fm_run *run, size_t block, size_t channels, size_t panel,
                          size_t units)
{
    const struct fm_winograd *w = op->winograd;
    size_t panels = fm_panels(channels), points = w->y.points * w->x.points;
    size_t in_panel = fm_winograd_rows(w, plan->batch) * FM_PANEL, first = block * w->group;
    size_t images = images_of_block(w, run, block), point = fm_filter_point(panels);
    const float *in = run->workspace + op->inputs;
    for (size_t i = 0; i < points; i++) {
        size_t tiles = w->point[i].tiles, next = i + 1 < points ? i + 1 : 0;
        size_t row = fm_point_row(w, plan->batch, i) + first * tiles;
        size_t next_row = fm_point_row(w, plan->batch, next) + first * w->point[next].tiles;
        for (size_t p = 0; p < FM_PANELS_PER_JOB && panel + p < fm_panels(units); p++)
            multiply_rows(
                in + row * FM_PANEL, in + (p ? next_row : row) * FM_PANEL, in_panel, panels,
                images * tiles,
                run->workspace + op->filters + ((panel + p - op->panel) * points + i) * point,
                lanes_of_panel(units, panel + p),
                run->scratch +
                    (p * fm_winograd_rows(w, w->group) + fm_point_row(w, w->group, i)) * FM_PANEL);
    }
}

/* What becomes of a pixel's 32 channels: to, where they go; value, of the input there. */
typedef void finish_pixel(const struct fm_op *op, const float *bias, float *pixel, size_t lanes,
                          float *to, const float *value);

/* The outputs of a tile, from the points of a panel's product: `to`, where its first pixel goes,
   and the value beside it. */
static inline void finish_tile(const struct fm_op *op, const struct fm_run *run,
                               const float *points, const struct spots *in_at, size_t tile_y,
                               size_t tile_x, size_t panel, size_t lanes,
                               const struct fm_view *to_view, float *to,
                               const struct fm_view *value_view, const float *value,
                               finish_pixel *finish)
{
    const struct fm_winograd *w = op->winograd;
    _Alignas(64) float tile[POINTS * FM_PANEL];
    const struct spots tile_at = even_spots(FM_MAX_POINTS * FM_PANEL, FM_PANEL);
    const struct fm_matrix *rows = &w->y.output[fm_tile_is_small(&w->y, tile_y)];
    const struct fm_matrix *columns = &w->x.output[fm_tile_is_small(&w->x, tile_x)];
    const float *bias = run->weights + op->bias->offset + panel * FM_PANEL;
    fetch_pixels(value, value_view, rows->rows, columns->rows);
    transform_panel(rows, columns, points, in_at, FM_PANEL, tile, &tile_at, false);
    for (size_t i = 0; i < rows->rows; i++)
        for (size_t k = 0; k < columns->rows; k++)
            finish(op, bias, tile + tile_at.at[i * FM_MAX_POINTS + k], lanes,
                   to + i * to_view->stride_h + k * to_view->stride_w,
                   value + i * value_view->stride_h + k * value_view->stride_w);
}

/* The same for all tiles of a block and the panels of a job. */
static inline void finish_block(const struct fm_op *op, const struct fm_run *run, size_t block,
                                size_t panel, size_t units, const struct fm_view *to,
                                const struct fm_view *value, finish_pixel *finish)
{
    const struct fm_winograd *w = op->winograd;
    size_t images = images_of_block(w, run, block), points = fm_winograd_rows(w, w->group);
    const struct spots first = points_of_first(w, w->group);
    for (size_t g = 0; g < images; g++)
        for (size_t y = 0; y < w->y.tiles; y++)
            for (size_t x = 0; x < w->x.tiles; x++) {
                const struct spots in_at = points_of_tile(w, &first, g, y, x);
                const struct walk at = {.n = block * w->group + g,
                                        .y = fm_tile_start(&w->y, y),
                                        .x = fm_tile_start(&w->x, x)};
                size_t to_at = offset_of(to, &at, 1), value_at = offset_of(value, &at, 1);
                for (size_t p = panel; p < panel + FM_PANELS_PER_JOB && p < fm_panels(units); p++)
                    finish_tile(op, run, run->scratch + (p - panel) * points * FM_PANEL, &in_at, y,
                                x, p, lanes_of_panel(units, p), to,
                                run->workspace + to_at + p * FM_PANEL, value,
                                run->workspace + value_at + p * FM_PANEL, finish);
            }
}

static inline void finish_forward(const struct fm_op *op, const float *bias, float *pixel,
                                  size_t lanes, float *to, const float *value)
{
    (void)value;
    for (size_t l = 0; l < lanes; l += VL) {
        vec y = activate(op->activation, v_add(v_load(pixel + l), v_load(bias + l)));
        if (l + VL <= lanes)
            v_store(to + l, y);
        else
            v_store_part(to + l, y, lanes - l);
    }
}

static inline void finish_backward(const struct fm_op *op, const float *bias, float *pixel,
                                   size_t lanes, float *to, const float *value)
{
    (void)bias;
    store_backward(op, to, pixel, value, lanes);
}

/* Jobs: (FM_PANELS_PER_JOB panels of output channels, block of images). */
static void job_winograd_forward(const struct fm_plan *plan, const struct fm_op *op,
                                 const struct fm_run *run, size_t job)
{
    size_t blocks = fm_winograd_blocks(op->winograd, plan->batch);
    size_t block = job % blocks, panel = op->panel + job / blocks * FM_PANELS_PER_JOB;
    winograd_gemm(plan, op, run, block, op->in_shape.c, panel, op->units);
    finish_block(op, run, block, panel, op->units, &op->out, &op->out, finish_forward);
}

/* The gradient of the input. Jobs: (FM_PANELS_PER_JOB panels of
   input channels, block of images). */
static void job_winograd_backward_data(const struct fm_plan *plan, const struct fm_op *op,
                                       const struct fm_run *run, size_t job)
{
    size_t blocks = fm_winograd_blocks(op->winograd, plan->batch);
    size_t block = job % blocks, panel = op->panel + job / blocks * FM_PANELS_PER_JOB;
    winograd_gemm(plan, op, run, block, op->units, panel, op->in_shape.c);
    finish_block(op, run, block, panel, op->in_shape.c, &op->grad_in, &op->in, finish_backward);
}

/* Own memory of a gradient: for each point (32 inputs, 32 outputs), and a little more, so that the
   points of an input do not all compete for the same lines of the cache. */
enum { GRADIENT_POINT = (FM_PANEL + 1) * FM_PANEL };

/* V' W of a point, (inputs, outputs) of a panel each. next: how far it is to the next point. */
static void multiply_gradient(const float *inputs, const float *gradients, size_t rows, size_t next,
                              size_t lanes, float *sums)
{
    size_t count, n;
    memset(sums, 0, FM_PANEL * FM_PANEL * sizeof *sums);
    for (size_t from = 0; from < rows; from += count) {
        count = rows - from < FM_KC ? rows - from : FM_KC;
        const float *a = inputs + from * FM_PANEL;
        struct stream s = {.b = gradients + from * FM_PANEL, .taps = 1, .inner = count};
        for (size_t r = 0, lines = 0; r < FM_PANEL; r += n, lines += count * LINE) {
            n = tile_rows(FM_PANEL - r);
            s.a = a + r;
            bool more = lines < count * FM_PANEL; /* what is not under way yet */
            s.next_a = more ? a + next + lines : a;
            s.next_b = more ? s.b + next + lines : s.b;
            for (size_t lane = 0; lane < lanes; lane += 2 * VL)
                column_tile(&s, n, lane, sums + r * FM_PANEL);
        }
    }
}

/* The gradient of a panel of outputs and one of inputs, from its points: to filters, and on to the
   sink. */
static void sink_filters(const struct fm_plan *plan, const struct fm_op *op,
                         const struct fm_run *run, size_t in, size_t out, const float *sums,
                         float *filter)
{
    const struct fm_winograd *w = op->winograd;
    size_t c = op->in_shape.c, lanes = lanes_of_panel(op->units, out);
    size_t inputs = lanes_of_panel(c, in), taps = op->window.kernel_h * op->window.kernel_w;
    const struct spots in_at = even_spots(w->x.points * GRADIENT_POINT, GRADIENT_POINT);
    const struct spots out_at =
        even_spots(op->window.kernel_w * FM_PANEL * FM_PANEL, FM_PANEL * FM_PANEL);
    for (size_t i = 0; i < inputs; i++) {
        transform_panel(&w->y.gradient, &w->x.gradient, sums + i * FM_PANEL, &in_at, FM_PANEL,
                        filter + i * FM_PANEL, &out_at, false);
        for (size_t t = 0; t < taps && lanes < FM_PANEL; t++)
            for (size_t l = lanes; l < FM_PANEL; l++)
                filter[(t * FM_PANEL + i) * FM_PANEL + l] = 0;
    }
    for (size_t t = 0; t < taps; t++)
        sink(plan, run, op->weight, (out * op->taps + t * c + in * FM_PANEL) * FM_PANEL,
             filter + t * FM_PANEL * FM_PANEL, inputs * FM_PANEL);
}

/* Jobs: (FM_PANELS_PER_JOB panels of outputs, panel of inputs); those of the first panel of inputs
   also do the bias. */
static void job_winograd_backward_weights(const struct fm_plan *plan, const struct fm_op *op,
                                          const struct fm_run *run, size_t job)
{
    const struct fm_winograd *w = op->winograd;
    size_t panels = fm_panels(op->in_shape.c), in = job % panels;
    size_t out = job / panels * FM_PANELS_PER_JOB, end = fm_panels(op->units);
    size_t points = w->y.points * w->x.points, panel = fm_winograd_rows(w, plan->batch) * FM_PANEL;
    const float *inputs = run->workspace + op->inputs + in * panel;
    const float *gradients = run->workspace + op->gradients;
    end = end < out + FM_PANELS_PER_JOB ? end : out + FM_PANELS_PER_JOB;
    for (size_t i = 0; i < points; i++) {
        size_t at = fm_point_row(w, plan->batch, i) * FM_PANEL, tiles = w->point[i].tiles;
        for (size_t p = out; p < end; p++)
            multiply_gradient(inputs + at, gradients + p * panel + at, run->images * tiles,
                              (plan->batch * tiles + 1) * FM_PANEL, lanes_of_panel(op->units, p),
                              run->scratch + ((p - out) * points + i) * GRADIENT_POINT);
    }
    for (size_t p = out; p < end; p++) {
        sink_filters(plan, op, run, in, p, run->scratch + (p - out) * points * GRADIENT_POINT,
                     run->scratch + FM_PANELS_PER_JOB * points * GRADIENT_POINT);
        if (in == 0)
            bias_gradient(plan, op, run, p, lanes_of_panel(op->units, p));
    }
}
