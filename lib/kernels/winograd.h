/* winograd.h -- convolutions by their values at points (lib/winograd.h has the mathematics):

       input     tiles of the input to points           V = B' d B
       filter    filters to points                      U = G g G'
       product   for each point, V U; back to outputs   Y = A' (V U) A
       spread    tiles of a gradient to points          W = A dY A'
       gradient  for each point, V' W; to filters       dg = G' (V' W) G

   The gradient of the input is the same convolution of the output's gradient, with the filters turned
   round. Points lie as (block, panel of channels, row, 32), see struct fm_winograd; a filter's as
   (panel of outputs, point, input, 32), inputs rounded up to 32 with zeros. */

enum { POINTS = FM_MOST_POINTS * FM_MOST_POINTS };

/* Where the elements of a tile lie, (y,x) at [y * FM_MOST_POINTS + x]. */
struct spots {
    size_t at[POINTS];
};

static inline struct spots even_spots(size_t row, size_t pixel)
{
    struct spots spots;
    for (size_t y = 0; y < FM_MOST_POINTS; y++)
        for (size_t x = 0; x < FM_MOST_POINTS; x++)
            spots.at[y * FM_MOST_POINTS + x] = y * row + x * pixel;
    return spots;
}

#define EACH_1(X) X(0)
#define EACH_2(X) EACH_1(X) X(1)
#define EACH_3(X) EACH_2(X) X(2)
#define EACH_4(X) EACH_3(X) X(3)
#define EACH_5(X) EACH_4(X) X(4)
#define EACH_6(X) EACH_5(X) X(5)
#define EACH_7(X) EACH_6(X) X(6)

#define COMBINE_LOAD(k) vec d##k = v_load(in + in_at[k * in_step]);
#define COMBINE_TERM(k) sum = v_fma(v_splat(m->at[i][k]), d##k, sum);
#define COMBINE(n)                                                                                 \
    case n: {                                                                                      \
        EACH_##n(COMBINE_LOAD) for (size_t i = 0; i < m->rows; i++)                                \
        {                                                                                          \
            vec sum = v_splat(0);                                                                  \
            EACH_##n(COMBINE_TERM) v_store(out + out_at[i * out_step], sum);                       \
        }                                                                                          \
        break;                                                                                     \
    }

/* out[i] = sum over k of m[i][k] in[k], for vectors. */
static inline void combine(const struct fm_matrix *m, const float *in, const size_t *in_at,
                           size_t in_step, float *out, const size_t *out_at, size_t out_step)
{
    switch (m->columns) {
        COMBINE(1)
        COMBINE(2)
        COMBINE(3)
        COMBINE(4)
        COMBINE(5)
        COMBINE(6)
        COMBINE(7)
    }
}

/* out = y in x', for tiles of vectors. */
static void transform(const struct fm_matrix *y, const struct fm_matrix *x, const float *in,
                      const struct spots *in_at, float *out, const struct spots *out_at)
{
    float middle[POINTS * VL];
    const struct spots middle_at = even_spots(FM_MOST_POINTS * VL, VL);
    for (size_t k = 0; k < x->columns; k++)
        combine(y, in, in_at->at + k, FM_MOST_POINTS, middle, middle_at.at + k, FM_MOST_POINTS);
    for (size_t i = 0; i < y->rows; i++)
        combine(x, middle, middle_at.at + i * FM_MOST_POINTS, 1, out,
                out_at->at + i * FM_MOST_POINTS, 1);
}

/* The same for 32 channels, of which the input has so many; the others are zero. */
static void transform_panel(const struct fm_matrix *y, const struct fm_matrix *x, const float *in,
                            const struct spots *in_at, size_t lanes, float *out,
                            const struct spots *out_at)
{
    for (size_t l = 0; l < FM_PANEL; l += VL) {
        if (l + VL <= lanes) {
            transform(y, x, in + l, in_at, out + l, out_at);
            continue;
        }
        float part[POINTS * VL];
        const struct spots part_at = even_spots(FM_MOST_POINTS * VL, VL);
        for (size_t i = 0; i < y->columns; i++)
            for (size_t k = 0; k < x->columns; k++)
                v_store(part + part_at.at[i * FM_MOST_POINTS + k],
                        v_load_part(in + l + in_at->at[i * FM_MOST_POINTS + k],
                                    lanes > l ? lanes - l : 0, 0));
        transform(y, x, part, &part_at, out + l, out_at);
    }
}

