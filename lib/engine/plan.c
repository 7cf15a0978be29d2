/* plan.c -- makes a plan: places for values, and the ops of each node. */
#include "engine/plan.h"

#include "base/float.h"
#include "base/threads.h"
#include "engine/builder.h"

enum { OVER_READ = 64 }; /* floats beyond a row's end that kernels may read, but never write */

/* ---- values and gradients */

/* A batch of images, each h x w pixels of c channels. An image takes whole cache lines, and an odd
   number of them: images that are a power of two apart would compete for a few sets of the
   cache. */
static int new_images(struct fm_builder *builder, size_t c, size_t h, size_t w,
                      struct fm_view *view, struct fmnn_error *err)
{
    size_t floats;
    if (!fm_mul(h * w, c, &floats) || floats > fm_max_floats() / builder->plan->batch - 32)
        return fm_out_of_room(builder, err);
    *view = (struct fm_view){
        .stride_n = (floats + 15) / 16 * 16 | 16, .stride_h = w * c, .stride_w = c};
    if (fm_new_images(builder, view->stride_n, &view->buffer, err) != 0)
        return -1;
    builder->buffer[view->buffer].by_block = true;
    return 0;
}

/* The padding that contains the padding of all readers' windows. */
static struct fm_window widest_window(const struct fmnn_net *net, size_t id)
{
    const struct fm_value *value = &net->value[id];
    struct fm_window all = {0};
    for (size_t i = 0; i < value->readers; i++) {
        const struct fm_layer *layer = &net->node[net->reader[value->reader + i].node].layer;
        struct fm_window w = layer->type->window(layer, value->shape);
        fm_raise_to(&all.top, w.top);
        fm_raise_to(&all.left, w.left);
        fm_raise_to(&all.bottom, w.bottom);
        fm_raise_to(&all.right, w.right);
    }
    return all;
}

static int place_value(struct fm_builder *builder, size_t id, struct fmnn_error *err)
{
    struct fm_shape s = builder->plan->net->value[id].shape;
    struct fm_window window = widest_window(builder->plan->net, id);
    struct fm_view *view = &builder->value[id];
    size_t w = window.left + s.w + window.right, h = window.top + s.h + window.bottom;
    if (new_images(builder, s.c, h, w, view, err) != 0)
        return -1;
    builder->buffer[view->buffer].lasting = w > s.w || h > s.h;
    view->offset = window.top * view->stride_h + window.left * view->stride_w;
    return 0;
}

/* In the layout that the producer's backward ops need. */
static int place_gradient(struct fm_builder *builder, size_t id, struct fmnn_error *err)
{
    const struct fmnn_net *net = builder->plan->net;
    const struct fm_node *node = &net->node[net->value[id].producer];
    struct fm_shape s = net->value[id].shape;
    struct fm_view *view = &builder->gradient[id];
    struct fm_layout layout = {.h = 0};
    if (node->layer.type->gradient_layout)
        layout = node->layer.type->gradient_layout(&node->layer, net->value[node->input[0]].shape);
    if (layout.h == 0 || !net->value[node->input[0]].differentiable)
        layout = (struct fm_layout){.h = s.h, .w = s.w, .dilation = 1};
    if (new_images(builder, s.c, layout.h, layout.w, view, err) != 0)
        return -1;
    builder->buffer[view->buffer].lasting = layout.h > s.h || layout.w > s.w;
    view->offset = layout.top * view->stride_h + layout.left * view->stride_w;
    view->stride_h *= layout.dilation;
    view->stride_w *= layout.dilation;
    return 0;
}

