/* check_graph.c -- what a net as a graph promises: parameters that layers declare, where gradients
   go, what a run carries, and memory that is shared.

   The gradients of graphs themselves are checked by check_engine.c, with all other nets. */
#include "engine.h"

#include "data/samples.h"
#include "engine/train.h"
#include "files/safetensors.h"
#include "runner.h"
#include "scratch.h"

/* ---- 1. Parameters ---- */

/* A convolution with running statistics: two parameters more, which are not trained. */
static size_t declare_four(const struct fm_layer *layer, struct fm_shape in,
                           struct fm_parameter_spec spec[FM_MAX_PARAMETERS])
{
    fm_conv.parameters(layer, in, spec);
    spec[2] = spec[3] = spec[1];
    spec[2].name = "running_mean";
    spec[3].name = "running_var";
    spec[3].init = FM_INIT_ONE;
    spec[2].trained = spec[3].trained = false;
    return 4;
}

static struct fmnn_net *make_net_with_statistics(void)
{
    struct fm_layer_type type = fm_conv;
    struct fm_layer conv = layer_of("conv 35 3x3 relu"), dense = layer_of("dense 3");
    struct fmnn_net *net = fm_net_begin((struct fmnn_shape){1, 5, 7}, 3, 2, NULL);
    type.parameters = declare_four;
    conv.type = &type; /* is asked for its parameters here */
    ck_assert_int_eq(fm_net_add(net, &conv, (size_t[]){FM_IMAGE}, 0, NULL), 0);
    net->node[0].layer.type = &fm_conv; /* the rest is a convolution's */
    ck_assert_int_eq(fm_net_add(net, &dense, (size_t[]){1}, 3, NULL), 0);
    ck_assert_int_eq(fm_net_end(net, NULL), 0);
    ck_assert_int_eq(fm_net_allocate(net, true, NULL), 0);
    fmnn_net_initialise(net, 5, 2);
    return net;
}

START_TEST(untrained_parameters_lie_behind_the_trained)
{
    static const char *const names[] = {"0.weight",      "0.bias",   "0.running_mean",
                                        "0.running_var", "3.weight", "3.bias"};
    struct fmnn_net *net = make_net_with_statistics();
    ck_assert_uint_eq(net->parameter_count, FM_COUNT(names));
    size_t trained = 0, stored = 0;
    for (size_t i = 0; i < net->parameter_count; i++) {
        const struct fm_parameter *p = &net->parameter[i];
        ck_assert_str_eq(p->name, names[i]);
        ck_assert_int_eq(p->trained, i != 2 && i != 3);
        ck_assert(p->trained ? p->offset + p->stored <= net->trained : p->offset >= net->trained);
        trained += p->trained ? p->stored : 0;
        stored += p->stored;
    }
    ck_assert_uint_eq(net->trained, trained);
    ck_assert_uint_eq(net->stored, stored);
    fmnn_net_free(net);
}
END_TEST

START_TEST(parameters_start_as_declared)
{
    struct fmnn_net *net = make_net_with_statistics();
    const struct fm_parameter *mean = &net->parameter[2], *variance = &net->parameter[3];
    for (size_t i = 0; i < mean->stored; i++)
        ck_assert(net->weights[mean->offset + i] == 0);
    for (size_t i = 0; i < variance->stored; i++) /* spare lanes stay zero */
        ck_assert(net->weights[variance->offset + i] == (i < 35 ? 1 : 0));
    fmnn_net_free(net);
}
END_TEST

static struct fmnn_training training_of(const char *optimizer)
{
    static struct fmnn_recipe recipe = {.lr = 0.01, .batch = 8, .epochs = 2};
    strcpy(recipe.optimizer, optimizer);
    return (struct fmnn_training){.recipe = &recipe, .threads = 2};
}

static void train(struct fmnn_trainer *trainer)
{
    struct fmnn_error err = {0};
    int status;
    while ((status = fmnn_trainer_advance(trainer, &err)) != FMNN_DONE)
        ck_assert_msg(status >= 0, "%s", err.message);
}

