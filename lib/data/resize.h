/* resize.h -- images of other sizes: separable filters in integers, so that all machines agree. */
#ifndef FM_RESIZE_H
#define FM_RESIZE_H

#include "base/internal.h"

/* A part of a plane of pixels; `stride` pixels from row to row. */
struct fm_plane {
    const uint8_t *pixels;
    size_t height, width, stride;
};

/* Resizes to (height,width) pixels, `stride` apart from row to row. The filter widens with the
   reduction, so that each pixel counts; the results are Pillow's. */
int fm_resize(const struct fm_plane *from, enum fmnn_filter filter, uint8_t *to, size_t height,
              size_t width, size_t stride, struct fmnn_error *err);

#endif
