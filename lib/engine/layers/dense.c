/* dense.c -- fully connected: dense UNITS|classes [nobias] [bn] [ACTIVATION]

   A convolution whose kernel is the whole input, so that it gives one pixel: its weight (units,
   c*h*w), as PyTorch has it, is (units, c, h, w) in the same order. */
#include "engine/layers/affine.h"

#include <stdio.h>

enum { MAX_UNITS = 1048576 };

static int parse(struct fm_layer *layer, struct fm_words *words, struct fmnn_error *err)
{
    if (fm_take_word(words, "classes"))
        layer->units = FM_CLASSES;
    else if (fm_word_count(words, "the number of units", MAX_UNITS, &layer->units, err) != 0)
        return -1;
    fm_affine_words(layer, words);
    return 0;
}

static void print(const struct fm_layer *layer, char *text, size_t size)
{
    int used = snprintf(text, size, "%zu", layer->units);
    fm_affine_print(layer, text + used, size - (size_t)used);
}

static int shape(const struct fm_layer *layer, const struct fm_shape *in, struct fm_shape *out,
                 struct fmnn_error *err)
{
    (void)in, (void)err;
    *out = (struct fm_shape){layer->units, 1, 1};
    return 0;
}

static struct fm_window window(const struct fm_layer *layer, struct fm_shape in)
{
    (void)layer;
    return (struct fm_window){.kernel_h = in.h, .kernel_w = in.w, .stride = 1};
}

const struct fm_layer_type fm_dense = {
    .name = "dense",
    .synopsis = "dense UNITS|classes [nobias] [bn] [ACTIVATION]",
    .parse = parse,
    .print = print,
    .shape = shape,
    .window = window,
    .gradient_layout = fm_affine_gradient_layout,
    .parameters = fm_affine_parameters,
    .flattens = true,
    .forward = fm_affine_forward,
    .backward = fm_affine_backward,
};
