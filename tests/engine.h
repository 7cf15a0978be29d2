/* engine.h -- shared by the tests of the engine: small nets, images, and a net in plain double
   loops. */
#ifndef ENGINE_H
#define ENGINE_H

#include "base/internal.h"

#include <check.h>
#include <math.h>
#include <stdio.h>

#include "data/samples.h"
#include "engine/kernels.h"
#include "engine/model.h"
#include "engine/net.h"
#include "engine/plan.h"
#include "base/rng.h"
#include "base/threads.h"
#include "runner.h"

/* The names of the kernel sets that a test of bits walks: all; with sanitizers or in a quick run
   the best and the generic one, which are the first and the last. NULL after the last. */
static inline const char *walked_set(size_t i)
{
    size_t last = 0;
    while (fmnn_kernels_at(last + 1))
        last++;
    if (SLOWED_BY_SANITIZERS == 1 && !if_quick(1, 0))
        return fmnn_kernels_at(i);
    return i == 0 ? fmnn_kernels_at(0) : i == 1 && last > 0 ? fmnn_kernels_at(last) : NULL;
}

/* Models that together have every layer type and activation, strides, both paddings, even and odd
   kernels, dropped rows, sizes one beyond a vector, one output pixel, more than one panel, sums
   longer than a GEMM is given at once (MAX_GEMM_TAPS rows of five images, AT_ONCE panels of units),
   Winograd convolutions, a dense layer with more than SMALL weights (dense-ops.c), and images in
   colour. */
static const struct {
    const char *text;
    size_t channels, height, width, classes;
} models[] = {
    {"dense classes", 1, 1, 1, 2},
    {"dense 7 relu | dense classes", 1, 5, 3, 3},
    {"dense 33 tanh | dense 17 sigmoid | dense classes", 1, 7, 7, 10},
    {"conv 5 3x3 relu | dense classes", 1, 6, 5, 4},
    {"conv 3 1x1 | conv 4 5x5 tanh | dense 9 relu | dense classes", 1, 7, 6, 3},
    {"conv 4 3x3 stride 2 relu | conv 33 2x2 relu | dense classes", 1, 9, 8, 5},
    {"conv 6 4x3 stride 3 sigmoid | conv 5 2x4 stride 2 | dense classes", 1, 11, 13, 4},
    {"conv 8 3x3 valid relu | conv 7 2x3 valid stride 2 relu | dense classes", 1, 9, 10, 6},
    {"conv 9 3x3 relu | avgpool 2 | conv 17 3x3 relu | maxpool 2 | dense 11 relu | dense classes",
     1, 9, 11, 10},
    {"maxpool 2 | conv 3 3x3 tanh | avgpool 3 | dense classes", 1, 13, 14, 3},
    {"conv 4 3x3 tanh | maxpool 3 | conv 35 3x2 valid relu | dense 5 | dense classes", 1, 11, 9, 7},
    {"conv 16 5x7 valid relu | dense 65 relu | dense classes", 1, 5, 7, 62},
    {"conv 3 3x3 relu | conv 4 4x4 valid stride 3 | dense classes", 1, 4, 4, 2},
    {"conv 2 3x3 tanh | conv 3 2x2 relu | dense classes", 1, 60, 3, 3},
    {"dense 3 tanh | dense 2100 relu | dense classes", 1, 2, 2, 2},
    {"conv 33 3x3 tanh | conv 35 3x3 relu | avgpool 7 | dense classes", 1, 7, 14, 3},
    {"conv 31 2x3 tanh | conv 65 5x4 tanh | conv 32 3x3 valid | avgpool 2 | dense classes", 1, 10,
     7, 4},
    {"conv 4 1x1 | conv 9 3x3 relu | dense 33 tanh | dense classes", 1, 13, 9, 3},
    {"conv 5 3x3 | bn relu | dense classes", 1, 6, 5, 4},
    {"conv 33 3x3 relu | bn | conv 40 3x3 | maxpool 2 | bn relu | avgpool 2 | dense classes", 1, 9,
     8, 3},
    {"conv 9 3x3 nobias relu | maxpool 2 same | conv 40 3x3 nobias silu | avgpool all | dense 8 "
     "nobias gelu | dense classes",
     1, 9, 7, 5},
    {"conv 35 2x2 gelu | avgpool 4 same | conv 33 1x1 silu | maxpool all | dense 40 silu | dense "
     "classes",
     1, 10, 9, 3},
    {"conv 5 3x3 bn silu | dropout 0 | maxpool 2 same | dense 9 bn relu | dense classes", 1, 1, 1,
     3},
    {"bn | dense 7 | bn tanh | dense 9 relu | bn | dense classes", 1, 3, 3, 3},
    {"dense 33 relu | dense classes", 3, 5, 7, 3},
    {"conv 35 3x3 relu | maxpool 2 | conv 33 3x3 bn relu | dense classes", 3, 7, 6, 4},
    {"conv 4 5x4 valid stride 2 tanh | dense 7 | dense classes", 3, 9, 8, 3},
    {"bn | conv 9 1x1 relu | avgpool 2 same | dense 40 tanh | dense classes", 3, 7, 5, 3},
    {"dense 70 nobias relu | dense classes", 1, 9, 9, 4},
    {"conv 40 5x6 valid bn relu | dense 9 relu | dense classes", 1, 5, 6, 3},
};

