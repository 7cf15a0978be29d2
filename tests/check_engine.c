/* check_engine.c -- the kernels against plain loops, finite differences, and each other.

   Contents: 1. Against a net in double  2. Against plain loops in the same order  3. The same
   bits */
#include "engine.h"

#include <float.h>
#include <sys/resource.h>

#include "data/samples.h"
#include "engine/optim/average.h"
#include "engine/profile.h"
#include "runner.h"

/* With sanitizers, training a wide net with the generic set takes minutes: tests of bits, which
   walk all sets, leave wide nets to other builds. Tests of values keep them. A quick run takes
   every fifth net. */
static bool is_too_slow(size_t i)
{
    if (SLOWED_BY_SANITIZERS == 1)
        return i % if_quick(5, 1) != 0;
    struct fmnn_net *net = make_net(i, 1);
    bool wide = net->trained > 20000;
    fmnn_net_free(net);
    return wide;
}

/* Optimizers take turns with sanitizers: each net has one, and its neighbour the next. */
static bool has_turn(size_t i, int optimizer)
{
    return SLOWED_BY_SANITIZERS == 1 || (i + (size_t)optimizer) % FM_OPTIMIZER_COUNT == 0;
}

static const struct fm_kernels *kernels_at(size_t i)
{
    const char *name = walked_set(i);
    return name ? fm_kernels_find(name, NULL) : NULL;
}

/* ---- 1. Against a net in double ---- */

START_TEST(probabilities_match_a_net_in_double)
{
    struct fmnn_net *net = make_net((size_t)_i, 1);
    for (size_t i = 0; i < net->parameter_count; i++)
        if (!net->parameter[i].trained)
            for (size_t u = 0; u < net->parameter[i].units; u++)
                net->weights[net->parameter[i].offset + u] = 0.1f * (float)(u % 7) + 0.2f;
    struct twin twin = make_twin(net);
    struct fmnn_data *data = make_data(net, 35, 2);
    struct fmnn_predictor *predictor = predictor_of(net, 16, 1, NULL);
    float *p = calloc(35 * net->classes, sizeof *p);
    fmnn_predictor_run(predictor, data->pixels, 35, p);
    for (size_t n = 0; n < 35; n++) {
        double wanted[64];
        twin_loss(&twin, data->pixels + n * fm_elements(net->shape), 0, wanted);
        for (size_t c = 0; c < net->classes; c++)
            ck_assert_double_le(fabs(wanted[c] - (double)p[n * net->classes + c]), 2e-6);
    }
    free(p);
    fmnn_predictor_free(predictor);
    fmnn_data_free(data);
    free_twin(&twin);
    fmnn_net_free(net);
}
END_TEST

/* The gradient of the mean loss by the k-th element of a parameter, by central differences in
   double. */
static double difference(struct twin *twin, const struct fmnn_data *data, size_t n, size_t id,
                         size_t k)
{
    const double h = 1e-5;
    double *x = &twin->parameter[id][k], keep = *x, sum = 0;
    for (int side = -1; side <= 1; side += 2) {
        *x = keep + side * h;
        sum += side * twin_batch_loss(twin, data, n);
    }
    *x = keep;
    return sum / (2 * h);
}

/* Up to 40 elements of each parameter's gradient, evenly spaced; 10 in large nets. */
START_TEST(gradients_match_finite_differences)
{
    enum { N = 5 };
    struct fmnn_net *net = make_net((size_t)_i, 3);
    for (size_t i = 0; i < net->parameter_count; i++) /* non-zero biases, away from the kinks */
        if (net->parameter[i].rank == 1 && net->parameter[i].trained)
            for (size_t u = 0; u < net->parameter[i].units; u++)
                net->weights[net->parameter[i].offset + u] = 0.05f * (float)((u % 7) + 1) - 0.18f;
    struct twin twin = make_twin(net);
    struct fmnn_data *data = make_data(net, N, 4);
    struct fm_plan *plan = fm_plan_new(net, 7, 8, true, FM_OPTIMIZER_adam, NULL);
    float *gradients = fm_alloc_aligned(net->stored, sizeof *gradients, NULL);
    size_t few = net->trained > 20000 || SLOWED_BY_SANITIZERS > 1 ? 10 : 40;
    /* A bias before bn has the gradient zero, which is a sum of larger numbers here. */
    double zero = strstr(net_text((size_t)_i), "bn") ? 3e-7 : 1e-8;
    struct once once = {.data = data, .n = N};
    struct fm_run run = run_of(&once, net, FM_TRAIN);
    run.sink = FM_SINK_STORE;
    run.gradients = gradients;
    run.backward = true;
    fm_plan_loop(plan, fm_kernels_find(NULL, NULL), 1, &run, feed_once, &once);
    for (size_t id = 0; id < net->parameter_count; id++) {
        if (!net->parameter[id].trained)
            continue;
        size_t count = fm_parameter_count(&net->parameter[id]), stride = count / few + 1;
        float *g = calloc(count, sizeof *g);
        double scale = 0;
        fm_parameter_get(&net->parameter[id], gradients, g);
        for (size_t k = 0; k < count; k++)
            scale = fmax(scale, fabs((double)g[k]));
        ck_assert_double_gt(scale, 0);
        for (size_t k = 0; k < count; k += stride) {
            double wanted = difference(&twin, data, N, id, k);
            ck_assert_msg(fabs(wanted - (double)g[k]) <= 2e-4 * scale + zero,
                          "%s: %s[%zu] is %g, wanted %g", net_text((size_t)_i),
                          net->parameter[id].name, k, (double)g[k], wanted);
        }
        free(g);
    }
    free(gradients);
    fm_plan_free(plan);
    fmnn_data_free(data);
    free_twin(&twin);
    fmnn_net_free(net);
}
END_TEST

/* Pools four values that are equal, because the weight is zero, though their pixels differ. The
   first pixel gets the gradient of the maximum; all four get that of the average. */
