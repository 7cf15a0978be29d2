/* shape.c -- shapes of images. */
#include "base/shape.h"

int fm_check_shape(struct fmnn_shape s, struct fmnn_error *err)
{
    const int max = FMNN_MAX_SIDE;
    if (s.channels != 1)
        return fm_fail(err, FMNN_USAGE,
                       "images of %zu channels are not supported yet; only 1 (gray)", s.channels);
    if (s.height < 1 || s.width < 1 || s.height > FMNN_MAX_SIDE || s.width > FMNN_MAX_SIDE)
        return fm_fail(err, FMNN_USAGE, "images of %zux%zu are not in 1x1..%dx%d", s.height,
                       s.width, max, max);
    return 0;
}

bool fm_same_shape(struct fmnn_shape a, struct fmnn_shape b)
{
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
}
