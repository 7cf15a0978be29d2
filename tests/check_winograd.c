/* check_winograd.c -- Winograd convolutions, direct ones of few terms, and the fused backward pass
   of large dense layers.

   Contents: 1. Tiles and matrices  2. Which layers use Winograd  3. One layer by itself  4. Against
   plain loops in the same order  5. Errors against double */
#include "engine.h"
#include "base/float.h"

#include "runner.h"
#include "engine/winograd.h"

/* ---- 1. Tiles and matrices ---- */

enum { POINTS = FM_MAX_POINTS * FM_MAX_POINTS, MAX_KERNEL = FM_MAX_POINTS - 1 };

/* A convolution with h x w outputs, and enough channels that Winograd is always chosen. */
static struct fm_winograd plan_of(size_t h, size_t w, size_t kernel_h, size_t kernel_w)
{
    struct fm_winograd winograd;
    struct fm_window window = {.kernel_h = kernel_h, .kernel_w = kernel_w, .stride = 1};
    struct fm_shape in = {1 << 20, h + kernel_h - 1, w + kernel_w - 1}, out = {1 << 20, h, w};
    ck_assert(fm_winograd_plan(&winograd, &window, in, out, 1));
    return winograd;
}

/* The number of tiles is the minimum, their sizes differ by one at most, the large ones come first,
   and each begins where the one before ends. */
START_TEST(tiles_cover_all_outputs)
{
    size_t kernel = (size_t)_i, max = kernel == 1 ? 1 : FM_MAX_POINTS + 1 - kernel;
    for (size_t outputs = 1; outputs <= 128; outputs++) {
        struct fm_winograd w = plan_of(outputs, 5, kernel, 3);
        size_t covered = 0, points = 0;
        ck_assert_uint_eq(w.y.tiles, (outputs + max - 1) / max);
        for (size_t i = 0; i < w.y.tiles; i++) {
            bool small = fm_tile_is_small(&w.y, i);
            size_t size = w.y.size - small;
            ck_assert_uint_eq(size, i < outputs % w.y.tiles || outputs % w.y.tiles == 0
                                        ? (outputs + w.y.tiles - 1) / w.y.tiles
                                        : outputs / w.y.tiles);
            ck_assert_uint_eq(fm_tile_start(&w.y, i), covered);
            ck_assert_uint_eq(w.y.output[small].rows, size);
            ck_assert_uint_eq(w.y.output[small].columns, size + kernel - 1);
            covered += size;
            points += size + kernel - 1;
        }
        ck_assert_uint_eq(covered, outputs);
        ck_assert_uint_le(w.y.points, FM_MAX_POINTS);
        ck_assert_uint_eq(w.products, points * 7);
    }
}
END_TEST

/* Counting by tiles and counting by points give the same number of products. Points follow each
   other with a spare row. */
START_TEST(points_are_laid_out_with_spare_rows)
{
    for (size_t h = 1; h <= 30; h += 3)
        for (size_t width = 2; width <= 30; width++) {
            struct fm_winograd w = plan_of(h, width, 3, 4);
            size_t products = 0, points = w.y.points * w.x.points;
            for (size_t p = 0; p < points; p++) {
                size_t tiles = 0;
                for (size_t i = 0; i < w.y.tiles * w.x.tiles; i++)
                    tiles += p / w.x.points < w.y.points - fm_tile_is_small(&w.y, i / w.x.tiles) &&
                             p % w.x.points < w.x.points - fm_tile_is_small(&w.x, i % w.x.tiles);
                ck_assert_uint_eq(w.point[p].tiles, tiles);
                ck_assert_uint_eq(w.point[p].tiles, w.point[p].tiles_y * w.point[p].tiles_x);
                ck_assert_uint_eq(w.point[p].first, products);
                ck_assert_uint_eq(fm_point_row(&w, 5, p), 5 * products + p);
                products += tiles;
            }
            ck_assert_uint_eq(w.products, products);
            ck_assert_uint_eq(fm_winograd_rows(&w, 5), 5 * products + points);
        }
}
END_TEST

/* Known numbers of products. block: the images of a block, by 2,048 rows, or a power of two not
   below the batch. */
START_TEST(known_sizes_have_known_products)
{
    static const struct {
        size_t side, kernel, tiles, large, size, products, block;
    } known[] = {{28, 3, 6, 4, 5, 1600, 1}, {14, 3, 3, 2, 5, 400, 4}, {7, 3, 2, 1, 4, 121, 16},
                 {2, 3, 1, 1, 2, 16, 32},   {5, 3, 1, 1, 5, 49, 32},  {9, 5, 3, 3, 3, 441, 4},
                 {6, 2, 1, 1, 6, 49, 32},   {8, 4, 2, 2, 4, 196, 8}};
    for (size_t i = 0; i < FM_COUNT(known); i++) {
        struct fm_winograd w;
        size_t side = known[i].side, kernel = known[i].kernel, in = side + kernel - 1;
        struct fm_window window = {.kernel_h = kernel, .kernel_w = kernel, .stride = 1};
        ck_assert(fm_winograd_plan(&w, &window, (struct fm_shape){512, in, in},
                                   (struct fm_shape){512, side, side}, 32));
        ck_assert_uint_eq(w.y.tiles, known[i].tiles);
        ck_assert_uint_eq(w.x.large, known[i].large);
        ck_assert_uint_eq(w.y.size, known[i].size);
        ck_assert_uint_eq(w.products, known[i].products);
        ck_assert_uint_eq(w.block, known[i].block);
        ck_assert_uint_eq(fm_winograd_blocks(&w, 33), (33 + w.block - 1) / w.block);
    }
}
END_TEST

static double times(const struct fm_matrix *m, size_t row, const int *values)
{
    double sum = 0;
    for (size_t k = 0; k < m->columns; k++)
        sum += (double)m->at[row][k] * values[k];
    return sum;
}

/* y = A' ((G g) . (B' d)) and dg = G' ((A dy) . (B' d)) for integers, except for the rounding of
   thirds and fifths in B', which are no floats. */