START_TEST(maxpool_gradient_goes_to_first_of_equals)
{
    const char *text =
        _i ? "conv 1 1x1 | avgpool 2 | dense classes" : "conv 1 1x1 | maxpool 2 | dense classes";
    struct fmnn_model *model = fmnn_model_parse(text, "text", NULL);
    struct fmnn_net *net = fmnn_net_new(model, (struct fmnn_shape){1, 2, 2}, 2, NULL);
    fmnn_net_initialise(net, 17, 0);
    net->weights[net->parameter[0].offset] = 0;
    struct fmnn_data *data = make_data(net, 1, 18);
    memcpy(data->pixels, (const uint8_t[4]){51, 102, 204, 255}, 4);
    const struct fm_kernels *kernels;
    for (size_t set = 0; (kernels = kernels_at(set)) != NULL; set++) {
        struct fm_plan *plan = fm_plan_new(net, 1, 8, true, FM_OPTIMIZER_adam, NULL);
        float *gradients = fm_alloc_aligned(net->stored, sizeof *gradients, NULL);
        struct once once = {.data = data, .n = 1};
        struct fm_run run = run_of(&once, net, FM_PREDICT);
        run.sink = FM_SINK_STORE;
        run.gradients = gradients;
        run.backward = true;
        fm_plan_loop(plan, kernels, 1, &run, feed_once, &once);
        double weight = (double)gradients[net->parameter[0].offset];
        double bias = (double)gradients[net->parameter[1].offset];
        ck_assert_double_ne(bias, 0);
        ck_assert_double_eq_tol(weight / bias, _i ? 0.6 : 0.2, 1e-6); /* of 0.2, 0.4, 0.8 and 1 */
        free(gradients);
        fm_plan_free(plan);
    }
    fmnn_data_free(data);
    fmnn_net_free(net);
    fmnn_model_free(model);
}
END_TEST

/* Layer types, activations and optimizers are tested above and below because they are listed. */
START_TEST(models_have_every_layer_type_and_activation)
{
    const struct fm_layer_type *type;
    for (size_t i = 0; (type = fm_layer_type_at(i)) != NULL; i++) {
        bool found = type == &fm_activate; /* by the names of activations, below */
        for (size_t k = 0; k < NETS; k++)
            found |= strstr(net_text(k), type->name) != NULL;
        ck_assert_msg(found, "no model has the layer '%s'", type->name);
    }
    for (int i = FM_RELU; i < FM_ACTIVATIONS; i++) {
        bool found = false;
        for (size_t k = 0; k < FM_COUNT(models); k++)
            found |= strstr(models[k].text, fm_activation_names[i]) != NULL;
        ck_assert_msg(found, "no model has the activation '%s'", fm_activation_names[i]);
    }
}
END_TEST

/* ---- 2. Against plain loops in the same order ---- */

/* One convolution by single fused multiply-adds, k in the order (row, column, channel): bit for
   bit. */
static float plain_affine(const struct fmnn_net *net, const float *x, size_t unit, size_t oy,
                          size_t ox)
{
    const struct fm_node *node = &net->node[0];
    struct fm_shape in = net->value[0].shape;
    struct fm_window w = node->layer.type->window(&node->layer, in);
    float *weight = calloc(fm_parameter_count(&net->parameter[0]), sizeof *weight);
    float *bias = calloc(net->parameter[1].units, sizeof *bias);
    fmnn_net_get(net, 0, weight);
    fmnn_net_get(net, 1, bias);
    float sum = 0;
    for (size_t ky = 0; ky < w.kernel_h; ky++)
        for (size_t kx = 0; kx < w.kernel_w; kx++) {
            long y = (long)(oy * w.stride + ky) - (long)w.top;
            long col = (long)(ox * w.stride + kx) - (long)w.left;
            bool inside = y >= 0 && col >= 0 && y < (long)in.h && col < (long)in.w;
            float v = inside ? x[(size_t)y * in.w + (size_t)col] : 0;
            sum = fmaf(v, weight[(unit * w.kernel_h + ky) * w.kernel_w + kx], sum);
        }
    sum += bias[unit];
    free(weight);
    free(bias);
    return sum < 0 ? 0 : sum;
}

START_TEST(convolution_matches_plain_loops)
{
    static const char *const texts[] = {
        "conv 1 1x1 relu | dense classes", "conv 7 3x3 relu | dense classes",
        "conv 33 5x4 relu | dense classes", "conv 17 2x3 stride 2 relu | dense classes",
        "conv 31 3x3 valid relu | dense classes"};
    struct fmnn_model *model = fmnn_model_parse(texts[_i], "text", NULL);
    struct fmnn_net *net = fmnn_net_new(model, (struct fmnn_shape){1, 11, 13}, 3, NULL);
    net->exact = true;
    fmnn_net_initialise(net, 5, 0);
    struct fmnn_data *data = make_data(net, 1, 6);
    float x[11 * 13];
    for (size_t i = 0; i < FM_COUNT(x); i++)
        x[i] = (float)data->pixels[i] / 255.0f;
    const struct fm_kernels *kernels;
    for (size_t set = 0; (kernels = kernels_at(set)) != NULL; set++) {
        struct fm_plan *plan = fm_plan_new(net, 1, 8, false, FM_OPTIMIZER_adam, NULL);
        struct once once = {.data = data, .n = 1};
        struct fm_run run = run_of(&once, net, FM_PREDICT);
        fm_plan_loop(plan, kernels, 1, &run, feed_once, &once);
        struct fm_shape out = net->value[1].shape;
        const struct fm_view *view = &plan->op[1].out;
        for (size_t u = 0; u < out.c; u++)
            for (size_t y = 0; y < out.h; y++)
                for (size_t c = 0; c < out.w; c++) {
                    float got =
                        plan->workspace[view->offset + y * view->stride_h + c * view->stride_w + u];
                    float wanted = plain_affine(net, x, u, y, c);
                    ck_assert_msg(memcmp(&got, &wanted, sizeof got) == 0, "%s: %.9g, wanted %.9g",
                                  kernels->name, (double)got, (double)wanted);
                }
        fm_plan_free(plan);
    }
    fmnn_data_free(data);
    fmnn_net_free(net);
    fmnn_model_free(model);
}
END_TEST

