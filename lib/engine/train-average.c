/* train-average.c -- the average of a training's weights. ema and lookahead move in an op behind
   the update, swa at the end of an epoch. */
#include "engine/train.h"

int fm_trainer_prepare_average(struct fmnn_trainer *t, struct fmnn_error *err)
{
    const struct fmnn_net *net = t->net;
    if (fm_average_is_none(&t->average))
        return 0;
    if (!(t->averaged = fm_alloc_aligned(net->stored, sizeof *t->averaged, err)))
        return -1;
    memcpy(t->averaged, net->weights, net->stored * sizeof *t->averaged);
    return 0;
}

void fm_trainer_use_average(const struct fmnn_trainer *t, struct fm_run *run)
{
    uint64_t all = (uint64_t)t->schedule_epochs * t->epoch_steps;
    run->average_share = fm_average_share(&t->average, t->step, all);
    run->average = run->average_share > 0 ? t->averaged : NULL;
    run->look_back = t->average.kind->looks_back;
}

/* The number of epochs in the average of swa. */
static size_t epochs_averaged(const struct fmnn_trainer *t)
{
    size_t trained = t->epoch_count + (t->train->count && t->trained == t->train->count);
    size_t before = t->schedule_epochs > t->average.last ? t->schedule_epochs - t->average.last : 0;
    return trained > before ? trained - before : 0;
}

bool fm_trainer_averages(const struct fmnn_trainer *t)
{
    return t->averaged && (!t->average.last || epochs_averaged(t) > 0);
}

float *fm_trainer_weights(const struct fmnn_trainer *t)
{
    return fm_trainer_averages(t) ? t->averaged : t->net->weights;
}

/* Running statistics are the untrained parameters of trained layers. */
static bool has_statistics(const struct fmnn_net *net, const struct fm_node *node, size_t k)
{
    const struct fm_parameter *p = &net->parameter[node->parameter];
    return p->trained && !p[k].trained;
}

static void reset_statistics(struct fmnn_trainer *t)
{
    for (size_t i = 0; i < t->net->node_count; i++) {
        const struct fm_node *node = &t->net->node[i];
        for (size_t k = 0; k < node->parameters; k++) {
            const struct fm_parameter *p = &t->net->parameter[node->parameter + k];
            for (size_t c = 0; has_statistics(t->net, node, k) && c < p->units; c++)
                t->averaged[p->offset + c] = p->init == FM_INIT_ONE;
        }
    }
}

bool fm_trainer_measures(const struct fmnn_trainer *t)
{
    if (!t->average.last || !epochs_averaged(t))
        return false;
    for (size_t i = 0; i < t->net->node_count; i++)
        for (size_t k = 0; k < t->net->node[i].parameters; k++)
            if (has_statistics(t->net, &t->net->node[i], k))
                return true;
    return false;
}

/* The mean over batches, weighted by their images: the last batch may have few. */
void fm_trainer_measure(struct fmnn_trainer *t, struct fm_run *run)
{
    if (!t->measured)
        reset_statistics(t);
    run->share = (double)run->images / (double)(t->measured + run->images);
}

void fm_trainer_average_epoch(struct fmnn_trainer *t)
{
    const float *w = t->net->weights;
    float *average = t->averaged;
    size_t n = t->average.last ? epochs_averaged(t) : 0;
    if (n == 1)
        memcpy(average, w, t->net->stored * sizeof *average);
    for (size_t i = 0; n > 1 && i < t->net->stored; i++)
        average[i] += (w[i] - average[i]) / (float)n;
}

bool fmnn_trainer_warning(const struct fmnn_trainer *t, struct fmnn_error *warning)
{
    return fmnn_recipe_warning(&t->recipe, t->train->count, warning);
}
