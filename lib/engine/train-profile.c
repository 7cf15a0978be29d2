/* train-profile.c -- where the time of a training went, as rows. */
#include "engine/profile.h"
#include "engine/train.h"

/* The time in which no job was done: between ops, and while threads start and stop. */
static void waiting_row(const struct fm_profile *profile, struct fmnn_profile_row *row)
{
    double busy = 0;
    for (size_t k = 0; k <= profile->ops; k++)
        busy += fm_profile_seconds(profile, k);
    *row = (struct fmnn_profile_row){
        .text = "", .phase = "wait", .job = "", .seconds = profile->wall - busy / profile->threads};
}

static void op_row(const struct fmnn_trainer *t, const struct fm_op *op, size_t i,
                   struct fmnn_profile_row *row)
{
    static const char *const jobs[FM_OP_COUNT] = {
#define NAME(name) [FM_OP_##name] = #name,
        FM_OPS(NAME)
#undef NAME
    };
    static const char *const phases[FM_PHASES] = {[FM_FORWARD] = "forward",
                                                  [FM_BACKWARD_DATA] = "backward-data",
                                                  [FM_BACKWARD_WEIGHTS] = "backward-weights"};
    double images = (double)t->profile->images[i], runs = (double)t->profile->runs[i];
    *row = (struct fmnn_profile_row){.text = "",
                                     .phase = jobs[op->kind],
                                     .job = jobs[op->kind],
                                     .flops = (double)op->flops * images,
                                     .flops_done = (double)op->flops_done * images,
                                     .bytes = (double)(op->bytes + op->run_traffic) * runs +
                                              (double)op->image_traffic * images};
    if (!op->node)
        return;
    row->layer = fm_node_number(t->net, op->node) + 1;
    row->text = op->node->text;
    row->phase = phases[op->phase];
}

bool fmnn_trainer_profile(const struct fmnn_trainer *t, size_t i, struct fmnn_profile_row *row)
{
    const struct fm_profile *profile = t->profile;
    /* The ops behind an update are no part of it unless there is work for one. */
    size_t ops = t->sink == FM_SINK_UPDATE && !t->averaged ? t->plan->run_ops : t->plan->op_count;
    if (!profile || i > ops + 1)
        return false;
    if (i == ops + 1)
        waiting_row(profile, row);
    else if (i == ops)
        *row = (struct fmnn_profile_row){.text = "", .phase = "feed", .job = ""};
    else
        op_row(t, &t->plan->op[i], i, row);
    if (i <= ops) {
        size_t at = i < ops ? i : profile->ops;
        row->runs = profile->runs[at];
        row->seconds = fm_profile_seconds(profile, at) / profile->threads;
    }
    return true;
}

double fmnn_trainer_peak(const struct fmnn_trainer *t)
{
    double peak = fm_peak(t->kernels, t->options.threads);
    return t->profile ? (t->profile->peaks + peak) / (double)(t->profile->readings + 1) : peak;
}