static inline struct fmnn_net *make_net_for(const char *text, struct fmnn_shape shape,
                                            size_t classes, uint64_t seed)
{
    struct fmnn_error err = {0};
    struct fmnn_model *model = fmnn_model_parse(text, "text", &err);
    ck_assert_msg(model != NULL, "%s", err.message);
    struct fmnn_net *net = fmnn_net_new(model, shape, classes, &err);
    ck_assert_msg(net != NULL, "%s", err.message);
    fmnn_model_free(model);
    fmnn_net_initialise(net, seed, 0);
    return net;
}

static inline struct fmnn_net *make_net_of(const char *text, size_t height, size_t width,
                                           size_t classes, uint64_t seed)
{
    return make_net_for(text, (struct fmnn_shape){1, height, width}, classes, seed);
}

/* Nets that are no sequences: for each node the values that it reads, 0 being the image. Residual
   blocks with and without a projection, several readers with different windows and strides, a value
   read twice by one node, Winograd beside other readers, two readers of the image; an image in
   colour that is added to what a convolution makes of it. */
static const struct {
    const char *text; /* "add" stands for fm_add */
    size_t channels, height, width, classes;
    size_t input[8][FM_MAX_INPUTS];
} graphs[] = {
    {"conv 5 3x3 relu | conv 5 3x3 | add relu | dense classes",
     1,
     6,
     7,
     3,
     {{0}, {1}, {2, 1}, {3}}},
    {"conv 4 3x3 relu | conv 4 5x5 tanh | conv 4 3x3 | add relu | add | avgpool 2 | dense classes",
     1,
     9,
     7,
     4,
     {{0}, {1}, {1}, {2, 3}, {4, 1}, {5}, {6}}},
    {"conv 40 3x3 relu | conv 40 3x3 relu | conv 40 3x3 | add relu | maxpool 2 | dense classes",
     1,
     5,
     5,
     3,
     {{0}, {1}, {2}, {3, 1}, {4}, {5}}},
    {"conv 3 3x3 tanh | add sigmoid | dense 9 relu | dense classes",
     1,
     5,
     5,
     2,
     {{0}, {1, 1}, {2}, {3}}},
    {"conv 6 3x3 relu | conv 7 3x3 stride 2 relu | conv 7 3x3 | conv 7 1x1 stride 2 | add relu | "
     "dense classes",
     1,
     9,
     8,
     3,
     {{0}, {1}, {2}, {1}, {3, 4}, {5}}},
    {"conv 3 3x3 | conv 3 1x1 | add relu | maxpool 2 | dense classes",
     1,
     7,
     9,
     4,
     {{0}, {0}, {1, 2}, {3}, {4}}},
    {"conv 6 3x3 | bn relu | conv 6 3x3 | bn relu | conv 6 3x3 | bn | add relu | dense classes",
     1,
     5,
     6,
     3,
     {{0}, {1}, {2}, {3}, {4}, {5}, {6, 2}, {7}}},
    {"dense 20 relu | dense 20 tanh | add | dense 2100 relu | dense 20 | add relu | dense classes",
     1,
     3,
     4,
     5,
     {{0}, {1}, {2, 1}, {3}, {4}, {5, 3}, {6}}},
    {"conv 3 3x3 tanh | add | dense 9 relu | dense classes", 3, 5, 6, 3, {{0}, {1, 0}, {2}, {3}}},
};

