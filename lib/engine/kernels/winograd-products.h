/* winograd-products.h -- convolutions by Winograd's algorithm; engine/winograd.h has the matrices.

     winograd_input              input transform              V = B' d B
     winograd_filter             filter transform             U = G g G'
     winograd_forward            GEMM for each point, then
                                 output transform             Y = A' (V U) A
     winograd_output_gradient    output-gradient transform    W = A dY A'
     winograd_backward_weights   GEMM for each point, then
                                 filter-gradient transform    dg = G' (V' W) G
     winograd_gradient_points, winograd_gradient_filters
                                 the same in two ops

   Backward data is the forward convolution of the output's gradient with the rotated filters
   (winograd_rotated_filter, winograd_input, winograd_backward_data).

   A transformed tile is a value for each of the n x n points of the Toom-Cook algorithm. Arrays in
   the Winograd domain, t being the tiles of an image that have the point, rows of tiles first:

     inputs, gradients   (panel of channels, point, n, t, 32) for op->images images from op->first
                         on: the plan's batch, or a block that nothing but a chain needs
     filters             (panel of outputs, point, inputs rounded up to 32, 32)
     products            (panel of outputs, point, n, t, 32) for a block of images, per-thread
                         scratch

   After each point there is a spare row of 32, see fm_winograd_rows() and fm_filter_point(). */
#include "base/internal.h"

/* Offset in a panel of (point, images, t, 32): of point (i,k) of image n's tile (y,0). */
static inline size_t point_offset(const struct fm_winograd *w, size_t images, size_t n, size_t y,
                                  size_t i, size_t k)
{
    const struct fm_point *point = &w->point[i * w->x.points + k];
    size_t row = fm_point_row(w, images, i * w->x.points + k);
    return (row + (n * point->tiles_y + y) * point->tiles_x) * FM_PANEL;
}

/* A line of `points` points from their offsets. Small tiles do not have the last point. */
static inline struct line line_of_points(size_t points, size_t first, size_t second, size_t last,
                                         bool small)
{
    struct line line = {.first = first, .step = points > 1 ? second - first : 0};
    line.extra = small ? 0 : last - first - (points - 1) * line.step;
    return line;
}

/* The rows of points of tile (y,0) of image n; tile (y,x) is x * FM_PANEL further on. small: of
   tiles that are small in x. */
static void rows_of_points(struct lines *lines, const struct fm_winograd *w, size_t images,
                           size_t n, size_t y, bool small)
{
    size_t last = w->x.points - 1;
    for (size_t i = 0; i < w->y.points; i++)
        lines->at[i] = line_of_points(w->x.points, point_offset(w, images, n, y, i, 0),
                                      point_offset(w, images, n, y, i, last > 0),
                                      point_offset(w, images, n, y, i, last), small);
}

/* The same for columns. */
static void columns_of_points(struct lines *lines, const struct fm_winograd *w, size_t images,
                              size_t n, size_t y)
{
    size_t last = w->y.points - 1;
    for (size_t k = 0; k < w->x.points; k++)
        lines->at[k] =
            line_of_points(w->y.points, point_offset(w, images, n, y, 0, k),
                           point_offset(w, images, n, y, last > 0, k),
                           point_offset(w, images, n, y, last, k), fm_tile_is_small(&w->y, y));
}

/* Images of the batch that are worked on at once. */
struct images {
    size_t first, count;
};

/* Prefetches a panel of rows x columns pixels, the first one at `at`. */
static inline void prefetch_pixels(const float *at, const struct fm_view *view, size_t rows,
                                   size_t columns)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < columns; k++)
            for (size_t l = 0; l < FM_PANEL; l += LINE)
                FM_PREFETCH(at + i * view->stride_h + k * view->stride_w + l);
}

/* A transform of tiles to the Winograd domain. */
struct tile_transform {
    const struct fm_view *view; /* from: (n,h,w,channels) by this view */
    size_t to;                  /* (panel of channels, point, n, t, 32) */
    size_t channels;
    const struct fm_matrix *y, *x; /* [2]: of large tiles, of small ones */
};

/* Transforms row y of the tiles of image n, tile by tile with all its channels, in the order in
   which they are stored. */
