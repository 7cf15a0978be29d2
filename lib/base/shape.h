/* shape.h -- shapes of images. */
#ifndef FM_SHAPE_H
#define FM_SHAPE_H

#include "base/internal.h"

/* Refuses shapes of images that are not supported: the one place that knows them. */
int fm_check_shape(struct fmnn_shape shape, struct fmnn_error *err);
bool fm_same_shape(struct fmnn_shape a, struct fmnn_shape b);

/* Two shapes that a message compares; with their channels if either is in colour. */
struct fm_two_shapes {
    char a[FMNN_SHAPE_TEXT], b[FMNN_SHAPE_TEXT];
};
struct fm_two_shapes fm_two_shapes(struct fmnn_shape a, struct fmnn_shape b);

static inline size_t fm_elements(struct fmnn_shape shape)
{
    return shape.channels * shape.height * shape.width;
}

#endif