static inline struct fm_layer layer_of(const char *text)
{
    if (!strncmp(text, "add", 3)) {
        struct fm_layer add = {.type = &fm_add};
        for (int i = 0; i < FM_ACTIVATIONS; i++)
            if (!strcmp(text + 3 + (text[3] == ' '), fm_activation_names[i]))
                add.activation = (enum fm_activation)i;
        return add;
    }
    struct fmnn_model *model = fmnn_model_parse(text, "text", NULL);
    ck_assert_ptr_nonnull(model);
    struct fm_layer layer = model->layer[0];
    fmnn_model_free(model);
    return layer;
}

static inline struct fmnn_net *make_graph(size_t i, uint64_t seed)
{
    struct fmnn_shape shape = {graphs[i].channels, graphs[i].height, graphs[i].width};
    struct fmnn_net *net = fm_net_begin(shape, graphs[i].classes, 8, NULL);
    const char *text = graphs[i].text;
    for (size_t node = 0; text; node++) {
        char statement[64];
        const char *bar = strstr(text, " | ");
        size_t length = bar ? (size_t)(bar - text) : strlen(text);
        snprintf(statement, sizeof statement, "%.*s", (int)length, text);
        struct fm_layer layer = layer_of(statement);
        ck_assert_int_eq(fm_net_add(net, &layer, graphs[i].input[node], node, NULL), 0);
        text = bar ? bar + 3 : NULL;
    }
    ck_assert_int_eq(fm_net_end(net, NULL), 0);
    ck_assert_int_eq(fm_net_allocate(net, true, NULL), 0);
    fmnn_net_initialise(net, seed, 0);
    return net;
}

static inline struct fmnn_predictor *predictor_of(const struct fmnn_net *net, size_t batch,
                                                  unsigned threads, const char *kernels)
{
    struct fmnn_prediction prediction = {.batch = batch, .threads = threads, .kernels = kernels};
    return fmnn_predictor_new(net, &prediction, NULL);
}

/* The models and then the graphs. */
enum { NETS = FM_COUNT(models) + FM_COUNT(graphs) };

static inline const char *net_text(size_t i)
{
    return i < FM_COUNT(models) ? models[i].text : graphs[i - FM_COUNT(models)].text;
}

static inline struct fmnn_net *make_net(size_t i, uint64_t seed)
{
    if (i >= FM_COUNT(models))
        return make_graph(i - FM_COUNT(models), seed);
    struct fmnn_shape shape = {models[i].channels, models[i].height, models[i].width};
    return make_net_for(models[i].text, shape, models[i].classes, seed);
}

/* n images of noise with labels in turn; some pixels are zero. */
static inline struct fmnn_data *make_data(const struct fmnn_net *net, size_t n, uint64_t seed)
{
    struct fmnn_data *data = fmnn_data_new(net->shape, NULL);
    for (size_t i = 0; i < n; i++) {
        size_t size = fm_elements(net->shape), label = i * 7 % net->classes;
        uint8_t *pixels = fmnn_data_add(data, (unsigned)label, NULL);
        ck_assert_ptr_nonnull(pixels);
        for (size_t p = 0; p < size; p++) {
            uint64_t bits = fm_random(seed, FM_RNG_SPLIT, (uint32_t)i, p);
            bool zero =
                p % 5 == 3 || (p / 9 + i) % 4 == 0; /* single pixels, and many side by side */
            pixels[p] = zero ? 0 : (uint8_t)((bits & 127) + 128 * (p % net->classes == label));
        }
    }
    return data;
}