/* The first dense layer leaves out zero pixels; plain loops do not. Forward and backward weights,
   for numbers of images, pixels and units that fill no block, word or panel. */
START_TEST(leaving_out_zero_pixels_changes_no_bit)
{
    enum { H = 11, W = 13, UNITS = 69 };
    static const size_t counts[] = {1, 7, 16, 19, 67};
    size_t n = counts[_i];
    struct fmnn_model *model = fmnn_model_parse("dense 69 | dense classes", "text", NULL);
    struct fmnn_net *net = fmnn_net_new(model, (struct fmnn_shape){1, H, W}, 2, NULL);
    fmnn_net_initialise(net, 23, 0);
    struct fmnn_data *data = make_data(net, n, 24);
    float *weight = calloc(UNITS * H * W, sizeof *weight), *g = calloc(UNITS * H * W, sizeof *g);
    float *gradients = fm_alloc_aligned(net->stored, sizeof *gradients, NULL);
    fmnn_net_get(net, 0, weight);
    const struct fm_kernels *kernels;
    for (size_t set = 0; (kernels = kernels_at(set)) != NULL; set++) {
        struct fm_plan *plan = fm_plan_new(net, n + 3, 8, true, FM_OPTIMIZER_adam, NULL);
        struct once once = {.data = data, .n = n};
        struct fm_run run = run_of(&once, net, FM_PREDICT);
        run.sink = FM_SINK_STORE;
        run.gradients = gradients;
        run.backward = true;
        fm_plan_loop(plan, kernels, 1, &run, feed_once, &once);
        const struct fm_op *last = &plan->op[plan->forward_ops];
        while (last->kind != FM_OP_dense_backward_weights ||
               last->in.offset != plan->op[1].in.offset)
            last++;
        fm_parameter_get(&net->parameter[0], gradients, g);
        for (size_t u = 0; u < UNITS; u++) {
            for (size_t i = 0; i < n; i++) {
                const struct fm_view *out = &plan->op[1].out;
                float wanted = 0, got = plan->workspace[out->offset + i * out->stride_n + u];
                for (size_t k = 0; k < H * W; k++)
                    wanted = fmaf((float)data->pixels[i * H * W + k] / 255.0f,
                                  weight[u * H * W + k], wanted);
                wanted += 0; /* the bias */
                ck_assert_msg(memcmp(&got, &wanted, sizeof got) == 0, "%s: y %.9g, wanted %.9g",
                              kernels->name, (double)got, (double)wanted);
            }
            for (size_t k = 0; k < H * W; k++) {
                float wanted = 0, got = g[u * H * W + k];
                for (size_t i = 0; i < n; i++)
                    wanted = fmaf(
                        (float)data->pixels[i * H * W + k] / 255.0f,
                        plan->workspace[last->grad_out.offset + i * last->grad_out.stride_n + u],
                        wanted);
                wanted += 0;
                ck_assert_msg(memcmp(&got, &wanted, sizeof got) == 0, "%s: g %.9g, wanted %.9g",
                              kernels->name, (double)got, (double)wanted);
            }
        }
        fm_plan_free(plan);
    }
    free(weight);
    free(g);
    free(gradients);
    fmnn_data_free(data);
    fmnn_net_free(net);
    fmnn_model_free(model);
}
END_TEST

/* Long sums are cut into groups of 512 terms: a dense layer over 41 x 50 pixels, bit for bit. */
START_TEST(long_sums_are_cut_into_groups)
{
    enum { H = 41, W = 50, UNITS = 3 };
    struct fmnn_model *model = fmnn_model_parse("dense 3 | dense classes", "text", NULL);
    struct fmnn_net *net = fmnn_net_new(model, (struct fmnn_shape){1, H, W}, 2, NULL);
    fmnn_net_initialise(net, 21, 0);
    struct fmnn_data *data = make_data(net, 1, 22);
    float *weight = calloc(UNITS * H * W, sizeof *weight);
    fmnn_net_get(net, 0, weight);
    const struct fm_kernels *kernels;
    for (size_t set = 0; (kernels = kernels_at(set)) != NULL; set++) {
        struct fm_plan *plan = fm_plan_new(net, 1, 8, false, FM_OPTIMIZER_adam, NULL);
        struct once once = {.data = data, .n = 1};
        struct fm_run run = run_of(&once, net, FM_PREDICT);
        fm_plan_loop(plan, kernels, 1, &run, feed_once, &once);
        for (size_t u = 0; u < UNITS; u++) {
            float wanted = 0;
            for (size_t from = 0; from < H * W; from += 512) {
                float group = 0;
                for (size_t k = from; k < from + 512 && k < H * W; k++)
                    group = fmaf((float)data->pixels[k] / 255.0f, weight[u * H * W + k], group);
                wanted += group;
            }
            float got = plan->workspace[plan->op[1].out.offset + u];
            ck_assert_msg(memcmp(&got, &wanted, sizeof got) == 0, "%s: %.9g, wanted %.9g",
                          kernels->name, (double)got, (double)wanted);
        }
        fm_plan_free(plan);
    }
    free(weight);
    fmnn_data_free(data);
    fmnn_net_free(net);
    fmnn_model_free(model);
}
END_TEST