static void check_tile(const struct fm_tiling *t, size_t kernel, bool small, uint64_t seed)
{
    size_t points = t->points - small, size = t->size - small;
    int g[FM_MAX_POINTS], d[FM_MAX_POINTS], dy[FM_MAX_POINTS];
    double product[FM_MAX_POINTS], gradient[FM_MAX_POINTS];
    for (size_t i = 0; i < FM_MAX_POINTS; i++) {
        uint64_t bits = fm_random(seed, FM_RNG_SPLIT, 0, i);
        g[i] = (int)(bits % 21) - 10;
        d[i] = (int)(bits / 32 % 21) - 10;
        dy[i] = (int)(bits / 1024 % 21) - 10;
    }
    for (size_t p = 0; p < points; p++) {
        product[p] = times(&t->filter, p, g) * times(&t->input[small], p, d);
        gradient[p] = times(&t->output_gradient[small], p, dy) * times(&t->input[small], p, d);
    }
    for (size_t i = 0; i < size; i++) {
        double y = 0, wanted = 0;
        for (size_t p = 0; p < points; p++)
            y += (double)t->output[small].at[i][p] * product[p];
        for (size_t k = 0; k < kernel; k++)
            wanted += d[i + k] * g[k];
        ck_assert_double_eq_tol(y, wanted, 1e-3);
    }
    for (size_t k = 0; k < kernel; k++) {
        double dg = 0, wanted = 0;
        for (size_t p = 0; p < points; p++)
            dg += (double)t->gradient.at[k][p] * gradient[p];
        for (size_t i = 0; i < size; i++)
            wanted += dy[i] * d[i + k];
        ck_assert_double_eq_tol(dg, wanted, 1e-3);
    }
}

START_TEST(matrices_compute_convolutions)
{
    size_t kernel = (size_t)_i;
    for (size_t outputs = 1; outputs <= 11; outputs++) {
        struct fm_winograd w = plan_of(outputs, 5, kernel, 3);
        for (uint64_t seed = 0; seed < 50; seed++) {
            check_tile(&w.y, kernel, false, seed);
            if (w.y.large < w.y.tiles)
                check_tile(&w.y, kernel, true, seed);
        }
    }
}
END_TEST

/* Kernels leave out what they take for zero, and must not take anything else for it. Each form
   occurs. */
static void check_zeros(const struct fm_matrix *m, bool *seen)
{
    static const struct {
        enum fm_zeros zeros;
        size_t rows, columns;
    } forms[] = {{0, 0, 0},
#define FORM(zeros, rows, columns) {FM_ZEROS_##zeros, rows, columns},
                 FM_MATRIX_FORMS(FORM)
#undef FORM
    };
    if (m->form == FM_MATRIX_ANY)
        return;
    seen[m->form] = true;
    ck_assert_uint_eq(m->rows, forms[m->form].rows);
    ck_assert_uint_eq(m->columns, forms[m->form].columns);
    for (size_t i = 0; i < m->rows; i++)
        for (size_t k = 0; k < m->columns; k++)
            if (fm_is_zero(forms[m->form].zeros, m->rows, m->columns, i, k))
                ck_assert(m->at[i][k] == 0);
}

START_TEST(zeros_of_forms_are_zero)
{
    bool seen[FM_MATRIX_FORM_COUNT] = {false};
    for (size_t outputs = 1; outputs <= 11; outputs++) {
        struct fm_winograd w = plan_of(outputs, 5, 3, 3);
        check_zeros(&w.y.filter, seen);
        check_zeros(&w.y.gradient, seen);
        for (size_t small = 0; small < 2; small++) {
            check_zeros(&w.y.input[small], seen);
            check_zeros(&w.y.output[small], seen);
            check_zeros(&w.y.output_gradient[small], seen);
        }
    }
    for (size_t form = FM_MATRIX_ANY + 1; form < FM_MATRIX_FORM_COUNT; form++)
        ck_assert_msg(seen[form], "form %zu", form);
}
END_TEST

/* ---- 2. Which layers use Winograd ---- */

/* A change of the rule changes bits, so it must be noticed. The first rows are the layers of cnn
   and of a usual pyramid, forward and backward. */
START_TEST(choice_of_algorithm_is_unchanged)
{
    static const struct {
        size_t in, out, side, kernel, stride;
        bool winograd;
    } known[] = {
        {1, 6, 28, 5, 1, false},    {6, 32, 14, 3, 1, false},    {32, 6, 14, 3, 1, false},
        {32, 64, 14, 3, 1, true},   {64, 32, 14, 3, 1, true},    {64, 128, 14, 3, 1, true},
        {128, 256, 14, 3, 1, true}, {256, 512, 14, 3, 1, true},  {512, 256, 14, 3, 1, true},
        {64, 64, 28, 3, 1, true},   {128, 128, 14, 3, 1, true},  {256, 256, 7, 3, 1, true},
        {16, 16, 28, 3, 1, false},  {24, 24, 28, 3, 1, false},   {32, 32, 28, 3, 1, true},
        {33, 33, 28, 3, 1, false},  {64, 64, 28, 1, 1, false},   {512, 512, 14, 1, 1, false},
        {64, 64, 28, 3, 2, false},  {512, 512, 14, 3, 2, false}, {64, 64, 14, 5, 1, true},
        {64, 64, 14, 6, 1, true},   {512, 512, 14, 7, 1, false}, {64, 64, 14, 2, 1, true},
        {64, 64, 2, 3, 1, false},   {64, 65, 2, 3, 1, true},     {512, 512, 1, 3, 1, false},
        {64, 64, 128, 3, 1, false}, {64, 64, 64, 3, 1, true},    {64, 64, 129, 3, 1, false},
    };
    for (size_t i = 0; i < FM_COUNT(known); i++) {
        size_t side = known[i].side, stride = known[i].stride;
        struct fm_window window = {
            .kernel_h = known[i].kernel, .kernel_w = known[i].kernel, .stride = stride};
        struct fm_winograd w;
        bool chosen = fm_winograd_plan(&w, &window,
                                       (struct fm_shape){known[i].in, side * stride, side * stride},
                                       (struct fm_shape){known[i].out, side, side}, 32);
        ck_assert_msg(chosen == known[i].winograd, "row %zu: %zu to %zu, %zu pixels, kernel %zu", i,
                      known[i].in, known[i].out, side, known[i].kernel);
    }
}
END_TEST

/* ---- 3. One layer by itself ---- */

/* The layer before the last: the test sets its input and its output's gradient, runs its ops, and
   reads their results from the workspace. Arrays are (n,h,w,c). */
struct layer {
    struct fmnn_net *net;
    struct fm_plan *plan;
    const struct fm_node *node;
    struct fm_shape in, out;
    struct fm_window window;
    size_t images;
    float *x, *dy;   /* set */
    float *y, *dx;   /* computed */
    float *weight;   /* (units,c,h,w) */
    float *gradient; /* the same */
    float *all;      /* gradients, stored order */
    struct fm_view at_x, at_y, at_dx, at_dy;
};

