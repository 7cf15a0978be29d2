/* net.c -- builds a net from a model: shapes, parameters, names, starting weights. */
#include "engine/net.h"

#include <math.h>
#include <stdio.h>

#include "data/class-names.h"
#include "data/samples.h"
#include "engine/model.h"
#include "base/float.h"
#include "base/rng.h"
#include "base/threads.h"

/* ---- the two orders of a parameter */

size_t fm_parameter_count(const struct fm_parameter *p)
{
    return p->units * p->c * p->h * p->w;
}

/* A parameter is copied by tiles: of one panel, one channel, and some pixels of its window. In
   canonical order these pixels are side by side, in stored order the panel's units are. */
enum { TILE = 256, TILE_ROW = TILE + 16 }; /* rows that do not all begin in one set of the cache */

struct tiles {
    size_t row;           /* canonical elements of a unit */
    size_t rows, pixels;  /* channels, and pixels of each */
    size_t step, channel; /* between the stored taps of two pixels, of two channels */
    size_t tiles;         /* for each channel */
};

/* Where the window is one pixel, the channels are side by side in both orders. */
static struct tiles tiles_of(const struct fm_parameter *p)
{
    size_t pixels = p->h * p->w;
    struct tiles t = {p->c * pixels, p->c, pixels, p->c, 1, 0};
    if (pixels == 1)
        t = (struct tiles){p->c, 1, p->c, 1, 1, 0};
    t.tiles = (t.pixels + TILE - 1) / TILE;
    return t;
}

struct tile {
    size_t from, pixels; /* canonical place in a unit, how many */
    size_t stored;       /* of the first pixel, from the panel's begin */
};

static struct tile tile_at(const struct tiles *t, size_t i)
{
    size_t channel = i / t->tiles, pixel = i % t->tiles * TILE, left = t->pixels - pixel;
    return (struct tile){.from = channel * t->pixels + pixel,
                         .pixels = left < TILE ? left : TILE,
                         .stored = (pixel * t->step + channel * t->channel) * FM_PANEL};
}

/* The units first .. first+n-1 lie within one panel, whose lanes `stored` points to. */
static void put_tile(const struct tiles *t, const struct tile *tile, float *stored, size_t n,
                     float (*restrict values)[TILE_ROW])
{
    float *to = stored + tile->stored;
    for (size_t i = 0; i < tile->pixels; i++, to += t->step * FM_PANEL)
        for (size_t u = 0; u < n; u++)
            to[u] = values[u][i];
}

static void take_tile(const struct tiles *t, const struct tile *tile, const float *stored, size_t n,
                      float (*restrict values)[TILE_ROW])
{
    const float *from = stored + tile->stored;
    for (size_t i = 0; i < tile->pixels; i++, from += t->step * FM_PANEL)
        for (size_t u = 0; u < n; u++)
            values[u][i] = from[u];
}

/* Of the units first .. first+count-1 those that lie in the panel of the first. */
static size_t units_in_panel(size_t first, size_t count)
{
    size_t max = FM_PANEL - first % FM_PANEL;
    return count < max ? count : max;
}

/* Where the lane of a unit begins. */
static size_t lane(const struct fm_parameter *p, size_t unit)
{
    return p->offset + unit / FM_PANEL * p->c * p->h * p->w * FM_PANEL + unit % FM_PANEL;
}

void fm_parameter_get_units(const struct fm_parameter *p, const float *block, size_t first,
                            size_t count, float *canonical)
{
    float values[FM_PANEL][TILE_ROW];
    struct tiles t = tiles_of(p);
    for (size_t n; count; first += n, count -= n, canonical += n * t.row) {
        n = units_in_panel(first, count);
        for (size_t i = 0; i < t.rows * t.tiles; i++) {
            struct tile tile = tile_at(&t, i);
            take_tile(&t, &tile, block + lane(p, first), n, values);
            for (size_t u = 0; u < n; u++)
                memcpy(canonical + u * t.row + tile.from, values[u], tile.pixels * sizeof(float));
        }
    }
}

void fm_parameter_set_units(const struct fm_parameter *p, float *block, size_t first, size_t count,
                            const float *canonical)
{
    float values[FM_PANEL][TILE_ROW];
    struct tiles t = tiles_of(p);
    for (size_t n; count; first += n, count -= n, canonical += n * t.row) {
        n = units_in_panel(first, count);
        for (size_t i = 0; i < t.rows * t.tiles; i++) {
            struct tile tile = tile_at(&t, i);
            for (size_t u = 0; u < n; u++)
                memcpy(values[u], canonical + u * t.row + tile.from, tile.pixels * sizeof(float));
            put_tile(&t, &tile, block + lane(p, first), n, values);
        }
    }
}

void fm_parameter_get(const struct fm_parameter *p, const float *block, float *canonical)
{
    fm_parameter_get_units(p, block, 0, p->units, canonical);
}

void fm_parameter_set(const struct fm_parameter *p, float *block, const float *canonical)
{
    fm_parameter_set_units(p, block, 0, p->units, canonical);
}

