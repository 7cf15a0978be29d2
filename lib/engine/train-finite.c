/* train-finite.c -- finds the layer in which values of a training stopped being finite. */
#include "base/internal.h"

#include <math.h>
#include <stdio.h>

#include "engine/train.h"

static bool finite_block(const float *block, size_t count)
{
    bool good = true;
    for (size_t i = 0; block && i < count; i++)
        good &= isfinite(block[i]) != 0;
    return good;
}

/* The parameter, and what the optimizer keeps beside it. */
static bool finite_parameter(const struct fmnn_trainer *t, const struct fm_parameter *p)
{
    bool good = finite_block(t->net->weights + p->offset, p->stored) &&
                finite_block(t->averaged ? t->averaged + p->offset : NULL, p->stored);
    for (size_t s = 0; s < t->plan->slots && p->trained; s++)
        good &= finite_block(t->slots[s] + p->offset, p->stored);
    return good;
}

/* The first node with parameters that are not finite; NULL: none. trained: looks at no others. */
static const struct fm_node *first_bad_weights(const struct fmnn_trainer *t, bool trained)
{
    for (size_t i = 0; i < t->net->node_count; i++) {
        const struct fm_node *node = &t->net->node[i];
        for (size_t k = 0; k < node->parameters; k++) {
            const struct fm_parameter *p = &t->net->parameter[node->parameter + k];
            if ((p->trained || !trained) && !finite_parameter(t, p))
                return node;
        }
    }
    return NULL;
}

static bool finite_view(const struct fmnn_trainer *t, const struct fm_view *view, struct fm_shape s,
                        size_t images)
{
    bool good = true;
    for (size_t n = 0; n < images; n++)
        for (size_t y = 0; y < s.h; y++)
            for (size_t x = 0; x < s.w; x++)
                good &= finite_block(t->plan->workspace + view->offset + n * view->stride_n +
                                         y * view->stride_h + x * view->stride_w,
                                     s.c);
    return good;
}

/* The output of bn, computed again from its input: see image_norm_forward() in kernels/norm.h. */
static bool finite_norm(const struct fmnn_trainer *t, const struct fm_op *op, size_t images)
{
    const float *channels = t->plan->workspace + op->channels;
    size_t row = fm_panels(op->units) * FM_PANEL;
    bool good = true;
    for (size_t n = 0; n < images; n++)
        for (size_t i = 0; i < op->in_shape.h * op->in_shape.w; i++) {
            size_t y = i / op->in_shape.w, x = i % op->in_shape.w;
            const float *in = t->plan->workspace + op->in.offset + n * op->in.stride_n +
                              y * op->in.stride_h + x * op->in.stride_w;
            for (size_t c = 0; c < op->units; c++)
                good &= isfinite(fmaf(in[c] - channels[FM_NORM_MEAN * row + c],
                                      channels[FM_NORM_FACTOR * row + c],
                                      channels[FM_NORM_BIAS * row + c])) != 0;
        }
    return good;
}

static bool finite_output(const struct fmnn_trainer *t, const struct fm_op *op, size_t images)
{
    return op->fleeting ? finite_norm(t, op, images)
                        : finite_view(t, &op->out, op->out_shape, images);
}

/* The first node whose output is not finite, after a run without backward ops, which overwrite
   some outputs. Forward ops are in the order of the nodes. */
static const struct fm_node *first_bad_output(const struct fmnn_trainer *t, size_t images)
{
    const struct fm_plan *plan = t->plan;
    for (size_t k = 0; k < plan->forward_ops; k++) {
        const struct fm_op *op = &plan->op[k];
        if (op->node && op->writes & FM_OUT && !finite_output(t, op, images))
            return op->node;
    }
    return NULL;
}

static int fail_not_finite(const struct fmnn_trainer *t, const char *what,
                           const struct fm_node *node, const char *where, struct fmnn_error *err)
{
    char layer[160] = "";
    if (node)
        snprintf(layer, sizeof layer, ", %s layer %zu, '%.100s'", where,
                 (size_t)(node - t->net->node) + 1, node->text);
    return fm_fail(err, FMNN_DATA,
                   "%s no longer finite at step %llu, in epoch %zu%s; "
                   "a smaller learning rate may help",
                   what, (unsigned long long)t->step, t->epoch_count + 1, layer);
}

int fm_trainer_check_finite(const struct fmnn_trainer *t, struct fmnn_error *err)
{
    const struct fm_node *bad = first_bad_weights(t, false);
    return bad ? fail_not_finite(t, "the weights are", bad, "in", err) : 0;
}

int fm_trainer_fail_loss(const struct fmnn_trainer *t, size_t outputs, struct fmnn_error *err)
{
    /* Running statistics are not to blame: the same batch has just spoiled them. */
    const struct fm_node *bad = first_bad_weights(t, true);
    const char *where = "with the weights of";
    if (!bad) {
        bad = first_bad_output(t, outputs);
        where = "from the output of";
    }
    return fail_not_finite(t, "the loss is", bad, where, err);
}
