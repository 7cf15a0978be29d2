/* elementwise.h -- hooks of struct fm_layer_type for layers whose output has the input's shape. */
#ifndef FM_ELEMENTWISE_H
#define FM_ELEMENTWISE_H

#include "engine/builder.h"

int fm_same_shape_as_input(const struct fm_layer *, const struct fm_shape *in, struct fm_shape *out,
                           struct fmnn_error *);
struct fm_window fm_window_of_pixel(const struct fm_layer *, struct fm_shape in);

#endif