/* ---- a net in double, channel by channel as in a textbook; values are (c,h,w), of one image */

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
    case FM_SILU:
        return x / (1 + exp(-x));
    case FM_GELU:
        return x * 0.5 * erfc(-x / sqrt(2));
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
    const double *weight =
        twin->parameter[node->parameter] + unit * in.c * w->kernel_h * w->kernel_w;
    double sum = node->parameters > 1 ? twin->parameter[node->parameter + 1][unit] : 0;
    for (size_t c = 0; c < in.c; c++)
        for (size_t ky = 0; ky < w->kernel_h; ky++)
            for (size_t kx = 0; kx < w->kernel_w; kx++)
                sum += *weight++ * twin_pixel(x, in, c, (long)(oy * w->stride + ky) - (long)w->top,
                                              (long)(ox * w->stride + kx) - (long)w->left);
    return sum;
}

static inline double twin_pool(bool average, const double *x, struct fm_shape in,
                               const struct fm_window *w, size_t c, size_t oy, size_t ox)
{
    double sum = 0, max = -HUGE_VAL, count = 0;
    for (size_t y = oy * w->kernel_h; y < (oy + 1) * w->kernel_h && y < in.h; y++)
        for (size_t col = ox * w->kernel_w; col < (ox + 1) * w->kernel_w && col < in.w; col++) {
            double v = twin_pixel(x, in, c, (long)y, (long)col);
            sum += v;
            count++;
            max = v > max ? v : max;
        }
    return average ? sum / count : max;
}

/* One element of a node's output, from its inputs x[], before the activation; not for bn. */
static inline double twin_element(const struct twin *twin, const struct fm_node *node,
                                  double *const *x, size_t c, size_t oy, size_t ox)
{
    struct fm_shape in = twin->net->value[node->input[0]].shape;
    struct fm_window window = node->layer.type->window(&node->layer, in);
    if (node->layer.type == &fm_add)
        return twin_pixel(x[0], in, c, (long)oy, (long)ox) +
               twin_pixel(x[1], in, c, (long)oy, (long)ox);
    if (node->parameters)
        return twin_affine(twin, node, &window, x[0], in, c, oy, ox);
    if (node->layer.type == &fm_activate || node->layer.type == &fm_dropout)
        return twin_pixel(x[0], in, c, (long)oy, (long)ox);
    return twin_pool(node->layer.type == &fm_avgpool, x[0], in, &window, c, oy, ox);
}

/* Batch normalisation of n images in training, by their own statistics, or with the running ones.
   x, y (n,c,h,w). */
static inline void twin_bn(const struct twin *twin, const struct fm_node *node, const double *x,
                           double *y, size_t n, bool training)
{
    struct fm_shape s = twin->net->value[node->input[0]].shape;
    double *const *p = &twin->parameter[node->parameter];
    size_t size = s.h * s.w;
    for (size_t c = 0; c < s.c; c++) {
        double mean = 0, variance = 0, m = (double)(n * size);
        for (size_t i = 0; i < n * size; i++)
            mean += x[(i / size * s.c + c) * size + i % size] / m;
        for (size_t i = 0; i < n * size; i++)
            variance += pow(x[(i / size * s.c + c) * size + i % size] - mean, 2) / m;
        mean = training ? mean : p[2][c];
        variance = training ? variance : p[3][c];
        for (size_t i = 0; i < n * size; i++) {
            size_t at = (i / size * s.c + c) * size + i % size;
            y[at] = (x[at] - mean) / sqrt(variance + 1e-5) * p[0][c] + p[1][c];
        }
    }
}

/* A node's output for image n, before the activation. x[]: the inputs of all images. */
static inline void twin_image(const struct twin *twin, const struct fm_node *node, double *const *x,
                              size_t n, double *y)
{
    struct fm_shape out = twin->net->value[node->output].shape;
    double *own[FM_MAX_INPUTS];
    for (size_t i = 0; i < node->inputs; i++) {
        struct fm_shape in = twin->net->value[node->input[i]].shape;
        own[i] = x[i] + n * in.c * in.h * in.w;
    }
    for (size_t c = 0; c < out.c; c++)
        for (size_t oy = 0; oy < out.h; oy++)
            for (size_t ox = 0; ox < out.w; ox++)
                *y++ = twin_element(twin, node, own, c, oy, ox);
}

