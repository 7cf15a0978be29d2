/* fold.c -- a net for prediction, in which batch normalisation is part of the layer before it.

   In prediction, y = (x - mean) k + bias with k = weight / sqrt(variance + epsilon) is the same for
   all images. If x = w a + b comes from a convolution or a dense layer that applies no activation,
   then y = (w k) a + (bias + (b - mean) k), up to rounding. */
#include "engine/fold.h"

#include <math.h>

#include "base/float.h"
#include "engine/op.h"

/* The bn that can become part of this node: the only reader of its output. */
static const struct fm_node *bn_behind(const struct fmnn_net *net, const struct fm_node *node)
{
    const struct fm_value *value = &net->value[node->output];
    if (!(node->layer.type == &fm_conv || node->layer.type == &fm_dense) || value->readers != 1 ||
        node->layer.activation != FM_LINEAR || node->output == net->output)
        return NULL;
    const struct fm_node *reader = &net->node[net->reader[value->reader].node];
    return reader->layer.type == &fm_bn ? reader : NULL;
}

/* Whether the node is a bn that becomes part of the layer before it; the image has none. */
static bool is_folded(const struct fmnn_net *net, const struct fm_node *node)
{
    size_t input = node->input[0];
    return node->layer.type == &fm_bn && input != FM_IMAGE &&
           bn_behind(net, &net->node[net->value[input].producer]) == node;
}

bool fm_can_fold(const struct fmnn_net *net)
{
    for (size_t i = 0; i < net->node_count; i++)
        if (bn_behind(net, &net->node[i]))
            return true;
    return false;
}

/* ---- weights */

static float *canonical(const struct fmnn_net *net, const struct fm_parameter *p,
                        struct fmnn_error *err)
{
    float *values = fm_alloc(fm_parameter_count(p), sizeof *values, err);
    if (values)
        fm_parameter_get(p, net->weights, values);
    return values;
}

static int copy_weights(struct fmnn_net *to, const struct fm_node *target,
                        const struct fmnn_net *from, const struct fm_node *source,
                        struct fmnn_error *err)
{
    for (size_t k = 0; k < source->parameters; k++) {
        float *values = canonical(from, &from->parameter[source->parameter + k], err);
        if (!values)
            return -1;
        fm_parameter_set(&to->parameter[target->parameter + k], to->weights, values);
        free(values);
    }
    return 0;
}

/* w *= k and b = bias + (b - mean) k. b: NULL: the layer has no bias; bn: weight, bias, mean,
   variance (units). */
static void fold_values(size_t units, size_t taps, float *w, const float *b, float *const bn[4],
                        float *bias)
{
    for (size_t u = 0; u < units; u++) {
        double k = (double)bn[0][u] / sqrt((double)bn[3][u] + FM_NORM_EPSILON);
        for (size_t i = 0; i < taps; i++)
            w[u * taps + i] = (float)((double)w[u * taps + i] * k);
        bias[u] = (float)((double)bn[1][u] + ((b ? (double)b[u] : 0) - (double)bn[2][u]) * k);
    }
}

static int fold_weights(struct fmnn_net *to, const struct fm_node *target,
                        const struct fmnn_net *from, const struct fm_node *source,
                        const struct fm_node *bn, struct fmnn_error *err)
{
    const struct fm_parameter *p = &from->parameter[source->parameter];
    float *w = canonical(from, p, err), *b = NULL, *values[4] = {NULL};
    float *bias = fm_alloc(p->units, sizeof *bias, err);
    bool good = w && bias;
    if (good && source->parameters > 1)
        good = (b = canonical(from, p + 1, err)) != NULL;
    for (size_t k = 0; k < 4 && good; k++)
        good = (values[k] = canonical(from, &from->parameter[bn->parameter + k], err)) != NULL;
    if (good) {
        fold_values(p->units, p->c * p->h * p->w, w, b, values, bias);
        fm_parameter_set(&to->parameter[target->parameter], to->weights, w);
        fm_parameter_set(&to->parameter[target->parameter + 1], to->weights, bias);
    }
    for (size_t k = 0; k < 4; k++)
        free(values[k]);
    free(bias);
    free(b);
    free(w);
    return good ? 0 : -1;
}

/* ---- the graph */

/* at[]: of each value of `net`, the value of the folded net, which is complete but for the end. */
static int add_nodes(struct fmnn_net *folded, const struct fmnn_net *net, size_t *at,
                     struct fmnn_error *err)
{
    for (size_t i = 0; i < net->node_count; i++) {
        const struct fm_node *node = &net->node[i], *bn = bn_behind(net, node);
        struct fm_layer layer = node->layer;
        size_t input[FM_MAX_INPUTS] = {0};
        for (size_t k = 0; k < node->inputs; k++)
            input[k] = at[node->input[k]];
        if (is_folded(net, node)) {
            at[node->output] = input[0];
            continue;
        }
        if (bn) {
            layer.nobias = false;
            layer.activation = bn->layer.activation;
        }
        if (fm_net_add(folded, &layer, input, i, err) != 0)
            return -1;
        at[node->output] = folded->value_count - 1;
    }
    return 0;
}

static int set_weights(struct fmnn_net *folded, const struct fmnn_net *net, const size_t *at,
                       struct fmnn_error *err)
{
    for (size_t i = 0; i < net->node_count; i++) {
        const struct fm_node *node = &net->node[i], *bn = bn_behind(net, node);
        const struct fm_node *target = &folded->node[folded->value[at[node->output]].producer];
        if (is_folded(net, node))
            continue;
        if ((bn ? fold_weights(folded, target, net, node, bn, err)
                : copy_weights(folded, target, net, node, err)) != 0)
            return -1;
    }
    return 0;
}

static int fold(struct fmnn_net *folded, const struct fmnn_net *net, struct fmnn_error *err)
{
    size_t *at = fm_alloc(net->value_count, sizeof *at, err);
    folded->exact = net->exact;
    int status = -1;
    if (at && add_nodes(folded, net, at, err) == 0 && fm_net_end(folded, err) == 0 &&
        fm_net_allocate(folded, true, err) == 0)
        status = set_weights(folded, net, at, err);
    free(at);
    return status;
}

struct fmnn_net *fm_net_folded(const struct fmnn_net *net, struct fmnn_error *err)
{
    struct fmnn_net *folded = fm_net_begin(net->shape, net->classes, net->node_count, err);
    if (!folded)
        return NULL;
    fm_float_state before = fm_float_enter();
    int status = fold(folded, net, err);
    fm_float_leave(before);
    if (status == 0)
        return folded;
    fmnn_net_free(folded);
    return NULL;
}