/* The numbers of a step are those of the papers and of Keras. */
START_TEST(optimizer_steps_have_known_factors)
{
    const struct fmnn_recipe recipe = {.momentum = 0.75, .decay = 0.5, .nesterov = "on"};
    const struct fm_rate rate = {.lr = 0.01};
    double power[FM_POWERS] = {1, 1};
    struct fm_update update = {0};
    for (unsigned t = 1; t <= 40; t++) {
        double wanted = 0.01 * sqrt(1 - pow(0.999, t)) / (1 - pow(0.9, t));
        fm_adam.begin(&recipe, &rate, t, power, &update);
        ck_assert_double_eq_tol((double)update.factor[0], 0.1, 1e-8);
        ck_assert_double_eq_tol((double)update.factor[1], 0.001, 1e-10);
        ck_assert_double_eq_tol((double)update.factor[2], wanted, 1e-8);
        ck_assert_double_eq_tol((double)update.factor[3], 1e-7, 1e-14);
        ck_assert_int_eq(update.flush, t % 16 == 0);
        fm_sgd.begin(&recipe, &rate, t, power, &update);
        ck_assert_double_eq_tol((double)update.factor[0], 0.75, 1e-8);
        ck_assert_double_eq_tol((double)update.factor[1], 0.01, 1e-8);
        ck_assert_int_eq(update.flush, t % 16 == 0);
        ck_assert(update.nesterov && update.decay == 0.5f);
        fm_adamw.begin(&recipe, &rate, t, power, &update);
        ck_assert_double_eq_tol((double)update.factor[2], 0.01 / (1 - pow(0.9, t)), 1e-8);
        ck_assert_double_eq_tol((double)update.factor[4], 1 / sqrt(1 - pow(0.999, t)), 1e-5);
        ck_assert_double_eq_tol((double)update.decay, 0.005, 1e-9);
    }
}
END_TEST

/* The optimizers for one element, in the kernels' order of operations. */
static void plain_update(enum fm_optimizer_id id, const struct fm_update *u, float decay, float *w,
                         float *s0, float *s1, float g)
{
    if (id == FM_OPTIMIZER_adamw)
        *w = fmaf(-decay, *w, *w);
    else
        g = fmaf(decay, *w, g);
    if (id == FM_OPTIMIZER_sgd) {
        *s0 = u->factor[0] * *s0 + g;
        *w -= u->factor[1] * (u->nesterov ? u->factor[0] * *s0 + g : *s0);
        return;
    }
    *s0 = fmaf(g - *s0, u->factor[0], *s0);
    *s1 = fmaf(g * g - *s1, u->factor[1], *s1);
    if (u->flush && fabsf(*s0) <= 1e-30f)
        *s0 = 0;
    if (u->flush && *s1 <= 1e-30f)
        *s1 = 0;
    float beta = id == FM_OPTIMIZER_adamw ? u->factor[4] : 1;
    *w -= *s0 * u->factor[2] / (sqrtf(*s1) * beta + u->factor[3]);
}

struct steps {
    struct once once;
    const struct fm_optimizer *optimizer;
    struct fmnn_recipe recipe;
    double power[FM_POWERS];
    struct fm_update update;
    unsigned step, last;
};

static bool feed_steps(void *state, struct fm_run *run)
{
    struct steps *steps = state;
    if (steps->step == steps->last)
        return false;
    const struct fm_rate rate = {.lr = steps->recipe.lr};
    steps->optimizer->begin(&steps->recipe, &rate, ++steps->step, steps->power, &steps->update);
    run->images = steps->once.n;
    return true;
}

static struct steps make_steps(enum fm_optimizer_id id, const struct fmnn_data *data, size_t n,
                               unsigned last)
{
    return (struct steps){.once = {.data = data, .n = n},
                          .optimizer = fm_optimizer_at(id),
                          .recipe = {.lr = 0.01, .momentum = 0.9, .decay = 0.1, .nesterov = "on"},
                          .power = {1, 1},
                          .last = last};
}

/* Trains for this number of steps with fused updates, by several threads. */
static void fused_steps(struct fmnn_net *net, const struct fmnn_data *data, size_t n,
                        unsigned steps, const struct fm_plan *plan,
                        const struct fm_kernels *kernels, unsigned threads, float *slots)
{
    struct steps fused = make_steps(plan->optimizer, data, n, steps);
    struct fm_run run = run_of(&fused.once, net, FM_PREDICT);
    run.slots[0] = slots;
    run.slots[1] = slots + net->stored;
    run.update = &fused.update;
    run.backward = true;
    fm_plan_loop(plan, kernels, threads, &run, feed_steps, &fused);
}

/* The same with stored gradients, and updates by plain loops. */
static void stored_steps(struct fmnn_net *net, const struct fmnn_data *data, size_t n,
                         unsigned steps, const struct fm_plan *plan, float *slots)
{
    float *gradients = fm_alloc_aligned(net->stored, sizeof *gradients, NULL);
    struct steps plain = make_steps(plan->optimizer, data, n, 0);
    while (plain.last++ < steps) {
        struct fm_run run = run_of(&plain.once, net, FM_PREDICT);
        run.sink = FM_SINK_STORE;
        run.gradients = gradients;
        run.backward = true;
        fm_plan_loop(plan, fm_kernels_find(NULL, NULL), 1, &run, feed_steps, &plain);
        for (size_t i = 0; i < net->parameter_count; i++) {
            const struct fm_parameter *p = &net->parameter[i];
            float decay = p->rank == 1 ? 0 : plain.update.decay;
            for (size_t k = p->offset; p->trained && k < p->offset + p->stored; k++)
                plain_update(plan->optimizer, &plain.update, decay, &net->weights[k], &slots[k],
                             &slots[net->stored + k], gradients[k]);
        }
    }
    free(gradients);
}

/* On every kernel set, fused updates give the same bits as stored gradients, for enough steps to
   include a flush. */