static float *floats(size_t n)
{
    float *all = calloc(n, sizeof *all);
    ck_assert_ptr_nonnull(all);
    return all;
}

static size_t size_of(struct fm_shape shape)
{
    return shape.c * shape.h * shape.w;
}

static const struct fm_op *find_op(const struct layer *layer, enum fm_op_kind kind)
{
    for (size_t i = 0; i < layer->plan->op_count; i++)
        if (layer->plan->op[i].node == layer->node && layer->plan->op[i].kind == kind)
            return &layer->plan->op[i];
    return NULL;
}

/* Values have the views of the node's first op, gradients those of its last one. */
static void find_views(struct layer *layer)
{
    const struct fm_op *op = layer->plan->op;
    bool begun = false;
    for (size_t i = 0; i < layer->plan->op_count; i++) {
        if (op[i].node != layer->node)
            continue;
        if (!begun) {
            layer->window = op[i].window;
            layer->at_x = op[i].in;
            layer->at_x.offset +=
                op[i].window.top * op[i].in.stride_h + op[i].window.left * op[i].in.stride_w;
            layer->at_y = op[i].out;
        }
        begun = true;
        layer->at_dy = op[i].grad_out;
        layer->at_dx = op[i].grad_in;
    }
    ck_assert(begun);
}

static struct layer make_layer(const char *text, size_t height, size_t width, size_t batch,
                               size_t images, bool exact)
{
    struct layer layer = {.images = images};
    struct fmnn_error err = {0};
    struct fmnn_model *model = fmnn_model_parse(text, "text", &err);
    ck_assert_msg(model != NULL, "%s", err.message);
    layer.net = fmnn_net_new(model, (struct fmnn_shape){1, height, width}, 2, &err);
    ck_assert_msg(layer.net != NULL, "%s", err.message);
    fmnn_model_free(model);
    layer.net->exact = exact;
    layer.net->unchained = true; /* values are looked at between ops */
    fmnn_net_initialise(layer.net, 31, 0);
    layer.node = &layer.net->node[layer.net->node_count - 2];
    layer.in = layer.net->value[layer.node->input[0]].shape;
    layer.out = layer.net->value[layer.node->output].shape;
    layer.plan = fm_plan_new(layer.net, batch, 1, true, FM_OPTIMIZER_sgd, &err);
    ck_assert_msg(layer.plan != NULL, "%s", err.message);
    find_views(&layer);
    size_t in = images * size_of(layer.in), out = images * size_of(layer.out);
    size_t weights = fm_parameter_count(&layer.net->parameter[layer.node->parameter]);
    layer.x = floats(in);
    layer.dx = floats(in);
    layer.y = floats(out);
    layer.dy = floats(out);
    layer.weight = floats(weights);
    layer.gradient = floats(weights);
    layer.all = fm_alloc_aligned(layer.net->stored, sizeof *layer.all, NULL);
    fm_random_normals(layer.x, in, 1, 32, FM_RNG_SPLIT, 0);
    for (size_t i = 0; i < in; i++)
        layer.x[i] = layer.x[i] > 0 ? layer.x[i] : 0;
    fm_random_normals(layer.dy, out, 1, 33, FM_RNG_SPLIT, 0);
    fmnn_net_get(layer.net, layer.node->parameter, layer.weight);
    return layer;
}

static void free_layer(struct layer *layer)
{
    free(layer->x);
    free(layer->dx);
    free(layer->y);
    free(layer->dy);
    free(layer->weight);
    free(layer->gradient);
    free(layer->all);
    fm_plan_free(layer->plan);
    fmnn_net_free(layer->net);
}

/* Copies an array into the workspace (in), or from it. */
static void copy(const struct layer *layer, struct fm_shape shape, const struct fm_view *view,
                 float *array, bool in)
{
    for (size_t n = 0; n < layer->images; n++)
        for (size_t y = 0; y < shape.h; y++)
            for (size_t x = 0; x < shape.w; x++, array += shape.c) {
                float *at = layer->plan->workspace + view->offset + n * view->stride_n +
                            y * view->stride_h + x * view->stride_w;
                memcpy(in ? at : array, in ? array : at, shape.c * sizeof *at);
            }
}

static void run_op(const struct layer *layer, const struct fm_kernels *kernels,
                   const struct fm_op *op, const struct fm_run *run)
{
    size_t count;
    for (size_t job = 0; job < op->jobs && !op->block; job++)
        kernels->job[op->kind](layer->plan, op, run, job);
    for (size_t first = 0; first < run->images && op->block; first += count) {
        count = run->images - first < op->block ? run->images - first : op->block;
        kernels->block[op->kind](layer->plan, op, run, first, count);
    }
}

static void run_phase(const struct layer *layer, const struct fm_kernels *kernels, bool backward,
                      const struct fm_run *run)
{
    for (size_t i = 0; i < layer->plan->op_count; i++)
        if (layer->plan->op[i].node == layer->node && (i >= layer->plan->forward_ops) == backward)
            run_op(layer, kernels, &layer->plan->op[i], run);
}

/* In the backward pass, gradients may overwrite values. */
static void run_layer(struct layer *layer, const struct fm_kernels *kernels)
{
    struct fm_plan *plan = layer->plan;
    struct fm_run run = {.images = layer->images,
                         .workspace = plan->workspace,
                         .scratch = plan->workspace + plan->scratch,
                         .weights = layer->net->weights,
                         .sink = FM_SINK_STORE,
                         .gradients = layer->all,
                         .backward = true};
    fm_float_state before = fm_float_enter();
    copy(layer, layer->in, &layer->at_x, layer->x, true);
    run_phase(layer, kernels, false, &run);
    copy(layer, layer->out, &layer->at_y, layer->y, false);
    copy(layer, layer->out, &layer->at_dy, layer->dy, true);
    run_phase(layer, kernels, true, &run);
    copy(layer, layer->in, &layer->at_dx, layer->dx, false);
    fm_parameter_get(&layer->net->parameter[layer->node->parameter], layer->all, layer->gradient);
    fm_float_leave(before);
}

static const struct fm_kernels *kernels_at(size_t i)
{
    const char *name = fmnn_kernels_at(i);
    return name ? fm_kernels_find(name, NULL) : NULL;
}

/* Not one assertion for each float: that would take longer than the sums. */
static void same_bits(const char *text, const char *set, const char *what, const float *got,
                      const float *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], &wanted[i], sizeof *got) != 0)
            ck_abort_msg("%s: %s: %s[%zu] is %.9g, wanted %.9g", text, set, what, i, (double)got[i],
                         (double)wanted[i]);
}

