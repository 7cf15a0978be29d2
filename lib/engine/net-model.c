/* net-model.c -- builds a net from a model: the nodes of each layer and residual, and the names of
   their modules in PyTorch. */
#include "base/internal.h"

#include <stdio.h>

#include "engine/model.h"
#include "engine/net.h"

enum { MAX_CLASSES = 65536, MAX_PATH = 128, NODES_PER_LAYER = 3, NODES_PER_BLOCK = 4 };

/* A sequence of layers that is being built: the model's, or that of a residual. */
struct level {
    const struct fm_block *block; /* NULL: the model */
    char path[MAX_PATH];          /* of its modules: "5.body.", or "" */
    size_t modules;               /* in PyTorch's nn.Sequential so far */
    size_t input;                 /* the value that it reads */
    bool flat;                    /* that value has been flattened */
};

struct builder {
    struct fmnn_net *net;
    const struct fmnn_model *model;
    struct level level[FM_MAX_DEPTH + 1];
    size_t depth;
    size_t value; /* the output so far */
    bool flat;    /* for PyTorch: a Flatten came */
};

/* ---- modules */

/* Modules before the layer's own, those of bn and of an activation count. */
static size_t next_module(struct builder *b, const struct fm_layer *layer)
{
    struct level *level = &b->level[b->depth];
    size_t before = layer->type->modules_before ? layer->type->modules_before(layer) : 0;
    size_t module = level->modules + before + (layer->type->flattens && !b->flat);
    b->flat |= layer->type->flattens;
    level->modules = module + 1 + layer->bn + (layer->activation != FM_LINEAR);
    return module;
}

static bool has_dense(const struct fmnn_model *model, const struct fm_block *block)
{
    for (size_t i = block->first; i < block->end; i++)
        if (model->layer[i].type->flattens)
            return true;
    return false;
}

/* ---- nodes */

static int add_node(struct builder *b, const struct fm_layer *layer, const size_t *input,
                    const char *module, struct fmnn_error *err)
{
    struct fm_node *node = &b->net->node[b->net->node_count];
    node->depth = (unsigned)b->depth;
    if (fm_net_add_module(b->net, layer, input, module, err) != 0)
        return -1;
    b->value = b->net->value_count - 1;
    return 0;
}

/* A layer whose activation its own ops cannot do becomes two nodes. */
static int add_active(struct builder *b, const struct fm_layer *layer, const size_t *input,
                      const char *module, struct fmnn_error *err)
{
    struct fm_layer own = *layer;
    struct fm_layer activate = {
        .type = &fm_activate, .line = layer->line, .stride = 1, .activation = layer->activation};
    bool split = layer->activation >= FM_SILU;
    if (split)
        own.activation = FM_LINEAR;
    if (add_node(b, &own, input, module, err) != 0)
        return -1;
    return split ? add_node(b, &activate, &b->value, "", err) : 0;
}

static struct fm_layer bn_layer(unsigned line, enum fm_activation activation)
{
    return (struct fm_layer){.type = &fm_bn, .line = line, .stride = 1, .activation = activation};
}

/* b->value: the input. `module`: the number of its module in the sequence at `path`. */
static int add_with_bn(struct builder *b, const struct fm_layer *layer, const char *path,
                       size_t module, struct fmnn_error *err)
{
    char name[MAX_PATH + 24];
    struct fm_layer own = *layer, bn = bn_layer(layer->line, layer->activation);
    snprintf(name, sizeof name, "%s%zu", path, module);
    if (!layer->bn)
        return add_active(b, layer, &b->value, name, err);
    own.bn = false;
    own.nobias = true;
    own.activation = FM_LINEAR;
    if (add_node(b, &own, &b->value, name, err) != 0)
        return -1;
    snprintf(name, sizeof name, "%s%zu", path, module + 1);
    return add_active(b, &bn, &b->value, name, err);
}

/* After a Flatten, PyTorch has no rows, columns and channels. Inside a residual with a dense layer,
   values still have them until that layer. */
static int check_order(const struct builder *b, const struct fm_layer *layer,
                       struct fmnn_error *err)
{
    struct fm_shape in = b->net->value[b->value].shape;
    bool maps = layer->type == &fm_bn && (in.h > 1 || in.w > 1);
    if (!b->flat || !(layer->type->spatial || maps))
        return 0;
    const struct level *level = &b->level[b->depth];
    char *text = fm_layer_text(layer, err);
    if (text && level->block && !level->flat)
        fm_fail(err, FMNN_USAGE, "'%s' and a dense layer cannot be in the same residual", text);
    else if (text)
        fm_fail(err, FMNN_USAGE, "'%s' cannot follow a dense layer", text);
    free(text);
    return -1;
}

