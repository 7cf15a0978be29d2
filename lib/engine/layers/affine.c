/* affine.c -- what layers with a weight and a bias have in common. A dense layer is the convolution
   whose kernel is the whole image. */
#include "engine/layers/affine.h"

#include <stdio.h>

void fm_affine_words(struct fm_layer *layer, struct fm_words *words)
{
    layer->nobias = fm_take_word(words, "nobias");
    layer->bn = fm_take_word(words, "bn");
    fm_word_activation(words, &layer->activation);
}

/* 'bn' implies 'nobias'. */
void fm_affine_print(const struct fm_layer *layer, char *text, size_t size)
{
    snprintf(text, size, "%s", layer->bn ? " bn" : layer->nobias ? " nobias" : "");
}

bool fm_is_dense(const struct fm_op *op)
{
    const struct fm_window *w = &op->window;
    return w->kernel_h == op->in_shape.h && w->kernel_w == op->in_shape.w &&
           !(w->top || w->left || w->bottom || w->right);
}

size_t fm_affine_parameters(const struct fm_layer *layer, struct fm_shape in,
                            struct fm_parameter_spec spec[FM_MAX_PARAMETERS])
{
    struct fm_window window = layer->type->window(layer, in);
    spec[0] = (struct fm_parameter_spec){.name = "weight",
                                         .units = layer->units,
                                         .c = in.c,
                                         .h = window.kernel_h,
                                         .w = window.kernel_w,
                                         .rank = layer->type->flattens ? 2 : 4,
                                         .init = FM_INIT_HE_NORMAL,
                                         .trained = true};
    spec[1] = (struct fm_parameter_spec){.name = "bias",
                                         .units = layer->units,
                                         .c = 1,
                                         .h = 1,
                                         .w = 1,
                                         .rank = 1,
                                         .init = FM_INIT_ZERO,
                                         .trained = true};
    return layer->nobias ? 1 : 2;
}

/* Operations, and bytes of weights: each of the three products of a layer reads them, and backward
   weights reads and writes them and the optimizer's slots. */
void fm_count_work(const struct fm_builder *builder, struct fm_op *op)
{
    uint64_t weights = (uint64_t)fm_panels(op->units) * FM_PANEL * op->taps;
    bool update = op->phase == FM_BACKWARD_WEIGHTS;
    op->bytes = sizeof(float) * weights * (update ? 2 * (1 + builder->plan->slots) : 1);
    op->flops = (uint64_t)2 * op->units * op->taps * op->out_shape.h * op->out_shape.w;
    op->flops_done = op->flops;
}

/* For conv_backward_data: dilated by the stride and padded, so that the convolution with the
   rotated weights finds what it needs at every input pixel. */
struct fm_layout fm_affine_gradient_layout(const struct fm_layer *layer, struct fm_shape in)
{
    struct fm_op op = {.in_shape = in, .window = layer->type->window(layer, in)};
    const struct fm_window *w = &op.window;
    if (fm_is_dense(&op))
        return (struct fm_layout){.h = 0};
    return (struct fm_layout){.h = in.h + w->kernel_h - 1,
                              .w = in.w + w->kernel_w - 1,
                              .top = w->kernel_h - 1 - w->top,
                              .left = w->kernel_w - 1 - w->left,
                              .dilation = w->stride};
}
