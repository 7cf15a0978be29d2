/* engine.h -- what the tests of the engine share: small nets, images, and a net in plain
   double loops. */
#ifndef ENGINE_H
#define ENGINE_H

#include "base/internal.h"

#include <check.h>
#include <math.h>
#include <stdio.h>

#include "engine/kernels.h"
#include "engine/model.h"
#include "engine/net.h"
#include "engine/plan.h"
#include "base/rng.h"
#include "base/threads.h"

/* Models that between them have every layer type and activation, strides, both paddings, even
   and odd kernels, dropped rows, sizes one past the vector, one output pixel, more than one
   panel, sums longer than what the product is handed at once (GRADIENT_TAPS rows of five
   images, AT_ONCE panels of units), convolutions by points, and a dense layer with more than
   FM_SMALL weights. */
static const struct {
    const char *text;
    size_t height, width, classes;
} models[] = {
    {"dense classes", 1, 1, 2},
    {"dense 7 relu | dense classes", 5, 3, 3},
    {"dense 33 tanh | dense 17 sigmoid | dense classes", 7, 7, 10},
    {"conv 5 3x3 relu | dense classes", 6, 5, 4},
    {"conv 3 1x1 | conv 4 5x5 tanh | dense 9 relu | dense classes", 7, 6, 3},
    {"conv 4 3x3 stride 2 relu | conv 33 2x2 relu | dense classes", 9, 8, 5},
    {"conv 6 4x3 stride 3 sigmoid | conv 5 2x4 stride 2 | dense classes", 11, 13, 4},
    {"conv 8 3x3 valid relu | conv 7 2x3 valid stride 2 relu | dense classes", 9, 10, 6},
    {"conv 9 3x3 relu | avgpool 2 | conv 17 3x3 relu | maxpool 2 | dense 11 relu | dense classes",
     9, 11, 10},
    {"maxpool 2 | conv 3 3x3 tanh | avgpool 3 | dense classes", 13, 14, 3},
    {"conv 4 3x3 tanh | maxpool 3 | conv 35 3x2 valid relu | dense 5 | dense classes", 11, 9, 7},
    {"conv 16 5x7 valid relu | dense 65 relu | dense classes", 5, 7, 62},
    {"conv 3 3x3 relu | conv 4 4x4 valid stride 3 | dense classes", 4, 4, 2},
    {"conv 2 3x3 tanh | conv 3 2x2 relu | dense classes", 60, 3, 3},
    {"dense 3 tanh | dense 2100 relu | dense classes", 2, 2, 2},
    {"conv 33 3x3 tanh | conv 35 3x3 relu | avgpool 7 | dense classes", 7, 14, 3},
    {"conv 31 2x3 tanh | conv 65 5x4 tanh | conv 32 3x3 valid | avgpool 2 | dense classes", 10, 7,
     4},
    {"conv 4 1x1 | conv 9 3x3 relu | dense 33 tanh | dense classes", 13, 9, 3},
};

static inline struct fmnn_net *make_net_of(const char *text, size_t height, size_t width,
                                           size_t classes, uint64_t seed)
{
    struct fmnn_error err = {0};
    struct fmnn_model *model = fmnn_model_parse(text, "text", &err);
    ck_assert_msg(model != NULL, "%s", err.message);
    struct fmnn_net *net =
        fmnn_net_new(model, (struct fmnn_shape){1, height, width}, classes, &err);
    ck_assert_msg(net != NULL, "%s", err.message);
    fmnn_model_free(model);
    fmnn_net_initialise(net, seed, 0);
    return net;
}

static inline struct fmnn_net *make_net(size_t i, uint64_t seed)
{
    return make_net_of(models[i].text, models[i].height, models[i].width, models[i].classes, seed);
}

/* n images of noise with labels in turn, a few pixels always black. */
static inline struct fmnn_data *make_data(const struct fmnn_net *net, size_t n, uint64_t seed)
{
    struct fmnn_data *data = fmnn_data_new(net->shape, NULL);
    for (size_t i = 0; i < n; i++) {
        size_t size = fm_elements(net->shape), label = i * 7 % net->classes;
        uint8_t *pixels = fmnn_data_add(data, (unsigned)label, NULL);
        ck_assert_ptr_nonnull(pixels);
        for (size_t p = 0; p < size; p++) {
            uint64_t bits = fm_random(seed, FM_RNG_SPLIT, (uint32_t)i, p);
            bool dark =
                p % 5 == 3 || (p / 9 + i) % 4 == 0; /* single pixels, and many side by side */
            pixels[p] = dark ? 0 : (uint8_t)((bits & 127) + 128 * (p % net->classes == label));
        }
    }
    return data;
}

/* ---- a net in double, channel by channel as in a textbook: values are (c,h,w) of one image */