static void transform_row(const struct fm_op *op, const struct fm_run *run, size_t n, size_t y,
                          const struct tile_transform *t)
{
    /* Panels to prefetch ahead: the first-level cache has room for the tiles of two more.
       Found by experiment; the machine is not on record. */
    enum { AHEAD = 2 };
    const struct fm_winograd *w = op->winograd;
    const struct fm_view *view = t->view;
    const struct lines in_columns = EVEN_LINES(view->stride_w, view->stride_h);
    struct lines out_rows[2]; /* of large tiles, of small ones */
    for (size_t small = 0; small < 2; small++)
        rows_of_points(&out_rows[small], w, op->images, n - op->first, y, small);
    const float *in = run->workspace + view->offset + n * view->stride_n +
                      fm_tile_start(&w->y, y) * view->stride_h;
    for (size_t x = 0; x < w->x.tiles; x++) {
        bool small = fm_tile_is_small(&w->x, x);
        const float *tile = in + fm_tile_start(&w->x, x) * view->stride_w;
        float *out = run->workspace + t->to + x * FM_PANEL;
        for (size_t panel = 0; panel < fm_panels(t->channels); panel++) {
            prefetch_pixels(tile + (panel + AHEAD) * FM_PANEL, view, t->y->columns, t->x->columns);
            transform_panel(&t->y[fm_tile_is_small(&w->y, y)], &t->x[small],
                            tile + panel * FM_PANEL, &in_columns,
                            lanes_of_panel(t->channels, panel), out, &out_rows[small], op->stream);
            out += fm_winograd_rows(w, op->images) * FM_PANEL;
        }
    }
    v_stream_end();
}

/* in (n,h,w,c) by op->in, from the corner of the padding, to inputs. For backward data, op->in is
   the output's gradient. */
static void image_winograd_input(const struct fm_plan *plan, const struct fm_op *op,
                                 const struct fm_run *run, size_t n)
{
    (void)plan;
    const struct tile_transform t = {.view = &op->in,
                                     .to = op->inputs,
                                     .channels = op->in_shape.c,
                                     .y = op->winograd->y.input,
                                     .x = op->winograd->x.input};
    for (size_t y = 0; y < op->winograd->y.tiles; y++)
        transform_row(op, run, n, y, &t);
}

/* grad_out (n,h,w,units) by op->grad_out to gradients. */
static void image_winograd_output_gradient(const struct fm_plan *plan, const struct fm_op *op,
                                           const struct fm_run *run, size_t n)
{
    (void)plan;
    const struct tile_transform t = {.view = &op->grad_out,
                                     .to = op->gradients,
                                     .channels = op->units,
                                     .y = op->winograd->y.output_gradient,
                                     .x = op->winograd->x.output_gradient};
    for (size_t y = 0; y < op->winograd->y.tiles; y++)
        transform_row(op, run, n, y, &t);
}

/* Filters of a panel of inputs and a panel of outputs to the Winograd domain.
   in    (kernel_h, kernel_w, 32 inputs, 32 outputs), taps `tap` floats apart, with the first
         `inputs` inputs
   out   (point, 32 inputs, 32 outputs), points `point` floats apart; the other inputs become
         zero */
static void transform_filters(const struct fm_winograd *w, const float *in, size_t tap,
                              size_t inputs, float *out, size_t point, bool stream)
{
    const struct lines in_columns = EVEN_LINES(tap, w->x.filter.columns * tap);
    const struct lines out_rows = EVEN_LINES(w->x.points * point, point);
    for (size_t i = 0; i < FM_PANEL; i++)
        if (i < inputs)
            transform_panel(&w->y.filter, &w->x.filter, in + i * FM_PANEL, &in_columns, FM_PANEL,
                            out + i * FM_PANEL, &out_rows, stream);
        else
            for (size_t p = 0; p < w->y.points * w->x.points; p++)
                memset(out + p * point + i * FM_PANEL, 0, FM_PANEL * sizeof *out);
    v_stream_end();
}

/* weight (panel of outputs, kernel_h, kernel_w, c, 32) to filters, which hold the panels of outputs
   from op->panel on. Jobs: (panel of outputs, panel of inputs), inputs fastest. */
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

/* Rotates the filters of a panel of outputs and a panel of inputs by 180 degrees.
   weight   (kernel_h, kernel_w, c, 32 outputs), from the panel's first input on, `lanes` inputs
   to       (kernel_h, kernel_w, 32 outputs, 32 inputs), spare inputs zero */
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

/* The filters of backward data, rotated: (panel of inputs, point, outputs rounded up to 32, 32),
   the panels of inputs from op->panel on. Jobs: (panel of inputs, panel of outputs), outputs
   fastest. */
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

