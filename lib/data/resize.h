/* resize.h -- images of other sizes: separable filters in integers, so that all machines agree. */
#ifndef FM_RESIZE_H
#define FM_RESIZE_H

#include "base/internal.h"

/* A part of a plane of pixels, or of an image whose pixels are three bytes, red, green and blue;
   `stride` bytes from row to row. */
struct fm_plane {
    const uint8_t *pixels;
    size_t height, width, stride;
    size_t channels; /* 1 or 3 */
};

/* Where resized pixels go: `stride` apart from row to row. The colours become planes, `apart` from
   each other. */
struct fm_planes {
    uint8_t *pixels;
    size_t height, width, stride, apart;
};

/* The filter widens with the reduction, so that each pixel counts; the results are Pillow's. */
int fm_resize(const struct fm_plane *from, enum fmnn_filter filter, const struct fm_planes *to,
              struct fmnn_error *err);

#endif