/* ---- 4. Against plain loops in the same order ---- */

/* A sum in the order of the kernels' GEMM: groups of 512 terms, each summed from zero, then the
   groups from zero. */
struct sum {
    float group, all;
    size_t terms;
};

static void add_term(struct sum *sum, float a, float b)
{
    if (sum->terms == 512) {
        sum->all += sum->group;
        sum->group = 0;
        sum->terms = 0;
    }
    sum->group = fmaf(a, b, sum->group);
    sum->terms++;
}

static float total(const struct sum *sum)
{
    return sum->all + sum->group;
}

/* out = y in x', first the columns, then the rows; each sum from zero. */
static void plain_transform(const struct fm_matrix *y, const struct fm_matrix *x, const float *in,
                            float *out)
{
    float middle[POINTS];
    for (size_t i = 0; i < y->rows; i++)
        for (size_t k = 0; k < x->columns; k++) {
            float sum = 0;
            for (size_t j = 0; j < y->columns; j++)
                sum = fmaf(y->at[i][j], in[j * FM_MAX_POINTS + k], sum);
            middle[i * FM_MAX_POINTS + k] = sum;
        }
    for (size_t i = 0; i < y->rows; i++)
        for (size_t k = 0; k < x->rows; k++) {
            float sum = 0;
            for (size_t j = 0; j < x->columns; j++)
                sum = fmaf(x->at[k][j], middle[i * FM_MAX_POINTS + j], sum);
            out[i * FM_MAX_POINTS + k] = sum;
        }
}

/* Values in the Winograd domain: for each point (y,x), at [y * FM_MAX_POINTS + x], a matrix with
   this number of columns. */
struct domain {
    size_t columns;
    float *at[POINTS];
};

static struct domain make_domain(const struct fm_winograd *w, size_t rows, size_t columns)
{
    struct domain domain = {.columns = columns};
    for (size_t y = 0; y < w->y.points; y++)
        for (size_t x = 0; x < w->x.points; x++)
            domain.at[y * FM_MAX_POINTS + x] = floats(rows * columns);
    return domain;
}

static void free_domain(struct domain *domain)
{
    for (size_t p = 0; p < POINTS; p++)
        free(domain->at[p]);
}

struct image_set {
    const float *at;
    struct fm_shape shape;
    size_t count;
    long top, left; /* how far the first tile's corner is above and left of the image */
};

static float pixel_at(const struct image_set *set, size_t n, size_t y, size_t x, size_t c)
{
    long row = (long)y - set->top, column = (long)x - set->left;
    bool inside = row >= 0 && column >= 0 && row < (long)set->shape.h &&
                  column < (long)set->shape.w && c < set->shape.c;
    return inside ? set->at[((n * set->shape.h + (size_t)row) * set->shape.w + (size_t)column) *
                                set->shape.c +
                            c]
                  : 0;
}

/* The images in the Winograd domain: (tiles that have the point, channels rounded up to 32). */
static struct domain plain_transform_images(const struct fm_winograd *w,
                                            const struct image_set *set,
                                            const struct fm_matrix *y_matrix,
                                            const struct fm_matrix *x_matrix)
{
    size_t tiles = w->y.tiles * w->x.tiles, row[POINTS] = {0};
    struct domain domain = make_domain(w, set->count * tiles, fm_panels(set->shape.c) * FM_PANEL);
    for (size_t i = 0; i < set->count * tiles; i++) {
        size_t tile_y = i % tiles / w->x.tiles, tile_x = i % w->x.tiles;
        const struct fm_matrix *y = &y_matrix[fm_tile_is_small(&w->y, tile_y)];
        const struct fm_matrix *x = &x_matrix[fm_tile_is_small(&w->x, tile_x)];
        for (size_t c = 0; c < domain.columns; c++) {
            float in[POINTS] = {0}, out[POINTS];
            for (size_t a = 0; a < y->columns; a++)
                for (size_t b = 0; b < x->columns; b++)
                    in[a * FM_MAX_POINTS + b] =
                        pixel_at(set, i / tiles, fm_tile_start(&w->y, tile_y) + a,
                                 fm_tile_start(&w->x, tile_x) + b, c);
            plain_transform(y, x, in, out);
            for (size_t a = 0; a < y->rows; a++)
                for (size_t b = 0; b < x->rows; b++) {
                    size_t p = a * FM_MAX_POINTS + b;
                    domain.at[p][row[p] * domain.columns + c] = out[p];
                }
        }
        for (size_t a = 0; a < y->rows; a++)
            for (size_t b = 0; b < x->rows; b++)
                row[a * FM_MAX_POINTS + b]++;
    }
    return domain;
}

/* The filters in the Winograd domain: (channels in rounded up to 32, channels out); rotated for
   backward data. */
static struct domain plain_filters(const struct layer *layer, const struct fm_winograd *w,
                                   bool rotated)
{
    size_t in = rotated ? layer->out.c : layer->in.c, out = rotated ? layer->in.c : layer->out.c;
    size_t kernel_h = layer->window.kernel_h, kernel_w = layer->window.kernel_w;
    size_t taps = kernel_h * kernel_w;
    struct domain domain = make_domain(w, fm_panels(in) * FM_PANEL, out);
    for (size_t i = 0; i < in; i++)
        for (size_t o = 0; o < out; o++) {
            size_t unit = rotated ? i : o, channel = rotated ? o : i;
            const float *weight = layer->weight + (unit * layer->in.c + channel) * taps;
            float filter[POINTS] = {0}, to[POINTS];
            for (size_t t = 0; t < taps; t++)
                filter[t / kernel_w * FM_MAX_POINTS + t % kernel_w] =
                    weight[rotated ? taps - 1 - t : t];
            plain_transform(&w->y.filter, &w->x.filter, filter, to);
            for (size_t y = 0; y < w->y.points; y++)
                for (size_t x = 0; x < w->x.points; x++)
                    domain.at[y * FM_MAX_POINTS + x][i * out + o] = to[y * FM_MAX_POINTS + x];
        }
    return domain;
}

