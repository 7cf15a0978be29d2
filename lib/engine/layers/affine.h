/* affine.h -- what convolutions and dense layers share. */
#ifndef FM_AFFINE_H
#define FM_AFFINE_H

#include "engine/plan.h"

int fm_affine_forward(struct fm_builder *, const struct fm_node *, struct fmnn_error *);
int fm_affine_backward(struct fm_builder *, const struct fm_node *, struct fmnn_error *);
struct fm_frame fm_affine_frame(const struct fm_layer *, struct fm_shape in);

/* Fills in what a profile has to know of a step: the work of one of the layer's products. */
void fm_count_work(const struct fm_builder *, struct fm_step *);
/* Makes room so many floats large, if it is not yet. */
void fm_raise_to(size_t *room, size_t floats);

/* The kernel is the whole input: one output pixel, and every weight is used once an image. */
bool fm_is_dense(const struct fm_step *);
/* A dense layer that is too large for a cache: both its gradients are had in one pass. */
bool fm_in_one_pass(const struct fm_step *);

/* The same for convolutions by points, in points.c. fm_choose_points() decides which are, for this
   node, and comes first; step: the node's. */
int fm_choose_points(struct fm_builder *, const struct fm_node *, struct fmnn_error *);
int fm_points_forward(struct fm_builder *, struct fm_step *step, struct fmnn_error *);
int fm_points_input_gradient(struct fm_builder *, struct fm_step *step, struct fmnn_error *);
int fm_points_gradient(struct fm_builder *, const struct fm_node *, struct fmnn_error *);

#endif
