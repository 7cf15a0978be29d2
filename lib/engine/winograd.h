/* winograd.h -- convolutions of stride 1 with fewer products: how an image is cut into tiles, and
   the matrices that take tiles, filters and gradients to points and back.

   S. Winograd, "Arithmetic Complexity of Computations" (1980); A. Lavin and S. Gray, "Fast
   Algorithms for Convolutional Neural Networks" (2016). */
#ifndef FM_WINOGRAD_H
#define FM_WINOGRAD_H

#include "engine/layer.h"

enum { FM_MAX_POINTS = 7 }; /* along a side; more cost too many digits */

struct fm_matrix {
    size_t rows, columns;
    float at[FM_MAX_POINTS][FM_MAX_POINTS];
};

/* One side cut into tiles: the first `large` of them of `size` outputs, the others of one less. A
   tile of m outputs under a kernel of r has m + r - 1 inputs and as many points; the points of a
   smaller tile are the first ones of a larger tile, so that all tiles share the filter's points. */
struct fm_tiling {
    size_t tiles, large, size, points;
    struct fm_matrix filter;             /* G (points, kernel): of a filter */
    struct fm_matrix gradient;           /* G' */
    struct fm_matrix input[2];           /* B' (points, inputs): of a large tile, of a small one */
    struct fm_matrix output[2];          /* A' (outputs, points) */
    struct fm_matrix output_gradient[2]; /* A */
};

/* A point, and those tiles of an image that have it: rows of tiles, columns, all. */
struct fm_point {
    size_t tiles_y, tiles_x, tiles;
    size_t first; /* tiles of the points before this one */
};

struct fm_winograd {
    struct fm_tiling y, x;
    size_t products; /* for an image and a pair of channels: tiles of all points */
    size_t group;    /* images that are worked on at a time */
    struct fm_point point[FM_MAX_POINTS * FM_MAX_POINTS]; /* (y.points, x.points) */
};

static inline size_t fm_winograd_blocks(const struct fm_winograd *winograd, size_t images)
{
    return (images + winograd->group - 1) / winograd->group;
}

/* Rows of points for so many images, and where those of a point begin. There is a row to spare
   after each point: at distances of a power of two they would compete for the same lines of the
   cache. */
static inline size_t fm_winograd_rows(const struct fm_winograd *winograd, size_t images)
{
    return winograd->products * images + winograd->y.points * winograd->x.points;
}

static inline size_t fm_point_row(const struct fm_winograd *winograd, size_t images, size_t point)
{
    return winograd->point[point].first * images + point;
}

static inline size_t fm_tile_start(const struct fm_tiling *tiling, size_t tile)
{
    return tile * tiling->size - (tile > tiling->large ? tile - tiling->large : 0);
}

static inline bool fm_tile_is_small(const struct fm_tiling *tiling, size_t tile)
{
    return tile >= tiling->large;
}

/* Lays out the convolution of up to so many images; false where the plain product is the better
   way. */
bool fm_winograd_plan(struct fm_winograd *winograd, const struct fm_window *window,
                      struct fm_shape in, struct fm_shape out, size_t batch);

#endif