/* The convolution of images, without bias and activation, to (n,h,w,channels out). */
static void plain_convolution(const struct layer *layer, const struct fm_winograd *w,
                              const struct image_set *set, bool rotated, struct fm_shape shape,
                              float *to)
{
    struct domain in = plain_transform_images(w, set, w->y.input, w->x.input);
    struct domain filter = plain_filters(layer, w, rotated);
    size_t tiles = w->y.tiles * w->x.tiles, row[POINTS] = {0};
    for (size_t i = 0; i < set->count * tiles; i++) {
        size_t tile_y = i % tiles / w->x.tiles, tile_x = i % w->x.tiles;
        const struct fm_matrix *y = &w->y.output[fm_tile_is_small(&w->y, tile_y)];
        const struct fm_matrix *x = &w->x.output[fm_tile_is_small(&w->x, tile_x)];
        for (size_t o = 0; o < shape.c; o++) {
            float product[POINTS] = {0}, out[POINTS];
            for (size_t p = 0; p < POINTS; p++) {
                if (p / FM_MAX_POINTS >= y->columns || p % FM_MAX_POINTS >= x->columns)
                    continue;
                struct sum sum = {0};
                for (size_t c = 0; c < in.columns; c++)
                    add_term(&sum, in.at[p][row[p] * in.columns + c],
                             filter.at[p][c * shape.c + o]);
                product[p] = total(&sum);
            }
            plain_transform(y, x, product, out);
            for (size_t a = 0; a < y->rows; a++)
                for (size_t b = 0; b < x->rows; b++)
                    to[((i / tiles * shape.h + fm_tile_start(&w->y, tile_y) + a) * shape.w +
                        fm_tile_start(&w->x, tile_x) + b) *
                           shape.c +
                       o] = out[a * FM_MAX_POINTS + b];
        }
        for (size_t a = 0; a < y->columns; a++)
            for (size_t b = 0; b < x->columns; b++)
                row[a * FM_MAX_POINTS + b]++;
    }
    free_domain(&in);
    free_domain(&filter);
}

/* Backward weights, (units,c,h,w). */
static void plain_backward_weights(const struct layer *layer, const struct fm_winograd *w,
                                   float *to)
{
    size_t kernel_h = layer->window.kernel_h, kernel_w = layer->window.kernel_w;
    struct image_set x = {layer->x, layer->in, layer->images, (long)layer->window.top,
                          (long)layer->window.left};
    struct image_set dy = {layer->dy, layer->out, layer->images, 0, 0};
    struct domain in = plain_transform_images(w, &x, w->y.input, w->x.input);
    struct domain gradients =
        plain_transform_images(w, &dy, w->y.output_gradient, w->x.output_gradient);
    for (size_t unit = 0; unit < layer->out.c; unit++)
        for (size_t c = 0; c < layer->in.c; c++) {
            float product[POINTS] = {0}, out[POINTS];
            for (size_t i = 0; i < w->y.points * w->x.points; i++) {
                size_t p = i / w->x.points * FM_MAX_POINTS + i % w->x.points;
                struct sum sum = {0};
                for (size_t r = 0; r < layer->images * w->point[i].tiles; r++)
                    add_term(&sum, in.at[p][r * in.columns + c],
                             gradients.at[p][r * gradients.columns + unit]);
                product[p] = total(&sum);
            }
            plain_transform(&w->y.gradient, &w->x.gradient, product, out);
            for (size_t t = 0; t < kernel_h * kernel_w; t++)
                *to++ = out[t / kernel_w * FM_MAX_POINTS + t % kernel_w];
        }
    free_domain(&in);
    free_domain(&gradients);
}

/* Sets non-zero biases. */
static float *set_bias(struct layer *layer)
{
    float *bias = layer->net->weights + layer->net->parameter[layer->node->parameter + 1].offset;
    fm_random_normals(bias, layer->out.c, 1, 34, FM_RNG_SPLIT, 0);
    return bias;
}

static void plain_forward(const struct layer *layer, const struct fm_winograd *w, const float *bias,
                          float *y)
{
    struct image_set x = {layer->x, layer->in, layer->images, (long)layer->window.top,
                          (long)layer->window.left};
    plain_convolution(layer, w, &x, false, layer->out, y);
    for (size_t i = 0; i < layer->images * size_of(layer->out); i++) {
        y[i] += bias[i % layer->out.c];
        y[i] = 0 > y[i] ? 0 : y[i];
    }
}

static void plain_backward_data(const struct layer *layer, const struct fm_winograd *w, float *dx)
{
    struct image_set dy = {layer->dy, layer->out, layer->images,
                           (long)layer->window.kernel_h - 1 - (long)layer->window.top,
                           (long)layer->window.kernel_w - 1 - (long)layer->window.left};
    plain_convolution(layer, w, &dy, true, layer->in, dx);
    for (size_t i = 0; i < layer->images * size_of(layer->in); i++)
        dx[i] = layer->x[i] > 0 ? dx[i] : 0;
}

/* Channels around a panel and a pair of vectors, small tiles in either direction, a single row,
   both paddings, kernels that are not square, blocks larger than the batch, and batches that are
   not full; sums of more than 512 channels in and out, and of more than 512 tiles. backward_data:
   whether backward data uses Winograd, too. */
static const struct {
    const char *text;
    size_t height, width, batch, images;
    bool backward_data;
} layers[] = {
    {"conv 31 1x1 relu | conv 65 3x3 relu | dense classes", 13, 9, 3, 3, true},
    {"conv 32 1x1 relu | conv 33 3x3 relu | dense classes", 7, 7, 7, 7, false},
    {"conv 65 1x1 relu | conv 65 2x3 valid relu | dense classes", 13, 9, 7, 5, true},
    {"conv 65 1x1 relu | conv 65 5x4 relu | dense classes", 9, 13, 1, 1, true},
    {"conv 32 1x1 relu | conv 65 5x4 valid relu | dense classes", 13, 9, 3, 1, true},
    {"conv 95 1x1 relu | conv 127 3x3 relu | dense classes", 1, 9, 7, 7, true},
    {"conv 545 1x1 relu | conv 32 3x3 relu | dense classes", 4, 5, 1, 1, true},
    {"conv 32 1x1 relu | conv 545 3x3 valid relu | dense classes", 6, 5, 3, 2, true},
    {"conv 32 1x1 relu | conv 32 3x3 relu | dense classes", 20, 20, 33, 33, true},
    {"conv 64 1x1 relu | conv 96 3x3 relu | dense classes", 2, 3, 5, 5, true},
    {"conv 64 1x1 relu | conv 65 3x3 relu | dense classes", 3, 14, 2, 2, true},
};