/* A tile of the g-th picture of a block: where its points lie in the block of a panel. */
static struct spots points_of_tile(const struct fm_winograd *w, size_t g, size_t y, size_t x)
{
    struct spots spots;
    size_t points_y = w->y.points - fm_tile_is_small(&w->y, y);
    size_t points_x = w->x.points - fm_tile_is_small(&w->x, x);
    for (size_t i = 0; i < points_y; i++)
        for (size_t k = 0; k < points_x; k++) {
            size_t p = i * w->x.points + k, tiles_x = w->point[p].tiles_x;
            spots.at[i * FM_MOST_POINTS + k] =
                (w->point[p].first + (g * w->point[p].tiles_y + y) * tiles_x + x) * FM_PANEL;
        }
    return spots;
}

/* The pictures of a block that are at hand. */
static inline size_t pictures_of_block(const struct fm_winograd *w, const struct fm_run *run,
                                       size_t block)
{
    size_t first = block * w->group;
    if (first >= run->pictures)
        return 0;
    return run->pictures - first < w->group ? run->pictures - first : w->group;
}

/* The rows of pictures that a block lacks add nothing to a gradient. */
static void clear_rest(const struct fm_winograd *w, size_t pictures, float *points)
{
    for (size_t p = 0; pictures < w->group && p < w->y.points * w->x.points; p++) {
        size_t tiles = w->point[p].tiles_y * w->point[p].tiles_x;
        memset(points + (w->point[p].first + pictures * tiles) * FM_PANEL, 0,
               (w->group - pictures) * tiles * FM_PANEL * sizeof *points);
    }
}

/* Tiles of what lies at `place` to points. */
static void tiles_to_points(const struct fm_step *step, const struct fm_run *run, size_t job,
                            const struct fm_place *place, size_t channels,
                            const struct fm_matrix *y_matrix, const struct fm_matrix *x_matrix)
{
    const struct fm_winograd *w = step->winograd;
    size_t panels = fm_panels(channels), panel = job % panels, block = job / panels;
    size_t pictures = pictures_of_block(w, run, block);
    if (pictures == 0)
        return;
    float *points = run->workspace + step->points + job * w->rows * FM_PANEL;
    const struct spots in_at = even_spots(place->row, place->pixel);
    for (size_t g = 0; g < pictures; g++)
        for (size_t y = 0; y < w->y.tiles; y++)
            for (size_t x = 0; x < w->x.tiles; x++) {
                const struct spots out_at = points_of_tile(w, g, y, x);
                const float *in = run->workspace + place->origin +
                                  (block * w->group + g) * place->picture +
                                  fm_tile_start(&w->y, y) * place->row +
                                  fm_tile_start(&w->x, x) * place->pixel + panel * FM_PANEL;
                transform_panel(&y_matrix[fm_tile_is_small(&w->y, y)],
                                &x_matrix[fm_tile_is_small(&w->x, x)], in, &in_at,
                                lanes_of_panel(channels, panel), points, &out_at);
            }
    clear_rest(w, pictures, points);
}

/* Jobs: (block of pictures, panel of input channels). */
static void job_winograd_input(const struct fm_plan *plan, const struct fm_step *step,
                               const struct fm_run *run, size_t job)
{
    (void)plan;
    tiles_to_points(step, run, job, &step->in, step->in_shape.c, step->winograd->y.input,
                    step->winograd->x.input);
}

/* Jobs: (block of pictures, panel of output channels). */
static void job_winograd_spread(const struct fm_plan *plan, const struct fm_step *step,
                                const struct fm_run *run, size_t job)
{
    (void)plan;
    tiles_to_points(step, run, job, &step->back, step->units, step->winograd->y.spread,
                    step->winograd->x.spread);
}

/* Filters (kernel_h, kernel_w, 32 inputs, 32 outputs), of which so many inputs are there, to points.
   tap, point: how far apart the taps and points are. */