/* products = V U for each point: of these images, (point, n, t, channels) of inputs, with
   panels panel and panel + 1 of the filters, or the last one. The second panel finds the rows in
   the cache. units: the channels that come out. products is in per-thread scratch,
   (FM_PANELS_PER_JOB, point, n, t, 32). */
static void winograd_gemm(const struct fm_op *op, const struct fm_run *run, struct images images,
                          size_t channels, size_t panel, size_t units)
{
    const struct fm_winograd *w = op->winograd;
    size_t panels = fm_panels(channels), points = w->y.points * w->x.points;
    size_t in_panel = fm_winograd_rows(w, op->images) * FM_PANEL, point = fm_filter_point(panels);
    const float *in = run->workspace + op->inputs;
    for (size_t i = 0; i < points; i++) {
        size_t tiles = w->point[i].tiles, next = i + 1 < points ? i + 1 : 0;
        size_t row = fm_point_row(w, op->images, i) + (images.first - op->first) * tiles;
        size_t next_row =
            fm_point_row(w, op->images, next) + (images.first - op->first) * w->point[next].tiles;
        for (size_t p = 0; p < FM_PANELS_PER_JOB && panel + p < fm_panels(units); p++)
            multiply_rows(
                in + row * FM_PANEL, in + (p ? next_row : row) * FM_PANEL, in_panel, panels,
                images.count * tiles,
                run->workspace + op->filters + ((panel + p - op->panel) * points + i) * point,
                lanes_of_panel(units, panel + p),
                run->scratch +
                    (p * fm_winograd_rows(w, images.count) + fm_point_row(w, images.count, i)) *
                        FM_PANEL);
    }
}

/* A tile of output pixels of a panel, of whose 32 channels `lanes` exist.
   from        (FM_MAX_POINTS, FM_MAX_POINTS, 32), of which rows x columns are used
   bias        (32)
   to, value   (rows, columns, lanes) by views: where they are stored, and the values that are there
               in the forward pass */
struct pixels {
    const float *from, *bias, *value;
    float *to;
    const struct fm_view *to_view, *value_view;
    size_t rows, columns, lanes;
};

/* What becomes of a tile. */
typedef void finish_pixels(const struct fm_op *op, const struct pixels *p);

/* Where the outputs of a convolution go: (n,h,w,units) by a view. */
struct output {
    const struct fm_op *op;
    const struct fm_run *run;
    size_t units;
    const struct fm_view *to, *value;
    finish_pixels *finish;
};

/* A tile of the output. */
struct output_tile {
    size_t y, x;                 /* which tile of the image */
    const struct lines *columns; /* its points in a panel of products, see columns_of_points() */
    size_t to, value;            /* offsets of its first pixel in the workspace */
};

/* The output transform of a tile and a panel. products (point, n, t, 32): the panel's. */
static inline void finish_tile(const struct output *output, const struct output_tile *t,
                               const float *products, size_t panel)
{
    static const struct lines pixel_rows = EVEN_LINES(FM_MAX_POINTS * FM_PANEL, FM_PANEL);
    const struct fm_winograd *w = output->op->winograd;
    _Alignas(64) float tile[POINTS * FM_PANEL];
    const struct fm_matrix *rows = &w->y.output[fm_tile_is_small(&w->y, t->y)];
    const struct fm_matrix *columns = &w->x.output[fm_tile_is_small(&w->x, t->x)];
    const struct pixels pixels = {.from = tile,
                                  .bias = bias_of(output->op, output->run, panel),
                                  .value = output->run->workspace + t->value + panel * FM_PANEL,
                                  .to = output->run->workspace + t->to + panel * FM_PANEL,
                                  .to_view = output->to,
                                  .value_view = output->value,
                                  .rows = rows->rows,
                                  .columns = columns->rows,
                                  .lanes = lanes_of_panel(output->units, panel)};
    prefetch_pixels(pixels.value, output->value, rows->rows, columns->rows);
    transform_panel(rows, columns, products + t->x * FM_PANEL, t->columns, FM_PANEL, tile,
                    &pixel_rows, false);
    output->finish(output->op, &pixels);
}

