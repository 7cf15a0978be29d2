/* winograd.h -- Winograd's algorithm, which convolves with stride 1 by fewer multiplications: how
   an image is cut into tiles, and the matrices that transform tiles, filters and gradients to the
   Winograd domain and back.

   A transformed tile has a value for each point, in the sense of the Toom-Cook algorithm: a number
   at which two polynomials are evaluated. All transformed values together are the Winograd domain.

   S. Winograd, "Arithmetic Complexity of Computations" (1980); A. Lavin and S. Gray, "Fast
   Algorithms for Convolutional Neural Networks" (2016). */
#ifndef FM_WINOGRAD_H
#define FM_WINOGRAD_H

#include "engine/layer.h"

enum { FM_MAX_POINTS = 7 }; /* along a side; more would lose too much precision */

/* Where a matrix is zero by definition: V, whose rows are the powers of points; its transpose;
   V^-T. */
enum fm_zeros { FM_ZEROS_POWERS, FM_ZEROS_TRANSPOSED, FM_ZEROS_INVERSE };

static inline bool fm_is_zero(enum fm_zeros zeros, size_t rows, size_t columns, size_t i, size_t k)
{
    if (zeros == FM_ZEROS_POWERS) /* point 0 is infinity, point 1 is 0 */
        return (i == 0 && k + 1 < columns) || (i == 1 && k > 0);
    if (zeros == FM_ZEROS_TRANSPOSED)
        return (k == 0 && i + 1 < rows) || (k == 1 && i > 0);
    return (k == 0 && i != 1) || (k + 1 == columns && i != 0);
}

/* The forms of matrices for which kernels have code of their own, X(zeros, rows, columns): all that
   a kernel of 3x3 needs. */
#define FM_MATRIX_FORMS(X)                                                                         \
    X(POWERS, 4, 2)                                                                                \
    X(POWERS, 5, 3)                                                                                \
    X(POWERS, 6, 4)                                                                                \
    X(POWERS, 7, 5)                                                                                \
    X(POWERS, 4, 3)                                                                                \
    X(POWERS, 6, 3)                                                                                \
    X(POWERS, 7, 3)                                                                                \
    X(TRANSPOSED, 2, 4)                                                                            \
    X(TRANSPOSED, 3, 5)                                                                            \
    X(TRANSPOSED, 4, 6)                                                                            \
    X(TRANSPOSED, 5, 7)                                                                            \
    X(TRANSPOSED, 3, 4)                                                                            \
    X(TRANSPOSED, 3, 6)                                                                            \
    X(TRANSPOSED, 3, 7)                                                                            \
    X(INVERSE, 4, 4)                                                                               \
    X(INVERSE, 5, 5)                                                                               \
    X(INVERSE, 6, 6)                                                                               \
    X(INVERSE, 7, 7)

enum fm_matrix_form {
    FM_MATRIX_ANY,
#define FM_MATRIX_FORM(zeros, rows, columns) FM_MATRIX_##zeros##_##rows##_##columns,
    FM_MATRIX_FORMS(FM_MATRIX_FORM)
#undef FM_MATRIX_FORM
        FM_MATRIX_FORM_COUNT
};

/* at[row][column], of which rows x columns are used. */
struct fm_matrix {
    enum fm_matrix_form form;
    size_t rows, columns;
    float at[FM_MAX_POINTS][FM_MAX_POINTS];
};

/* One side cut into tiles: the first `large` of them have `size` outputs, the others one less. A
   tile of m outputs under a kernel of r has m + r - 1 inputs and the same number of points. The
   points of a small tile are the first points of a large one, so that all tiles share the
   transformed filters. */
struct fm_tiling {
    size_t tiles, large, size, points;
    struct fm_matrix filter;             /* G (points, kernel): filter transform */
    struct fm_matrix gradient;           /* G' (kernel, points): filter-gradient transform */
    struct fm_matrix input[2];           /* B' (points, inputs): of a large tile, of a small one */
    struct fm_matrix output[2];          /* A' (outputs, points): likewise */
    struct fm_matrix output_gradient[2]; /* A (points, outputs): likewise */
};

/* A point, and the tiles of an image that have it: rows, columns, all. */
struct fm_point {
    size_t tiles_y, tiles_x, tiles;
    size_t first; /* the sum of `tiles` of the points before this one */
};

struct fm_winograd {
    struct fm_tiling y, x;
    size_t products; /* multiplications for an image and a pair of channels: tiles of all points */
    size_t block;    /* images of a job, a power of two */
    struct fm_point point[FM_MAX_POINTS * FM_MAX_POINTS]; /* (y.points, x.points) */
};

/* Blocks of `block` images. */
static inline size_t fm_winograd_blocks(const struct fm_winograd *winograd, size_t images)
{
    return (images + winograd->block - 1) / winograd->block;
}

/* (point, images, tile) in the Winograd domain: the number of rows, and the first row of a point.
   There is a spare row after each point: at distances of a power of two, points would compete for
   the same cache lines. */
static inline size_t fm_winograd_rows(const struct fm_winograd *winograd, size_t images)
{
    return winograd->products * images + winograd->y.points * winograd->x.points;
}

static inline size_t fm_point_row(const struct fm_winograd *winograd, size_t images, size_t point)
{
    return winograd->point[point].first * images + point;
}

/* The first output of a tile, which is also its first input. */
static inline size_t fm_tile_start(const struct fm_tiling *tiling, size_t tile)
{
    return tile * tiling->size - (tile > tiling->large ? tile - tiling->large : 0);
}

static inline bool fm_tile_is_small(const struct fm_tiling *tiling, size_t tile)
{
    return tile >= tiling->large;
}

/* Plans the convolution of up to `batch` images, whose value of shape `in` becomes `out`. Returns
   false if the direct convolution is faster or the tiles would need too much memory. */
bool fm_winograd_plan(struct fm_winograd *winograd, const struct fm_window *window,
                      struct fm_shape in, struct fm_shape out, size_t batch);

#endif
