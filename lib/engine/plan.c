/* plan.c -- lays out a net's values and steps, and runs them. */
#include "engine/plan.h"

#include <math.h>

#include "engine/kernels.h"
#include "engine/layers/affine.h"
#include "engine/profile.h"
#include "base/float.h"
#include "base/threads.h"

/* ---- places */

enum { OVER_READ = 64 }; /* kernels may read, never write, so many floats beyond a row's end */
/* 2^36, or what can be counted in bytes. */
static const size_t most_floats =
    SIZE_MAX / 8 < (uint64_t)1 << 36 ? SIZE_MAX / 8 & ~(size_t)15 : (size_t)((uint64_t)1 << 36);

int fm_reserve(struct fm_builder *builder, size_t rows, size_t row, size_t *origin,
               struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    size_t floats;
    if (!fm_mul(rows, row, &floats) || floats > most_floats - plan->floats)
        return fm_fail(err, FMNN_USAGE, "the net needs too much memory at a batch of %zu",
                       plan->batch);
    *origin = plan->floats;
    plan->floats += (floats + 15) & ~(size_t)15;
    return 0;
}

/* A batch of images, each h x w pixels of c channels. They take whole cache lines, and an odd
   number of them: images that are a power of two apart would crowd a few sets of the cache. */
static int lay_images(const struct fm_builder *builder, size_t c, size_t h, size_t w,
                      struct fm_place *place, struct fmnn_error *err)
{
    size_t floats;
    if (!fm_mul(h * w, c, &floats) || floats > most_floats / builder->plan->batch - 32)
        return fm_fail(err, FMNN_USAGE, "the net needs too much memory at a batch of %zu",
                       builder->plan->batch);
    *place = (struct fm_place){.image = (floats + 15) / 16 * 16 | 16, .row = w * c, .pixel = c};
    return 0;
}

/* Whether nobody wants a value any more when the first gradient becomes points, and no zeros around
   it would be lost. What comes after the last convolution by points has had its gradients by then,
   but for those of small dense layers, which are taken at the end. */
static bool ends_early(const struct fm_builder *builder, size_t id, const struct fm_window *window)
{
    const struct fmnn_net *net = builder->plan->net;
    if (!builder->training || id == net->node_count ||
        window->top + window->left + window->bottom + window->right > 0)
        return false;
    for (size_t i = id; i < net->node_count; i++)
        if (builder->forward[i] || builder->back[i])
            return false;
    struct fm_step step = fm_node_step(builder, &net->node[id], FM_JOB_dense);
    return !fm_is_dense(&step) || fm_in_one_pass(&step);
}

/* A value's place, with the zeros that its reader's window wants around it; in the room that
   gradients' points share, where it ends before these come. */
static int place_value(struct fm_builder *builder, size_t id, const struct fm_window *window,
                       struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    struct fm_shape s = plan->net->value[id].shape;
    struct fm_place *place = &builder->value[id];
    size_t w = window->left + s.w + window->right, h = window->top + s.h + window->bottom;
    if (lay_images(builder, s.c, h, w, place, err) != 0)
        return -1;
    size_t floats = plan->batch * place->image;
    if (ends_early(builder, id, window) && floats <= builder->shared_floats - builder->lent) {
        place->origin = builder->shared + builder->lent;
        builder->lent += floats;
    } else if (fm_reserve(builder, plan->batch, place->image, &place->origin, err) != 0) {
        return -1;
    }
    place->origin += window->top * place->row + window->left * place->pixel;
    return 0;
}

/* Where the gradient may lie in its value's place, since who reads the value writes the gradient,
   pixel by pixel, and that is the last that is wanted of the value: its points are kept for the
   gradient of the filters. Only maxpool wants to see its output again. */
static bool replaces_value(const struct fm_builder *builder, size_t id,
                           const struct fm_window *window, struct fm_frame frame)
{
    const struct fmnn_net *net = builder->plan->net;
    struct fm_shape s = net->value[id].shape;
    return id > 0 && id < net->node_count && builder->forward[id] && builder->back[id] &&
           net->node[id - 1].layer.type->weighted && frame.spread == 1 &&
           frame.top == window->top && frame.left == window->left &&
           frame.h == window->top + s.h + window->bottom &&
           frame.w == window->left + s.w + window->right;
}

