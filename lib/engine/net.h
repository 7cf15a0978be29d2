/* net.h -- a model with shapes: a graph of values and nodes, parameters and where they lie. */
#ifndef FM_NET_H
#define FM_NET_H

#include "base/shape.h"
#include "engine/layer.h"

/* Outputs are computed in panels of 32 lanes, whatever the instruction set. */
enum { FM_PANEL = 32 };

static inline size_t fm_panels(size_t units)
{
    return (units + FM_PANEL - 1) / FM_PANEL;
}

/* A parameter has a canonical order, that of PyTorch, in which it is initialised and written to
   files, and a stored order, in which the kernels read it: (panel, h, w, c, 32), panels of 32
   units, within each the taps of the kernel (row, column, channel), and for each tap 32 units side
   by side. The last panel's spare lanes are and stay zero. A bias is a weight with one tap. */
struct fm_parameter {
    char *name;            /* "0.weight" */
    size_t units, c, h, w; /* canonical (units, c, h, w) */
    unsigned rank;         /* in files: 1 (units), 2 (units, chw), 4 (units, c, h, w) */
    size_t offset, stored; /* floats, in the block of all parameters; 64-byte aligned */
    enum fm_init init;
    bool trained;
};

enum { FM_IMAGE = 0 }; /* the value that holds the image */

/* A value flows along the graph: the image, or a node's output. */
struct fm_value {
    struct fm_shape shape;
    enum fm_activation activation; /* that its producer has applied */
    bool undone;                   /* in its gradient, by its producer, not by its readers */
    size_t producer;               /* a node; SIZE_MAX: none, for the image */
    size_t reader, readers;        /* its readers are net->reader[reader .. + readers - 1] */
    bool differentiable;           /* a gradient reaches trained parameters through it */
};

/* A node that reads a value, as which of its inputs. Readers of a value are in the order of the
   nodes; their gradients are summed from the last reader to the first. */
struct fm_reader {
    size_t node, input; /* input: for tests */
};

struct fm_node {
    struct fm_layer layer;
    size_t input[FM_MAX_INPUTS], inputs; /* values */
    size_t output;                       /* a value */
    size_t parameter, parameters;        /* the first, and their number */
    char *text;                          /* "conv 6 5x5 relu" */
    unsigned depth;                      /* the number of residuals that contain it */
    char *opens;                         /* residuals that begin with it: "residual {"; or NULL */
};

struct fmnn_net {
    struct fmnn_shape shape; /* of an image */
    size_t classes;
    struct fmnn_names *names; /* or NULL */
    struct fm_value *value;
    size_t value_count;
    struct fm_node *node; /* each after the producers of its inputs */
    size_t node_count;
    struct fm_reader *reader;
    size_t output; /* the value that holds the logits */
    struct fm_parameter *parameter;
    size_t parameter_count;
    float *weights;          /* all parameters, stored order: the trained ones, then the others */
    size_t trained, stored;  /* floats in weights: of the trained ones, of all; multiples of 16 */
    bool exact;              /* direct convolution, never Winograd */
    bool unchained;          /* for tests: no chains of ops; every bit is the same */
    struct fmnn_input input; /* how images become the input */
    char *text;              /* canonical */
    char *training;          /* the record of the training (JSON), or NULL */
    /* XXH3-128 of the file that the net was read from, and of the file whose weights it took, in
       hexadecimal digits; "": none. And the layers that are not trained: "0 3 5.body.0", or
       NULL. */
    char digest[33], init[33];
    char *frozen;
};

/* A net without weights: shapes and parameters are known, but nothing large is allocated yet. */
struct fmnn_net *fm_net_build(const struct fmnn_model *model, struct fmnn_shape shape,
                              size_t classes, struct fmnn_error *err);
/* The same, node by node: a net with no node and room for `nodes`; a node that reads the values
   input[0 .. type->inputs - 1] and whose output is the next value; the end, after which the value
   that was added last holds the logits. Parameters are named after the PyTorch module: its number,
   or its name, "5.body.0". */
struct fmnn_net *fm_net_begin(struct fmnn_shape shape, size_t classes, size_t nodes,
                              struct fmnn_error *err);
int fm_net_add(struct fmnn_net *net, const struct fm_layer *layer, const size_t *input,
               size_t module, struct fmnn_error *err);
int fm_net_add_module(struct fmnn_net *net, const struct fm_layer *layer, const size_t *input,
                      const char *module, struct fmnn_error *err);
int fm_net_end(struct fmnn_net *net, struct fmnn_error *err);
/* Places the parameters, the trained ones first, and finds out for which values gradients are
   computed. The weights do not move. */
void fm_net_place(struct fmnn_net *net);
/* Makes room for the weights: zero, or only the lanes that belong to no unit. */
int fm_net_allocate(struct fmnn_net *net, bool zero, struct fmnn_error *err);

static inline size_t fm_node_number(const struct fmnn_net *net, const struct fm_node *node)
{
    return (size_t)(node - net->node);
}

/* Copies units first .. first+count-1 of a parameter between canonical and stored order; block is
   laid out like net->weights. Calls for 16 units or more are fast. */
void fm_parameter_get_units(const struct fm_parameter *parameter, const float *block, size_t first,
                            size_t count, float *canonical);
void fm_parameter_set_units(const struct fm_parameter *parameter, float *block, size_t first,
                            size_t count, const float *canonical);
/* All units. */
void fm_parameter_get(const struct fm_parameter *parameter, const float *block, float *canonical);
void fm_parameter_set(const struct fm_parameter *parameter, float *block, const float *canonical);
size_t fm_parameter_count(const struct fm_parameter *parameter); /* canonical elements */

#endif