/* ---- building */

/* 4 GiB of weights; the optimizer's slots take that again, each. */
enum { MAX_FLOATS = 1 << 30, MAX_CLASSES = 65536 };

static int add_parameter(struct fmnn_net *net, size_t module, const char *kind,
                         struct fm_parameter parameter, size_t *id, struct fmnn_error *err)
{
    size_t taps, stored;
    if (!fm_mul(parameter.c * parameter.h, parameter.w, &taps) ||
        !fm_mul(taps, fm_panels(parameter.units) * FM_PANEL, &stored) ||
        stored > (size_t)MAX_FLOATS - net->stored)
        return fm_fail(err, FMNN_USAGE, "the net has more than %d parameters", MAX_FLOATS);
    parameter.offset = net->stored;
    parameter.stored = stored;
    parameter.name = fm_format(err, "%zu.%s", module, kind);
    if (!parameter.name)
        return -1;
    net->stored += stored;
    *id = net->parameter_count++;
    net->parameter[*id] = parameter;
    return 0;
}

static int add_parameters(struct fmnn_net *net, struct fm_node *node, size_t module,
                          struct fmnn_error *err)
{
    struct fm_shape in = net->value[node->input].shape;
    struct fm_window window = node->layer.type->window(&node->layer, in);
    bool dense = node->layer.type->flattens;
    struct fm_parameter weight = {.units = node->layer.units,
                                  .c = in.c,
                                  .h = window.kernel_h,
                                  .w = window.kernel_w,
                                  .rank = dense ? 2 : 4,
                                  .fan_in = in.c * window.kernel_h * window.kernel_w};
    struct fm_parameter bias = {.units = node->layer.units, .c = 1, .h = 1, .w = 1, .rank = 1};
    if (add_parameter(net, module, "weight", weight, &node->weight, err) != 0)
        return -1;
    return add_parameter(net, module, "bias", bias, &node->bias, err);
}

static char *node_text(const struct fm_layer *layer, struct fmnn_error *err)
{
    char words[128] = "";
    layer->type->print(layer, words, sizeof words);
    const char *activation =
        layer->activation == FM_LINEAR ? "" : fm_activation_names[layer->activation];
    return fm_format(err, "%s %s%s%s", layer->type->name, words, *activation ? " " : "",
                     activation);
}

/* The modules of PyTorch's nn.Sequential so far; flat once the first dense layer has been met. */
struct modules {
    size_t count;
    bool flat;
};

static int add_node(struct fmnn_net *net, const struct fm_layer *layer, struct modules *modules,
                    struct fmnn_error *err)
{
    size_t id = net->node_count;
    struct fm_node *node = &net->node[id];
    node->layer = *layer;
    node->input = id;
    node->output = id + 1;
    if (layer->type->flattens && layer->units == FM_CLASSES)
        node->layer.units = net->classes;
    net->node_count++;
    node->text = node_text(&node->layer, err);
    if (!node->text)
        return -1;
    if (!layer->type->flattens && modules->flat)
        return fm_fail(err, FMNN_USAGE, "'%s' cannot follow a dense layer", node->text);
    modules->count += layer->type->modules_before ? layer->type->modules_before(layer) : 0;
    modules->count += layer->type->flattens && !modules->flat;
    modules->flat |= layer->type->flattens;
    struct fm_value *out = &net->value[net->value_count];
    struct fmnn_error inner = {0};
    if (layer->type->shape(&node->layer, net->value[node->input].shape, &out->shape, &inner) != 0)
        return fm_fail(err, inner.status, "%s: %s", node->text, inner.message);
    net->value_count++;
    out->activation = layer->activation;
    if (layer->type->weighted && add_parameters(net, node, modules->count, err) != 0)
        return -1;
    modules->count += 1 + (layer->activation != FM_LINEAR);
    return 0;
}

static int check_last(const struct fmnn_net *net, const struct fmnn_model *model,
                      struct fmnn_error *err)
{
    const struct fm_node *last = &net->node[net->node_count - 1];
    unsigned line = last->layer.line;
    if (!last->layer.type->flattens)
        return fm_fail(err, FMNN_USAGE, "%s:%u: the last layer, '%s', is not a dense layer",
                       model->name, line, last->text);
    if (last->layer.activation != FM_LINEAR)
        return fm_fail(err, FMNN_USAGE,
                       "%s:%u: the last layer, '%s', gives the logits and takes no activation",
                       model->name, line, last->text);
    if (last->layer.units != net->classes)
        return fm_fail(err, FMNN_USAGE,
                       "%s:%u: the last layer has %zu units, but there are %zu classes "
                       "('dense classes' always fits)",
                       model->name, line, last->layer.units, net->classes);
    return 0;
}