START_TEST(fused_updates_match_stored_gradients)
{
    if (is_too_slow((size_t)_i))
        return;
    enum { N = 6, STEPS = 17 };
    for (int id = 0; id < FM_OPTIMIZER_COUNT; id++) {
        if (!has_turn((size_t)_i, id))
            continue;
        struct fmnn_net *stored = make_net((size_t)_i, 7);
        struct fmnn_data *data = make_data(stored, N, 8);
        size_t bytes = stored->stored * sizeof(float);
        struct fm_plan *plan = fm_plan_new(stored, 8, 8, true, (enum fm_optimizer_id)id, NULL);
        float *slots = fm_alloc_aligned(2, bytes, NULL);
        stored_steps(stored, data, N, STEPS, plan, slots);
        const struct fm_kernels *kernels;
        for (size_t set = 0; (kernels = kernels_at(set)) != NULL; set++)
            for (unsigned threads = id ? 3 : 1; threads <= 3; threads += 2) {
                struct fmnn_net *fused = make_net((size_t)_i, 7);
                float *fused_slots = fm_alloc_aligned(2, bytes, NULL);
                fused_steps(fused, data, N, STEPS, plan, kernels, threads, fused_slots);
                ck_assert_msg(memcmp(fused->weights, stored->weights, bytes) == 0 &&
                                  memcmp(fused_slots, slots, 2 * bytes) == 0,
                              "%s, %s, %u threads, %s", net_text((size_t)_i), kernels->name,
                              threads, fm_optimizer_at((size_t)id)->name);
                free(fused_slots);
                fmnn_net_free(fused);
            }
        free(slots);
        fm_plan_free(plan);
        fmnn_data_free(data);
        fmnn_net_free(stored);
    }
}
END_TEST

/* ---- 3. The same bits ---- */

static void train_some(struct fmnn_net *net, const struct fmnn_data *data, const char *kernels,
                       unsigned threads, const char *optimizer, const char *average)
{
    struct fmnn_error err;
    struct fmnn_recipe recipe = {.lr = 0.01, .batch = 7, .epochs = 2, .momentum = 0.9};
    struct fmnn_training training = {
        .recipe = &recipe, .threads = threads, .kernels = kernels, .seed = 11};
    snprintf(recipe.optimizer, sizeof recipe.optimizer, "%s", optimizer);
    snprintf(recipe.average, sizeof recipe.average, "%s", average);
    if (!strcmp(optimizer, "adamw"))
        recipe.clip = 0.1;
    struct fmnn_trainer *trainer = fmnn_trainer_new(net, data, NULL, &training, &err);
    ck_assert_msg(trainer != NULL, "%s", err.message);
    int status;
    while ((status = fmnn_trainer_advance(trainer, &err)) != FMNN_DONE)
        ck_assert_int_ge(status, 0);
    ck_assert_int_eq(fmnn_trainer_finish(trainer, &err), 0);
    fmnn_trainer_free(trainer);
}

/* The i-th kind of average, over and over. */
static const char *average_at(size_t i)
{
    static const char *const texts[] = {"none", "ema 0.9 2", "lookahead", "swa 1"};
    ck_assert_ptr_null(fm_average_kinds[FM_COUNT(texts)].name); /* all of them */
    struct fm_average average;
    const char *text = texts[i % FM_COUNT(texts)];
    ck_assert_int_eq(fm_average_parse(&average, text, NULL), 0);
    ck_assert_ptr_eq(average.kind, &fm_average_kinds[i % FM_COUNT(texts)]);
    return text;
}

/* Every kernel set and number of threads gives the same bits, also for a short last batch. All
   numbers of threads with the first optimizer only: the others do not depend on them otherwise. The
   nets take turns: each has other averages with the optimizers than the one before. */
START_TEST(kernel_sets_and_threads_give_the_same_bits)
{
    if (is_too_slow((size_t)_i))
        return;
    static const unsigned threads[] = {3, 1, 2, 4, 8};
    for (int id = 0; id < FM_OPTIMIZER_COUNT; id++) {
        if (!has_turn((size_t)_i, id))
            continue;
        const char *optimizer = fm_optimizer_at((size_t)id)->name;
        const char *average = average_at((size_t)_i + (size_t)id);
        struct fmnn_net *first = make_net((size_t)_i, 9);
        struct fmnn_data *data = make_data(first, 17, 10);
        train_some(first, data, "generic", 1, optimizer, average);
        const char *set;
        for (size_t k = 0; (set = walked_set(k)) != NULL; k++)
            for (size_t t = 0; t < (id ? 1 : FM_COUNT(threads)); t++) {
                struct fmnn_net *net = make_net((size_t)_i, 9);
                train_some(net, data, set, threads[t], optimizer, average);
                ck_assert_msg(memcmp(net->weights, first->weights, net->stored * sizeof(float)) ==
                                  0,
                              "%s, %s, %u threads, %s, %s", net_text((size_t)_i), set, threads[t],
                              optimizer, average);
                fmnn_net_free(net);
            }
        fmnn_data_free(data);
        fmnn_net_free(first);
    }
}
END_TEST

enum { CHAIN_BATCH = 24 };

/* What is local to a chain lies in the scratch memory of its thread, for every block. Returns the
   number of places. */
static size_t check_places(const struct fm_plan *plan, const struct fm_op *op)
{
    size_t places = 0;
    for (unsigned thread = 0; thread < plan->threads; thread++)
        for (size_t first = 0; op->block && first < plan->batch; first += op->block) {
            const struct fm_op here = fm_op_in_thread(plan, op, thread, first);
            const struct fm_view *view[FM_VIEWS] = {&here.in, &here.other, &here.out, &here.grad_in,
                                                    &here.grad_out};
            size_t from = plan->scratch + thread * plan->scratch_floats;
            size_t end = from + plan->scratch_floats;
            for (unsigned i = 0; i < FM_VIEWS; i++) {
                if (!(op->local >> i & 1))
                    continue;
                size_t at = view[i]->offset + first * view[i]->stride_n;
                ck_assert_uint_ge(at, from);
                ck_assert_uint_lt(at + (op->block - 1) * view[i]->stride_n, end);
                places++;
            }
            if (op->local & FM_INPUTS)
                ck_assert(here.inputs >= from && here.inputs < end);
        }
    return places;
}

/* The gradients of a batch (training) or its logits, from a plan of its own. Returns the length of
   its longest chain. */
