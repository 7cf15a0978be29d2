/* affine.h -- what convolutions and dense layers share. */
#ifndef FM_AFFINE_H
#define FM_AFFINE_H

#include "plan.h"

int fm_affine_forward(struct fm_builder *, const struct fm_node *, struct fmnn_error *);
int fm_affine_backward(struct fm_builder *, const struct fm_node *, struct fmnn_error *);
struct fm_frame fm_affine_frame(const struct fm_layer *, struct fm_shape in);

#endif