static void filters_to_points(const struct fm_winograd *w, const float *in, size_t tap,
                              size_t inputs, float *out, size_t point)
{
    struct spots in_at = even_spots(w->x.filter.columns * tap, tap);
    struct spots out_at = even_spots(w->x.points * point, point);
    for (size_t i = 0; i < FM_PANEL; i++)
        if (i < inputs)
            transform_panel(&w->y.filter, &w->x.filter, in + i * FM_PANEL, &in_at, FM_PANEL,
                            out + i * FM_PANEL, &out_at);
        else
            for (size_t p = 0; p < w->y.points * w->x.points; p++)
                memset(out + p * point + i * FM_PANEL, 0, FM_PANEL * sizeof *out);
}

/* Jobs: (panel of outputs, panel of inputs). */
static void job_winograd_filter(const struct fm_plan *plan, const struct fm_step *step,
                                const struct fm_run *run, size_t job)
{
    (void)plan;
    size_t c = step->in_shape.c, panels = fm_panels(c), in = job % panels, out = job / panels;
    size_t points = step->winograd->y.points * step->winograd->x.points;
    size_t point = panels * FM_PANEL * FM_PANEL;
    filters_to_points(
        step->winograd, run->weights + step->weight + (out * step->taps + in * FM_PANEL) * FM_PANEL,
        c * FM_PANEL, lanes_of_panel(c, in),
        run->workspace + step->filter + out * points * point + in * FM_PANEL * FM_PANEL, point);
}

/* The filters of a panel of outputs and one of inputs turned round: (kernel_h, kernel_w, 32 outputs, 32
   inputs). */
static void turn_filters(const struct fm_step *step, const float *weight, size_t lanes, float *to)
{
    size_t taps = step->window.kernel_h * step->window.kernel_w;
    for (size_t tap = 0; tap < taps; tap++, to += FM_PANEL * FM_PANEL) {
        const float *from = weight + (taps - 1 - tap) * step->in_shape.c * FM_PANEL;
        for (size_t i = 0; i < FM_PANEL; i++)
            for (size_t l = 0; l < FM_PANEL; l++)
                to[i * FM_PANEL + l] = l < lanes ? from[l * FM_PANEL + i] : 0;
    }
}

/* The same for the gradient of the input, where outputs come in and inputs go out. Jobs: (panel of
   inputs, panel of outputs). */
static void job_winograd_turned_filter(const struct fm_plan *plan, const struct fm_step *step,
                                       const struct fm_run *run, size_t job)
{
    (void)plan;
    size_t panels = fm_panels(step->units), out = job % panels, in = job / panels;
    size_t points = step->winograd->y.points * step->winograd->x.points;
    size_t point = panels * FM_PANEL * FM_PANEL;
    turn_filters(step, run->weights + step->weight + (out * step->taps + in * FM_PANEL) * FM_PANEL,
                 lanes_of_panel(step->in_shape.c, in), run->own);
    filters_to_points(
        step->winograd, run->own, FM_PANEL * FM_PANEL, lanes_of_panel(step->units, out),
        run->workspace + step->filter + in * points * point + out * FM_PANEL * FM_PANEL, point);
}

/* For each point the product of a block's rows, of so many channels, with a panel of filters, to own
   memory. */
static void multiply_points(const struct fm_step *step, const struct fm_run *run, size_t block,
                            size_t pictures, size_t channels, size_t panel, size_t lanes)
{
    const struct fm_winograd *w = step->winograd;
    enum { AT_ONCE = 64 };
    size_t row[FM_ROWS], a_tap[AT_ONCE], b_tap[AT_ONCE];
    size_t panels = fm_panels(channels), points = w->y.points * w->x.points;
    for (size_t r = 0; r < FM_ROWS; r++)
        row[r] = r * FM_PANEL;
    const float *in = run->workspace + step->points + block * panels * w->rows * FM_PANEL;
    const float *filter =
        run->workspace + step->filter + panel * points * panels * FM_PANEL * FM_PANEL;
    struct product product_of = {.row = row,
                                 .a_tap = a_tap,
                                 .b_tap = b_tap,
                                 .inner = FM_PANEL,
                                 .a_step = 1,
                                 .b_step = FM_PANEL,
                                 .lanes = lanes};
    for (size_t i = 0; i < points; i++, filter += panels * FM_PANEL * FM_PANEL) {
        size_t rows = pictures * w->point[i].tiles_y * w->point[i].tiles_x;
        float *out = run->own + w->point[i].first * FM_PANEL;
        memset(out, 0, rows * FM_PANEL * sizeof *out);
        for (size_t from = 0; from < panels; from += product_of.taps) {
            product_of.taps = panels - from < AT_ONCE ? panels - from : AT_ONCE;
            for (size_t t = 0; t < product_of.taps; t++) {
                a_tap[t] = (from + t) * w->rows * FM_PANEL;
                b_tap[t] = (from + t) * FM_PANEL * FM_PANEL;
            }
            product_of.b = filter;
            for (size_t r = 0; r < rows; r += FM_ROWS) {
                product_of.a = in + (w->point[i].first + r) * FM_PANEL;
                product(&product_of, rows - r < FM_ROWS ? rows - r : FM_ROWS, out + r * FM_PANEL);
            }
        }
    }
}