static size_t results_of(struct fmnn_net *net, struct once *once, unsigned threads, bool training,
                         const struct fm_kernels *kernels, float *results)
{
    struct fm_plan *plan =
        fm_plan_new(net, CHAIN_BATCH, threads, training, FM_OPTIMIZER_adam, NULL);
    struct fm_run run = run_of(once, net, training ? FM_TRAIN : FM_PREDICT);
    size_t longest = 0, places = 0;
    ck_assert_ptr_nonnull(plan);
    run.sink = FM_SINK_STORE;
    run.gradients = training ? results : NULL;
    run.logits = training ? NULL : results;
    run.backward = training;
    fm_plan_loop(plan, kernels, threads, &run, feed_once, once);
    for (size_t k = 0; k < plan->op_count; k++) {
        longest = plan->op[k].chain > longest ? plan->op[k].chain : longest;
        places += check_places(plan, &plan->op[k]);
    }
    ck_assert(training || net->unchained || places > 0);
    fm_plan_free(plan);
    return longest;
}

/* Chains of ops give the bits of single ops, for any number of blocks, a last block that is smaller
   and threads, each of which has its own place for values. */
START_TEST(chains_give_the_bits_of_single_ops)
{
    static const size_t images[] = {1, 5, 21, CHAIN_BATCH};
    if (is_too_slow((size_t)_i))
        return;
    struct fmnn_net *net = make_net((size_t)_i, 21);
    struct fmnn_data *data = make_data(net, CHAIN_BATCH, 22);
    size_t floats = net->stored + CHAIN_BATCH * net->classes;
    float *single = fm_alloc_aligned(floats, sizeof *single, NULL);
    float *chain = fm_alloc_aligned(floats, sizeof *chain, NULL);
    const struct fm_kernels *kernels = kernels_at(0);
    for (size_t i = 0; i < 2 * FM_COUNT(images); i++) {
        bool training = i % 2;
        struct once once = {.data = data, .n = images[i / 2]};
        memset(single, 0, floats * sizeof *single);
        net->unchained = true;
        ck_assert_uint_eq(results_of(net, &once, 1, training, kernels, single), 1);
        net->unchained = false;
        for (unsigned threads = 1; threads <= 3; threads++) {
            memset(chain, 0, floats * sizeof *chain);
            ck_assert_uint_ge(results_of(net, &once, threads, training, kernels, chain), 2);
            ck_assert_msg(memcmp(chain, single, floats * sizeof *chain) == 0,
                          "%s, %zu images, %u threads, %s", net_text((size_t)_i), once.n, threads,
                          training ? "training" : "prediction");
        }
    }
    free(single);
    free(chain);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* Floating-point modes that a caller may have set: denormal results and inputs are flushed to zero,
   and in the second mode rounding differs, too; where nothing flushes them, both modes round in
   other ways. */
#if defined __SSE2__
#include <xmmintrin.h>
#define PLAIN_ARITHMETIC 0x1f80
static const uint64_t odd_arithmetic[] = {0x1f80 | 0x8040, 0x1f80 | 0x8040 | 0x6000};
static void set_arithmetic(uint64_t state)
{
    _mm_setcsr((unsigned)state);
}
static uint64_t get_arithmetic(void)
{
    return _mm_getcsr() & 0xffc0; /* without the flags that operations raise */
}
#elif defined __aarch64__
#define PLAIN_ARITHMETIC 0
static const uint64_t odd_arithmetic[] = {1u << 24, 1u << 24 | 3u << 22};
static void set_arithmetic(uint64_t state)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(state));
}
static uint64_t get_arithmetic(void)
{
    uint64_t state;
    __asm__ volatile("mrs %0, fpcr" : "=r"(state));
    return state;
}
#elif defined __arm__ && defined __ARM_FP
#define PLAIN_ARITHMETIC 0
static const uint64_t odd_arithmetic[] = {1u << 24, 1u << 24 | 3u << 22};
static void set_arithmetic(uint64_t state)
{
    __asm__ volatile("vmsr fpscr, %0" : : "r"((unsigned)state));
}
static uint64_t get_arithmetic(void)
{
    unsigned state;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(state));
    return state & 0x07ffff00; /* without the flags */
}
#elif defined __ALTIVEC__
#include <fenv.h>
#define PLAIN_ARITHMETIC 0
/* The bit of VSCR with which Altivec flushes denormals, and the rounding of the other
   instructions. */
enum { FLUSH = 1 << 16, VSCR_WORD = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 3 };
static const uint64_t odd_arithmetic[] = {FLUSH, FLUSH | FE_TOWARDZERO};
typedef unsigned vscr __attribute__((vector_size(16)));
static void set_arithmetic(uint64_t state)
{
    vscr mode = {0};
    mode[VSCR_WORD] = state & FLUSH;
    __asm__ volatile("mtvscr %0" : : "v"(mode));
    fesetround((int)(state & ~(uint64_t)FLUSH));
}
static uint64_t get_arithmetic(void)
{
    vscr mode;
    __asm__ volatile("mfvscr %0" : "=v"(mode));
    return (mode[VSCR_WORD] & FLUSH) | (unsigned)fegetround();
}
#else
#include <fenv.h>
#if defined FE_UPWARD && defined FE_TOWARDZERO
#define PLAIN_ARITHMETIC FE_TONEAREST
static const uint64_t odd_arithmetic[] = {FE_UPWARD, FE_TOWARDZERO};
static void set_arithmetic(uint64_t state)
{
    fesetround((int)state);
}
static uint64_t get_arithmetic(void)
{
    return (uint64_t)fegetround();
}
#endif
#endif

#ifdef PLAIN_ARITHMETIC
/* Trains a net. tiny: from weights so small that they and the values they produce are denormal. */
static struct fmnn_net *train_tiny(size_t model, bool tiny, const struct fmnn_data *data,
                                   const char *kernels, const char *optimizer, uint64_t arithmetic)
{
    struct fmnn_net *net = make_net(model, 12);
    for (size_t k = 0; tiny && k < net->stored; k++)
        net->weights[k] *= 1e-39f;
    uint64_t before = get_arithmetic();
    set_arithmetic(arithmetic);
    train_some(net, data, kernels, 2, optimizer, "none");
    ck_assert_uint_eq(get_arithmetic(), arithmetic);
    set_arithmetic(before);
    return net;
}

