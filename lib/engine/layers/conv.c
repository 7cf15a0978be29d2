/* conv.c -- convolution: conv FILTERS HxW [stride S] [valid] [nobias] [bn] [ACTIVATION] */
#include "engine/layers/affine.h"

#include <stdio.h>

enum { MAX_FILTERS = 65536 };

static int parse(struct fm_layer *layer, struct fm_words *words, struct fmnn_error *err)
{
    if (fm_word_count(words, "the number of filters", MAX_FILTERS, &layer->units, err) != 0 ||
        fm_word_size(words, FM_MAX_KERNEL, &layer->kernel_h, &layer->kernel_w, err) != 0)
        return -1;
    for (;;) {
        if (fm_take_word(words, "valid"))
            layer->valid = true;
        else if (!fm_take_word(words, "stride"))
            break;
        else if (fm_word_count(words, "the stride", FM_MAX_KERNEL, &layer->stride, err) != 0)
            return -1;
    }
    fm_affine_words(layer, words);
    return 0;
}

static void print(const struct fm_layer *layer, char *text, size_t size)
{
    int used = snprintf(text, size, "%zu %zux%zu", layer->units, layer->kernel_h, layer->kernel_w);
    if (layer->stride > 1)
        used += snprintf(text + used, size - (size_t)used, " stride %zu", layer->stride);
    if (layer->valid)
        used += snprintf(text + used, size - (size_t)used, " valid");
    fm_affine_print(layer, text + used, size - (size_t)used);
}

/* What "same" pads along one side, as Keras defines it: ceil(size / stride) outputs, the odd row or
   column at the end. */
static size_t padding(const struct fm_layer *layer, size_t size, size_t kernel)
{
    size_t out = (size - 1) / layer->stride + 1;
    size_t reach = (out - 1) * layer->stride + kernel;
    return layer->valid || reach <= size ? 0 : reach - size;
}

static int shape(const struct fm_layer *layer, const struct fm_shape *input, struct fm_shape *out,
                 struct fmnn_error *err)
{
    struct fm_shape in = *input;
    if (layer->valid && (layer->kernel_h > in.h || layer->kernel_w > in.w))
        return fm_fail(err, FMNN_USAGE, "a kernel of %zux%zu does not fit into %zux%zu",
                       layer->kernel_h, layer->kernel_w, in.h, in.w);
    size_t h = layer->valid ? in.h - layer->kernel_h : in.h - 1;
    size_t w = layer->valid ? in.w - layer->kernel_w : in.w - 1;
    *out = (struct fm_shape){layer->units, h / layer->stride + 1, w / layer->stride + 1};
    return 0;
}

static struct fm_window window(const struct fm_layer *layer, struct fm_shape in)
{
    size_t v = padding(layer, in.h, layer->kernel_h), h = padding(layer, in.w, layer->kernel_w);
    return (struct fm_window){.kernel_h = layer->kernel_h,
                              .kernel_w = layer->kernel_w,
                              .stride = layer->stride,
                              .top = v / 2,
                              .left = h / 2,
                              .bottom = v - v / 2,
                              .right = h - h / 2};
}

static size_t stride(const struct fm_layer *layer)
{
    return layer->stride;
}

/* PyTorch's Conv2d pads "same" by itself, but not where it strides: a ZeroPad2d stands before
   it, even one that happens to pad nothing, so that the names do not depend on the image's
   size. */
static size_t modules_before(const struct fm_layer *layer)
{
    return !layer->valid && layer->stride > 1;
}

const struct fm_layer_type fm_conv = {
    .name = "conv",
    .synopsis = "conv FILTERS HxW [stride S] [valid] [nobias] [bn] [ACTIVATION]",
    .parse = parse,
    .print = print,
    .shape = shape,
    .window = window,
    .gradient_layout = fm_affine_gradient_layout,
    .parameters = fm_affine_parameters,
    .stride = stride,
    .spatial = true,
    .modules_before = modules_before,
    .prepare = fm_affine_prepare,
    .forward = fm_affine_forward,
    .backward = fm_affine_backward,
};