static int locate(const struct builder *b, unsigned line, const struct fmnn_error *inner,
                  struct fmnn_error *err)
{
    return fm_fail(err, inner->status, "%s:%u: %s", b->model->name, line, inner->message);
}

static int add_layer(struct builder *b, const struct fm_layer *layer, struct fmnn_error *err)
{
    struct fmnn_error inner = {0};
    if (check_order(b, layer, &inner) != 0 ||
        add_with_bn(b, layer, b->level[b->depth].path, next_module(b, layer), &inner) != 0)
        return locate(b, layer->line, &inner, err);
    return 0;
}

/* ---- residuals */

/* A dense layer needs a flat input, and so does the sum: in PyTorch, the Flatten is before the
   residual. */
static void open_block(struct builder *b, const struct fm_block *block)
{
    struct level *outer = &b->level[b->depth], *level = &b->level[++b->depth];
    bool flat = b->flat;
    assert(b->depth <= FM_MAX_DEPTH);
    char path[MAX_PATH];
    if (!b->flat && has_dense(b->model, block)) {
        outer->modules++;
        b->flat = true;
    }
    int used = snprintf(path, sizeof path, "%.96s%zu.body.", outer->path, outer->modules);
    assert(used < 96); /* at most 8 times "4096.body." */
    (void)used;
    *level = (struct level){.block = block, .input = b->value, .flat = flat};
    memcpy(level->path, path, sizeof path);
    outer->modules += 1 + (block->activation != FM_LINEAR);
}

/* Says which residuals, deeper than `from`, begin with the node. */
static int name_opened(const struct builder *b, size_t from, struct fm_node *node,
                       struct fmnn_error *err)
{
    char text[FM_MAX_DEPTH * 24] = "";
    if (from == b->depth)
        return 0;
    for (size_t i = from + 1; i <= b->depth; i++) {
        strcat(text, i > from + 1 ? " " : "");
        strcat(text, b->level[i].block->project ? "residual project {" : "residual {");
    }
    node->opens = fm_strdup(text, err);
    return node->opens ? 0 : -1;
}

static bool same_shape(struct fm_shape a, struct fm_shape b)
{
    return a.c == b.c && a.h == b.h && a.w == b.w;
}

/* The layer that makes the residual's output shape of its input shape; false: there is none. */
static bool find_projection(const struct builder *b, const struct fm_block *block,
                            struct fm_shape in, struct fm_shape out, struct fm_layer *layer)
{
    *layer = (struct fm_layer){.line = block->line,
                               .type = &fm_conv,
                               .units = out.c,
                               .kernel_h = 1,
                               .kernel_w = 1,
                               .stride = 1,
                               .valid = true,
                               .bn = true};
    if (has_dense(b->model, block)) {
        layer->type = &fm_dense;
        return true;
    }
    for (size_t i = block->first; i < block->end; i++) {
        const struct fm_layer *l = &b->model->layer[i];
        size_t step = l->type->stride ? l->type->stride(l) : 1;
        if (step == 0 || !fm_mul(layer->stride, step, &layer->stride))
            return false;
    }
    return out.h == (in.h - 1) / layer->stride + 1 && out.w == (in.w - 1) / layer->stride + 1;
}

static int wrong_shapes(const struct builder *b, const struct fm_block *block, struct fm_shape in,
                        struct fm_shape out, struct fmnn_error *err)
{
    struct fm_layer projection;
    bool possible = find_projection(b, block, in, out, &projection);
    const char *hint = "; without 'project', they must be equal";
    if (same_shape(in, out))
        hint = ", so 'project' would change nothing but add weights: write 'residual'";
    else if (block->project)
        hint = ", which a 1x1 convolution with the strides of the block does not";
    else if (possible)
        hint = projection.type == &fm_dense ? "; 'residual project' would add a dense layer"
                                            : "; 'residual project' would add a 1x1 convolution";
    return fm_fail(err, FMNN_USAGE,
                   "%s:%u: residual%s at line %u: its layers make %zux%zux%zu of %zux%zux%zu%s",
                   b->model->name, block->end_line, block->project ? " project" : "", block->line,
                   out.c, out.h, out.w, in.c, in.h, in.w, hint);
}

/* The input goes through the projection. b->value: the input, then the projection's output. */
static int add_projection(struct builder *b, const struct fm_layer *projection,
                          struct fmnn_error *err)
{
    char path[MAX_PATH];
    const char *body = b->level[b->depth].path;
    snprintf(path, sizeof path, "%.*sskip.", (int)(strlen(body) - strlen("body.")), body);
    size_t first = b->net->node_count;
    if (add_with_bn(b, projection, path, 0, err) != 0)
        return -1;
    for (size_t i = first; i < b->net->node_count; i++) {
        char *text = fm_format(err, "project: %s", b->net->node[i].text);
        if (!text)
            return -1;
        free(b->net->node[i].text);
        b->net->node[i].text = text;
    }
    return 0;
}