/* The caller's floating-point mode does not change results, and is restored. */
START_TEST(callers_floating_point_mode_does_not_matter)
{
    if (is_too_slow((size_t)_i))
        return;
    const char *set;
    struct fmnn_net *shape = make_net((size_t)_i, 12);
    struct fmnn_data *data = make_data(shape, 17, 13);
    for (size_t k = 0; (set = walked_set(k)) != NULL; k++)
        for (int tiny = 0; tiny < 2; tiny++) {
            if (SLOWED_BY_SANITIZERS > 1 && tiny != _i % 2)
                continue;
            const char *optimizer = tiny ? "sgd" : "adam";
            struct fmnn_net *plain =
                train_tiny((size_t)_i, tiny, data, set, optimizer, PLAIN_ARITHMETIC);
            struct fmnn_net *odd =
                train_tiny((size_t)_i, tiny, data, set, optimizer, odd_arithmetic[!tiny]);
            ck_assert_msg(memcmp(plain->weights, odd->weights, plain->stored * sizeof(float)) == 0,
                          "%s, %s, %s", net_text((size_t)_i), set, optimizer);
            fmnn_net_free(odd);
            fmnn_net_free(plain);
        }
    fmnn_data_free(data);
    fmnn_net_free(shape);
}
END_TEST
#endif

/* The seconds that some hundred small batches take, the minimum of three runs. */
static double time_of_threads(const struct fmnn_data *data, unsigned threads)
{
    double min = HUGE_VAL;
    for (int i = 0; i < 3; i++) {
        struct fmnn_net *net = make_net(8, 19);
        double start = fm_now();
        for (int k = 0; k < 20; k++)
            train_some(net, data, NULL, threads, "adam", "none");
        min = fmin(min, fm_now() - start);
        fmnn_net_free(net);
    }
    return min;
}

/* Threads that share a processor do not wait by spinning, which would take a thousand times as long
   as one thread. */
