/* layer.h -- what a layer is: a row of the model's text, a shape rule, parameters, and work to
   do.

   A layer type is one const struct in a file of its own, listed in registry.c. The parser, the
   summary, the weight files, the planner and the tests go by the registry alone. */
#ifndef FM_LAYER_H
#define FM_LAYER_H

#include "base/internal.h"

/* One image's values: c channels of h rows and w columns. */
struct fm_shape {
    size_t c, h, w;
};

enum fm_activation { FM_LINEAR, FM_RELU, FM_SIGMOID, FM_TANH, FM_ACTIVATIONS };
extern const char *const fm_activation_names[FM_ACTIVATIONS + 1]; /* ends in NULL */

enum { FM_CLASSES = 0 }; /* units: as many as there are classes, to be settled by the net */

/* A layer of a model: what its text says. */
struct fm_layer {
    const struct fm_layer_type *type;
    unsigned line; /* of the text, for errors */
    size_t units;  /* filters, units, or the side of a pool */
    size_t kernel_h, kernel_w, stride;
    bool valid; /* no padding; else "same" */
    enum fm_activation activation;
};

/* The words of one statement, in order. */
struct fm_words {
    char **word;
    size_t count, next;
};

/* How a layer sees its input: output pixel (y,x) looks at rows y*stride-top .. +kernel_h-1, and
   so the columns; what lies outside is zero. bottom and right are what must be padded there. */
struct fm_window {
    size_t kernel_h, kernel_w, stride, top, left, bottom, right;
};

/* How the gradient of a layer's output lies in memory: pixel (y,x) at row top + y*spread, column
   left + x*spread of h x w pixels, the others zero. h 0: as the output itself. */
struct fm_frame {
    size_t h, w, top, left, spread;
};

struct fm_builder;
struct fm_node;

struct fm_layer_type {
    const char *name;
    const char *synopsis; /* as in fmnn-model(5), for errors */
    /* Reads the words behind the name; those left over are an error of the caller's. */
    int (*parse)(struct fm_layer *layer, struct fm_words *words, struct fmnn_error *err);
    /* The canonical text of what follows the name, without the activation. */
    void (*print)(const struct fm_layer *layer, char *text, size_t size);
    /* The output's shape; an impossible input is an error. */
    int (*shape)(const struct fm_layer *layer, struct fm_shape in, struct fm_shape *out,
                 struct fmnn_error *err);
    /* What the layer looks at: decides the padding of its input. */
    struct fm_window (*window)(const struct fm_layer *layer, struct fm_shape in);
    /* How the backward steps want the output's gradient; NULL: as the output itself. */
    struct fm_frame (*frame)(const struct fm_layer *layer, struct fm_shape in);
    bool weighted; /* has a weight (units, c, kernel_h, kernel_w) and a bias (units) */
    bool flattens; /* PyTorch needs a Flatten module before the first such layer */
    /* Modules of PyTorch's that stand before this one, but for the flatten; NULL: none ever. */
    size_t (*modules_before)(const struct fm_layer *layer);
    /* Gives the planner the steps of a node: forward ones, and backward ones from the end. */
    int (*forward)(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err);
    int (*backward)(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err);
};

/* The layer types from 0; NULL beyond the last. */
const struct fm_layer_type *fm_layer_type_at(size_t i);
extern const struct fm_layer_type fm_conv, fm_dense, fm_avgpool, fm_maxpool;

/* Parsing helpers: the next word or NULL; a whole number in 1..most; "HxW". */
const char *fm_next_word(struct fm_words *words);
int fm_word_count(struct fm_words *words, const char *what, size_t max, size_t *value,
                  struct fmnn_error *err);
int fm_word_size(struct fm_words *words, size_t max, size_t *h, size_t *w, struct fmnn_error *err);
/* Takes an activation's name where the next word is one. */
void fm_word_activation(struct fm_words *words, enum fm_activation *activation);

#endif
