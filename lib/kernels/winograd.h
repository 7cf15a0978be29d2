/* winograd.h -- convolutions by their values at points (lib/winograd.h has the mathematics):

       input     tiles of the input to points           V = B' d B
       filter    filters to points                      U = G g G'
       product   for each point, V U; back to outputs   Y = A' (V U) A
       spread    tiles of a gradient to points          W = A dY A'
       gradient  for each point, V' W; to filters       dg = G' (V' W) G

   The gradient of the input is the same convolution of the output's gradient, with the filters turned
   round. Points of pictures lie as (panel of channels, point, picture, tile, 32), those of a product
   likewise but for a block of pictures, those of filters as (panel of outputs, point, input, 32),
   inputs rounded up to 32 with zeros. */

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

/* A tile of picture n, among so many: where its points lie in a panel. */
static struct spots points_of_tile(const struct fm_winograd *w, size_t pictures, size_t n, size_t y,
                                   size_t x)
{
    struct spots spots;
    size_t points_y = w->y.points - fm_tile_is_small(&w->y, y);
    size_t points_x = w->x.points - fm_tile_is_small(&w->x, x);
    for (size_t i = 0; i < points_y; i++)
        for (size_t k = 0; k < points_x; k++) {
            const struct fm_point *p = &w->point[i * w->x.points + k];
            spots.at[i * FM_MOST_POINTS + k] =
                (p->first * pictures + n * p->tiles + y * p->tiles_x + x) * FM_PANEL;
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

/* Tiles of what lies at `place` to points. Jobs: (block of pictures, panel of channels). */
static void tiles_to_points(const struct fm_plan *plan, const struct fm_step *step,
                            const struct fm_run *run, size_t job, const struct fm_place *place,
                            size_t channels, const struct fm_matrix *y_matrix,
                            const struct fm_matrix *x_matrix)
{
    const struct fm_winograd *w = step->winograd;
    size_t panels = fm_panels(channels), panel = job % panels, block = job / panels;
    size_t pictures = pictures_of_block(w, run, block);
    float *points = run->workspace + step->points + panel * plan->batch * w->products * FM_PANEL;
    const struct spots in_at = even_spots(place->row, place->pixel);
    for (size_t n = block * w->group; n < block * w->group + pictures; n++)
        for (size_t y = 0; y < w->y.tiles; y++)
            for (size_t x = 0; x < w->x.tiles; x++) {
                const struct spots out_at = points_of_tile(w, plan->batch, n, y, x);
                const float *in = run->workspace + place->origin + n * place->picture +
                                  fm_tile_start(&w->y, y) * place->row +
                                  fm_tile_start(&w->x, x) * place->pixel + panel * FM_PANEL;
                transform_panel(&y_matrix[fm_tile_is_small(&w->y, y)],
                                &x_matrix[fm_tile_is_small(&w->x, x)], in, &in_at,
                                lanes_of_panel(channels, panel), points, &out_at);
            }
}

static void job_winograd_input(const struct fm_plan *plan, const struct fm_step *step,
                               const struct fm_run *run, size_t job)
{
    tiles_to_points(plan, step, run, job, &step->in, step->in_shape.c, step->winograd->y.input,
                    step->winograd->x.input);
}

static void job_winograd_spread(const struct fm_plan *plan, const struct fm_step *step,
                                const struct fm_run *run, size_t job)
{
    tiles_to_points(plan, step, run, job, &step->back, step->units, step->winograd->y.spread,
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

/* ---- products: c (rows,32) += a b, where b is (k,32)

   The rows of a are 32 elements of k apart at a constant distance, or the other way round for
   gradients, so that a tile needs no table of rows. What comes next is fetched while a tile is under
   way: a line of a and one of b for each k. */

#define POINTS_START(i) vec low##i = v_splat(0), high##i = v_splat(0);
#define POINTS_ROW(i)                                                                              \
    {                                                                                              \
        vec x = v_splat(a[(i)*FM_PANEL]);                                                          \
        low##i = v_fma(x, b0, low##i);                                                             \
        high##i = v_fma(x, b1, high##i);                                                           \
    }
#define POINTS_COLUMN(i)                                                                           \
    {                                                                                              \
        vec x = v_splat(a[i]);                                                                     \
        low##i = v_fma(x, b0, low##i);                                                             \
        high##i = v_fma(x, b1, high##i);                                                           \
    }

/* k is (tap, so many): taps of a are `tap` apart, the rest of it `step`; b has no gaps. */
struct stream {
    const float *a, *b;
    size_t taps, tap, inner;
    const float *next_a, *next_b;
    size_t next_tap; /* next_a's taps */
};

#define DEFINE_POINTS_TILE(name, rows, ROW, step)                                                  \
    static void name##_##rows(const struct stream *s, size_t lane, float *c)                       \
    {                                                                                              \
        const float *b = s->b + lane, *next_b = s->next_b;                                         \
        c += lane;                                                                                 \
        ROWS_##rows(POINTS_START) for (size_t t = 0; t < s->taps; t++)                             \
        {                                                                                          \
            const float *a = s->a + t * s->tap, *next_a = s->next_a + t * s->next_tap;             \
            for (size_t k = 0; k < s->inner; k++) {                                                \
                vec b0 = v_load(b), b1 = v_load(b + VL);                                           \
                v_prefetch(next_a);                                                                \
                v_prefetch(next_b);                                                                \
                ROWS_##rows(ROW) a += step;                                                        \
                b += FM_PANEL, next_a += LINE, next_b += LINE;                                     \
            }                                                                                      \
        }                                                                                          \
        ROWS_##rows(TILE_END)                                                                      \
    }

enum { LINE = 16 }; /* floats of a cache's line */

/* All sizes up to the largest that the registers hold. */
#define DEFINE_POINTS_TILES(name, ROW, step)                                                       \
    DEFINE_POINTS_TILE(name, 1, ROW, step)                                                         \
    DEFINE_POINTS_TILE(name, 2, ROW, step)                                                         \
    DEFINE_POINTS_TILE(name, 4, ROW, step)                                                         \
    DEFINE_POINTS_TILE(name, 6, ROW, step)                                                         \
    DEFINE_POINTS_TILE(name, 8, ROW, step)                                                         \
    DEFINE_POINTS_TILE(name, 10, ROW, step)                                                        \
    DEFINE_POINTS_TILE(name, 12, ROW, step)                                                        \
    static inline void name(const struct stream *s, size_t rows, size_t lane, float *c)            \
    {                                                                                              \
        if (TILE >= 12 && rows == 12)                                                              \
            name##_12(s, lane, c);                                                                 \
        else if (TILE >= 10 && rows == 10)                                                         \
            name##_10(s, lane, c);                                                                 \
        else if (TILE >= 8 && rows == 8)                                                           \
            name##_8(s, lane, c);                                                                  \
        else if (TILE >= 6 && rows == 6)                                                           \
            name##_6(s, lane, c);                                                                  \
        else if (rows == 4)                                                                        \
            name##_4(s, lane, c);                                                                  \
        else if (rows == 2)                                                                        \
            name##_2(s, lane, c);                                                                  \
        else                                                                                       \
            name##_1(s, lane, c);                                                                  \
    }

DEFINE_POINTS_TILES(row_tile, POINTS_ROW, 1)
DEFINE_POINTS_TILES(column_tile, POINTS_COLUMN, FM_PANEL)

/* Rows of pictures, of a panel's point, times its filters, (inputs,32). in: of the first panel of
   inputs, which are so many and `panel` apart. */
static void multiply_point(const float *in, size_t panel, size_t panels, size_t rows,
                           const float *filter, size_t lanes, float *out)
{
    enum { AT_ONCE = K_GROUP / FM_PANEL };
    memset(out, 0, rows * FM_PANEL * sizeof *out);
    for (size_t from = 0; from < panels; from += AT_ONCE) {
        size_t taps = panels - from < AT_ONCE ? panels - from : AT_ONCE, n, lines = 0;
        size_t floats = taps * FM_PANEL * FM_PANEL;
        struct stream s = {.b = filter + from * FM_PANEL * FM_PANEL,
                           .taps = taps,
                           .tap = panel,
                           .inner = FM_PANEL,
                           .next_tap = panel};
        for (size_t r = 0; r < rows; r += n, lines += floats / 2) {
            n = tile_rows(rows - r);
            s.a = in + from * panel + r * FM_PANEL;
            s.next_a = s.a + n * FM_PANEL;
            s.next_b = lines < floats ? s.b + floats + lines : s.b;
            for (size_t lane = 0; lane < lanes; lane += 2 * VL)
                row_tile(&s, n, lane, out + r * FM_PANEL);
        }
    }
}

/* For each point the product of a block's rows, of so many channels, with a panel of filters, to own
   memory. */
static void multiply_points(const struct fm_plan *plan, const struct fm_step *step,
                            const struct fm_run *run, size_t block, size_t pictures,
                            size_t channels, size_t panel, size_t lanes)
{
    const struct fm_winograd *w = step->winograd;
    size_t panels = fm_panels(channels), points = w->y.points * w->x.points;
    size_t in_panel = plan->batch * w->products * FM_PANEL,
           filter_point = panels * FM_PANEL * FM_PANEL;
    const float *in = run->workspace + step->points;
    const float *filter = run->workspace + step->filter + panel * points * filter_point;
    for (size_t i = 0; i < points; i++) {
        const struct fm_point *p = &w->point[i];
        multiply_point(in + (p->first * plan->batch + block * w->group * p->tiles) * FM_PANEL,
                       in_panel, panels, pictures * p->tiles, filter + i * filter_point, lanes,
                       run->own + p->first * w->group * FM_PANEL);
    }
}

/* Outputs of a tile, 32 channels of each, from the points of a block's product. */
static void tile_from_points(const struct fm_winograd *w, const float *points, size_t g, size_t y,
                             size_t x, float *tile, const struct spots *tile_at)
{
    const struct spots in_at = points_of_tile(w, w->group, g, y, x);
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

/* Jobs: (panel of output channels, block of pictures). */
static void job_winograd_product(const struct fm_plan *plan, const struct fm_step *step,
                                 const struct fm_run *run, size_t job)
{
    size_t blocks = fm_winograd_blocks(step->winograd, plan->batch);
    size_t block = job % blocks, panel = job / blocks;
    size_t lanes = lanes_of_panel(step->units, panel);
    size_t pictures = pictures_of_block(step->winograd, run, block);
    multiply_points(plan, step, run, block, pictures, step->in_shape.c, panel, lanes);
    finish_block(step, run, block, pictures, panel, lanes, finish_forward);
}

/* The gradient of the input; `out` is here the input's value. Jobs: (panel of input channels, block of
   pictures). */
static void job_winograd_back(const struct fm_plan *plan, const struct fm_step *step,
                              const struct fm_run *run, size_t job)
{
    size_t blocks = fm_winograd_blocks(step->winograd, plan->batch);
    size_t block = job % blocks, panel = job / blocks;
    size_t lanes = lanes_of_panel(step->in_shape.c, panel);
    size_t pictures = pictures_of_block(step->winograd, run, block);
    multiply_points(plan, step, run, block, pictures, step->units, panel, lanes);
    finish_block(step, run, block, pictures, panel, lanes, finish_back);
}

/* For each point V' W, (inputs, outputs) of a panel each, to own memory. */
static void multiply_gradients(const struct fm_plan *plan, const struct fm_step *step,
                               const struct fm_run *run, size_t in, size_t out, size_t lanes)
{
    const struct fm_winograd *w = step->winograd;
    size_t panel = plan->batch * w->products * FM_PANEL, n;
    const float *a = run->workspace + step->points + in * panel;
    const float *b = run->workspace + step->back_points + out * panel;
    memset(run->own, 0, w->y.points * w->x.points * FM_PANEL * FM_PANEL * sizeof *run->own);
    for (size_t i = 0; i < w->y.points * w->x.points; i++) {
        size_t first = w->point[i].first * plan->batch, rows = run->pictures * w->point[i].tiles;
        size_t next = plan->batch * w->point[i].tiles * FM_PANEL;
        for (size_t from = 0; from < rows; from += K_GROUP) {
            size_t count = rows - from < K_GROUP ? rows - from : K_GROUP, lines = 0;
            struct stream s = {.b = b + (first + from) * FM_PANEL, .taps = 1, .inner = count};
            for (size_t r = 0; r < FM_PANEL; r += n, lines += count * LINE) {
                n = tile_rows(FM_PANEL - r);
                s.a = a + (first + from) * FM_PANEL + r;
                bool more = lines < count * FM_PANEL; /* the next point's are not yet under way */
                s.next_a = a + (first + from) * FM_PANEL + (more ? next + lines : 0);
                s.next_b = s.b + (more ? next + lines : 0);
                for (size_t lane = 0; lane < lanes; lane += 2 * VL)
                    column_tile(&s, n, lane, run->own + (i * FM_PANEL + r) * FM_PANEL);
            }
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
    multiply_gradients(plan, step, run, in, out, lanes);
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
