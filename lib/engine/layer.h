/* layer.h -- what a layer is: a statement of the model's text, a shape rule, parameters, and ops.

   A layer type is one const struct in a file of its own, listed in layers/layer-registry.c. The
   parser, the summary, the weight files, the planner and the tests go by the registry alone. */
#ifndef FM_LAYER_H
#define FM_LAYER_H

#include "base/internal.h"

/* One image's values: c channels of h rows and w columns. */
struct fm_shape {
    size_t c, h, w;
};

/* The derivatives of the first four follow from their outputs, so they are done in place by the
   layer before. Those from FM_SILU on need their input: each is a node of its own
   (elementwise.c). */
enum fm_activation { FM_LINEAR, FM_RELU, FM_SIGMOID, FM_TANH, FM_SILU, FM_GELU, FM_ACTIVATIONS };
extern const char *const fm_activation_names[FM_ACTIVATIONS + 1]; /* ends in NULL */

enum { FM_CLASSES = 0 }; /* units: the number of classes, which the net fills in */

/* A layer of a model: what its text says. */
struct fm_layer {
    const struct fm_layer_type *type;
    unsigned line; /* of the text, for errors */
    size_t units;  /* filters, units, or the side of a pool */
    size_t kernel_h, kernel_w, stride;
    bool valid;  /* no padding; else "same" */
    bool nobias; /* conv, dense: has no bias */
    bool bn;     /* conv, dense: 'bn' follows, before the activation, in the same statement. The net
                    makes nodes of their own of the two, and takes away the bias */
    bool all;    /* a pool: one square over the whole map; units is then unused */
    bool same;   /* a pool: windows at the edge may be smaller */
    double rate; /* dropout: the probability with which a value becomes zero */
    enum fm_activation activation;
};

/* The words of one statement, in order. */
struct fm_words {
    char **word;
    size_t count, next;
};

/* How a layer sees its input: output pixel (y,x) reads rows y*stride - top .. + kernel_h - 1, and
   columns likewise; pixels outside the image are zero. bottom and right: the padding there. */
struct fm_window {
    size_t kernel_h, kernel_w, stride, top, left, bottom, right;
};

/* The layout in which a layer's backward ops read the gradient of its output: padded and dilated.
   Pixel (y,x) lies at row top + y*dilation, column left + x*dilation of h x w pixels; the others
   are zero. h 0: as the output itself. */
struct fm_layout {
    size_t h, w, top, left, dilation;
};

/* How a parameter starts. he_normal: K. He and others, "Delving Deep into Rectifiers" (2015), as
   Keras has it: normal, truncated at two deviations, variance 2 / (c h w). */
enum fm_init { FM_INIT_ZERO, FM_INIT_ONE, FM_INIT_HE_NORMAL };

/* A parameter as its layer declares it. Canonical shape (units, c, h, w); files write its first
   dimensions: rank 1 (units), 2 (units, chw), 4 (units, c, h, w). */
struct fm_parameter_spec {
    const char *name; /* "weight" */
    size_t units, c, h, w;
    unsigned rank;
    enum fm_init init;
    bool trained; /* has a gradient, and the optimizer's slots; running statistics have neither */
};

enum { FM_MAX_INPUTS = 2, FM_MAX_PARAMETERS = 4 }; /* of a layer */
enum { FM_MAX_KERNEL = 255 };                       /* rows and columns of a convolution's */

struct fm_builder;
struct fm_node;

struct fm_layer_type {
    const char *name;
    const char *synopsis; /* as in fmnn-model(5), for errors */
    size_t inputs;        /* values that the layer reads; 0 means 1 */
    /* Reads the words behind the name; the caller reports those left over. NULL: the layer has no
       text of its own, the net adds it. */
    int (*parse)(struct fm_layer *layer, struct fm_words *words, struct fmnn_error *err);
    /* The canonical text of what follows the name, without the activation. */
    void (*print)(const struct fm_layer *layer, char *text, size_t size);
    /* The output's shape from that of each input; an impossible input is an error. */
    int (*shape)(const struct fm_layer *layer, const struct fm_shape *in, struct fm_shape *out,
                 struct fmnn_error *err);
    /* The window through which the layer reads its inputs: decides their padding. */
    struct fm_window (*window)(const struct fm_layer *layer, struct fm_shape in);
    /* The layout that the backward ops need for the output's gradient; NULL: the output's own. */
    struct fm_layout (*gradient_layout)(const struct fm_layer *layer, struct fm_shape in);
    /* Fills in the layer's parameters, returns their number; NULL: it has none. */
    size_t (*parameters)(const struct fm_layer *layer, struct fm_shape in,
                         struct fm_parameter_spec spec[FM_MAX_PARAMETERS]);
    bool flattens; /* PyTorch needs a Flatten module before the first such layer */
    /* The number by which the layer divides rows and columns; 0: it depends on the input. NULL:
       1. */
    size_t (*stride)(const struct fm_layer *layer);
    bool undoes_relu; /* applies the derivative of its ReLU itself, for which it needs no output */
    bool spatial; /* needs rows and columns, so it cannot follow a layer that flattens */
    /* PyTorch modules before this one, apart from Flatten; NULL: none. */
    size_t (*modules_before)(const struct fm_layer *layer);
    /* Chooses the node's algorithms, for all nodes before any op is added; NULL: no choice. */
    int (*prepare)(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err);
    /* Add the node's ops to the plan (see builder.h). forward is called from the first node to the
       last, backward from the last to the first, and only in training. */
    int (*forward)(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err);
    int (*backward)(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err);
};

/* The layers there are: each is the const struct fm_NAME of a file in layers/. */
#define FM_LAYERS(X) X(conv) X(avgpool) X(maxpool) X(dense) X(add) X(bn) X(activate) X(dropout)

#define FM_LAYER_TYPE(name) extern const struct fm_layer_type fm_##name;
FM_LAYERS(FM_LAYER_TYPE)
#undef FM_LAYER_TYPE

/* Puts the number in place of the word 'classes'. */
static inline void fm_layer_fill_in(struct fm_layer *layer, size_t classes)
{
    if (layer->type->flattens && layer->units == FM_CLASSES)
        layer->units = classes;
}

/* The layer types from 0; NULL beyond the last. */
const struct fm_layer_type *fm_layer_type_at(size_t i);

/* Parsing helpers: the next word or NULL; a whole number in 1..max; "HxW". */
const char *fm_next_word(struct fm_words *words);
int fm_word_count(struct fm_words *words, const char *what, size_t max, size_t *value,
                  struct fmnn_error *err);
int fm_word_size(struct fm_words *words, size_t max, size_t *h, size_t *w, struct fmnn_error *err);
/* Takes the next word if it is `wanted`. */
bool fm_take_word(struct fm_words *words, const char *wanted);
/* Takes an activation's name if the next word is one. */
void fm_word_activation(struct fm_words *words, enum fm_activation *activation);

#endif
