/* net.h -- a model with shapes: values, the nodes between them, parameters and where they lie. */
#ifndef FM_NET_H
#define FM_NET_H

#include "base/shape.h"
#include "engine/layer.h"

/* Outputs are worked on in panels of so many lanes, whatever the instruction set. */
enum { FM_PANEL = 32 };

static inline size_t fm_panels(size_t units)
{
    return (units + FM_PANEL - 1) / FM_PANEL;
}

/* A parameter has a canonical order, that of PyTorch, in which it is initialised and written to
   files, and a stored order, in which the kernels read it: panels of 32 outputs, within each the
   kernel's taps (row, column, channel), and for each tap 32 outputs side by side. The last
   panel's spare lanes are and stay zero. A bias is a weight with a single tap. */
struct fm_parameter {
    char *name;            /* "0.weight" */
    size_t units, c, h, w; /* canonical (units, c, h, w) */
    unsigned rank;         /* as files have it: 1 bias (units), 2 dense (units, chw), 4 conv */
    size_t offset, stored; /* floats, in the block of all parameters; 64-byte aligned */
    size_t fan_in;         /* 0: starts at zero; else he_normal */
};

/* What flows: the output of a node, or, as value 0, the image. */
struct fm_value {
    struct fm_shape shape;
    enum fm_activation activation; /* that the node which gives it has applied */
};

struct fm_node {
    struct fm_layer layer;
    size_t input, output; /* values */
    size_t weight, bias;  /* parameters, where layer.type->weighted */
    char *text;           /* "conv 6 5x5 relu" */
};

struct fmnn_net {
    struct fmnn_shape shape; /* of an image */
    size_t classes;
    struct fmnn_names *names; /* or NULL */
    struct fm_value *value;
    size_t value_count;
    struct fm_node *node;
    size_t node_count;
    struct fm_parameter *parameter;
    size_t parameter_count;
    float *weights; /* all parameters, stored order */
    size_t stored;  /* floats in weights; a multiple of 16 */
    bool exact;     /* convolutions by their definition, never by points */
    char *text;     /* canonical */
    char *training; /* the record of the training (JSON), or NULL */
};

/* A net without weights: shapes and parameters are known, but nothing large is allocated yet. */
struct fmnn_net *fm_net_build(const struct fmnn_model *model, struct fmnn_shape shape,
                              size_t classes, struct fmnn_error *err);
/* Makes room for the weights: zero, or only the lanes that belong to no unit. */
int fm_net_allocate(struct fmnn_net *net, bool zero, struct fmnn_error *err);

/* Copies units first .. first+count-1 of a parameter between canonical and stored order; block is
   laid out like net->weights. Many units at once, 16 or more, are quick. */
void fm_parameter_get_units(const struct fm_parameter *parameter, const float *block, size_t first,
                            size_t count, float *canonical);
void fm_parameter_set_units(const struct fm_parameter *parameter, float *block, size_t first,
                            size_t count, const float *canonical);
/* All units. */
void fm_parameter_get(const struct fm_parameter *parameter, const float *block, float *canonical);
void fm_parameter_set(const struct fm_parameter *parameter, float *block, const float *canonical);
size_t fm_parameter_count(const struct fm_parameter *parameter); /* canonical elements */

#endif