/* Outputs of a tile, 32 channels of each, from the points of a block's product. */
static void tile_from_points(const struct fm_winograd *w, const float *points, size_t g, size_t y,
                             size_t x, float *tile, const struct spots *tile_at)
{
    const struct spots in_at = points_of_tile(w, g, y, x);
    transform_panel(&w->y.output[fm_tile_is_small(&w->y, y)],
                    &w->x.output[fm_tile_is_small(&w->x, x)], points, &in_at, FM_PANEL, tile,
                    tile_at);
}

/* Calls for each pixel of a block's outputs, in tiles. */
typedef void finish_pixel(const struct fm_step *step, const struct fm_run *run,
                          const struct walk *at, size_t panel, size_t lanes, float *pixel);

static inline void finish_block(const struct fm_step *step, const struct fm_run *run, size_t block,
                                size_t pictures, size_t panel, size_t lanes, finish_pixel *finish)
{
    const struct fm_winograd *w = step->winograd;
    float tile[POINTS * FM_PANEL];
    const struct spots tile_at = even_spots(FM_MOST_POINTS * FM_PANEL, FM_PANEL);
    for (size_t g = 0; g < pictures; g++)
        for (size_t y = 0; y < w->y.tiles; y++)
            for (size_t x = 0; x < w->x.tiles; x++) {
                tile_from_points(w, run->own, g, y, x, tile, &tile_at);
                struct walk at = {.n = block * w->group + g};
                for (size_t i = 0; i < w->y.size - fm_tile_is_small(&w->y, y); i++)
                    for (size_t k = 0; k < w->x.size - fm_tile_is_small(&w->x, x); k++) {
                        at.y = fm_tile_start(&w->y, y) + i;
                        at.x = fm_tile_start(&w->x, x) + k;
                        finish(step, run, &at, panel, lanes,
                               tile + tile_at.at[i * FM_MOST_POINTS + k]);
                    }
            }
}

static inline void finish_forward(const struct fm_step *step, const struct fm_run *run,
                                  const struct walk *at, size_t panel, size_t lanes, float *pixel)
{
    const float *bias = run->weights + step->bias + panel * FM_PANEL;
    for (size_t l = 0; l < FM_PANEL; l += VL)
        v_store(pixel + l, v_add(v_load(pixel + l), v_load(bias + l)));
    store_lanes(run->workspace + place_of(&step->out, at, 1) + panel * FM_PANEL, pixel, lanes,
                step->activation);
}

static inline void finish_back(const struct fm_step *step, const struct fm_run *run,
                               const struct walk *at, size_t panel, size_t lanes, float *pixel)
{
    store_back(run->workspace + place_of(&step->in_back, at, 1) + panel * FM_PANEL, pixel,
               run->workspace + place_of(&step->out, at, 1) + panel * FM_PANEL, lanes,
               step->activation);
}

/* Jobs: (block of pictures, panel of output channels). */
static void job_winograd_product(const struct fm_plan *plan, const struct fm_step *step,
                                 const struct fm_run *run, size_t job)
{
    (void)plan;
    size_t panels = fm_panels(step->units), panel = job % panels, block = job / panels;
    size_t lanes = lanes_of_panel(step->units, panel);
    size_t pictures = pictures_of_block(step->winograd, run, block);
    multiply_points(step, run, block, pictures, step->in_shape.c, panel, lanes);
    finish_block(step, run, block, pictures, panel, lanes, finish_forward);
}

/* The gradient of the input; `out` is here the input's value. Jobs: (block of pictures, panel of input
   channels). */
