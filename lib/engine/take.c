/* take.c -- a net that starts from the weights of another. */
#include "engine/net.h"

#include <stdio.h>

/* The parameter of this name; NULL: there is none. */
static const struct fm_parameter *find(const struct fmnn_net *net, const char *name)
{
    for (size_t i = 0; i < net->parameter_count; i++)
        if (!strcmp(net->parameter[i].name, name))
            return &net->parameter[i];
    return NULL;
}

static bool same_shape(const struct fm_parameter *p, const struct fm_parameter *q)
{
    return p->rank == q->rank && p->units == q->units && p->c == q->c && p->h == q->h &&
           p->w == q->w;
}

/* The first parameter of the node that the other net does not have in this shape; NULL: all
   agree. */
static const struct fm_parameter *
first_other(const struct fmnn_net *net, const struct fm_node *node, const struct fmnn_net *from)
{
    for (size_t k = 0; k < node->parameters; k++) {
        const struct fm_parameter *p = &net->parameter[node->parameter + k];
        const struct fm_parameter *q = find(from, p->name);
        if (!q || !same_shape(p, q))
            return p;
    }
    return NULL;
}

/* The inputs of a dense layer are a map, whose sides count: two maps can have as many pixels. */
static char *sizes(const struct fm_parameter *p, struct fmnn_error *err)
{
    if (p->rank == 1)
        return fm_format(err, "(%zu)", p->units);
    if (p->h * p->w == 1)
        return fm_format(err, "(%zu,%zu)", p->units, p->c);
    return fm_format(err, "(%zu,%zu,%zu,%zu)", p->units, p->c, p->h, p->w);
}

/* Why a parameter is not taken. */
static char *reason(const struct fm_parameter *p, const struct fm_parameter *q,
                    struct fmnn_error *err)
{
    if (!q)
        return fm_format(err, "%s: not there: starts anew", p->name);
    if (q->c == p->c && q->h == p->h && q->w == p->w && q->rank == p->rank)
        return fm_format(err, "%s: %zu outputs, the net has %zu: starts anew", p->name, q->units,
                         p->units);
    char *theirs = sizes(q, err), *ours = sizes(p, err), *text = NULL;
    if (theirs && ours)
        text = fm_format(err, "%s: %s, the net has %s: starts anew", p->name, theirs, ours);
    free(theirs);
    free(ours);
    return text;
}

/* The order of the stored numbers depends only on the shape. */
static void copy_parameters(struct fmnn_net *net, const struct fm_node *node,
                            const struct fmnn_net *from)
{
    for (size_t k = 0; k < node->parameters; k++) {
        const struct fm_parameter *p = &net->parameter[node->parameter + k];
        const struct fm_parameter *q = find(from, p->name);
        if (q) /* it is there */
            memcpy(net->weights + p->offset, from->weights + q->offset,
                   p->stored * sizeof *net->weights);
    }
}

static int add_reason(struct fmnn_names *anew, char *text)
{
    if (!text)
        return -1;
    anew->name[anew->count++] = text;
    return 0;
}

/* Takes the layers that agree, and marks them. */
static int take_layers(struct fmnn_net *net, const struct fmnn_net *from, bool *taken,
                       struct fmnn_names *anew, struct fmnn_error *err)
{
    bool any = false;
    for (size_t i = 0; i < net->node_count; i++) {
        const struct fm_node *node = &net->node[i];
        const struct fm_parameter *other = first_other(net, node, from);
        taken[i] = node->parameters && !other;
        any |= taken[i];
        if (other && add_reason(anew, reason(other, find(from, other->name), err)) != 0)
            return -1;
    }
    if (!any)
        return fm_fail(err, FMNN_USAGE,
                       "no layer of the net has the name and shape of one that is there");
    for (size_t i = 0; i < net->node_count; i++)
        if (taken[i])
            copy_parameters(net, &net->node[i], from);
    return 0;
}

/* ---- freezing */

/* An earlier call may have frozen the layer. */
static bool is_frozen(const struct fmnn_net *net, size_t node)
{
    return net->node[node].parameters && !net->parameter[net->node[node].parameter].trained;
}

/* The names of the layers that are frozen with those taken, in the order of the net: "0 3
   5.body.0". */
static char *names_of(const struct fmnn_net *net, const bool *taken, struct fmnn_error *err)
{
    size_t size = 1, used = 0;
    for (size_t i = 0; i < net->parameter_count; i++)
        size += strlen(net->parameter[i].name) + 1;
    char *text = fm_alloc(size, 1, err);
    for (size_t i = 0; text && i < net->node_count; i++) {
        bool frozen = taken[i] || is_frozen(net, i);
        const char *name = frozen ? net->parameter[net->node[i].parameter].name : NULL;
        if (name)
            used += (size_t)snprintf(text + used, size - used, "%s%.*s", used ? " " : "",
                                     (int)(strrchr(name, '.') - name), name);
    }
    return text;
}

static bool trains_others(const struct fmnn_net *net, const bool *taken)
{
    for (size_t i = 0; i < net->node_count; i++)
        if (!taken[i] && net->node[i].parameters && !is_frozen(net, i))
            return true;
    return false;
}

/* Parameters that are not trained lie behind the others, so all move. */
static int freeze_layers(struct fmnn_net *net, const bool *taken, struct fmnn_error *err)
{
    if (!trains_others(net, taken))
        return fm_fail(err, FMNN_USAGE, "all layers are frozen, so there is nothing to train");
    size_t *offset = fm_alloc(net->parameter_count, sizeof *offset, err);
    char *frozen = names_of(net, taken, err);
    float *old = net->weights;
    if (!offset || !frozen || fm_net_allocate(net, true, err) != 0) {
        net->weights = old;
        free(offset);
        free(frozen);
        return -1;
    }
    for (size_t i = 0; i < net->parameter_count; i++)
        offset[i] = net->parameter[i].offset;
    for (size_t i = 0; i < net->node_count; i++)
        for (size_t k = 0; taken[i] && k < net->node[i].parameters; k++)
            net->parameter[net->node[i].parameter + k].trained = false;
    fm_net_place(net);
    for (size_t i = 0; i < net->parameter_count; i++)
        memcpy(net->weights + net->parameter[i].offset, old + offset[i],
               net->parameter[i].stored * sizeof *old);
    free(old);
    free(offset);
    free(net->frozen);
    net->frozen = frozen;
    return 0;
}

int fmnn_net_take(struct fmnn_net *net, const struct fmnn_net *from, bool freeze,
                  struct fmnn_names **anew, struct fmnn_error *err)
{
    struct fmnn_names *reasons = fm_alloc(1, sizeof *reasons, err);
    bool *taken = fm_alloc(net->node_count, sizeof *taken, err);
    int status = -1;
    if (reasons)
        reasons->name = fm_alloc(net->node_count, sizeof *reasons->name, err);
    if (reasons && reasons->name && taken)
        status = take_layers(net, from, taken, reasons, err);
    if (status == 0 && freeze)
        status = freeze_layers(net, taken, err);
    if (status == 0)
        memcpy(net->init, from->digest, sizeof net->init);
    free(taken);
    if (status == 0 && anew)
        *anew = reasons;
    else
        fmnn_names_free(reasons);
    return status;
}
