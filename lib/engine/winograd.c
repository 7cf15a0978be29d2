/* winograd.c -- the tiles and matrices of Winograd's algorithm; see winograd.h.

   The product s of two polynomials, a with m and g with r coefficients, is determined by its values
   at n = m + r - 1 points (Toom-Cook): s = V_n^-1 ((V_m a) . (V_r g)), where row i of V_k has the
   powers 0 .. k - 1 of point i. For a given g, s is a linear function of a; its transpose is a tile
   of a convolution:

       y = A' ((G g) . (B' d)),   A = V_m, G = V_r, B' = V_n^-T

   In two dimensions, the matrices are applied to columns and to rows. G has no denominators, so a
   transformed filter does not depend on m. */
#include "engine/winograd.h"

#include "engine/net.h"

/* The points: infinity, which is point 0, then these. This order had the smallest errors of those
   tried; tests/check_winograd.c checks the errors. */
static const double finite_point[FM_MAX_POINTS - 1] = {0, 1, -1, 2, -0.5, 0.5};

static enum fm_matrix_form form_of(enum fm_zeros zeros, size_t rows, size_t columns)
{
    static const struct {
        enum fm_zeros zeros;
        size_t rows, columns;
    } forms[FM_MATRIX_FORM_COUNT] = {
#define FORM(zeros, rows, columns)                                                                 \
    [FM_MATRIX_##zeros##_##rows##_##columns] = {FM_ZEROS_##zeros, rows, columns},
        FM_MATRIX_FORMS(FORM)
#undef FORM
    };
    for (size_t i = FM_MATRIX_ANY + 1; i < FM_MATRIX_FORM_COUNT; i++)
        if (forms[i].zeros == zeros && forms[i].rows == rows && forms[i].columns == columns)
            return (enum fm_matrix_form)i;
    return FM_MATRIX_ANY;
}

static struct fm_matrix matrix(enum fm_zeros zeros, size_t rows, size_t columns)
{
    return (struct fm_matrix){
        .form = form_of(zeros, rows, columns), .rows = rows, .columns = columns};
}

/* V (points, terms): the powers of the points. Of the point at infinity, only the last counts. */
static void powers(struct fm_matrix *v, size_t points, size_t terms)
{
    *v = matrix(FM_ZEROS_POWERS, points, terms);
    v->at[0][terms - 1] = 1;
    for (size_t i = 1; i < points; i++) {
        double power = 1;
        for (size_t k = 0; k < terms; k++, power *= finite_point[i - 1])
            v->at[i][k] = (float)power;
    }
}

static void transpose(struct fm_matrix *to, const struct fm_matrix *from)
{
    *to = matrix(FM_ZEROS_TRANSPOSED, from->columns, from->rows);
    for (size_t i = 0; i < to->rows; i++)
        for (size_t k = 0; k < to->columns; k++)
            to->at[i][k] = from->at[k][i];
}

/* B' (points, points), the transposed inverse of V: row i has the coefficients of the polynomial
   that is 1 at point i and 0 at the other points. Row 0, for infinity: of the monic polynomial that
   is 0 at all finite points. */
static void interpolation(struct fm_matrix *b, size_t points)
{
    *b = matrix(FM_ZEROS_INVERSE, points, points);
    for (size_t i = 0; i < points; i++) {
        double term[FM_MAX_POINTS] = {1}, divisor = 1;
        for (size_t k = 1; k < points; k++) {
            if (k == i)
                continue;
            for (size_t t = points - 1; t > 0; t--)
                term[t] = term[t - 1] - finite_point[k - 1] * term[t];
            term[0] *= -finite_point[k - 1];
            if (i > 0)
                divisor *= finite_point[i - 1] - finite_point[k - 1];
        }
        for (size_t t = 0; t < points; t++)
            b->at[i][t] = (float)(term[t] / divisor);
    }
}

/* Cuts a side into the fewest tiles possible, whose sizes differ by one at most. Returns false if
   the kernel is too large. */
static bool tile_side(struct fm_tiling *tiling, size_t outputs, size_t kernel)
{
    if (kernel >= FM_MAX_POINTS)
        return false;
    size_t max = kernel == 1 ? 1 : FM_MAX_POINTS + 1 - kernel;
    *tiling = (struct fm_tiling){.tiles = (outputs + max - 1) / max};
    tiling->size = (outputs + tiling->tiles - 1) / tiling->tiles;
    tiling->large = tiling->tiles - (tiling->tiles * tiling->size - outputs);
    tiling->points = tiling->size + kernel - 1;
    powers(&tiling->filter, tiling->points, kernel);
    transpose(&tiling->gradient, &tiling->filter);
    for (size_t small = 0; small < 2 && small < tiling->size; small++) {
        interpolation(&tiling->input[small], tiling->points - small);
        powers(&tiling->output_gradient[small], tiling->points - small, tiling->size - small);
        transpose(&tiling->output[small], &tiling->output_gradient[small]);
    }
    return true;
}

/* The number of tiles that have the point. */
static size_t tiles_with(const struct fm_tiling *tiling, size_t point)
{
    return point + 1 < tiling->points ? tiling->tiles : tiling->large;
}

static void list_points(struct fm_winograd *w)
{
    for (size_t y = 0; y < w->y.points; y++)
        for (size_t x = 0; x < w->x.points; x++) {
            struct fm_point *p = &w->point[y * w->x.points + x];
            p->tiles_y = tiles_with(&w->y, y);
            p->tiles_x = tiles_with(&w->x, x);
            p->tiles = p->tiles_y * p->tiles_x;
            p->first = w->products;
            w->products += p->tiles;
        }
}

/* Whether the multiplications saved outweigh the transforms, whose cost is proportional to the
   number of channels, not to the number of pairs. direct: multiplications of the direct convolution
   for a pair of channels. */
static bool is_cheaper(size_t products, size_t direct, size_t in, size_t out)
{
    /* Multiply-adds that take as long as the transform of a point and channel. Found by experiment;
       the machine is not on record. It decides which algorithm runs, so another value would change
       bits. */
    enum { TRANSFORM = 40 };
    double rounded = (double)(fm_panels(in) * FM_PANEL);
    return (double)direct * (double)in * (double)out >
           (double)products * (rounded * (double)out + TRANSFORM * (rounded + (double)out));
}

bool fm_winograd_plan(struct fm_winograd *w, const struct fm_window *window, struct fm_shape in,
                      struct fm_shape out, size_t batch)
{
    /* MAX_PIXELS, of the output, and 4 * ROWS products limit the memory of an image. ROWS: of a
       block's GEMM, 512 KB of products for two panels, so that they stay in a cache. Found by
       experiment; the machine is not on record. */
    enum { MAX_PIXELS = 128 * 128, ROWS = 2048 };
    *w = (struct fm_winograd){.block = 1};
    if (window->stride != 1 || out.h * out.w > MAX_PIXELS ||
        !tile_side(&w->y, out.h, window->kernel_h) || !tile_side(&w->x, out.w, window->kernel_w))
        return false;
    list_points(w);
    if (w->products > 4 * ROWS ||
        !is_cheaper(w->products, window->kernel_h * window->kernel_w * out.h * out.w, in.c, out.c))
        return false;
    while (2 * w->block * w->products <= ROWS && w->block < batch)
        w->block *= 2;
    return true;
}
