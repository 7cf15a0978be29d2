/* shape.c -- shapes of images. */
#include "base/shape.h"

#include <stdio.h>

int fm_check_shape(struct fmnn_shape s, struct fmnn_error *err)
{
    const int max = FMNN_MAX_SIDE;
    if (s.channels != 1 && s.channels != 3)
        return fm_fail(err, FMNN_USAGE, "images of %zu channels; expected 1 (gray) or 3 (colour)",
                       s.channels);
    if (s.height < 1 || s.width < 1 || s.height > FMNN_MAX_SIDE || s.width > FMNN_MAX_SIDE)
        return fm_fail(err, FMNN_USAGE, "images of %zux%zu are not in 1x1..%dx%d", s.height,
                       s.width, max, max);
    return 0;
}

void fmnn_format_shape(char text[FMNN_SHAPE_TEXT], struct fmnn_shape s)
{
    if (s.channels == 1)
        snprintf(text, FMNN_SHAPE_TEXT, "%zux%zu", s.height, s.width);
    else
        snprintf(text, FMNN_SHAPE_TEXT, "%zux%zux%zu", s.channels, s.height, s.width);
}

struct fm_two_shapes fm_two_shapes(struct fmnn_shape a, struct fmnn_shape b)
{
    struct fm_two_shapes two;
    fmnn_format_shape(two.a, a);
    fmnn_format_shape(two.b, b);
    if (a.channels != 1)
        snprintf(two.b, sizeof two.b, "%zux%zux%zu", b.channels, b.height, b.width);
    if (b.channels != 1)
        snprintf(two.a, sizeof two.a, "%zux%zux%zu", a.channels, a.height, a.width);
    return two;
}

bool fm_same_shape(struct fmnn_shape a, struct fmnn_shape b)
{
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
}