static int build(struct fmnn_net *net, const struct fmnn_model *model, struct fmnn_error *err)
{
    struct modules modules = {0};
    size_t n = model->layer_count;
    net->value = fm_alloc(n + 1, sizeof *net->value, err);
    net->node = fm_alloc(n, sizeof *net->node, err);
    net->parameter = fm_alloc(2 * n, sizeof *net->parameter, err);
    if (!net->value || !net->node || !net->parameter)
        return -1;
    net->value[0].shape =
        (struct fm_shape){net->shape.channels, net->shape.height, net->shape.width};
    net->value_count = 1;
    for (size_t i = 0; i < n; i++) {
        struct fmnn_error inner = {0};
        if (add_node(net, &model->layer[i], &modules, &inner) != 0)
            return fm_fail(err, inner.status, "%s:%u: %s", model->name, model->layer[i].line,
                           inner.message);
    }
    return check_last(net, model, err);
}

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
    struct fmnn_net *net = fm_alloc(1, sizeof *net, err);
    if (!net)
        return NULL;
    net->shape = shape;
    net->classes = classes;
    if (build(net, model, err) == 0 && (net->text = join_texts(net, err)) != NULL)
        return net;
    fmnn_net_free(net);
    return NULL;
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
    for (size_t i = 0; i < net->node_count; i++)
        free(net->node[i].text);
    for (size_t i = 0; i < net->parameter_count; i++)
        free(net->parameter[i].name);
    fmnn_names_free(net->names);
    free(net->value);
    free(net->node);
    free(net->parameter);
    free(net->weights);
    free(net->text);
    free(net->training);
    free(net);
}

/* he_normal: variance 2 / fan_in, as Keras' VarianceScaling(2, fan_in, truncated_normal).
   Numbers go by the canonical index, so that they do not depend on how the weights are stored. */
static void initialise_tile(struct fmnn_net *net, uint64_t seed, const struct fm_parameter *p,
                            const struct tiles *t, size_t job)
{
    float values[FM_PANEL][TILE_ROW];
    size_t first = job / (t->rows * t->tiles) * FM_PANEL;
    size_t n = units_in_panel(first, p->units - first);
    struct tile tile = tile_at(t, job % (t->rows * t->tiles));
    double deviation = sqrt(2.0 / (double)p->fan_in);
    for (size_t u = 0; u < n; u++)
        fm_random_normals(values[u], tile.pixels, deviation, seed, FM_RNG_INIT,
                          (uint64_t)(p - net->parameter) << 40 |
                              ((first + u) * t->row + tile.from));
    put_tile(t, &tile, net->weights + lane(p, first), n, values);
}

/* Some tiles one after the other are a job. */
struct beginning {
    struct fmnn_net *net;
    const struct fm_parameter *parameter;
    struct tiles tiles;
    uint64_t seed;
    size_t count, jobs; /* tiles, jobs */
};

static void begin_some(void *state, unsigned thread, size_t job)
{
    const struct beginning *b = state;
    (void)thread;
    fm_float_state before = fm_float_enter();
    for (size_t i = b->count * job / b->jobs; i < b->count * (job + 1) / b->jobs; i++)
        initialise_tile(b->net, b->seed, b->parameter, &b->tiles, i);
    fm_float_leave(before);
}

static void initialise_parameter(struct fmnn_net *net, uint64_t seed, const struct fm_parameter *p,
                                 unsigned threads)
{
    struct beginning b = {.net = net, .parameter = p, .tiles = tiles_of(p), .seed = seed};
    b.count = fm_panels(p->units) * b.tiles.rows * b.tiles.tiles;
    if (b.count <= 16) /* less than a thread takes to begin */
        threads = 1;
    b.jobs = b.count < 16 * threads ? b.count : 16 * threads;
    fm_team_do(begin_some, &b, b.jobs, threads);
}

void fmnn_net_initialise(struct fmnn_net *net, uint64_t seed, unsigned threads)
{
    threads = fm_threads(threads);
    for (size_t id = 0; id < net->parameter_count; id++) {
        const struct fm_parameter *p = &net->parameter[id];
        if (p->fan_in)
            initialise_parameter(net, seed, p, threads);
        else
            memset(net->weights + p->offset, 0, p->stored * sizeof *net->weights);
    }
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
    struct fmnn_names *copy = fmnn_names_copy((const char *const *)names->name, names->count, err);
    if (!copy)
        return -1;
    fmnn_names_free(net->names);
    net->names = copy;
    return 0;
}

const char *fmnn_net_text(const struct fmnn_net *net)
{
    return net->text;
}

bool fmnn_net_layer(const struct fmnn_net *net, size_t i, struct fmnn_layer *layer)
{
    if (i >= net->node_count)
        return false;
    const struct fm_node *node = &net->node[i];
    struct fm_shape out = net->value[node->output].shape;
    *layer = (struct fmnn_layer){.text = node->text, .shape = {out.c, out.h, out.w}};
    if (node->layer.type->weighted) {
        uint64_t weights = fm_parameter_count(&net->parameter[node->weight]);
        layer->parameters = weights + node->layer.units;
        layer->multiply_adds = weights * out.h * out.w;
    }
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