/* The same for all tiles of these images and FM_PANELS_PER_JOB panels, from `panel` on. */
static inline void finish_images(const struct output *output, struct images images, size_t panel)
{
    const struct fm_winograd *w = output->op->winograd;
    const struct fm_run *run = output->run;
    size_t rows = fm_winograd_rows(w, images.count);
    for (size_t n = 0; n < images.count; n++)
        for (size_t y = 0; y < w->y.tiles; y++) {
            struct lines columns;
            columns_of_points(&columns, w, images.count, n, y);
            for (size_t x = 0; x < w->x.tiles; x++) {
                const struct walk at = {.n = images.first + n,
                                        .y = fm_tile_start(&w->y, y),
                                        .x = fm_tile_start(&w->x, x)};
                const struct output_tile t = {.y = y,
                                              .x = x,
                                              .columns = &columns,
                                              .to = offset_of(output->to, &at, 1),
                                              .value = offset_of(output->value, &at, 1)};
                for (size_t p = panel;
                     p < panel + FM_PANELS_PER_JOB && p < fm_panels(output->units); p++)
                    finish_tile(output, &t, run->scratch + (p - panel) * rows * FM_PANEL, p);
            }
        }
}

/* to = activation(from + bias). */
__attribute__((always_inline)) static inline void
finish_forward_as(const struct pixels *p, size_t lanes, enum fm_activation activation)
{
    for (size_t y = 0; y < p->rows; y++)
        for (size_t x = 0; x < p->columns; x++) {
            const float *from = p->from + (y * FM_MAX_POINTS + x) * FM_PANEL;
            float *to = p->to + y * p->to_view->stride_h + x * p->to_view->stride_w;
            for (size_t l = 0; l < lanes; l += VL)
                store_channels(to, l, lanes,
                               activate(activation, v_add(v_load(from + l), v_load(p->bias + l))));
        }
}

/* With constants in the usual cases. */
static void finish_forward(const struct fm_op *op, const struct pixels *p)
{
    if (p->lanes == FM_PANEL && op->activation == FM_LINEAR)
        finish_forward_as(p, FM_PANEL, FM_LINEAR);
    else if (p->lanes == FM_PANEL && op->activation == FM_RELU)
        finish_forward_as(p, FM_PANEL, FM_RELU);
    else
        finish_forward_as(p, p->lanes, op->activation);
}

/* to = from, the gradient of value, through the derivative of its activation. */
__attribute__((always_inline)) static inline void
finish_backward_as(const struct pixels *p, size_t lanes, bool add, enum fm_activation activation)
{
    for (size_t y = 0; y < p->rows; y++)
        for (size_t x = 0; x < p->columns; x++)
            store_gradient(p->to + y * p->to_view->stride_h + x * p->to_view->stride_w,
                           p->from + (y * FM_MAX_POINTS + x) * FM_PANEL,
                           p->value + y * p->value_view->stride_h + x * p->value_view->stride_w,
                           lanes, add, activation);
}

static void finish_backward(const struct fm_op *op, const struct pixels *p)
{
    const enum fm_activation activation = last_activation(op);
    bool usual = p->lanes == FM_PANEL && !op->add;
    if (usual && activation == FM_LINEAR)
        finish_backward_as(p, FM_PANEL, false, FM_LINEAR);
    else if (usual && activation == FM_RELU)
        finish_backward_as(p, FM_PANEL, false, FM_RELU);
    else
        finish_backward_as(p, p->lanes, op->add, activation);
}

/* out (n,h,w,units) by op->out, from inputs and filters, which hold the panels from op->panel on:
   FM_PANELS_PER_JOB panels of outputs, from `panel` on. */
static void forward_panels(const struct fm_op *op, const struct fm_run *run, struct images images,
                           size_t panel)
{
    const struct output output = {.op = op,
                                  .run = run,
                                  .units = op->units,
                                  .to = &op->out,
                                  .value = &op->out,
                                  .finish = finish_forward};
    winograd_gemm(op, run, images, op->in_shape.c, panel, op->units);
    finish_images(&output, images, panel);
}

/* grad_in (n,h,w,c) by op->grad_in, from inputs, which hold the transformed output gradient, and
   the rotated filters: FM_PANELS_PER_JOB panels of inputs. in (n,h,w,c) by op->in: the values, for
   the activation's derivative. */
static void backward_panels(const struct fm_op *op, const struct fm_run *run, struct images images,
                            size_t panel)
{
    const struct output output = {.op = op,
                                  .run = run,
                                  .units = op->in_shape.c,
                                  .to = &op->grad_in,
                                  .value = &op->in,
                                  .finish = finish_backward};
    winograd_gemm(op, run, images, op->units, panel, op->in_shape.c);
    finish_images(&output, images, panel);
}

typedef void winograd_panels(const struct fm_op *op, const struct fm_run *run, struct images images,
                             size_t panel);

