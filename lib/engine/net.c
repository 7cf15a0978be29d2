/* net.c -- a net: the graph, its shapes, parameters and names. */
#include "engine/net.h"

#include <stdio.h>

#include "data/class-names.h"
#include "data/image-input.h"
#include "engine/model.h"
#include "engine/winograd.h"

/* ---- building */

/* 4 GiB of weights; each of the optimizer's slots takes as much again. */
enum { MAX_FLOATS = 1 << 30 };

/* The text of a net that has been built node by node. */
static char *join_texts(const struct fmnn_net *net, struct fmnn_error *err)
{
    size_t size = 1;
    for (size_t i = 0; i < net->node_count; i++)
        size += strlen(net->node[i].text) + 3;
    char *text = fm_alloc(size, 1, err);
    for (size_t i = 0; text && i < net->node_count; i++) {
        strcat(text, i ? " | " : "");
        strcat(text, net->node[i].text);
    }
    return text;
}

/* Offsets come later: trained parameters lie before the others. */
static int add_parameter(struct fmnn_net *net, const char *module,
                         const struct fm_parameter_spec *spec, struct fmnn_error *err)
{
    struct fm_parameter p = {.units = spec->units,
                             .c = spec->c,
                             .h = spec->h,
                             .w = spec->w,
                             .rank = spec->rank,
                             .init = spec->init,
                             .trained = spec->trained};
    size_t taps;
    if (!fm_mul(p.c * p.h, p.w, &taps) || !fm_mul(taps, fm_panels(p.units) * FM_PANEL, &p.stored) ||
        p.stored > (size_t)MAX_FLOATS - net->stored)
        return fm_fail(err, FMNN_USAGE, "the net has more than %d parameters", MAX_FLOATS);
    p.name = fm_format(err, "%s.%s", module, spec->name);
    if (!p.name)
        return -1;
    net->stored += p.stored;
    net->parameter[net->parameter_count++] = p;
    return 0;
}

static int add_parameters(struct fmnn_net *net, struct fm_node *node, const char *module,
                          struct fmnn_error *err)
{
    struct fm_parameter_spec spec[FM_MAX_PARAMETERS];
    const struct fm_layer *layer = &node->layer;
    node->parameter = net->parameter_count;
    if (!layer->type->parameters)
        return 0;
    node->parameters = layer->type->parameters(layer, net->value[node->input[0]].shape, spec);
    assert(node->parameters <= FM_MAX_PARAMETERS);
    for (size_t i = 0; i < node->parameters; i++)
        if (add_parameter(net, module, &spec[i], err) != 0)
            return -1;
    return 0;
}

static void place_parameters(struct fmnn_net *net)
{
    size_t floats = 0;
    for (int trained = 1; trained >= 0; trained--) {
        for (size_t i = 0; i < net->parameter_count; i++)
            if (net->parameter[i].trained == trained) {
                net->parameter[i].offset = floats;
                floats += net->parameter[i].stored;
            }
        if (trained)
            net->trained = floats;
    }
}

static int add_value(struct fmnn_net *net, const struct fm_node *node, struct fmnn_error *err)
{
    const struct fm_layer *layer = &node->layer;
    struct fm_value *out = &net->value[node->output];
    struct fm_shape in[FM_MAX_INPUTS];
    struct fmnn_error inner = {0};
    for (size_t i = 0; i < node->inputs; i++)
        in[i] = net->value[node->input[i]].shape;
    if (layer->type->shape(layer, in, &out->shape, &inner) != 0)
        return fm_fail(err, inner.status, "%s: %s", node->text, inner.message);
    out->activation = layer->activation < FM_SILU ? layer->activation : FM_LINEAR;
    out->undone = layer->type->undoes_relu && out->activation == FM_RELU;
    out->producer = fm_node_number(net, node);
    net->value_count++;
    return 0;
}

int fm_net_add_module(struct fmnn_net *net, const struct fm_layer *layer, const size_t *input,
                      const char *module, struct fmnn_error *err)
{
    struct fm_node *node = &net->node[net->node_count];
    node->layer = *layer;
    fm_layer_fill_in(&node->layer, net->classes);
    node->inputs = layer->type->inputs ? layer->type->inputs : 1;
    for (size_t i = 0; i < node->inputs; i++) {
        assert(input[i] < net->value_count);
        node->input[i] = input[i];
    }
    node->output = net->value_count;
    net->node_count++;
    node->text = fm_layer_text(&node->layer, err);
    if (!node->text || add_value(net, node, err) != 0)
        return -1;
    return add_parameters(net, node, module, err);
}

int fm_net_add(struct fmnn_net *net, const struct fm_layer *layer, const size_t *input,
               size_t module, struct fmnn_error *err)
{
    char name[24];
    snprintf(name, sizeof name, "%zu", module);
    return fm_net_add_module(net, layer, input, name, err);
}