static int place_gradient(struct fm_builder *builder, size_t id, const struct fm_window *window,
                          struct fm_frame frame, struct fmnn_error *err)
{
    struct fm_shape s = builder->plan->net->value[id].shape;
    struct fm_place *place = &builder->gradient[id];
    if (frame.h == 0)
        frame = (struct fm_frame){.h = s.h, .w = s.w, .spread = 1};
    if (replaces_value(builder, id, window, frame)) {
        *place = builder->value[id];
        return 0;
    }
    if (lay_images(builder, s.c, frame.h, frame.w, place, err) != 0 ||
        fm_reserve(builder, builder->plan->batch, place->image, &place->origin, err) != 0)
        return -1;
    place->origin += frame.top * place->row + frame.left * place->pixel;
    place->row *= frame.spread;
    place->pixel *= frame.spread;
    return 0;
}

/* Value i is written by node i - 1 and read by node i. The first layer's output's gradient is only
   summed up: no input wants it. */
static int place_all(struct fm_builder *builder, struct fmnn_error *err)
{
    const struct fmnn_net *net = builder->plan->net;
    for (size_t i = 0; i <= net->node_count; i++) {
        struct fm_window window = {0};
        struct fm_frame frame = {0};
        const struct fm_layer *reader = i < net->node_count ? &net->node[i].layer : NULL;
        const struct fm_layer *writer = i > 1 ? &net->node[i - 1].layer : NULL;
        if (reader)
            window = reader->type->window(reader, net->value[i].shape);
        if (writer && writer->type->frame)
            frame = writer->type->frame(writer, net->value[i - 1].shape);
        if (place_value(builder, i, &window, err) != 0)
            return -1;
        if (builder->training && i > 0 && place_gradient(builder, i, &window, frame, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- steps */

struct fm_step fm_node_step(const struct fm_builder *builder, const struct fm_node *node,
                            enum fm_job_kind kind)
{
    const struct fmnn_net *net = builder->plan->net;
    struct fm_step step = {.kind = kind,
                           .in_shape = net->value[node->input].shape,
                           .out_shape = net->value[node->output].shape,
                           .activation = net->value[node->output].activation,
                           .in = builder->value[node->input],
                           .out = builder->value[node->output],
                           .node = node};
    step.window = node->layer.type->window(&node->layer, step.in_shape);
    step.in.origin -= step.window.top * step.in.row + step.window.left * step.in.pixel;
    if (node->layer.type->weighted) {
        const struct fm_parameter *weight = &net->parameter[node->weight];
        step.weight = weight->offset;
        step.bias = net->parameter[node->bias].offset;
        step.units = weight->units;
        step.taps = weight->c * weight->h * weight->w;
    }
    return step;
}

int fm_add_step(struct fm_builder *builder, const struct fm_step *step, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    void *array = plan->step;
    if (fm_grow(&array, &plan->step_capacity, plan->step_count + 1, sizeof *step, err) != 0)
        return -1;
    plan->step = array;
    plan->step[plan->step_count++] = *step;
    if (step->jobs > FM_MAX_JOBS)
        return fm_fail(err, FMNN_USAGE, "the net is too large at a batch of %zu", plan->batch);
    return 0;
}

static int add_gather(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_step step = {.kind = FM_JOB_gather,
                           .block = FM_BLOCK,
                           .out_shape = builder->plan->net->value[0].shape,
                           .out = builder->value[0]};
    return fm_add_step(builder, &step, err);
}

static int add_loss(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    size_t last = plan->net->value_count - 1;
    struct fm_step step = {.kind = FM_JOB_loss,
                           .block = FM_BLOCK,
                           .in_shape = plan->net->value[last].shape,
                           .in = builder->value[last]};
    if (builder->training)
        step.in_back = builder->gradient[last];
    if (fm_reserve(builder, plan->batch, (step.in_shape.c + 15) / 16 * 16, &step.scratch, err) != 0)
        return -1;
    return fm_add_step(builder, &step, err);
}

/* From the end to the beginning; a node's backward steps see the activation of its input, for it is
   they that write the gradient before that. */
static int add_backward(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    const struct fmnn_net *net = plan->net;
    for (size_t i = net->node_count; i-- > 0;) {
        const struct fm_node *node = &net->node[i];
        size_t first = plan->step_count;
        if (node->layer.type->backward(builder, node, err) != 0)
            return -1;
        for (size_t k = first; k < plan->step_count; k++) {
            plan->step[k].activation = net->value[node->input].activation;
            if (plan->step[k].phase == FM_FORWARD)
                plan->step[k].phase = FM_BACKWARD;
            plan->step[k].back = builder->gradient[node->output];
            if (node->input)
                plan->step[k].in_back = builder->gradient[node->input];
        }
    }
    size_t scratch;
    if (fm_reserve(builder, 1, builder->scratch_floats, &scratch, err) != 0)
        return -1;
    for (size_t k = plan->forward_steps; k < plan->step_count; k++)
        if (plan->step[k].kind == FM_JOB_transpose_weight ||
            plan->step[k].kind == FM_JOB_affine_back)
            plan->step[k].scratch = scratch;
    return 0;
}

/* How convolutions are done, and room for the points that are wanted for a step only. */
static int choose_points(struct fm_builder *builder, struct fmnn_error *err)
{
    const struct fmnn_net *net = builder->plan->net;
    for (size_t i = 0; !net->exact && i < net->node_count; i++)
        if (net->node[i].layer.type->weighted && fm_choose_points(builder, &net->node[i], err) != 0)
            return -1;
    return fm_reserve(builder, 1, builder->shared_floats, &builder->shared, err);
}

/* What steps by points share, and what each thread has. */
static int share_room(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    size_t filter;
    if (fm_reserve(builder, 1, builder->filter_floats, &filter, err) != 0 ||
        fm_reserve(builder, plan->threads, plan->own_floats, &plan->own, err) != 0)
        return -1;
    for (size_t k = 0; k < plan->step_count; k++)
        plan->step[k].filter = filter;
    return 0;
}

/* The gradients of dense layers need nothing of each other: they are taken together, at the end. */
static int gather_gradients(struct fm_plan *plan, struct fmnn_error *err)
{
    size_t all = plan->step_count - plan->forward_steps, kept = 0, count = 0;
    struct fm_step *last = fm_alloc(all + 1, sizeof *last, err);
    if (!last)
        return -1;
    struct fm_step *step = plan->step + plan->forward_steps;
    for (size_t i = 0; i < all; i++)
        if (step[i].kind == FM_JOB_dense_gradient)
            last[count++] = step[i];
        else
            step[kept++] = step[i];
    for (size_t i = 0; i < count; i++) {
        step[kept + i] = last[count - 1 - i]; /* the first layer's, as a rule the largest, first */
        step[kept + i].together = i > 0;
    }
    free(last);
    return 0;
}

/* Where the first layer is dense, its steps go by which pixels are not dark. */
static int note_light(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    struct fm_step *gather = &plan->step[0], *dense = &plan->step[1];
    if (dense->kind != FM_JOB_dense)
        return 0;
    size_t bits, words = (dense->taps + 63) / 64;
    if (fm_reserve(builder, plan->batch, 2 * words, &gather->light, err) != 0)
        return -1;
    dense->light = gather->light;
    dense->jobs = fm_pairs(dense->units) * ((plan->batch + FM_BLOCK - 1) / FM_BLOCK);
    if (!builder->training)
        return 0;
    if (fm_reserve(builder, plan->batch, dense->taps / FM_LIT / 2 + 1, &bits, err) != 0)
        return -1;
    gather->scratch = bits;
    for (size_t i = plan->forward_steps; i < plan->step_count; i++)
        if (plan->step[i].kind == FM_JOB_dense_gradient &&
            plan->step[i].in.origin == plan->step[0].out.origin)
            plan->step[i].scratch = bits;
    return 0;
}

/* A dense layer whose weights stay in a cache beside a block of images; or any, where there are
   no other layers and no weights change. */
static bool goes_by_blocks(const struct fm_builder *builder, const struct fm_step *step)
{
    const struct fm_plan *plan = builder->plan;
    if (step->block)
        return true;
    if (step->kind != FM_JOB_dense && step->kind != FM_JOB_dense_back)
        return false;
    for (size_t i = 1; !builder->training && i + 1 < plan->step_count; i++)
        if (plan->step[i].kind != FM_JOB_dense)
            return step->taps * step->units <= FM_SMALL;
    return !builder->training || step->taps * step->units <= FM_SMALL;
}

/* Steps that can be done block by block of images become one where they follow each other. */
static void chain_steps(const struct fm_builder *builder)
{
    struct fm_plan *plan = builder->plan;
    size_t block = builder->training ? FM_BLOCK : FM_WIDE_BLOCK;
    struct fm_step *head = NULL;
    for (size_t i = 0; i < plan->step_count; i++) {
        struct fm_step *step = &plan->step[i];
        if (!goes_by_blocks(builder, step)) {
            head = NULL;
            continue;
        }
        if (!head)
            head = step;
        step->block = block;
        step->jobs = (plan->batch + block - 1) / block;
        head->chain++;
    }
}

static int build(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    const struct fmnn_net *net = plan->net;
    if (choose_points(builder, err) != 0 || place_all(builder, err) != 0 ||
        add_gather(builder, err) != 0)
        return -1;
    for (size_t i = 0; i < net->node_count; i++)
        if (net->node[i].layer.type->forward(builder, &net->node[i], err) != 0)
            return -1;
    if (add_loss(builder, err) != 0)
        return -1;
    plan->forward_steps = plan->step_count;
    if (builder->training && (add_backward(builder, err) != 0 || gather_gradients(plan, err) != 0))
        return -1;
    if (note_light(builder, err) != 0)
        return -1;
    chain_steps(builder);
    return share_room(builder, err);
}

/* Zeroed by calloc, which does not touch large blocks: so a net that is too large for this machine
   fails here, or costs memory only as far as it is used. */
static int allocate(struct fm_plan *plan, struct fmnn_error *err)
{
    enum { ALIGNMENT = 64 };
    size_t floats = plan->floats + OVER_READ + ALIGNMENT / sizeof(float);
    plan->memory = fm_alloc(floats, sizeof(float), err);
    if (!plan->memory)
        return -1;
    fm_expect_large(plan->memory, floats * sizeof(float));
    size_t beyond = (uintptr_t)plan->memory % ALIGNMENT;
    plan->workspace = (float *)plan->memory + (beyond ? (ALIGNMENT - beyond) / sizeof(float) : 0);
    return 0;
}

struct fm_plan *fm_plan_new(const struct fmnn_net *net, size_t batch, unsigned threads,
                            bool training, enum fm_optimizer_id optimizer, struct fmnn_error *err)
{
    struct fm_plan *plan = fm_alloc(1, sizeof *plan, err);
    if (!plan)
        return NULL;
    fm_float_state before = fm_float_enter(); /* the planner reckons, too */
    plan->net = net;
    plan->batch = batch;
    plan->threads = threads;
    plan->optimizer = optimizer;
    struct fm_builder builder = {.plan = plan, .training = training};
    builder.value = fm_alloc(net->value_count, sizeof *builder.value, err);
    builder.gradient = fm_alloc(net->value_count, sizeof *builder.gradient, err);
    builder.points = fm_alloc(net->node_count, sizeof *builder.points, err);
    builder.forward = fm_alloc(net->node_count, sizeof *builder.forward, err);
    builder.back = fm_alloc(net->node_count, sizeof *builder.back, err);
    plan->winograd = fm_alloc(2 * net->node_count, sizeof *plan->winograd, err);
    bool good = builder.value && builder.gradient && builder.points && builder.forward &&
                builder.back && plan->winograd && build(&builder, err) == 0 &&
                (plan->team = fm_team_new(threads, err)) != NULL;
    fm_float_leave(before);
    free(builder.value);
    free(builder.gradient);
    free(builder.points);
    free(builder.forward);
    free(builder.back);
    if (good && allocate(plan, err) == 0)
        return plan;
    fm_plan_free(plan);
    return NULL;
}

void fm_plan_end(struct fm_plan *plan)
{
    free(plan->memory);
    plan->memory = plan->workspace = NULL;
}

void fm_plan_free(struct fm_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->winograd_count; i++)
        free(plan->winograd[i]);
    free(plan->winograd);
    fm_team_free(plan->team);
    free(plan->memory);
    free(plan->step);
    free(plan);
}

/* ---- running */

/* What the threads of a loop share. Between runs there is a step of one job, the feeding. Steps
   that begin together, or are a chain, are one to the team. */
struct loop {
    const struct fm_plan *plan;
    const struct fm_kernels *kernels;
    fm_feed *feed;
    void *state;
    struct fm_run run;
    const struct fm_step *step; /* NULL: feeding */
    const struct fm_step *next, *end;
    size_t jobs; /* of all steps that begin together */
    bool begun, more;
};

/* NULL: the feeding's, which is counted behind the steps. */
static size_t step_number(const struct loop *loop, const struct fm_step *step)
{
    return step ? (size_t)(step - loop->plan->step) : loop->plan->step_count;
}

static const struct fm_step *behind(const struct fm_step *step)
{
    return step + (step->chain ? step->chain : 1);
}

/* Finds the jobs of all steps that begin with this one, and the first step that does not; NULL:
   this one was the last. */
static size_t jobs_together(const struct loop *loop, const struct fm_step **next)
{
    const struct fm_step *step = loop->step;
    size_t jobs = step->jobs;
    while ((step = behind(step)) < loop->end && step->together)
        jobs += step->jobs;
    *next = step < loop->end ? step : NULL;
    return jobs;
}

/* Counts the runs of all steps up to the next ones. */
static void profile_begin(const struct loop *loop)
{
    struct fm_profile *profile = loop->run.profile;
    const struct fm_step *end = loop->next ? loop->next : loop->end;
    if (!loop->step)
        fm_profile_begin(profile, step_number(loop, NULL), 0);
    for (const struct fm_step *step = loop->step; step && step < end; step++)
        fm_profile_begin(profile, step_number(loop, step), loop->run.images);
}

/* Whether the losses have just come, and are such that no backward steps must follow. A chain has
   losses and gradients, but changes no weights. */
static bool is_lost(const struct loop *loop)
{
    const struct fm_step *backward = loop->plan->step + loop->plan->forward_steps;
    if (!loop->run.backward || loop->step >= backward || (loop->next && loop->next < backward))
        return false;
    double loss = 0;
    for (size_t i = 0; i < loop->run.images; i++)
        loss += loop->run.loss[i];
    return !isfinite(loss);
}

static size_t next_step(void *state)
{
    struct loop *loop = state;
    const struct fm_plan *plan = loop->plan;
    bool fed = loop->begun && !loop->step;
    if (fed && !loop->more)
        return 0;
    if (fed) {
        loop->step = plan->step;
        loop->end = plan->step + (loop->run.backward ? plan->step_count : plan->forward_steps);
    } else {
        loop->step = loop->begun && is_lost(loop) ? NULL : loop->next;
    }
    loop->begun = true;
    loop->jobs = loop->step ? jobs_together(loop, &loop->next) : 1;
    if (loop->run.profile)
        profile_begin(loop);
    return loop->jobs;
}

/* A block of images goes through a chain of steps. */
static void do_chain(const struct loop *loop, const struct fm_run *run, const struct fm_step *step,
                     unsigned thread, size_t job)
{
    size_t first = job * step->block, count = step->block;
    if (first >= run->images)
        return;
    if (count > run->images - first)
        count = run->images - first;
    for (const struct fm_step *part = step; part < behind(step) && part < loop->end; part++) {
        double start = run->profile ? fm_now() : 0;
        loop->kernels->block[part->kind](loop->plan, part, run, first, count);
        if (run->profile)
            fm_profile_add(run->profile, thread, step_number(loop, part), fm_now() - start);
    }
}

/* Images are drawn from all over memory: those of the next run are called for in the last jobs of
   this one, some in each, so that nobody has to wait for them. */
static void fetch_ahead(const struct loop *loop, size_t job)
{
    const struct fm_run *run = &loop->run;
    size_t bytes = fm_elements(loop->plan->net->shape);
    size_t n = run->ahead * job / loop->jobs, end = run->ahead * (job + 1) / loop->jobs;
    for (; n < end; n++)
        for (size_t i = 0; i < bytes; i += 64)
            __builtin_prefetch(run->pixels[run->images + n] + i, 0, 2);
}

static void do_step(const struct loop *loop, const struct fm_run *run, unsigned thread, size_t job)
{
    const struct fm_step *step = loop->step;
    if (!loop->next)
        fetch_ahead(loop, job);
    for (; job >= step->jobs; step = behind(step))
        job -= step->jobs;
    if (step->chain) {
        do_chain(loop, run, step, thread, job);
        return;
    }
    double start = run->profile ? fm_now() : 0;
    loop->kernels->job[step->kind](loop->plan, step, run, job);
    if (run->profile)
        fm_profile_add(run->profile, thread, step_number(loop, step), fm_now() - start);
}

static void do_job(void *state, unsigned thread, size_t job)
{
    struct loop *loop = state;
    struct fm_run run = loop->run;
    fm_float_state before = fm_float_enter();
    run.own += thread * loop->plan->own_floats;
    if (loop->step) {
        do_step(loop, &run, thread, job);
    } else {
        double start = run.profile ? fm_now() : 0;
        loop->more = loop->feed(loop->state, &loop->run);
        if (run.profile)
            fm_profile_add(run.profile, thread, step_number(loop, NULL), fm_now() - start);
    }
    fm_float_leave(before);
}

void fm_plan_loop(const struct fm_plan *plan, const struct fm_kernels *kernels, unsigned threads,
                  const struct fm_run *run, fm_feed *feed, void *state)
{
    struct loop loop = {
        .plan = plan, .kernels = kernels, .feed = feed, .state = state, .run = *run};
    struct fm_work work = {next_step, do_job, &loop};
    assert(threads <= plan->threads);
    loop.run.workspace = plan->workspace;
    loop.run.own = plan->workspace + plan->own;
    double start = run->profile ? fm_now() : 0;
    fm_team_run(plan->team, &work, threads);
    if (run->profile)
        run->profile->wall += fm_now() - start;
}
