/* affine.h -- what convolutions and dense layers share. */
#ifndef FM_AFFINE_H
#define FM_AFFINE_H

#include "engine/builder.h"

/* The last words of both: [nobias] [bn] [ACTIVATION], the activation not printed. */
void fm_affine_words(struct fm_layer *, struct fm_words *);
void fm_affine_print(const struct fm_layer *, char *text, size_t size);

/* Hooks of struct fm_layer_type: in affine.c, and from prepare on in conv-ops.c. */
size_t fm_affine_parameters(const struct fm_layer *, struct fm_shape in,
                            struct fm_parameter_spec spec[FM_MAX_PARAMETERS]);
struct fm_layout fm_affine_gradient_layout(const struct fm_layer *, struct fm_shape in);
int fm_affine_prepare(struct fm_builder *, const struct fm_node *, struct fmnn_error *);
int fm_affine_forward(struct fm_builder *, const struct fm_node *, struct fmnn_error *);
int fm_affine_backward(struct fm_builder *, const struct fm_node *, struct fmnn_error *);

/* Jobs that keep many threads busy. */
enum { FM_ENOUGH_JOBS = 16 };
/* Fills in the work of one of the layer's products, for a profile. */
void fm_count_work(const struct fm_builder *, struct fm_op *);

/* The kernel is the whole input: one output pixel, and every weight is used once an image. */
bool fm_is_dense(const struct fm_op *);

/* dense-ops.c: the ops of dense layers. op: made by fm_node_op. */
int fm_dense_forward(struct fm_builder *, struct fm_op *op, struct fmnn_error *);
int fm_dense_backward(struct fm_builder *, struct fm_op *op, struct fmnn_error *);

/* winograd-ops.c: convolutions by Winograd's algorithm. fm_winograd_choose() decides for a node
   whether it uses the algorithm, forward and for the gradient of the input. */
int fm_winograd_choose(struct fm_builder *, const struct fm_node *, struct fmnn_error *);
int fm_winograd_forward(struct fm_builder *, struct fm_op *op, struct fmnn_error *);
int fm_winograd_backward_data(struct fm_builder *, struct fm_op *op, struct fmnn_error *);
bool fm_winograd_data_first(const struct fm_builder *, const struct fm_op *op);
int fm_winograd_output_gradient(struct fm_builder *, struct fm_op *op, struct fmnn_error *);
int fm_winograd_backward_weights(struct fm_builder *, struct fm_op *op, struct fmnn_error *);

static inline const struct fm_choice *fm_choice_of(const struct fm_builder *builder,
                                                   const struct fm_op *op)
{
    return &builder->choice[fm_node_number(builder->plan->net, op->node)];
}

#endif