/* Who reads each value, in the order of the nodes. */
static void list_readers(struct fmnn_net *net)
{
    for (size_t i = 0; i < net->node_count; i++)
        for (size_t k = 0; k < net->node[i].inputs; k++)
            net->value[net->node[i].input[k]].readers++;
    for (size_t id = 1; id < net->value_count; id++)
        net->value[id].reader = net->value[id - 1].reader + net->value[id - 1].readers;
    for (size_t id = 0; id < net->value_count; id++)
        net->value[id].readers = 0;
    for (size_t i = 0; i < net->node_count; i++)
        for (size_t k = 0; k < net->node[i].inputs; k++) {
            struct fm_value *value = &net->value[net->node[i].input[k]];
            net->reader[value->reader + value->readers++] = (struct fm_reader){i, k};
        }
}

/* A gradient is computed for a value if parameters are trained before it. */
static void mark_differentiable(struct fmnn_net *net)
{
    for (size_t i = 0; i < net->node_count; i++) {
        const struct fm_node *node = &net->node[i];
        bool *mark = &net->value[node->output].differentiable;
        *mark = false;
        for (size_t k = 0; k < node->parameters; k++)
            *mark |= net->parameter[node->parameter + k].trained;
        for (size_t k = 0; k < node->inputs; k++)
            *mark |= net->value[node->input[k]].differentiable;
    }
}

void fm_net_place(struct fmnn_net *net)
{
    mark_differentiable(net);
    place_parameters(net);
}

struct fmnn_net *fm_net_begin(struct fmnn_shape shape, size_t classes, size_t nodes,
                              struct fmnn_error *err)
{
    struct fmnn_net *net = fm_alloc(1, sizeof *net, err);
    if (!net)
        return NULL;
    net->shape = net->input.shape = shape;
    net->classes = classes;
    net->value = fm_alloc(nodes + 1, sizeof *net->value, err);
    net->node = fm_alloc(nodes, sizeof *net->node, err);
    net->reader = fm_alloc(FM_MAX_INPUTS * nodes, sizeof *net->reader, err);
    net->parameter = fm_alloc(FM_MAX_PARAMETERS * nodes, sizeof *net->parameter, err);
    if (!net->value || !net->node || !net->reader || !net->parameter) {
        fmnn_net_free(net);
        return NULL;
    }
    net->value[FM_IMAGE] = (struct fm_value){.shape = {shape.channels, shape.height, shape.width},
                                             .producer = SIZE_MAX};
    net->value_count = 1;
    return net;
}

int fm_net_end(struct fmnn_net *net, struct fmnn_error *err)
{
    net->output = net->value_count - 1;
    list_readers(net);
    fm_net_place(net);
    if (!net->text)
        net->text = join_texts(net, err);
    return net->text ? 0 : -1;
}

int fm_net_allocate(struct fmnn_net *net, bool zero, struct fmnn_error *err)
{
    net->weights = fm_alloc_bare(net->stored, sizeof *net->weights, err);
    if (!net->weights)
        return -1;
    for (size_t id = 0; id < net->parameter_count; id++) {
        const struct fm_parameter *p = &net->parameter[id];
        size_t panel = p->c * p->h * p->w * FM_PANEL, whole = p->units / FM_PANEL * panel;
        size_t from = zero ? 0 : whole;
        memset(net->weights + p->offset + from, 0, (p->stored - from) * sizeof *net->weights);
    }
    return 0;
}

struct fmnn_net *fmnn_net_new(const struct fmnn_model *model, struct fmnn_shape shape,
                              size_t classes, struct fmnn_error *err)
{
    struct fmnn_net *net = fm_net_build(model, shape, classes, err);
    if (!net || fm_net_allocate(net, true, err) == 0)
        return net;
    fmnn_net_free(net);
    return NULL;
}

void fmnn_net_free(struct fmnn_net *net)
{
    if (!net)
        return;
    for (size_t i = 0; i < net->node_count; i++) {
        free(net->node[i].text);
        free(net->node[i].opens);
    }
    for (size_t i = 0; i < net->parameter_count; i++)
        free(net->parameter[i].name);
    fmnn_names_free(net->names);
    free(net->value);
    free(net->node);
    free(net->reader);
    free(net->parameter);
    free(net->weights);
    free(net->text);
    free(net->training);
    free(net->frozen);
    free(net);
}

/* ---- looking at it */

struct fmnn_shape fmnn_net_shape(const struct fmnn_net *net)
{
    return net->shape;
}

size_t fmnn_net_classes(const struct fmnn_net *net)
{
    return net->classes;
}

const struct fmnn_input *fmnn_net_input(const struct fmnn_net *net)
{
    return &net->input;
}

int fmnn_net_set_input(struct fmnn_net *net, const struct fmnn_input *input, struct fmnn_error *err)
{
    if (!fm_same_shape(input->shape, net->shape))
        return fm_fail(err, FMNN_USAGE, "the input has another shape than the net");
    if (fm_check_input(input, err) != 0)
        return -1;
    net->input = *input;
    return 0;
}