START_TEST(winograd_matches_plain_loops)
{
    const char *text = layers[_i].text;
    struct layer layer = make_layer(text, layers[_i].height, layers[_i].width, layers[_i].batch,
                                    layers[_i].images, false);
    const float *bias = set_bias(&layer);
    const struct fm_op *forward = find_op(&layer, FM_OP_winograd_forward);
    const struct fm_op *backward = find_op(&layer, FM_OP_winograd_backward_data);
    bool wide = fm_panels(layer.in.c) * fm_panel_pairs(layer.out.c) >= 16;
    ck_assert_msg(forward && find_op(&layer, wide ? FM_OP_winograd_backward_weights
                                                  : FM_OP_winograd_gradient_filters),
                  "%s", text);
    ck_assert_msg((backward != NULL) == layers[_i].backward_data, "%s", text);
    size_t in = layer.images * size_of(layer.in), out = layer.images * size_of(layer.out);
    size_t weights = fm_parameter_count(&layer.net->parameter[layer.node->parameter]);
    float *y = floats(out), *dx = floats(in), *gradient = floats(weights);
    plain_forward(&layer, forward->winograd, bias, y);
    plain_backward_weights(&layer, forward->winograd, gradient);
    if (backward)
        plain_backward_data(&layer, backward->winograd, dx);
    const struct fm_kernels *kernels;
    for (size_t set = 0; (kernels = kernels_at(set)) != NULL; set++) {
        run_layer(&layer, kernels);
        same_bits(text, kernels->name, "y", layer.y, y, out);
        same_bits(text, kernels->name, "gradient", layer.gradient, gradient, weights);
        if (backward)
            same_bits(text, kernels->name, "dx", layer.dx, dx, in);
    }
    free(y);
    free(dx);
    free(gradient);
    free_layer(&layer);
}
END_TEST

/* Products of values around the smallest float become zeros of either sign, and a sum that leaves
   out zero terms may be -0 where the plain one is +0; all kernel sets have the same bits. */
START_TEST(tiny_values_match_plain_loops)
{
    const char *text = layers[_i].text;
    struct layer layer = make_layer(text, layers[_i].height, layers[_i].width, layers[_i].batch,
                                    layers[_i].images, false);
    const struct fm_op *forward = find_op(&layer, FM_OP_winograd_forward);
    ck_assert_ptr_nonnull(forward);
    size_t out = layer.images * size_of(layer.out), in = layer.images * size_of(layer.in);
    size_t weights = fm_parameter_count(&layer.net->parameter[layer.node->parameter]);
    float *bias = floats(layer.out.c), *y = floats(out), *gradient = floats(weights);
    for (size_t i = 0; i < in; i++)
        layer.x[i] = i % 3 == 1 ? -0.0f : layer.x[i] * 1e-44f;
    for (size_t i = 0; i < out; i++)
        layer.dy[i] = i % 5 == 1 ? -0.0f : layer.dy[i];
    plain_forward(&layer, forward->winograd, bias, y);
    plain_backward_weights(&layer, forward->winograd, gradient);
    const struct fm_kernels *kernels;
    for (size_t set = 0; (kernels = kernels_at(set)) != NULL; set++) {
        run_layer(&layer, kernels);
        for (size_t i = 0; i < out; i++)
            if (layer.y[i] != y[i] || (set > 0 && signbit(layer.y[i]) != signbit(y[i])))
                ck_abort_msg("%s: %s: y[%zu]", text, kernels->name, i);
        for (size_t i = 0; i < weights; i++)
            if (layer.gradient[i] != gradient[i] ||
                (set > 0 && signbit(layer.gradient[i]) != signbit(gradient[i])))
                ck_abort_msg("%s: %s: gradient[%zu]", text, kernels->name, i);
        memcpy(y, layer.y, out * sizeof *y);
        memcpy(gradient, layer.gradient, weights * sizeof *gradient);
    }
    free(bias);
    free(y);
    free(gradient);
    free_layer(&layer);
}
END_TEST

/* The gradient of a direct convolution, (units,c,h,w): groups of rows of pixels, which also end
   after FM_GEMM_TAPS rows. */
static void plain_direct_gradient(const struct layer *layer, const struct image_set *x, float *to)
{
    const struct fm_window *window = &layer->window;
    size_t terms = window->kernel_h * window->kernel_w, c = layer->in.c, w = layer->out.w;
    for (size_t i = 0; i < layer->out.c * c * terms; i++) {
        float all = 0, group = 0;
        for (size_t r = 0; r < layer->images * layer->out.h; r++) {
            size_t n = r / layer->out.h, y = r % layer->out.h, t = i % terms;
            if (r % FM_GEMM_TAPS % fm_taps_of_group(w) == 0) {
                all += group;
                group = 0;
            }
            for (size_t column = 0; column < w; column++)
                group =
                    fmaf(pixel_at(x, n, y * window->stride + t / window->kernel_w,
                                  column * window->stride + t % window->kernel_w, i / terms % c),
                         layer->dy[(r * w + column) * layer->out.c + i / terms / c], group);
        }
        to[i] = all + group;
    }
}

/* Direct convolutions of few terms, whole panels and the rest, with and without stride and padding;
   their gradients, with so many rows of pixels that groups are jobs, and with fewer. */
START_TEST(few_terms_match_plain_loops)
{
    static const struct {
        const char *text;
        size_t height, width;
    } few[] = {
        {"conv 3 1x1 relu | conv 65 3x3 relu | dense classes", 13, 9},
        {"conv 2 1x1 relu | conv 32 3x5 stride 2 | dense classes", 14, 11},
        {"conv 1 1x1 relu | conv 96 5x5 valid relu | dense classes", 9, 9},
        {"conv 32 1x1 relu | conv 64 1x1 | dense classes", 3, 5},
        {"conv 1 1x1 relu | conv 32 3x3 relu | dense classes", 1, 7},
        {"conv 3 1x1 relu | conv 33 3x3 | dense classes", 40, 3},
        {"conv 1 1x1 relu | conv 32 3x3 stride 2 relu | dense classes", 79, 50},
    };
    struct layer layer = make_layer(few[_i].text, few[_i].height, few[_i].width, 8, 7, true);
    const float *bias = set_bias(&layer);
    const struct fm_window *window = &layer.window;
    struct image_set x = {layer.x, layer.in, layer.images, (long)window->top, (long)window->left};
    size_t out = layer.images * size_of(layer.out), terms = window->kernel_h * window->kernel_w;
    float *wanted = floats(out), *gradient = floats(layer.out.c * layer.in.c * terms);
    bool relu = layer.net->value[layer.node->output].activation == FM_RELU;
    ck_assert(find_op(&layer, FM_OP_conv_forward) && layer.in.c * terms <= 32);
    for (size_t i = 0; i < out; i++) {
        size_t unit = i % layer.out.c, pixel = i / layer.out.c, column = pixel % layer.out.w;
        size_t row = pixel / layer.out.w % layer.out.h, n = pixel / layer.out.w / layer.out.h;
        float sum = 0;
        for (size_t t = 0; t < terms; t++)
            for (size_t c = 0; c < layer.in.c; c++)
                sum = fmaf(pixel_at(&x, n, row * window->stride + t / window->kernel_w,
                                    column * window->stride + t % window->kernel_w, c),
                           layer.weight[(unit * layer.in.c + c) * terms + t], sum);
        wanted[i] = bias[unit] + sum;
        wanted[i] = relu && 0 > wanted[i] ? 0 : wanted[i];
    }
    plain_direct_gradient(&layer, &x, gradient);
    bool split = 8 * layer.out.h > FM_GEMM_TAPS;
    ck_assert(find_op(&layer, split ? FM_OP_conv_gradient_sum : FM_OP_conv_backward_weights));
    const struct fm_kernels *kernels;
    for (size_t set = 0; (kernels = kernels_at(set)) != NULL; set++) {
        run_layer(&layer, kernels);
        same_bits(few[_i].text, kernels->name, "y", layer.y, wanted, out);
        same_bits(few[_i].text, kernels->name, "gradient", layer.gradient, gradient,
                  layer.out.c * layer.in.c * terms);
    }
    free(wanted);
    free(gradient);
    free_layer(&layer);
}
END_TEST