static int place_values(struct fm_builder *builder, struct fmnn_error *err)
{
    const struct fmnn_net *net = builder->plan->net;
    for (size_t id = 0; id < net->value_count; id++) {
        if (place_value(builder, id, err) != 0)
            return -1;
        if (builder->training && net->value[id].differentiable &&
            place_gradient(builder, id, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- ops that belong to no node */

static int add_gather(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_op op = {.kind = FM_OP_gather,
                       .block = 1,
                       .out_shape = builder->plan->net->value[FM_IMAGE].shape,
                       .out = builder->value[FM_IMAGE]};
    if (op.out_shape.c > 1)
        fm_raise_to(&builder->plan->scratch_floats, 2 * fm_interleaved_floats(op.out_shape));
    return fm_add_op(builder, &op, 0, FM_OUT, err);
}

/* The loss is the only reader of the logits, which have no activation: it stores their gradient. */
static int add_loss(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    size_t logits = plan->net->output;
    struct fm_op op = {.kind = FM_OP_loss,
                       .block = 1,
                       .in_shape = plan->net->value[logits].shape,
                       .in = builder->value[logits]};
    if (builder->training)
        op.grad_in = builder->gradient[logits];
    if (fm_new_images(builder, (op.in_shape.c + 15) / 16 * 16, &op.softmax, err) != 0)
        return -1;
    return fm_add_op(builder, &op, FM_IN, FM_SOFTMAX | (builder->training ? FM_GRAD_IN : 0), err);
}

/* Gradients that were stored, to the optimizer, and the average of the weights. */
static int add_update(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    struct fm_op squares = {.kind = FM_OP_gradient_squares,
                            .jobs = fm_update_jobs(plan->net->trained),
                            .bytes = sizeof(float) * plan->net->trained};
    struct fm_op norm = {.kind = FM_OP_gradient_norm, .jobs = 1};
    struct fm_op op = {.kind = FM_OP_update,
                       .jobs = fm_update_jobs(plan->net->trained),
                       .bytes = sizeof(float) * plan->net->trained * (2 * (1 + plan->slots) + 1)};
    struct fm_op average = {.kind = FM_OP_average,
                            .jobs = fm_update_jobs(plan->net->stored),
                            .bytes = sizeof(float) * plan->net->stored * 3};
    if (fm_add_op(builder, &squares, 0, 0, err) != 0 || fm_add_op(builder, &norm, 0, 0, err) != 0 ||
        fm_add_op(builder, &op, 0, 0, err) != 0)
        return -1;
    return fm_add_op(builder, &average, 0, 0, err);
}

/* ---- the ops of nodes */

static int prepare(struct fm_builder *builder, struct fmnn_error *err)
{
    const struct fmnn_net *net = builder->plan->net;
    for (size_t i = 0; i < net->node_count; i++) {
        const struct fm_layer_type *type = net->node[i].layer.type;
        if (type->prepare && type->prepare(builder, &net->node[i], err) != 0)
            return -1;
    }
    return 0;
}

static int add_forward(struct fm_builder *builder, struct fmnn_error *err)
{
    const struct fmnn_net *net = builder->plan->net;
    for (size_t i = 0; i < net->node_count; i++)
        if (net->node[i].layer.type->forward(builder, &net->node[i], err) != 0)
            return -1;
    return 0;
}

/* Which of the node's backward ops store, add, and are the last. Readers of a value come from the
   last to the first, and of one node input by input: so the order of every sum is fixed. */
static void order_gradients(struct fm_builder *builder, const struct fm_node *node)
{
    const struct fmnn_net *net = builder->plan->net;
    for (size_t k = 0; k < node->inputs; k++) {
        size_t id = node->input[k];
        builder->add[k] = builder->pending[id] < net->value[id].readers;
        builder->last[k] = --builder->pending[id] == 0;
    }
}

static int add_backward(struct fm_builder *builder, struct fmnn_error *err)
{
    const struct fmnn_net *net = builder->plan->net;
    builder->backward = true;
    for (size_t id = 0; id < net->value_count; id++)
        builder->pending[id] = net->value[id].readers;
    for (size_t i = net->node_count; i-- > 0;) {
        const struct fm_node *node = &net->node[i];
        if (!net->value[node->output].differentiable)
            continue;
        order_gradients(builder, node);
        if (node->layer.type->backward(builder, node, err) != 0)
            return -1;
    }
    return 0;
}

static int build(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    size_t nothing;
    if (fm_new_buffer(builder, 0, 0, &nothing, err) != 0 || place_values(builder, err) != 0 ||
        prepare(builder, err) != 0 || add_gather(builder, err) != 0 ||
        add_forward(builder, err) != 0 || add_loss(builder, err) != 0)
        return -1;
    plan->forward_ops = plan->op_count;
    if ((builder->training && add_backward(builder, err) != 0) || fm_order(builder, err) != 0)
        return -1;
    plan->run_ops = plan->op_count;
    if (builder->training && add_update(builder, err) != 0)
        return -1;
    return fm_lay_out(builder, err);
}

/* ---- the object */

/* Zeroed by calloc, which does not touch large blocks: so a net that is too large for this machine
   fails here, or costs memory only as far as it is used. A large workspace starts at a huge page's
   boundary. */
static int allocate(struct fm_plan *plan, struct fmnn_error *err)
{
    enum { LINE_BYTES = 64, HUGE_BYTES = 2 << 20 };
    size_t alignment = plan->floats >= 2 * HUGE_BYTES / sizeof(float) ? HUGE_BYTES : LINE_BYTES;
    size_t floats = plan->floats + OVER_READ + alignment / sizeof(float);
    plan->memory = fm_alloc(floats, sizeof(float), err);
    if (!plan->memory)
        return -1;
    size_t beyond = (uintptr_t)plan->memory % alignment;
    plan->workspace = (float *)plan->memory + (beyond ? (alignment - beyond) / sizeof(float) : 0);
    fm_expect_large(plan->workspace, (plan->floats + OVER_READ) * sizeof(float));
    return 0;
}

static int make_builder(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    const struct fmnn_net *net = plan->net;
    builder->value = fm_alloc(net->value_count, sizeof *builder->value, err);
    builder->gradient = fm_alloc(net->value_count, sizeof *builder->gradient, err);
    builder->pending = fm_alloc(net->value_count, sizeof *builder->pending, err);
    builder->choice = fm_alloc(net->node_count, sizeof *builder->choice, err);
    plan->winograd = fm_alloc(2 * net->node_count, sizeof *plan->winograd, err);
    return builder->value && builder->gradient && builder->pending && builder->choice &&
                   plan->winograd
               ? 0
               : -1;
}

static void free_builder(struct fm_builder *builder)
{
    free(builder->buffer);
    free(builder->value);
    free(builder->gradient);
    free(builder->pending);
    free(builder->choice);
}

static struct fm_plan *new_plan(const struct fmnn_net *net, size_t batch, unsigned threads,
                                bool training, bool keep, enum fm_optimizer_id optimizer,
                                struct fmnn_error *err)
{
    struct fm_plan *plan = fm_alloc(1, sizeof *plan, err);
    if (!plan)
        return NULL;
    fm_float_state before = fm_float_enter(); /* the planner computes, too */
    plan->net = net;
    plan->batch = batch;
    plan->threads = threads;
    plan->optimizer = optimizer;
    plan->slots = fm_optimizer_slots(fm_optimizer_at(optimizer));
    struct fm_builder builder = {.plan = plan, .training = training, .keep = keep};
    bool good = make_builder(&builder, err) == 0 && build(&builder, err) == 0 &&
                (plan->team = fm_team_new(threads, err)) != NULL;
    fm_float_leave(before);
    free_builder(&builder);
    if (good && allocate(plan, err) == 0)
        return plan;
    fm_plan_free(plan);
    return NULL;
}

struct fm_plan *fm_plan_new(const struct fmnn_net *net, size_t batch, unsigned threads,
                            bool training, enum fm_optimizer_id optimizer, struct fmnn_error *err)
{
    return new_plan(net, batch, threads, training, false, optimizer, err);
}

struct fm_plan *fm_plan_to_look_at(const struct fm_plan *like, struct fmnn_error *err)
{
    return new_plan(like->net, like->batch, like->threads, true, true, like->optimizer, err);
}

void fm_plan_join(struct fm_plan *plan, const struct fm_plan *host)
{
    assert(plan->threads == host->threads && !plan->guest);
    fm_team_free(plan->team);
    plan->team = host->team;
    plan->guest = true;
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
    if (!plan->guest)
        fm_team_free(plan->team);
    free(plan->memory);
    free(plan->op);
    free(plan);
}