bool fmnn_net_exact(const struct fmnn_net *net)
{
    return net->exact;
}

const struct fmnn_names *fmnn_net_names(const struct fmnn_net *net)
{
    return net->names;
}

int fmnn_net_set_names(struct fmnn_net *net, const struct fmnn_names *names, struct fmnn_error *err)
{
    if (names->count != net->classes)
        return fm_fail(err, FMNN_USAGE, "there are %zu class names, but %zu classes", names->count,
                       net->classes);
    for (size_t i = 0; i < names->count; i++) {
        const char *fault = fm_class_name_fault(names->name[i], strlen(names->name[i]));
        if (fault)
            return fm_fail(err, FMNN_USAGE, "class %zu: %s", i, fault);
    }
    size_t bytes = fm_class_names_bytes(names);
    if (bytes > FM_MAX_NAMES_BYTES)
        return fm_fail(err, FMNN_USAGE,
                       "the class names are too long: they need %zu bytes of a weights file; the "
                       "maximum is %d",
                       bytes, FM_MAX_NAMES_BYTES);
    struct fmnn_names *copy = fmnn_names_copy((const char *const *)names->name, names->count, err);
    if (!copy)
        return -1;
    fmnn_names_free(net->names);
    net->names = copy;
    return 0;
}

static int compare_names(const struct fmnn_names *a, const struct fmnn_names *b,
                         struct fmnn_error *err)
{
    if (!a != !b)
        return fm_fail(err, FMNN_USAGE, a ? "names of classes, not none" : "no names of classes");
    for (size_t i = 0; a && i < a->count; i++)
        if (strcmp(a->name[i], b->name[i]) != 0)
            return fm_fail(err, FMNN_USAGE, "class %zu named '%s', not '%s'", i, a->name[i],
                           b->name[i]);
    return 0;
}

int fmnn_net_agree(const struct fmnn_net *net, const struct fmnn_net *other, struct fmnn_error *err)
{
    struct fm_two_shapes shapes = fm_two_shapes(net->shape, other->shape);
    if (!fm_same_shape(net->shape, other->shape))
        return fm_fail(err, FMNN_USAGE, "images of %s, not %s", shapes.a, shapes.b);
    if (!fm_same_input(&net->input, &other->input))
        return fm_fail(err, FMNN_USAGE, "images that are fitted in another way (fmnn.input)");
    if (net->classes != other->classes)
        return fm_fail(err, FMNN_USAGE, "%zu classes, not %zu", net->classes, other->classes);
    return compare_names(net->names, other->names, err);
}

const char *fmnn_net_text(const struct fmnn_net *net)
{
    return net->text;
}

/* As the layer itself decides when it is planned. */
static bool uses_winograd(const struct fmnn_net *net, const struct fm_node *node)
{
    struct fm_winograd winograd;
    struct fm_shape in = net->value[node->input[0]].shape, out = net->value[node->output].shape;
    struct fm_window window = node->layer.type->window(&node->layer, in);
    return !net->exact && fm_winograd_plan(&winograd, &window, in, out, 1);
}

bool fmnn_net_layer(const struct fmnn_net *net, size_t i, struct fmnn_layer *layer)
{
    if (i >= net->node_count)
        return false;
    const struct fm_node *node = &net->node[i];
    struct fm_shape out = net->value[node->output].shape;
    *layer = (struct fmnn_layer){.text = node->text,
                                 .shape = {out.c, out.h, out.w},
                                 .depth = node->depth,
                                 .opens = node->opens};
    for (size_t k = 0; k < node->parameters; k++) {
        const struct fm_parameter *p = &net->parameter[node->parameter + k];
        if (p->trained)
            layer->parameters += fm_parameter_count(p);
        if (p->rank > 1) /* a bias is added */
            layer->multiply_adds += fm_parameter_count(p) * out.h * out.w;
    }
    layer->winograd = layer->multiply_adds > 0 && uses_winograd(net, node);
    return true;
}

bool fmnn_net_tensor(const struct fmnn_net *net, size_t i, struct fmnn_tensor *tensor)
{
    if (i >= net->parameter_count)
        return false;
    const struct fm_parameter *p = &net->parameter[i];
    *tensor = (struct fmnn_tensor){.name = p->name, .rank = p->rank, .size = {p->units}};
    if (p->rank == 2)
        tensor->size[1] = p->c * p->h * p->w;
    if (p->rank == 4) {
        tensor->size[1] = p->c;
        tensor->size[2] = p->h;
        tensor->size[3] = p->w;
    }
    return true;
}

void fmnn_net_get(const struct fmnn_net *net, size_t i, float *values)
{
    fm_parameter_get(&net->parameter[i], net->weights, values);
}

void fmnn_net_set(struct fmnn_net *net, size_t i, const float *values)
{
    fm_parameter_set(&net->parameter[i], net->weights, values);
}