START_TEST(untrained_parameters_are_left_alone)
{
    struct fmnn_net *net = make_net_with_statistics();
    struct fmnn_data *data = make_data(net, 20, 6);
    struct fmnn_training training = training_of("adam");
    struct fmnn_trainer *trainer = fmnn_trainer_new(net, data, NULL, &training, NULL);
    size_t rest = net->stored - net->trained;
    float *before = calloc(rest, sizeof *before), weight = net->weights[0];
    memcpy(before, net->weights + net->trained, rest * sizeof *before);
    train(trainer);
    ck_assert_int_eq(memcmp(before, net->weights + net->trained, rest * sizeof *before), 0);
    ck_assert(net->weights[0] != weight);
    free(before);
    fmnn_trainer_free(trainer);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* A checkpoint holds all parameters, and the optimizer's slots of the trained ones. */
START_TEST(checkpoints_hold_untrained_parameters_once)
{
    struct fmnn_net *net = make_net_with_statistics(), *other = make_net_with_statistics();
    struct fmnn_data *data = make_data(net, 20, 6);
    struct fmnn_training training = training_of("adam");
    struct fmnn_error err = {0};
    struct fmnn_trainer *trainer = fmnn_trainer_new(net, data, NULL, &training, NULL);
    net->weights[net->parameter[2].offset] = 0.25f; /* as a layer would */
    train(trainer);
    FILE *file = fopen("checkpoint", "wb");
    ck_assert_int_eq(fmnn_trainer_save(trainer, file, NULL), 0);
    fclose(file);
    struct fm_safetensors *tensors = fm_safetensors_open("checkpoint", &err);
    ck_assert_msg(tensors != NULL, "%s", err.message);
    ck_assert_ptr_nonnull(fm_safetensors_find(tensors, "0.running_mean"));
    ck_assert_ptr_nonnull(fm_safetensors_find(tensors, "optimizer.m.0.weight"));
    ck_assert_ptr_null(fm_safetensors_find(tensors, "optimizer.m.0.running_mean"));
    fm_safetensors_free(tensors);
    struct fmnn_trainer *resumed = fmnn_trainer_new(other, data, NULL, &training, NULL);
    ck_assert_msg(fmnn_trainer_resume(resumed, "checkpoint", &err) == 0, "%s", err.message);
    ck_assert_int_eq(memcmp(net->weights, other->weights, net->stored * sizeof(float)), 0);
    fmnn_trainer_free(trainer);
    fmnn_trainer_free(resumed);
    fmnn_data_free(data);
    fmnn_net_free(net);
    fmnn_net_free(other);
}
END_TEST

/* ---- 2. Sinks ---- */

static struct fmnn_net *train_by(size_t model, enum fm_sink sink, const char *kernels,
                                 unsigned threads, const char *optimizer)
{
    struct fmnn_net *net = make_net(model, 7);
    struct fmnn_data *data = make_data(net, 11, 8);
    struct fmnn_training training = training_of(optimizer);
    training.kernels = kernels;
    training.threads = threads;
    struct fmnn_trainer *trainer = fmnn_trainer_new(net, data, NULL, &training, NULL);
    float *gradients = fm_alloc_aligned(net->trained, sizeof *gradients, NULL);
    trainer->sink = sink;
    trainer->gradients = gradients;
    train(trainer);
    fmnn_trainer_free(trainer);
    free(gradients);
    fmnn_data_free(data);
    return net;
}

/* A gradient that is stored, and applied by an op of its own, gives the bits of one that goes
   straight into the optimizer. */
START_TEST(stored_gradients_update_alike)
{
    const char *kernels;
    for (size_t k = 0; (kernels = walked_set(k)) != NULL; k++)
        for (unsigned threads = 1; threads <= 3; threads += 2) {
            const char *optimizer = threads == 1 ? "adam" : "sgd";
            struct fmnn_net *at_once = train_by((size_t)_i, FM_SINK_UPDATE, kernels, 1, optimizer);
            struct fmnn_net *later =
                train_by((size_t)_i, FM_SINK_STORE, kernels, threads, optimizer);
            ck_assert_msg(!memcmp(at_once->weights, later->weights, later->stored * sizeof(float)),
                          "%s, %s, %u threads", net_text((size_t)_i), kernels, threads);
            fmnn_net_free(at_once);
            fmnn_net_free(later);
        }
}
END_TEST

struct part {
    const struct fmnn_data *data;
    size_t first, count;
    const uint8_t *pixels[64];
    uint16_t labels[64];
    double loss[64];
    uint8_t correct[64];
    bool done;
};

static bool feed_part(void *state, struct fm_run *run)
{
    struct part *part = state;
    bool more = !part->done;
    fm_data_batch(part->data, NULL, part->first, part->count, part->pixels, part->labels);
    run->images = part->count;
    part->done = true;
    return more;
}

/* The gradients of images first .. first + count - 1, to the sink. */
static void gradients_of(const struct fmnn_net *net, const struct fm_plan *plan,
                         const struct fmnn_data *data, size_t first, size_t count,
                         enum fm_sink sink, float *gradients)
{
    struct part part = {.data = data, .first = first, .count = count};
    struct fm_run run = {.mode = FM_TRAIN,
                         .pixels = part.pixels,
                         .labels = part.labels,
                         .weights = net->weights,
                         .sink = sink,
                         .gradients = gradients,
                         .loss = part.loss,
                         .correct = part.correct,
                         .backward = true};
    fm_plan_loop(plan, fm_kernels_find(NULL, NULL), 1, &run, feed_part, &part);
}

/* Not with bn: its statistics are those of a whole batch. */
START_TEST(added_gradients_are_sums)
{
    if (strstr(net_text((size_t)_i), "bn"))
        return;
    struct fmnn_net *net = make_net((size_t)_i, 9);
    struct fmnn_data *data = make_data(net, 11, 10);
    struct fm_plan *plan = fm_plan_new(net, 8, 1, true, FM_OPTIMIZER_adam, NULL);
    float *first = fm_alloc_aligned(net->trained, sizeof *first, NULL);
    float *second = fm_alloc_aligned(net->trained, sizeof *second, NULL);
    float *sum = fm_alloc_aligned(net->trained, sizeof *sum, NULL);
    gradients_of(net, plan, data, 0, 7, FM_SINK_STORE, first);
    gradients_of(net, plan, data, 7, 4, FM_SINK_STORE, second);
    gradients_of(net, plan, data, 0, 7, FM_SINK_STORE, sum);
    gradients_of(net, plan, data, 7, 4, FM_SINK_ADD, sum);
    for (size_t i = 0; i < net->trained; i++) {
        float wanted = first[i] + second[i];
        ck_assert_msg(memcmp(&wanted, &sum[i], sizeof wanted) == 0, "%s: %g, wanted %g",
                      net_text((size_t)_i), (double)sum[i], (double)wanted);
    }
    free(first);
    free(second);
    free(sum);
    fm_plan_free(plan);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* ---- 3. What a run carries ---- */

static struct {
    size_t batches[2]; /* by mode */
    uint32_t seen[2];  /* epochs, by the number of their trainings */
    unsigned times[32];
    bool bad;
} seen;

static const struct fm_kernels *real_kernels;

/* Stands in for gather, which is the first op of every run. */
static void look_at_run(const struct fm_plan *plan, const struct fm_op *op,
                        const struct fm_run *run, size_t first, size_t count)
{
    if (first == 0)
        seen.batches[run->mode]++;
    seen.bad |= run->mode == FM_PREDICT ? run->index || run->epoch : !run->index;
    for (size_t n = first; n < first + count && run->index; n++) {
        seen.times[run->index[n]]++;
        seen.seen[run->epoch - 1]++;
    }
    real_kernels->block[FM_OP_gather](plan, op, run, first, count);
}

/* In training a run knows its epoch and the rows of its images; in validation it has neither. */
START_TEST(runs_carry_mode_epoch_and_images)
{
    struct fmnn_net *net = make_net(1, 11);
    struct fmnn_data *data = make_data(net, 20, 12), *valid = make_data(net, 9, 13);
    struct fmnn_training training = training_of("adam");
    training.threads = 1;
    struct fmnn_trainer *trainer = fmnn_trainer_new(net, data, valid, &training, NULL);
    struct fm_kernels watched = *(real_kernels = trainer->kernels);
    watched.block[FM_OP_gather] = look_at_run;
    trainer->kernels = &watched;
    memset(&seen, 0, sizeof seen);
    train(trainer);
    ck_assert(!seen.bad);
    ck_assert_uint_eq(seen.batches[FM_TRAIN], 2 * 3); /* of 8, 8 and 4 images */
    ck_assert_uint_eq(seen.batches[FM_PREDICT], 2 * 2);
    ck_assert_uint_eq(seen.seen[0], 20);
    ck_assert_uint_eq(seen.seen[1], 20);
    for (size_t i = 0; i < 20; i++)
        ck_assert_uint_eq(seen.times[i], 2);
    fmnn_trainer_free(trainer);
    fmnn_data_free(data);
    fmnn_data_free(valid);
    fmnn_net_free(net);
}
END_TEST

/* ---- 4. Memory ---- */

static size_t floats_of(const char *layer, unsigned times, bool training)
{
    char text[1024] = "";
    for (unsigned i = 0; i < times; i++)
        strcat(strcat(text, layer), " | ");
    strcat(text, "dense classes");
    struct fmnn_net *net = make_net_of(text, 16, 16, 3, 14);
    struct fm_plan *plan = fm_plan_new(net, 8, 1, training, FM_OPTIMIZER_adam, NULL);
    size_t floats = plan->floats;
    fm_plan_free(plan);
    fmnn_net_free(net);
    return floats;
}

/* A value that nothing reads any more gives its memory to others: in prediction a net of many
   layers needs as much as one of two. In training gradients do the same. */
START_TEST(buffers_share_memory)
{
    ck_assert_uint_eq(floats_of("conv 16 1x1 relu", 20, false),
                      floats_of("conv 16 1x1 relu", 2, false));
    size_t few = floats_of("conv 16 1x1 tanh", 10, true);
    size_t many = floats_of("conv 16 1x1 tanh", 11, true);
    size_t value = 8 * (16 * 16 * 16 + 16);      /* floats of a layer's output */
    ck_assert_uint_le(many - few, value + 2048); /* no room for a gradient of its own */
}
END_TEST

/* The number of the op of this kind and node; op_count: there is none. */
static size_t find_op(const struct fm_plan *plan, enum fm_op_kind kind, const struct fm_node *node)
{
    size_t k = 0;
    while (k < plan->op_count && !(plan->op[k].kind == kind && plan->op[k].node == node))
        k++;
    return k;
}

/* An output's gradient is transformed for the filters before backward data. If a bias keeps it in
   memory, and backward data is no part of a chain, it is after, and both use the same memory. */
START_TEST(transformed_gradients_take_turns)
{
    static const struct {
        const char *text;
        bool data_first;
    } cases[] = {{"conv 128 3x3 relu | conv 512 3x3 relu | dense classes", true},
                 {"conv 128 3x3 relu | conv 512 3x3 nobias | dense classes", false},
                 {"conv 32 3x3 relu | conv 32 3x3 relu | dense classes", false}};
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        struct fmnn_net *net = make_net_of(cases[i].text, 14, 14, 10, 1);
        struct fm_plan *plan = fm_plan_new(net, 32, 2, true, FM_OPTIMIZER_adam, NULL);
        size_t data = find_op(plan, FM_OP_winograd_backward_data, &net->node[1]);
        size_t filters = find_op(plan, FM_OP_winograd_output_gradient, &net->node[1]);
        ck_assert_uint_lt(data, plan->op_count);
        ck_assert_uint_lt(filters, plan->op_count);
        ck_assert_int_eq(data < filters, cases[i].data_first);
        fm_plan_free(plan);
        fmnn_net_free(net);
    }
    struct fmnn_net *net =
        make_net_of("conv 128 3x3 relu | conv 256 3x3 relu | conv 512 3x3 relu | "
                    "dense classes",
                    14, 14, 10, 1);
    struct fm_plan *plan = fm_plan_new(net, 32, 2, true, FM_OPTIMIZER_adam, NULL);
    ck_assert_uint_le(plan->floats, 25000000); /* 30 million if they did not take turns */
    fm_plan_free(plan);
    fmnn_net_free(net);
}
END_TEST

/* In prediction, filters are transformed once as far as memory is allowed; then early, or in parts.
   Nothing else uses the place of those that are kept. */
START_TEST(filters_that_fit_are_kept)
{
    struct fmnn_net *net = make_net_of("conv 512 3x3 | conv 512 3x3 | conv 512 3x3 | "
                                       "repeat 8 { conv 128 3x3 } | dense classes",
                                       14, 14, 10, 1);
    struct fm_plan *plan = fm_plan_new(net, 64, 1, false, FM_OPTIMIZER_adam, NULL);
    size_t early = 0, parts = 0;
    ck_assert_uint_gt(plan->once_ops, 0);
    ck_assert(!plan->op[plan->once_ops].together);
    for (size_t k = 0; k < plan->op_count; k++) {
        const struct fm_op *op = &plan->op[k];
        ck_assert_int_eq(op->once, k < plan->once_ops);
        if (op->kind != FM_OP_winograd_filter || op->once)
            continue;
        early += op->early;
        parts += !op->early;
        for (size_t i = 0; i < plan->once_ops; i++)
            ck_assert_uint_ne(op->filters, plan->op[i].filters);
    }
    ck_assert_uint_gt(early, 0);
    ck_assert_uint_gt(parts, 1);
    fm_plan_free(plan);
    fmnn_net_free(net);
}
END_TEST

/* Bytes of values and gradients of an image that ops of a training read and write outside of a
   chain's memory. */
static uint64_t traffic_of(const char *text)
{
    struct fmnn_net *net = make_net_of(text, 28, 28, 10, 1);
    struct fm_plan *plan = fm_plan_new(net, 64, 2, true, FM_OPTIMIZER_adam, NULL);
    uint64_t bytes = 0;
    for (size_t k = 0; k < plan->op_count; k++)
        bytes += plan->op[k].image_traffic;
    fm_plan_free(plan);
    fmnn_net_free(net);
    return bytes;
}

/* What the nets of the presets need; a change that reads or writes values more often must be
   seen. */
START_TEST(values_seldom_pass_through_memory)
{
    ck_assert_uint_le(
        traffic_of("conv 32 3x3 nobias | maxpool 2 same | bn relu | conv 32 3x3 bn relu |"
                   "conv 64 3x3 nobias | maxpool 2 same | bn relu | conv 64 3x3 bn relu |"
                   "conv 128 3x3 nobias | maxpool 2 same | bn relu | conv 128 3x3 bn relu |"
                   "maxpool all | dense classes"),
        1919360);
}
END_TEST

/* Without training in front of it, a value needs no gradient. */
START_TEST(no_gradient_for_what_is_not_trained)
{
    struct fmnn_net *net = make_net_of("maxpool 2 | avgpool 2 | dense classes", 8, 8, 2, 15);
    struct fm_plan *plan = fm_plan_new(net, 4, 1, true, FM_OPTIMIZER_adam, NULL);
    ck_assert(!net->value[1].differentiable && !net->value[2].differentiable);
    ck_assert(net->value[3].differentiable);
    for (size_t i = plan->forward_ops; i < plan->op_count; i++)
        ck_assert(!(plan->op[i].writes & FM_GRAD_IN));
    fm_plan_free(plan);
    fmnn_net_free(net);
}
END_TEST

START_TEST(readers_are_listed_in_order)
{
    struct fmnn_net *net = make_graph(1, 16);
    const struct fm_value *value = &net->value[1];
    ck_assert_uint_eq(value->producer, 0);
    ck_assert_uint_eq(value->readers, 3);
    static const struct fm_reader wanted[] = {{1, 0}, {2, 0}, {4, 1}};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(net->reader[value->reader + i].node, wanted[i].node);
        ck_assert_uint_eq(net->reader[value->reader + i].input, wanted[i].input);
    }
    ck_assert_uint_eq(net->value[net->output].readers, 0);
    fmnn_net_free(net);
}
END_TEST

