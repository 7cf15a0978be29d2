/* winograd.h -- convolutions of stride 1 with fewer products: how a picture is cut into tiles, and
   the matrices that take tiles, filters and gradients to points and back.

   S. Winograd, "Arithmetic Complexity of Computations" (1980); A. Lavin and S. Gray, "Fast Algorithms
   for Convolutional Neural Networks" (2016). */
#ifndef FM_WINOGRAD_H
#define FM_WINOGRAD_H

#include "layers/layer.h"

enum { FM_MOST_POINTS = 7 }; /* along a side; more cost too many digits */

struct fm_matrix {
    size_t rows, columns;
    float at[FM_MOST_POINTS][FM_MOST_POINTS];
};

/* One side cut into tiles: the first `large` of them of `size` outputs, the others of one less. A
   tile of m outputs under a kernel of r has m + r - 1 inputs and as many points; the points of a
   smaller tile are the first ones of a larger tile, so that all tiles share the filter's points. */
struct fm_tiling {
    size_t tiles, large, size, points;
    struct fm_matrix filter;    /* G (points, kernel): of a filter */
    struct fm_matrix gradient;  /* G' */
    struct fm_matrix input[2];  /* B' (points, inputs): of a large tile, of a small one */
    struct fm_matrix output[2]; /* A' (outputs, points) */
    struct fm_matrix spread[2]; /* A */
};

/* The rows of a block of pictures: for each point (y,x) in turn those tiles of each picture that have
   it, rows of tiles first. */
struct fm_winograd {
    struct fm_tiling y, x;
    size_t group; /* pictures in a block */
    size_t rows;  /* of a block, all points together */
    struct {
        size_t first, tiles_y, tiles_x;
    } point[FM_MOST_POINTS * FM_MOST_POINTS];
};

static inline size_t fm_tile_start(const struct fm_tiling *tiling, size_t tile)
{
    return tile * tiling->size - (tile > tiling->large ? tile - tiling->large : 0);
}

static inline bool fm_tile_is_small(const struct fm_tiling *tiling, size_t tile)
{
    return tile >= tiling->large;
}

/* Lays out the convolution of so many pictures at a time; false where the plain product is the better
   way. The choice depends on the shapes alone, the group on the batch besides. */
bool fm_winograd_plan(struct fm_winograd *winograd, const struct fm_window *window,
                      struct fm_shape in, struct fm_shape out, size_t batch);

#endif