/* Jobs: (FM_PANELS_PER_JOB panels, block of images), blocks fastest. */
static inline void winograd_job(const struct fm_plan *plan, const struct fm_op *op,
                                const struct fm_run *run, size_t job, winograd_panels *multiply)
{
    const struct fm_winograd *w = op->winograd;
    size_t blocks = fm_winograd_blocks(w, plan->batch), first = job % blocks * w->block;
    size_t left = run->images > first ? run->images - first : 0;
    const struct images images = {first, left < w->block ? left : w->block};
    if (left > 0)
        multiply(op, run, images, op->panel + job / blocks * FM_PANELS_PER_JOB);
}

static void job_winograd_forward(const struct fm_plan *plan, const struct fm_op *op,
                                 const struct fm_run *run, size_t job)
{
    winograd_job(plan, op, run, job, forward_panels);
}

static void job_winograd_backward_data(const struct fm_plan *plan, const struct fm_op *op,
                                       const struct fm_run *run, size_t job)
{
    winograd_job(plan, op, run, job, backward_panels);
}

/* Blocks: these images, w->block at most; all panels. */
static void block_winograd_forward(const struct fm_plan *plan, const struct fm_op *op,
                                   const struct fm_run *run, size_t first, size_t count)
{
    (void)plan;
    for (size_t panel = 0; panel < fm_panels(op->units); panel += FM_PANELS_PER_JOB)
        forward_panels(op, run, (struct images){first, count}, panel);
}

static void block_winograd_backward_data(const struct fm_plan *plan, const struct fm_op *op,
                                         const struct fm_run *run, size_t first, size_t count)
{
    (void)plan;
    for (size_t panel = 0; panel < fm_panels(op->in_shape.c); panel += FM_PANELS_PER_JOB)
        backward_panels(op, run, (struct images){first, count}, panel);
}

/* sums = V' W for a point, a panel of inputs and a panel of outputs.
   inputs, gradients   (rows,32), k being the tiles of all images. The next point's are `next`
                       floats further on; they are prefetched
   sums                (32 inputs, 32 outputs), of which the first `lanes` outputs are needed */
static void multiply_gradient(const float *inputs, const float *gradients, size_t rows, size_t next,
                              size_t lanes, float *sums)
{
    size_t count, n;
    clear_unused_lanes(sums, FM_PANEL, lanes);
    for (size_t from = 0; from < rows; from += count) {
        count = rows - from < FM_KC ? rows - from : FM_KC;
        const float *a = inputs + from * FM_PANEL;
        struct stream s = {
            .b = gradients + from * FM_PANEL, .taps = 1, .inner = count, .fresh = from == 0};
        for (size_t r = 0, lines = 0; r < FM_PANEL; r += n, lines += count * LINE) {
            n = tile_rows(FM_PANEL - r);
            s.a = a + r;
            bool more = lines < count * FM_PANEL; /* not prefetched yet */
            s.next_a = more ? a + next + lines : a;
            s.next_b = more ? s.b + next + lines : s.b;
            for (size_t lane = 0; lane < lanes; lane += NR)
                column_tile(&s, n, lane, sums + r * FM_PANEL);
        }
    }
}

/* The filter-gradient transform of a panel of inputs and a panel of outputs, and on to the sink.
   sums     (point, 32 inputs, 32 outputs), points fm_filter_point(1) floats apart
   filter   (kernel_h, kernel_w, 32 inputs, 32 outputs), in scratch */
static void sink_filters(const struct fm_plan *plan, const struct fm_op *op,
                         const struct fm_run *run, size_t in, size_t out, const float *sums,
                         float *filter)
{
    const struct fm_winograd *w = op->winograd;
    size_t c = op->in_shape.c, lanes = lanes_of_panel(op->units, out);
    size_t inputs = lanes_of_panel(c, in), taps = op->window.kernel_h * op->window.kernel_w;
    const size_t point = fm_filter_point(1);
    const struct lines in_columns = EVEN_LINES(point, w->x.points * point);
    const struct lines out_rows =
        EVEN_LINES(op->window.kernel_w * FM_PANEL * FM_PANEL, FM_PANEL * FM_PANEL);
    for (size_t i = 0; i < inputs; i++) {
        transform_panel(&w->y.gradient, &w->x.gradient, sums + i * FM_PANEL, &in_columns, FM_PANEL,
                        filter + i * FM_PANEL, &out_rows, false);
        for (size_t t = 0; t < taps; t++)
            clear_spare(filter + (t * FM_PANEL + i) * FM_PANEL, 1, lanes);
    }
    for (size_t t = 0; t < taps; t++)
        sink(plan, run, op->weight, (out * op->taps + t * c + in * FM_PANEL) * FM_PANEL,
             filter + t * FM_PANEL * FM_PANEL, inputs * FM_PANEL);
}

