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

static bool finite_view(const struct fm_plan *plan, const struct fm_view *view, struct fm_shape s,
                        size_t images)
{
    bool good = true;
    for (size_t n = 0; n < images; n++)
        for (size_t y = 0; y < s.h; y++)
            for (size_t x = 0; x < s.w; x++)
                good &= finite_block(plan->workspace + view->offset + n * view->stride_n +
                                         y * view->stride_h + x * view->stride_w,
                                     s.c);
    return good;
}

static bool feed_once(void *state, struct fm_run *run)
{
    bool *fed = state, first = !*fed;
    (void)run;
    *fed = true;
    return first;
}

/* The first node whose output is not finite. Another plan runs once more, forward only, and keeps
   all outputs. Forward ops are in the order of the nodes. NULL also if memory does not suffice. */
static const struct fm_node *first_bad_output(const struct fmnn_trainer *t, struct fm_run run)
{
    struct fmnn_error err;
    struct fm_plan *plan = fm_plan_to_look_at(t->plan, &err);
    const struct fm_node *bad = NULL;
    bool fed = false;
    run.backward = false;
    run.share = 0;
    run.profile = NULL;
    if (plan)
        fm_plan_loop(plan, t->kernels, t->options.threads, &run, feed_once, &fed);
    for (size_t k = 0; plan && !bad && k < plan->forward_ops; k++) {
        const struct fm_op *op = &plan->op[k];
        if (op->node && op->writes & FM_OUT &&
            !finite_view(plan, &op->out, op->out_shape, run.images))
            bad = op->node;
    }
    fm_plan_free(plan);
    return bad;
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

int fm_trainer_fail_loss(const struct fmnn_trainer *t, const struct fm_run *run,
                         struct fmnn_error *err)
{
    /* Running statistics are not to blame: the same batch has just spoiled them. */
    const struct fm_node *bad = first_bad_weights(t, true);
    const char *where = "with the weights of";
    if (!bad) {
        bad = first_bad_output(t, *run);
        where = "from the output of";
    }
    return fail_not_finite(t, "the loss is", bad, where, err);
}