static int add_sum(struct builder *b, const struct fm_block *block, struct fmnn_error *err)
{
    struct fm_layer add = {
        .type = &fm_add, .line = block->line, .stride = 1, .activation = block->activation};
    struct level *level = &b->level[b->depth];
    size_t input[2] = {b->value, level->input};
    struct fm_shape in = b->net->value[input[1]].shape, out = b->net->value[input[0]].shape;
    struct fm_layer projection;
    if (block->project == same_shape(in, out) ||
        (block->project && !find_projection(b, block, in, out, &projection)))
        return wrong_shapes(b, block, in, out, err);
    b->value = level->input;
    struct fmnn_error inner = {0};
    if (block->project && add_projection(b, &projection, &inner) != 0)
        return locate(b, block->end_line, &inner, err);
    input[1] = b->value;
    b->depth--;
    if (add_active(b, &add, input, "", &inner) != 0)
        return locate(b, block->end_line, &inner, err);
    return 0;
}

/* ---- the net */

static int add_layers(struct builder *b, struct fmnn_error *err)
{
    const struct fm_block *next = b->model->block,
                          *end = next ? next + b->model->block_count : NULL;
    for (size_t i = 0; i < b->model->layer_count; i++) {
        size_t depth = b->depth;
        struct fm_node *first = &b->net->node[b->net->node_count];
        while (next < end && next->first == i)
            open_block(b, next++);
        if (add_layer(b, &b->model->layer[i], err) != 0 || name_opened(b, depth, first, err) != 0)
            return -1;
        while (b->depth && b->level[b->depth].block->end == i + 1)
            if (add_sum(b, b->level[b->depth].block, err) != 0)
                return -1;
    }
    return 0;
}

static int no_logits(const struct fm_layer *last, struct fmnn_error *err)
{
    char *text = fm_layer_text(last, err);
    if (text && !last->type->flattens)
        fm_fail(err, FMNN_USAGE, "the last layer, '%s', is not a dense layer", text);
    else if (text)
        fm_fail(err, FMNN_USAGE, "the last layer, '%s', gives the logits and takes no %s", text,
                last->bn ? "bn" : "activation");
    free(text);
    return -1;
}

static int check_last(const struct fmnn_net *net, const struct fmnn_model *model,
                      struct fmnn_error *err)
{
    struct fm_layer last = model->layer[model->layer_count - 1];
    if (net->node[net->value[net->output].producer].layer.type == &fm_add)
        return fm_fail(err, FMNN_USAGE, "the last layer, a residual, is not a dense layer");
    fm_layer_fill_in(&last, net->classes);
    if (!last.type->flattens || last.bn || last.activation != FM_LINEAR)
        return no_logits(&last, err);
    if (last.units != net->classes)
        return fm_fail(err, FMNN_USAGE,
                       "the last layer has %zu units, but there are %zu classes "
                       "('dense classes' always fits)",
                       last.units, net->classes);
    return 0;
}

static int check_output(const struct builder *b, struct fmnn_error *err)
{
    struct fmnn_error inner = {0};
    if (check_last(b->net, b->model, &inner) == 0)
        return 0;
    return locate(b, b->model->layer[b->model->layer_count - 1].line, &inner, err);
}

static int build(struct fmnn_net *net, const struct fmnn_model *model, struct fmnn_error *err)
{
    struct builder b = {.net = net, .model = model, .value = FM_IMAGE};
    net->text = fm_model_text(model, net->classes, err);
    if (!net->text || add_layers(&b, err) != 0 || fm_net_end(net, err) != 0)
        return -1;
    return check_output(&b, err);
}

struct fmnn_net *fm_net_build(const struct fmnn_model *model, struct fmnn_shape shape,
                              size_t classes, struct fmnn_error *err)
{
    if (fm_check_shape(shape, err) != 0)
        return NULL;
    if (classes < 1 || classes > MAX_CLASSES) {
        fm_fail(err, FMNN_USAGE, "%s: %zu classes are not in 1..%d", model->name, classes,
                MAX_CLASSES);
        return NULL;
    }
    size_t nodes = NODES_PER_LAYER * model->layer_count + NODES_PER_BLOCK * model->block_count;
    struct fmnn_net *net = fm_net_begin(shape, classes, nodes, err);
    if (!net || build(net, model, err) == 0)
        return net;
    fmnn_net_free(net);
    return NULL;
}