START_TEST(winograd_is_used_beside_other_readers)
{
    struct fmnn_net *net = make_graph(2, 17);
    struct fm_plan *plan = fm_plan_new(net, 4, 1, true, FM_OPTIMIZER_adam, NULL);
    size_t found = 0;
    for (size_t i = 0; i < plan->op_count; i++)
        found += plan->op[i].kind == FM_OP_winograd_forward ||
                 plan->op[i].kind == FM_OP_winograd_backward_data;
    ck_assert_uint_eq(found, 4); /* of the second and third convolution */
    fm_plan_free(plan);
    fmnn_net_free(net);
}
END_TEST

/* What fmnn_net_layer() says of Winograd is what the plan does. */
START_TEST(layers_know_whether_winograd_does_them)
{
    struct fmnn_net *net = make_net((size_t)_i, 1);
    struct fm_plan *plan = fm_plan_new(net, 3, 1, false, FM_OPTIMIZER_adam, NULL);
    for (size_t i = 0; i < net->node_count; i++) {
        struct fmnn_layer layer;
        bool winograd = false;
        for (size_t k = 0; k < plan->op_count; k++)
            winograd |=
                plan->op[k].node == &net->node[i] && plan->op[k].kind == FM_OP_winograd_input;
        ck_assert(fmnn_net_layer(net, i, &layer));
        ck_assert_int_eq(layer.winograd, winograd);
    }
    fm_plan_free(plan);
    fmnn_net_free(net);
}
END_TEST