struct twin {
    const struct fmnn_net *net;
    double **parameter; /* canonical */
};

static inline struct twin make_twin(const struct fmnn_net *net)
{
    struct twin twin = {.net = net, .parameter = calloc(net->parameter_count, sizeof(double *))};
    for (size_t i = 0; i < net->parameter_count; i++) {
        size_t count = fm_parameter_count(&net->parameter[i]);
        float *values = calloc(count, sizeof *values);
        twin.parameter[i] = calloc(count, sizeof **twin.parameter);
        fmnn_net_get(net, i, values);
        for (size_t k = 0; k < count; k++)
            twin.parameter[i][k] = (double)values[k];
        free(values);
    }
    return twin;
}

static inline void free_twin(struct twin *twin)
{
    for (size_t i = 0; i < twin->net->parameter_count; i++)
        free(twin->parameter[i]);
    free(twin->parameter);
}

static inline double twin_activate(enum fm_activation activation, double x)
{
    switch (activation) {
    case FM_RELU:
        return x > 0 ? x : 0;
    case FM_SIGMOID:
        return 1 / (1 + exp(-x));
    case FM_TANH:
        return tanh(x);
    default:
        return x;
    }
}

static inline double twin_pixel(const double *x, struct fm_shape s, size_t c, long y, long col)
{
    bool inside = y >= 0 && col >= 0 && y < (long)s.h && col < (long)s.w;
    return inside ? x[(c * s.h + (size_t)y) * s.w + (size_t)col] : 0;
}

static inline double twin_affine(const struct twin *twin, const struct fm_node *node,
                                 const struct fm_window *w, const double *x, struct fm_shape in,
                                 size_t unit, size_t oy, size_t ox)
{
    const double *weight = twin->parameter[node->weight] + unit * in.c * w->kernel_h * w->kernel_w;
    double sum = twin->parameter[node->bias][unit];
    for (size_t c = 0; c < in.c; c++)
        for (size_t ky = 0; ky < w->kernel_h; ky++)
            for (size_t kx = 0; kx < w->kernel_w; kx++)
                sum += *weight++ * twin_pixel(x, in, c, (long)(oy * w->stride + ky) - (long)w->top,
                                              (long)(ox * w->stride + kx) - (long)w->left);
    return sum;
}

static inline double twin_pool(bool average, const double *x, struct fm_shape in, size_t side,
                               size_t c, size_t oy, size_t ox)
{
    double sum = 0, max = -HUGE_VAL;
    for (size_t y = 0; y < side; y++)
        for (size_t col = 0; col < side; col++) {
            double v = twin_pixel(x, in, c, (long)(oy * side + y), (long)(ox * side + col));
            sum += v;
            max = v > max ? v : max;
        }
    return average ? sum / (double)(side * side) : max;
}

/* The logits of one image. */
static inline void twin_forward(const struct twin *twin, const uint8_t *pixels, double *logits)
{
    const struct fmnn_net *net = twin->net;
    double *x = calloc(fm_elements(net->shape), sizeof *x);
    for (size_t i = 0; i < fm_elements(net->shape); i++)
        x[i] = pixels[i] / 255.0;
    for (size_t k = 0; k < net->node_count; k++) {
        const struct fm_node *node = &net->node[k];
        struct fm_shape in = net->value[node->input].shape, out = net->value[node->output].shape;
        struct fm_window window = node->layer.type->window(&node->layer, in);
        double *y = calloc(out.c * out.h * out.w, sizeof *y), *next = y;
        for (size_t c = 0; c < out.c; c++)
            for (size_t oy = 0; oy < out.h; oy++)
                for (size_t ox = 0; ox < out.w; ox++)
                    *next++ =
                        node->layer.type->weighted
                            ? twin_activate(node->layer.activation,
                                            twin_affine(twin, node, &window, x, in, c, oy, ox))
                            : twin_pool(node->layer.type == &fm_avgpool, x, in, node->layer.units,
                                        c, oy, ox);
        free(x);
        x = y;
    }
    memcpy(logits, x, net->classes * sizeof *logits);
    free(x);
}

/* Cross-entropy of one image; probabilities where they are wanted. */
static inline double twin_loss(const struct twin *twin, const uint8_t *pixels, size_t label,
                               double *probabilities)
{
    double logits[64], sum = 0, max = -HUGE_VAL;
    size_t classes = twin->net->classes;
    twin_forward(twin, pixels, logits);
    for (size_t c = 0; c < classes; c++)
        max = fmax(max, logits[c]);
    for (size_t c = 0; c < classes; c++)
        sum += exp(logits[c] - max);
    for (size_t c = 0; probabilities && c < classes; c++)
        probabilities[c] = exp(logits[c] - max) / sum;
    return log(sum) - (logits[label] - max);
}

#endif