/* The panels of a job of backward weights: (FM_PANELS_PER_JOB panels of outputs, panel of inputs),
   inputs fastest. */
struct gradient_panels {
    size_t in, out, end; /* out .. end - 1 */
};

static inline struct gradient_panels gradient_panels(const struct fm_op *op, size_t job)
{
    size_t panels = fm_panels(op->in_shape.c), all = fm_panels(op->units);
    size_t out = job / panels * FM_PANELS_PER_JOB, end = out + FM_PANELS_PER_JOB;
    return (struct gradient_panels){job % panels, out, end < all ? end : all};
}

/* The sums of a point, from inputs, which the forward pass has kept, and gradients. sums (panel of
   outputs, 32 inputs, 32 outputs): of the first panel; `next` floats from one to the next. */
static void sum_point(const struct fm_plan *plan, const struct fm_op *op, const struct fm_run *run,
                      struct gradient_panels p, size_t point, float *sums, size_t next)
{
    const struct fm_winograd *w = op->winograd;
    size_t panel = fm_winograd_rows(w, plan->batch) * FM_PANEL, tiles = w->point[point].tiles;
    size_t at = fm_point_row(w, plan->batch, point) * FM_PANEL;
    const float *inputs = run->workspace + op->inputs + p.in * panel + at;
    const float *gradients = run->workspace + op->gradients + at;
    for (size_t out = p.out; out < p.end; out++)
        multiply_gradient(inputs, gradients + out * panel, run->images * tiles,
                          (plan->batch * tiles + 1) * FM_PANEL, lanes_of_panel(op->units, out),
                          sums + (out - p.out) * next);
}

/* The sums of a panel of inputs and a panel of outputs to the sink, as the gradient of their
   filters; the first panel of inputs also does the bias. grad_out (n,h,w,units) by op->grad_out:
   for the bias. filter: in scratch. */
static void finish_gradient(const struct fm_plan *plan, const struct fm_op *op,
                            const struct fm_run *run, size_t in, size_t out, const float *sums,
                            float *filter)
{
    sink_filters(plan, op, run, in, out, sums, filter);
    if (in == 0)
        bias_gradient(plan, op, run, out);
}

/* The gradient of weight and bias to the sink. Jobs: panels, see above. */
static void job_winograd_backward_weights(const struct fm_plan *plan, const struct fm_op *op,
                                          const struct fm_run *run, size_t job)
{
    const struct gradient_panels p = gradient_panels(op, job);
    size_t points = op->winograd->y.points * op->winograd->x.points;
    size_t panel = points * fm_filter_point(1);
    for (size_t i = 0; i < points; i++)
        sum_point(plan, op, run, p, i, run->scratch + i * fm_filter_point(1), panel);
    for (size_t out = p.out; out < p.end; out++)
        finish_gradient(plan, op, run, p.in, out, run->scratch + (out - p.out) * panel,
                        run->scratch + FM_PANELS_PER_JOB * panel);
}

/* The same in two ops: point_sums (panel of inputs, panel of outputs, point, 32 inputs, 32
   outputs). Jobs: (point, panels). */
static void job_winograd_gradient_points(const struct fm_plan *plan, const struct fm_op *op,
                                         const struct fm_run *run, size_t job)
{
    size_t pairs = fm_panels(op->in_shape.c) * fm_panel_pairs(op->units), point = job / pairs;
    const struct gradient_panels p = gradient_panels(op, job % pairs);
    size_t panel = op->winograd->y.points * op->winograd->x.points * fm_filter_point(1);
    float *sums = run->workspace + op->point_sums + (p.in * fm_panels(op->units) + p.out) * panel +
                  point * fm_filter_point(1);
    sum_point(plan, op, run, p, point, sums, panel);
}

/* Jobs: (panel of inputs, panel of outputs). */
static void job_winograd_gradient_filters(const struct fm_plan *plan, const struct fm_op *op,
                                          const struct fm_run *run, size_t job)
{
    size_t panel = op->winograd->y.points * op->winograd->x.points * fm_filter_point(1);
    finish_gradient(plan, op, run, job / fm_panels(op->units), job % fm_panels(op->units),
                    run->workspace + op->point_sums + job * panel, run->scratch);
}