START_TEST(shapes_that_differ_cannot_be_added)
{
    struct fmnn_net *net = fm_net_begin((struct fmnn_shape){1, 5, 5}, 2, 2, NULL);
    struct fm_layer conv = layer_of("conv 3 3x3 stride 2"), add = layer_of("add");
    struct fmnn_error err = {0};
    ck_assert_int_eq(fm_net_add(net, &conv, (size_t[]){FM_IMAGE}, 0, NULL), 0);
    ck_assert_int_eq(fm_net_add(net, &add, (size_t[]){1, FM_IMAGE}, 1, &err), -1);
    ck_assert_str_eq(err.message,
                     "add: the shapes differ: 3 channels of 3x3 and 1 channels of 5x5");
    fmnn_net_free(net);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("graph");
    tcase_add_test(tcase, untrained_parameters_lie_behind_the_trained);
    tcase_add_test(tcase, parameters_start_as_declared);
    tcase_add_test(tcase, untrained_parameters_are_left_alone);
    tcase_add_test(tcase, checkpoints_hold_untrained_parameters_once);
    tcase_add_loop_test(tcase, stored_gradients_update_alike, 0, NETS);
    tcase_add_loop_test(tcase, added_gradients_are_sums, 0, NETS);
    tcase_add_test(tcase, runs_carry_mode_epoch_and_images);
    tcase_add_test(tcase, buffers_share_memory);
    tcase_add_test(tcase, transformed_gradients_take_turns);
    tcase_add_test(tcase, filters_that_fit_are_kept);
    tcase_add_test(tcase, values_seldom_pass_through_memory);
    tcase_add_test(tcase, no_gradient_for_what_is_not_trained);
    tcase_add_test(tcase, readers_are_listed_in_order);
    tcase_add_test(tcase, winograd_is_used_beside_other_readers);
    tcase_add_loop_test(tcase, layers_know_whether_winograd_does_them, 0, NETS);
    tcase_add_test(tcase, shapes_that_differ_cannot_be_added);
    scratch_enter();
    int status = run_tests("graph", tcase);
    scratch_leave();
    return status;
}