/* A dense layer's gradients: dx (n, inputs), whose sums run over units rounded up to 32, and
   gradient (units, inputs). The inputs of dx are in the order (h,w,c), those of the gradient
   (c,h,w). */
static void plain_dense_backward(const struct layer *layer, float *dx, float *gradient)
{
    size_t c = layer->in.c, pixels = layer->in.h * layer->in.w, units = layer->out.c;
    size_t inputs = c * pixels;
    bool relu = layer->net->value[layer->node->input[0]].activation == FM_RELU;
    for (size_t i = 0; i < inputs; i++) {
        size_t canonical = i % c * pixels + i / c;
        for (size_t n = 0; n < layer->images; n++) {
            struct sum sum = {0};
            for (size_t u = 0; u < fm_panels(units) * FM_PANEL; u++)
                add_term(&sum, u < units ? layer->weight[u * inputs + canonical] : 0,
                         u < units ? layer->dy[n * units + u] : 0);
            dx[n * inputs + i] = !relu || layer->x[n * inputs + i] > 0 ? total(&sum) : 0;
        }
        for (size_t u = 0; u < units; u++) {
            struct sum sum = {0};
            for (size_t n = 0; n < layer->images; n++)
                add_term(&sum, layer->x[n * inputs + i], layer->dy[n * units + u]);
            gradient[u * inputs + canonical] = total(&sum);
        }
    }
}

static void check_bias_gradient(const struct layer *layer, const char *text, const char *set)
{
    size_t units = layer->out.c;
    const float *got = layer->all + layer->net->parameter[layer->node->parameter + 1].offset;
    for (size_t u = 0; u < fm_panels(units) * FM_PANEL; u++) {
        struct sum sum = {0};
        for (size_t n = 0; n < layer->images && u < units; n++)
            add_term(&sum, 1, layer->dy[n * units + u]);
        float wanted = total(&sum);
        same_bits(text, set, "bias", &got[u], &wanted, 1);
    }
}

/* Inputs, units and images one beyond a panel, more than 512 units and images; an input whose
   gradient is padded with zeros. */
START_TEST(fused_dense_gradients_match_plain_loops)
{
    static const struct {
        const char *text;
        size_t height, width, batch, images;
    } dense[] = {
        {"dense 1057 relu | dense 33 | dense classes", 1, 1, 1, 1},
        {"dense 1057 relu | dense 33 | dense classes", 1, 1, 600, 600},
        {"dense 1057 relu | dense 65 | dense classes", 1, 1, 33, 33},
        {"dense 1057 relu | dense 65 | dense classes", 1, 1, 33, 7},
        {"dense 97 relu | dense 545 | dense classes", 1, 1, 7, 7},
        {"conv 3 1x1 | conv 9 3x3 relu | dense 33 | dense classes", 13, 9, 3, 3},
        {"conv 3 1x1 | conv 37 3x3 relu | avgpool 2 | dense 33 | dense classes", 14, 9, 3, 3},
    };
    const char *text = dense[_i].text;
    struct layer layer = make_layer(text, dense[_i].height, dense[_i].width, dense[_i].batch,
                                    dense[_i].images, false);
    ck_assert_ptr_nonnull(find_op(&layer, FM_OP_dense_backward));
    size_t in = layer.images * size_of(layer.in);
    size_t weights = fm_parameter_count(&layer.net->parameter[layer.node->parameter]);
    float *dx = floats(in), *gradient = floats(weights);
    plain_dense_backward(&layer, dx, gradient);
    const struct fm_kernels *kernels;
    for (size_t set = 0; (kernels = kernels_at(set)) != NULL; set++) {
        run_layer(&layer, kernels);
        same_bits(text, kernels->name, "dx", layer.dx, dx, in);
        same_bits(text, kernels->name, "gradient", layer.gradient, gradient, weights);
        check_bias_gradient(&layer, text, kernels->name);
    }
    free(dx);
    free(gradient);
    free_layer(&layer);
}
END_TEST

/* ---- 5. Errors against double ---- */

/* Forward, backward data and backward weights by their definition. */
static void definition(const struct layer *layer, double *y, double *dx, double *gradient)
{
    const struct fm_window *w = &layer->window;
    struct fm_shape in = layer->in, out = layer->out;
    double *row = calloc(in.c, sizeof *row);
    for (size_t n = 0; n < layer->images; n++)
        for (size_t u = 0; u < out.c; u++)
            for (size_t tap = 0; tap < w->kernel_h * w->kernel_w; tap++) {
                size_t taps = w->kernel_h * w->kernel_w, ky = tap / w->kernel_w,
                       kx = tap % w->kernel_w;
                for (size_t c = 0; c < in.c; c++)
                    row[c] = (double)layer->weight[(u * in.c + c) * taps + tap];
                for (size_t p = 0; p < out.h * out.w; p++) {
                    size_t iy = p / out.w + ky - w->top, ix = p % out.w + kx - w->left;
                    if (iy >= in.h || ix >= in.w) /* also if negative */
                        continue;
                    size_t at = ((n * in.h + iy) * in.w + ix) * in.c;
                    size_t to = (n * out.h * out.w + p) * out.c + u;
                    double sum = 0, dy = (double)layer->dy[to];
                    double *g = gradient + (u * taps + tap) * in.c;
                    for (size_t c = 0; c < in.c; c++) {
                        double x = (double)layer->x[at + c];
                        sum += x * row[c];
                        dx[at + c] += dy * row[c];
                        g[c] += dy * x;
                    }
                    y[to] += sum;
                }
            }
    free(row);
}