START_TEST(more_threads_than_processors_are_not_slow)
{
    struct fmnn_net *net = make_net(8, 19);
    struct fmnn_data *data = make_data(net, 35, 20);
    double one = time_of_threads(data, 1);
    double many = time_of_threads(data, 32 * fm_threads(0) > 256 ? 256 : 32 * fm_threads(0));
    ck_assert_msg(many <= 20 * one + 0.5, "%g s, but %g s with one thread", many, one);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* An image's prediction does not depend on the other images, its row, the batch size, the threads
   or the kernels. */
START_TEST(predictions_are_independent_of_each_other)
{
    if (is_too_slow((size_t)_i))
        return;
    enum { N = 37 };
    static const size_t batches[] = {33, 7, 256, 1, 32};
    size_t count = SLOWED_BY_SANITIZERS > 1 ? 2 : FM_COUNT(batches);
    struct fmnn_net *net = make_net((size_t)_i, 14);
    struct fmnn_data *data = make_data(net, N, 15);
    size_t size = fm_elements(net->shape);
    uint8_t *reversed = malloc(N * size); /* the last image first */
    for (size_t n = 0; n < N; n++)
        memcpy(reversed + (N - 1 - n) * size, data->pixels + n * size, size);
    float *one = calloc(N * net->classes, sizeof *one), *p = calloc(N * net->classes, sizeof *p);
    struct fmnn_predictor *single = predictor_of(net, 1, 1, "generic");
    for (size_t n = N; n-- > 0;)
        fmnn_predictor_run(single, data->pixels + n * size, 1, one + n * net->classes);
    fmnn_predictor_free(single);
    const char *set;
    for (size_t k = 0; (set = walked_set(k)) != NULL; k++)
        for (size_t b = 0; b < count; b++) {
            struct fmnn_predictor *many = predictor_of(net, batches[b], (unsigned)b % 3 + 1, set);
            fmnn_predictor_run(many, data->pixels, N, p);
            ck_assert_int_eq(memcmp(one, p, N * net->classes * sizeof *p), 0);
            fmnn_predictor_run(many, reversed, N, p);
            for (size_t n = 0; n < N; n++)
                ck_assert_int_eq(memcmp(one + n * net->classes, p + (N - 1 - n) * net->classes,
                                        net->classes * sizeof *p),
                                 0);
            fmnn_predictor_free(many);
        }
    free(one);
    free(p);
    free(reversed);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* ---- Test-time augmentation ---- */

/* to = from, mirrored or not, after it was moved by `shift` rows and columns. */
static void draw_plainly(struct fmnn_shape s, int shift, bool mirrored, const uint8_t *from,
                         uint8_t *to)
{
    int h = (int)s.height, w = (int)s.width, size = h * w;
    for (int i = 0; i < (int)s.channels * size; i++) {
        int y = i % size / w, x = i % w, plane = i / size * size;
        int row = y - shift, column = (mirrored ? w - 1 - x : x) - shift;
        bool inside = row >= 0 && row < h && column >= 0 && column < w;
        to[i] = inside ? from[plane + row * w + column] : 0;
    }
}

/* The logarithms of a variant's probabilities are its logits but for a constant, which the softmax
   of the mean leaves out. */
static void add_logits(const struct twin *twin, const uint8_t *image, int shift, bool mirrored,
                       double weight, double *logits)
{
    const struct fmnn_net *net = twin->net;
    double p[64];
    uint8_t *variant = malloc(fm_elements(net->shape));
    draw_plainly(net->shape, shift, mirrored, image, variant);
    twin_loss(twin, variant, 0, p);
    for (size_t c = 0; c < net->classes; c++)
        logits[c] += weight * log(p[c]);
    free(variant);
}

static void augmented_twin(const struct twin *twin, enum fmnn_tta tta, const uint8_t *image,
                           double *p)
{
    size_t classes = twin->net->classes;
    bool shifts = tta == FMNN_TTA_FLIP_SHIFT;
    double logits[64] = {0}, sum = 0;
    for (int mirrored = 0; mirrored < 2; mirrored++) {
        add_logits(twin, image, 0, mirrored, shifts ? 0.25 : 0.5, logits);
        if (shifts) {
            add_logits(twin, image, 1, mirrored, 0.125, logits);
            add_logits(twin, image, -1, mirrored, 0.125, logits);
        }
    }
    for (size_t c = 0; c < classes; c++)
        sum += p[c] = exp(logits[c]);
    for (size_t c = 0; c < classes; c++)
        p[c] /= sum;
}

START_TEST(augmented_predictions_match_a_net_in_double)
{
    enum { N = 9 };
    struct fmnn_net *net = make_net((size_t)_i, 1);
    struct twin twin = make_twin(net);
    struct fmnn_data *data = make_data(net, N, 2);
    float *p = calloc(N * net->classes, sizeof *p);
    for (enum fmnn_tta tta = FMNN_TTA_FLIP; tta <= FMNN_TTA_FLIP_SHIFT; tta++) {
        struct fmnn_prediction prediction = {.batch = 16, .threads = 2, .tta = tta};
        struct fmnn_predictor *predictor = fmnn_predictor_new(net, &prediction, NULL);
        fmnn_predictor_run(predictor, data->pixels, N, p);
        for (size_t n = 0; n < N; n++) {
            double wanted[64];
            augmented_twin(&twin, tta, data->pixels + n * fm_elements(net->shape), wanted);
            for (size_t c = 0; c < net->classes; c++)
                ck_assert_double_le(fabs(wanted[c] - (double)p[n * net->classes + c]), 2e-6);
        }
        fmnn_predictor_free(predictor);
    }
    free(p);
    fmnn_data_free(data);
    free_twin(&twin);
    fmnn_net_free(net);
}
END_TEST

START_TEST(augmented_predictions_are_independent_of_each_other)
{
    if (is_too_slow((size_t)_i))
        return;
    enum { N = 20 };
    static const size_t batches[] = {0, 7, 64, 1};
    size_t count = SLOWED_BY_SANITIZERS > 1 ? 2 : FM_COUNT(batches);
    struct fmnn_net *net = make_net((size_t)_i, 14);
    struct fmnn_data *data = make_data(net, N, 15);
    size_t bytes = N * net->classes * sizeof(float);
    float *one = malloc(bytes), *p = malloc(bytes);
    const char *set;
    enum fmnn_tta first_kind = SLOWED_BY_SANITIZERS > 1 ? FMNN_TTA_FLIP_SHIFT : FMNN_TTA_FLIP;
    for (enum fmnn_tta tta = first_kind; tta <= FMNN_TTA_FLIP_SHIFT; tta++)
        for (size_t k = 0; (set = walked_set(k)) != NULL; k++)
            for (size_t b = 0; b < count; b++) {
                struct fmnn_prediction prediction = {batches[b], (unsigned)b + 1, set, tta};
                struct fmnn_predictor *many = fmnn_predictor_new(net, &prediction, NULL);
                bool first = k == 0 && b == 0;
                fmnn_predictor_run(many, data->pixels, N, first ? one : p);
                ck_assert(first || !memcmp(one, p, bytes));
                fmnn_predictor_free(many);
            }
    free(one);
    free(p);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

START_TEST(unknown_augmentation_is_an_error)
{
    struct fmnn_error err;
    struct fmnn_net *net = make_net(0, 1);
    struct fmnn_prediction prediction = {.tta = (enum fmnn_tta)3};
    ck_assert_ptr_null(fmnn_predictor_new(net, &prediction, &err));
    ck_assert_int_eq(err.status, FMNN_USAGE);
    fmnn_net_free(net);
}
END_TEST

/* Memory is only used when an image needs it: the workspace here has a gigabyte, and no image
   comes. */
START_TEST(unused_workspace_takes_no_memory)
{
    struct fmnn_model *model =
        fmnn_model_parse("conv 16 1x1 | maxpool 255 | dense classes", "text", NULL);
    struct fmnn_net *net = fmnn_net_new(model, (struct fmnn_shape){1, 4096, 4096}, 2, NULL);
    struct fmnn_predictor *predictor = predictor_of(net, 1, 1, NULL);
    struct rusage usage;
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    ck_assert_int_lt(usage.ru_maxrss, 400000); /* KiB */
    fmnn_predictor_free(predictor);            /* NULL if the system does not overcommit memory */
    fmnn_net_free(net);
    fmnn_model_free(model);
}
END_TEST

int main(void)
{
    int count = NETS;
    TCase *tcase = tcase_create("engine");
    tcase_add_loop_test(tcase, probabilities_match_a_net_in_double, 0, count);
    tcase_add_loop_test(tcase, gradients_match_finite_differences, 0, count);
    tcase_add_loop_test(tcase, maxpool_gradient_goes_to_first_of_equals, 0, 2);
    tcase_add_test(tcase, models_have_every_layer_type_and_activation);
    tcase_add_loop_test(tcase, convolution_matches_plain_loops, 0, 5);
    tcase_add_loop_test(tcase, leaving_out_zero_pixels_changes_no_bit, 0, 5);
    tcase_add_test(tcase, long_sums_are_cut_into_groups);
    tcase_add_test(tcase, optimizer_steps_have_known_factors);
    tcase_add_loop_test(tcase, fused_updates_match_stored_gradients, 0, count);
    tcase_add_loop_test(tcase, kernel_sets_and_threads_give_the_same_bits, 0, count);
    tcase_add_loop_test(tcase, chains_give_the_bits_of_single_ops, 0, count);
#ifdef PLAIN_ARITHMETIC
    tcase_add_loop_test(tcase, callers_floating_point_mode_does_not_matter, 0, count);
#endif
    tcase_add_test(tcase, more_threads_than_processors_are_not_slow);
    tcase_add_loop_test(tcase, predictions_are_independent_of_each_other, 0, count);
    tcase_add_loop_test(tcase, augmented_predictions_match_a_net_in_double, 0, count);
    tcase_add_loop_test(tcase, augmented_predictions_are_independent_of_each_other, 0, count);
    tcase_add_test(tcase, unknown_augmentation_is_an_error);
    tcase_add_test(tcase, unused_workspace_takes_no_memory);
    return run_tests("engine", tcase);
}