/* The logits (n, classes) of n images (n, c, h, w). */
static inline void twin_forward(const struct twin *twin, const uint8_t *pixels, size_t n,
                                bool training, double *logits)
{
    const struct fmnn_net *net = twin->net;
    double **value = calloc(net->value_count, sizeof *value);
    value[FM_IMAGE] = calloc(n * fm_elements(net->shape), sizeof **value);
    for (size_t i = 0; i < n * fm_elements(net->shape); i++)
        value[FM_IMAGE][i] = pixels[i] / 255.0;
    for (size_t k = 0; k < net->node_count; k++) {
        const struct fm_node *node = &net->node[k];
        struct fm_shape out = net->value[node->output].shape;
        size_t size = out.c * out.h * out.w;
        double *x[FM_MAX_INPUTS] = {NULL};
        double *y = value[node->output] = calloc(n * size, sizeof *y);
        for (size_t i = 0; i < node->inputs; i++)
            x[i] = value[node->input[i]];
        if (node->layer.type == &fm_bn)
            twin_bn(twin, node, x[0], y, n, training);
        else
            for (size_t i = 0; i < n; i++)
                twin_image(twin, node, x, i, y + i * size);
        for (size_t i = 0; i < n * size; i++)
            y[i] = twin_activate(node->layer.activation, y[i]);
    }
    memcpy(logits, value[net->output], n * net->classes * sizeof *logits);
    for (size_t i = 0; i < net->value_count; i++)
        free(value[i]);
    free(value);
}

/* The cross-entropy of one image's logits. probabilities (classes), or NULL. */
static inline double twin_cross_entropy(const double *logits, size_t classes, size_t label,
                                        double *probabilities)
{
    double sum = 0, max = -HUGE_VAL;
    for (size_t c = 0; c < classes; c++)
        max = fmax(max, logits[c]);
    for (size_t c = 0; c < classes; c++)
        sum += exp(logits[c] - max);
    for (size_t c = 0; probabilities && c < classes; c++)
        probabilities[c] = exp(logits[c] - max) / sum;
    return log(sum) - (logits[label] - max);
}

/* The cross-entropy of one image in prediction. */
static inline double twin_loss(const struct twin *twin, const uint8_t *pixels, size_t label,
                               double *probabilities)
{
    double logits[64];
    twin_forward(twin, pixels, 1, false, logits);
    return twin_cross_entropy(logits, twin->net->classes, label, probabilities);
}

/* The mean cross-entropy of n images in training. */
static inline double twin_batch_loss(const struct twin *twin, const struct fmnn_data *data,
                                     size_t n)
{
    size_t classes = twin->net->classes;
    double *logits = calloc(n * classes, sizeof *logits), sum = 0;
    twin_forward(twin, data->pixels, n, true, logits);
    for (size_t i = 0; i < n; i++)
        sum += twin_cross_entropy(logits + i * classes, classes, data->labels[i], NULL);
    free(logits);
    return sum / (double)n;
}

/* ---- one run of a plan, on the first n images of the data */

struct once {
    const struct fmnn_data *data;
    size_t n;
    const uint8_t *pixels[128];
    uint16_t labels[128];
    uint32_t index[128];
    double loss[128];
    uint8_t correct[128];
    bool done;
};

static inline bool feed_once(void *state, struct fm_run *run)
{
    struct once *once = state;
    run->images = once->n;
    bool more = !once->done;
    once->done = true;
    return more;
}

static inline struct fm_run run_of(struct once *once, const struct fmnn_net *net, enum fm_mode mode)
{
    ck_assert_uint_le(once->n, 128);
    fm_data_batch(once->data, NULL, 0, once->n, once->pixels, once->labels);
    once->done = false;
    for (size_t i = 0; i < once->n; i++)
        once->index[i] = (uint32_t)i;
    return (struct fm_run){.mode = mode,
                           .pixels = once->pixels,
                           .labels = once->labels,
                           .index = once->index,
                           .epoch = 1,
                           .weights = net->weights,
                           .loss = once->loss,
                           .correct = once->correct};
}

#endif