/* The root of the mean square of got - wanted, relative to that of wanted. */
static double error_of(const float *got, const double *wanted, size_t n)
{
    double error = 0, scale = 0;
    for (size_t i = 0; i < n; i++) {
        error += ((double)got[i] - wanted[i]) * ((double)got[i] - wanted[i]);
        scale += wanted[i] * wanted[i];
    }
    return sqrt(error / scale);
}

struct errors {
    double y, dx, gradient;
};

static struct errors errors_of(const char *text, size_t height, size_t width, size_t images,
                               bool exact)
{
    struct layer layer = make_layer(text, height, width, images, images, exact);
    ck_assert_int_eq(find_op(&layer, FM_OP_winograd_forward) == NULL, exact);
    ck_assert_int_eq(find_op(&layer, FM_OP_winograd_backward_data) == NULL, exact);
    run_layer(&layer, fm_kernels_find(NULL, NULL));
    size_t in = images * size_of(layer.in), out = images * size_of(layer.out);
    size_t taps = layer.window.kernel_h * layer.window.kernel_w, c = layer.in.c;
    size_t weights = layer.out.c * c * taps;
    double *y = calloc(out, sizeof *y), *dx = calloc(in, sizeof *dx);
    double *gradient = calloc(weights, sizeof *gradient);
    float *reordered = floats(weights);
    definition(&layer, y, dx, gradient);
    for (size_t i = 0; i < weights; i++) /* (unit, row, column, channel) */
        reordered[(i / (taps * c) * taps + i % taps) * c + i / taps % c] = layer.gradient[i];
    struct errors errors = {error_of(layer.y, y, out), error_of(layer.dx, dx, in),
                            error_of(reordered, gradient, weights)};
    free(y);
    free(dx);
    free(gradient);
    free(reordered);
    free_layer(&layer);
    return errors;
}

/* Inputs are the positive half of the unit normal, gradients the unit normal, weights he_normal.
   The output's limits are those that the engine was made for: 4.2e-6 for tiles of 5 mixed with 4,
   2.2e-6 for tiles of 4, 6e-7 for tiles of 2, 3e-7 by the definition. The others, and the
   gradients', are a sixth above what was measured; since all sets give the same bits, only other
   random numbers or another algorithm would change that. Tiles of 5 alone err more than those that
   are mixed. */
static const struct {
    const char *layer; /* behind 256 channels */
    size_t height, width, images;
    struct errors max, exact; /* with Winograd, with direct convolution */
} known_errors[] = {
    /* 5+5+4; 4 x 5 + 2 x 4; 4+3; 5; 4+4; 3+3; 2 */
    {"conv 32 3x3", 14, 14, 1, {4.2e-6, 2.1e-6, 1.25e-6}, {3e-7, 3.5e-7, 2.1e-7}},
    {"conv 32 3x3", 28, 28, 1, {4.2e-6, 2e-6, 1.8e-6}, {3e-7, 3.6e-7, 3.1e-7}},
    {"conv 32 3x3", 7, 7, 4, {2.1e-6, 1.1e-6, 6.4e-7}, {3e-7, 3.4e-7, 2e-7}},
    {"conv 32 3x3", 5, 5, 8, {5.7e-6, 2.7e-6, 1.6e-6}, {3e-7, 3.4e-7, 2.2e-7}},
    {"conv 32 3x3", 8, 8, 4, {2.2e-6, 1.1e-6, 7.3e-7}, {3e-7, 3.4e-7, 2.3e-7}},
    {"conv 32 3x3", 6, 6, 8, {1.95e-6, 9.2e-7, 7.5e-7}, {3e-7, 3.3e-7, 2.3e-7}},
    {"conv 64 3x3", 2, 2, 16, {6e-7, 3.7e-7, 1.9e-7}, {3e-7, 2.9e-7, 9.1e-8}},
    /* 3+3+3; 5+4+4 by 4+4+4; 2+2+2+2 */
    {"conv 32 5x5", 9, 9, 2, {5e-6, 2.6e-6, 1.8e-6}, {3.3e-7, 4e-7, 1.7e-7}},
    {"conv 32 2x4 valid", 14, 15, 1, {2.9e-6, 1.6e-6, 8.4e-7}, {3.3e-7, 3.2e-7, 2e-7}},
    {"conv 32 6x6", 8, 8, 2, {5.8e-6, 3.1e-6, 2.4e-6}, {3.3e-7, 3.8e-7, 1.4e-7}},
};

static void check_errors(const char *text, struct errors got, struct errors max)
{
    ck_assert_msg(got.y <= max.y && got.dx <= max.dx && got.gradient <= max.gradient,
                  "%s: %.3g, %.3g and %.3g", text, got.y, got.dx, got.gradient);
}

START_TEST(errors_are_within_known_bounds)
{
    char text[80];
    snprintf(text, sizeof text, "conv 256 1x1 | %s | dense classes", known_errors[_i].layer);
    size_t h = known_errors[_i].height, w = known_errors[_i].width, n = known_errors[_i].images;
    check_errors(text, errors_of(text, h, w, n, false), known_errors[_i].max);
    check_errors(text, errors_of(text, h, w, n, true), known_errors[_i].exact);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("winograd");
    tcase_add_loop_test(tcase, tiles_cover_all_outputs, 1, MAX_KERNEL + 1);
    tcase_add_test(tcase, points_are_laid_out_with_spare_rows);
    tcase_add_test(tcase, known_sizes_have_known_products);
    tcase_add_loop_test(tcase, matrices_compute_convolutions, 1, MAX_KERNEL + 1);
    tcase_add_test(tcase, zeros_of_forms_are_zero);
    tcase_add_test(tcase, choice_of_algorithm_is_unchanged);
    tcase_add_loop_test(tcase, winograd_matches_plain_loops, 0, FM_COUNT(layers));
    tcase_add_loop_test(tcase, tiny_values_match_plain_loops, 0, FM_COUNT(layers));
    tcase_add_loop_test(tcase, few_terms_match_plain_loops, 0, 7);
    tcase_add_loop_test(tcase, fused_dense_gradients_match_plain_loops, 0, 7);
    tcase_add_loop_test(tcase, errors_are_within_known_bounds, 0, FM_COUNT(known_errors));
    return run_tests("winograd", tcase);
}
