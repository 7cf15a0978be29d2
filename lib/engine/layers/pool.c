/* pool.c -- avgpool N and maxpool N: squares of N by N without overlap; rows and columns that
   fill no square are dropped. */
#include "engine/layer.h"

#include <stdio.h>

#include "engine/plan.h"

enum { MAX_SIDE = 255 };

static int parse(struct fm_layer *layer, struct fm_words *words, struct fmnn_error *err)
{
    return fm_word_count(words, "the side of the pool", MAX_SIDE, &layer->units, err);
}

static void print(const struct fm_layer *layer, char *text, size_t size)
{
    snprintf(text, size, "%zu", layer->units);
}

static int shape(const struct fm_layer *layer, struct fm_shape in, struct fm_shape *out,
                 struct fmnn_error *err)
{
    size_t n = layer->units;
    if (n > in.h || n > in.w)
        return fm_fail(err, FMNN_USAGE, "a pool of %zux%zu does not fit into %zux%zu", n, n, in.h,
                       in.w);
    *out = (struct fm_shape){in.c, in.h / n, in.w / n};
    return 0;
}

static struct fm_window window(const struct fm_layer *layer, struct fm_shape in)
{
    (void)in;
    return (struct fm_window){
        .kernel_h = layer->units, .kernel_w = layer->units, .stride = layer->units};
}

static int add(struct fm_builder *builder, const struct fm_node *node, enum fm_job_kind kind,
               struct fmnn_error *err)
{
    struct fm_step step = fm_node_step(builder, node, kind);
    step.jobs = builder->plan->batch;
    return fm_add_step(builder, &step, err);
}

static int average(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err)
{
    return add(builder, node, FM_JOB_avgpool, err);
}

static int average_back(struct fm_builder *builder, const struct fm_node *node,
                        struct fmnn_error *err)
{
    return node->input ? add(builder, node, FM_JOB_avgpool_back, err) : 0;
}

static int max(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err)
{
    return add(builder, node, FM_JOB_maxpool, err);
}

static int most_back(struct fm_builder *builder, const struct fm_node *node, struct fmnn_error *err)
{
    return node->input ? add(builder, node, FM_JOB_maxpool_back, err) : 0;
}

const struct fm_layer_type fm_avgpool = {
    .name = "avgpool",
    .synopsis = "avgpool N",
    .parse = parse,
    .print = print,
    .shape = shape,
    .window = window,
    .forward = average,
    .backward = average_back,
};

const struct fm_layer_type fm_maxpool = {
    .name = "maxpool",
    .synopsis = "maxpool N",
    .parse = parse,
    .print = print,
    .shape = shape,
    .window = window,
    .forward = max,
    .backward = most_back,
};
