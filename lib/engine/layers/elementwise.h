/* elementwise.h -- hooks of struct fm_layer_type for layers whose output has the input's shape, and
   ops of layers that do each image by itself. */
#ifndef FM_ELEMENTWISE_H
#define FM_ELEMENTWISE_H

#include "engine/builder.h"

int fm_same_shape_as_input(const struct fm_layer *, const struct fm_shape *in, struct fm_shape *out,
                           struct fmnn_error *);
struct fm_window fm_window_of_pixel(const struct fm_layer *, struct fm_shape in);

/* An op with a job for each image, from the input to the output, or backward. reads: apart from the
   output's gradient; in_place: see struct fm_op. */
int fm_forward_by_image(struct fm_builder *, const struct fm_node *, enum fm_op_kind,
                        struct fmnn_error *);
int fm_backward_by_image(struct fm_builder *, const struct fm_node *, enum fm_op_kind,
                         unsigned reads, bool in_place, struct fmnn_error *);

#endif