static void job_winograd_back(const struct fm_plan *plan, const struct fm_step *step,
                              const struct fm_run *run, size_t job)
{
    (void)plan;
    size_t c = step->in_shape.c, panels = fm_panels(c), panel = job % panels, block = job / panels;
    size_t lanes = lanes_of_panel(c, panel);
    size_t pictures = pictures_of_block(step->winograd, run, block);
    multiply_points(step, run, block, pictures, step->units, panel, lanes);
    finish_block(step, run, block, pictures, panel, lanes, finish_back);
}

/* For each point V' W, (inputs, outputs) of a panel each, to own memory; blocks of pictures are the
   taps, their rows the inner elements. */
static void multiply_gradients(const struct fm_step *step, const struct fm_run *run, size_t in,
                               size_t out, size_t lanes)
{
    const struct fm_winograd *w = step->winograd;
    enum { AT_ONCE = 64 };
    size_t row[FM_PANEL], a_tap[AT_ONCE], b_tap[AT_ONCE];
    size_t in_panels = fm_panels(step->in_shape.c), out_panels = fm_panels(step->units);
    size_t blocks = (run->pictures + w->group - 1) / w->group, block = w->rows * FM_PANEL;
    for (size_t r = 0; r < FM_PANEL; r++)
        row[r] = r;
    struct product product_of = {.row = row,
                                 .a_tap = a_tap,
                                 .b_tap = b_tap,
                                 .a_step = FM_PANEL,
                                 .b_step = FM_PANEL,
                                 .lanes = lanes};
    memset(run->own, 0, w->y.points * w->x.points * FM_PANEL * FM_PANEL * sizeof *run->own);
    for (size_t i = 0; i < w->y.points * w->x.points; i++) {
        product_of.a = run->workspace + step->points + in * block + w->point[i].first * FM_PANEL;
        product_of.b =
            run->workspace + step->back_points + out * block + w->point[i].first * FM_PANEL;
        product_of.inner = w->group * w->point[i].tiles_y * w->point[i].tiles_x;
        for (size_t from = 0; from < blocks; from += product_of.taps) {
            product_of.taps = blocks - from < AT_ONCE ? blocks - from : AT_ONCE;
            for (size_t t = 0; t < product_of.taps; t++) {
                a_tap[t] = (from + t) * in_panels * block;
                b_tap[t] = (from + t) * out_panels * block;
            }
            product(&product_of, FM_PANEL, run->own + i * FM_PANEL * FM_PANEL);
        }
    }
}

/* Jobs: (panel of outputs, panel of inputs); those of the first panel of inputs also do the bias. */
static void job_winograd_gradient(const struct fm_plan *plan, const struct fm_step *step,
                                  const struct fm_run *run, size_t job)
{
    const struct fm_winograd *w = step->winograd;
    size_t c = step->in_shape.c, panels = fm_panels(c), in = job % panels, out = job / panels;
    size_t lanes = lanes_of_panel(step->units, out), inputs = lanes_of_panel(c, in);
    size_t points = w->y.points * w->x.points, taps = step->window.kernel_h * step->window.kernel_w;
    float *filter = run->own + points * FM_PANEL * FM_PANEL;
    multiply_gradients(step, run, in, out, lanes);
    const struct spots in_at = even_spots(w->x.points * FM_PANEL * FM_PANEL, FM_PANEL * FM_PANEL);
    const struct spots out_at =
        even_spots(step->window.kernel_w * FM_PANEL * FM_PANEL, FM_PANEL * FM_PANEL);
    for (size_t i = 0; i < inputs; i++) {
        transform_panel(&w->y.gradient, &w->x.gradient, run->own + i * FM_PANEL, &in_at, FM_PANEL,
                        filter + i * FM_PANEL, &out_at);
        for (size_t t = 0; t < taps && lanes < FM_PANEL; t++)
            for (size_t l = lanes; l < FM_PANEL; l++)
                filter[(t * FM_PANEL + i) * FM_PANEL + l] = 0;
    }
    for (size_t t = 0; t < taps; t++)
        sink(plan, run, step->weight + (out * step->taps + t * c + in * FM_PANEL) * FM_PANEL,
             filter + t * FM_PANEL * FM_PANEL, inputs * FM_PANEL);
    if (in == 0)
        bias_gradient(plan, step, run, out, lanes);
}
