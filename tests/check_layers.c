/* check_layers.c -- what bn, dropout and pools promise beyond the tests of all nets in
   check_engine.c: the corners of batch normalisation, and what dropout does to which value. */
#include "training.h"

#include <float.h>

#include "data/samples.h"
#include "engine/fold.h"
#include "engine/optim/recipe.h"
#include "engine/train.h"
#include "runner.h"

static const unsigned thread_counts[] = {1, 2, 3, 7};

static void run(const struct fm_plan *plan, const struct fm_run *run, struct once *once)
{
    once->done = false;
    fm_plan_loop(plan, fm_kernels_find(NULL, NULL), 1, run, feed_once, once);
}

/* A plan for training whose outputs can be looked at. */
static struct fm_plan *plan_of(const struct fmnn_net *net, size_t batch)
{
    struct fm_plan *plan = fm_plan_new(net, batch, 1, true, FM_OPTIMIZER_adam, NULL);
    struct fm_plan *kept = fm_plan_to_look_at(plan, NULL);
    fm_plan_free(plan);
    return kept;
}

/* The op whose output is the value that the node makes; of several, the last. */
static const struct fm_op *op_of(const struct fm_plan *plan, size_t node)
{
    const struct fm_op *found = NULL;
    for (size_t k = 0; k < plan->forward_ops; k++)
        if (plan->op[k].node == &plan->net->node[node] && plan->op[k].writes & FM_OUT)
            found = &plan->op[k];
    ck_assert_ptr_nonnull(found);
    return found;
}

static float value_of(const struct fm_plan *plan, const struct fm_view *view, size_t n, size_t y,
                      size_t x, size_t c)
{
    return plan->workspace[view->offset + n * view->stride_n + y * view->stride_h +
                           x * view->stride_w + c];
}

/* The values (N,H,W,C) of n images. */
static void values_of(const struct fm_plan *plan, const struct fm_view *view, struct fm_shape s,
                      size_t n, float *values)
{
    for (size_t i = 0; i < n * s.h * s.w * s.c; i++)
        values[i] =
            value_of(plan, view, i / s.c / s.w / s.h, i / s.c / s.w % s.h, i / s.c % s.w, i % s.c);
}

/* The element of a parameter whose canonical shape is (units). */
static float *element(const struct fmnn_net *net, size_t id, size_t unit)
{
    return &net->weights[net->parameter[id].offset + unit];
}

/* ---- 1. Batch normalisation ---- */

enum { WEIGHT = 2, BIAS, MEAN, VARIANCE }; /* of the bn behind a layer with weight and bias */

static double difference(struct twin *twin, const struct fmnn_data *data, size_t n, double *x)
{
    const double h = 1e-5;
    double keep = *x, sum = 0;
    for (int side = -1; side <= 1; side += 2) {
        *x = keep + side * h;
        sum += side * twin_batch_loss(twin, data, n);
    }
    *x = keep;
    return sum / (2 * h);
}

static void check_gradients(const struct fmnn_net *net, const struct fmnn_data *data, size_t n,
                            const float *gradients)
{
    struct twin twin = make_twin(net);
    for (size_t id = 0; id < net->parameter_count; id++) {
        const struct fm_parameter *p = &net->parameter[id];
        size_t count = fm_parameter_count(p);
        float *g = calloc(count, sizeof *g);
        double scale = 0;
        if (p->trained)
            fm_parameter_get(p, gradients, g);
        for (size_t k = 0; k < count; k++)
            scale = fmax(scale, fabs((double)g[k]));
        for (size_t k = 0; p->trained && k < count; k++) {
            double wanted = difference(&twin, data, n, &twin.parameter[id][k]);
            ck_assert_msg(fabs(wanted - (double)g[k]) <= 3e-4 * scale + 5e-5,
                          "%s[%zu] is %g, wanted %g", p->name, k, (double)g[k], wanted);
        }
        free(g);
    }
    free_twin(&twin);
}

/* The variance's part in the gradient is largest for few values: 2, 3, 9 and 50 of a channel, with
   relu before and behind. From two values almost nothing passes; what is left is rounding, times
   1 / sqrt(variance). */
START_TEST(gradients_of_few_values_match_differences)
{
    static const struct {
        size_t n, h, w;
    } cases[] = {{2, 1, 1}, {3, 1, 1}, {1, 3, 3}, {2, 5, 5}, {7, 1, 1}};
    size_t n = cases[_i].n;
    struct fmnn_net *net = make_net_of("conv 5 3x3 relu | bn relu | dense 7 tanh | dense classes",
                                       cases[_i].h, cases[_i].w, 3, 31);
    for (size_t u = 0; u < 5; u++) {
        *element(net, 1, u) = 0.3f + 0.1f * (float)u;
        *element(net, WEIGHT, u) = 0.7f - 0.4f * (float)u; /* of both signs */
        *element(net, BIAS, u) = 0.11f * (float)u - 0.1f;
    }
    struct fmnn_data *data = make_data(net, n, 32);
    struct fm_plan *plan = fm_plan_new(net, n + 3, 1, true, FM_OPTIMIZER_adam, NULL);
    float *gradients = fm_alloc_aligned(net->trained, sizeof *gradients, NULL);
    struct once once = {.data = data, .n = n};
    struct fm_run r = run_of(&once, net, FM_TRAIN);
    r.sink = FM_SINK_STORE;
    r.gradients = gradients;
    r.backward = true;
    run(plan, &r, &once);
    check_gradients(net, data, n, gradients);
    free(gradients);
    fm_plan_free(plan);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* From one value there is no variance: the output is the bias, nothing before it has a gradient,
   and the running variance stays. */
START_TEST(one_value_gives_the_bias)
{
    struct fmnn_net *net = make_net_of("dense 37 | bn tanh | dense classes", 2, 3, 3, 33);
    for (size_t u = 0; u < 37; u++) {
        *element(net, 1, u) = 0.25f + (float)u;
        *element(net, BIAS, u) = 0.05f * (float)u - 0.9f;
        *element(net, VARIANCE, u) = 0.5f + (float)u;
    }
    struct fmnn_data *data = make_data(net, 1, 34);
    struct fm_plan *plan = plan_of(net, 4);
    float *gradients = fm_alloc_aligned(net->trained, sizeof *gradients, NULL);
    struct once once = {.data = data, .n = 1};
    struct fm_run r = run_of(&once, net, FM_TRAIN);
    r.sink = FM_SINK_STORE;
    r.gradients = gradients;
    r.backward = true;
    r.share = 0.25;
    run(plan, &r, &once);
    for (size_t u = 0; u < 37; u++) {
        double bias = (double)*element(net, BIAS, u);
        double got = (double)value_of(plan, &op_of(plan, 1)->out, 0, 0, 0, u);
        ck_assert_double_eq_tol(got, tanh(bias), 1e-6);
        ck_assert(*element(net, VARIANCE, u) == 0.5f + (float)u);
        ck_assert(*element(net, MEAN, u) != 0);
        ck_assert(gradients[net->parameter[WEIGHT].offset + u] == 0);
        ck_assert(gradients[net->parameter[BIAS].offset + u] != 0);
    }
    for (size_t k = 0; k < net->parameter[0].stored; k++)
        ck_assert(gradients[net->parameter[0].offset + k] == 0);
    free(gradients);
    fm_plan_free(plan);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* A channel of constant value has variance 0 exactly, so its output is the bias, bit for bit. */
START_TEST(constant_channels_give_the_bias)
{
    static const float values[] = {0, 0.3f, -123.456f, 1e6f};
    struct fmnn_net *net = make_net_of("conv 4 3x3 | bn | dense classes", 7, 6, 3, 35);
    memset(net->weights + net->parameter[0].offset, 0, net->parameter[0].stored * sizeof(float));
    for (size_t u = 0; u < 4; u++) {
        *element(net, 1, u) = values[u];
        *element(net, WEIGHT, u) = 1.5f;
        *element(net, BIAS, u) = 0.7f + (float)u;
    }
    struct fmnn_data *data = make_data(net, 6, 36);
    struct fm_plan *plan = plan_of(net, 8);
    struct once once = {.data = data, .n = 6};
    struct fm_run r = run_of(&once, net, FM_TRAIN);
    r.share = 1;
    run(plan, &r, &once);
    for (size_t n = 0; n < 6; n++)
        for (size_t u = 0; u < 4; u++) {
            ck_assert(value_of(plan, &op_of(plan, 1)->out, n, n, n % 6, u) == 0.7f + (float)u);
            ck_assert(*element(net, MEAN, u) == values[u]);
            ck_assert(*element(net, VARIANCE, u) == 0);
        }
    fm_plan_free(plan);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* A mean a thousand times the deviation costs no accuracy of the variance. */
START_TEST(large_means_do_not_spoil_the_variance)
{
    struct fmnn_net *net = make_net_of("conv 3 1x1 | bn | dense classes", 9, 8, 3, 37);
    struct fmnn_data *data = make_data(net, 10, 38);
    double wanted[3] = {0};
    struct once once = {.data = data, .n = 10};
    for (int large = 0; large < 2; large++) {
        struct fm_plan *plan = fm_plan_new(net, 10, 1, true, FM_OPTIMIZER_adam, NULL);
        for (size_t u = 0; u < 3; u++)
            *element(net, 1, u) =
                large ? 256 * (float)(u + 1) : 0; /* the bias of the convolution */
        struct fm_run r = run_of(&once, net, FM_TRAIN);
        r.share = 1;
        run(plan, &r, &once);
        for (size_t u = 0; u < 3; u++) {
            double variance = (double)*element(net, VARIANCE, u);
            wanted[u] = large ? wanted[u] : variance;
            ck_assert_double_gt(variance, 0);
            ck_assert_double_le(fabs(variance - wanted[u]), 1e-3 * wanted[u]);
        }
        fm_plan_free(plan);
    }
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* A batch is normalised by its variance; what is stored is the unbiased one. So with a share of 1,
   prediction differs from training by the root of m / (m - 1), and is the formula of
   kernels/norm.h bit for bit. m is the number of values of a channel: images * h * w. */
START_TEST(stored_variance_is_unbiased)
{
    enum { UNITS = 35, MOST = 20 * UNITS };
    static const struct {
        const char *text;
        size_t n, m;
    } cases[] = {{"dense 35 | bn | dense classes", 2, 2},
                 {"dense 35 | bn | dense classes", 3, 3},
                 {"dense 35 | bn | dense classes", 20, 20},
                 {"conv 35 3x3 | bn | dense classes", 1, 6},
                 {"conv 35 3x3 | bn | dense classes", 3, 18}};
    size_t n = cases[_i].n, count = cases[_i].m * UNITS;
    struct fmnn_net *net = make_net_of(cases[_i].text, 2, 3, 3, 39);
    for (size_t u = 0; u < UNITS; u++) {
        *element(net, WEIGHT, u) = 1.4f - 0.09f * (float)u; /* of both signs */
        *element(net, BIAS, u) = 0.11f * (float)u - 2;
    }
    struct fmnn_data *data = make_data(net, n, 40);
    struct fm_plan *plan = plan_of(net, n);
    const struct fm_op *op = op_of(plan, 1);
    struct once once = {.data = data, .n = n};
    struct fm_run r = run_of(&once, net, FM_TRAIN);
    float trained[MOST], x[MOST], got[MOST];
    r.share = 1;
    run(plan, &r, &once);
    values_of(plan, &op->out, op->in_shape, n, trained);
    r = run_of(&once, net, FM_PREDICT);
    r.share = 1; /* prediction must not use it */
    float before = *element(net, VARIANCE, 0);
    run(plan, &r, &once);
    ck_assert(*element(net, VARIANCE, 0) == before);
    values_of(plan, &op->in, op->in_shape, n, x);
    values_of(plan, &op->out, op->in_shape, n, got);
    for (size_t i = 0; i < count; i++) {
        size_t u = i % UNITS;
        float weight = *element(net, WEIGHT, u), bias = *element(net, BIAS, u);
        double unbiased = (double)*element(net, VARIANCE, u);
        double biased = unbiased * (double)(cases[_i].m - 1) / (double)cases[_i].m;
        double ratio = sqrt((biased + FM_NORM_EPSILON) / (unbiased + FM_NORM_EPSILON));
        double wanted = (double)bias + (double)(trained[i] - bias) * ratio;
        ck_assert_double_eq_tol((double)got[i], wanted, 1e-5);
        float factor = (float)(1 / sqrt(unbiased + FM_NORM_EPSILON) * (double)weight);
        float centred = x[i] - *element(net, MEAN, u);
        ck_assert(got[i] == fmaf(centred, factor, bias));
    }
    fm_plan_free(plan);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* A share of 0.25 moves the running mean by a quarter of its distance. */
START_TEST(running_statistics_move_by_their_share)
{
    struct fmnn_net *net = make_net_of("conv 3 3x3 | bn | dense classes", 5, 4, 3, 41);
    struct fmnn_data *data = make_data(net, 5, 42);
    struct fm_plan *plan = fm_plan_new(net, 8, 1, true, FM_OPTIMIZER_adam, NULL);
    struct once once = {.data = data, .n = 5};
    double moved[2][2];
    for (int whole = 0; whole < 2; whole++) {
        *element(net, MEAN, 1) = 4;
        *element(net, VARIANCE, 1) = 9;
        struct fm_run r = run_of(&once, net, FM_TRAIN);
        r.share = whole ? 1 : 0.25;
        run(plan, &r, &once);
        moved[whole][0] = (double)*element(net, MEAN, 1);
        moved[whole][1] = (double)*element(net, VARIANCE, 1);
    }
    ck_assert_double_eq_tol(moved[0][0], 4 + 0.25 * (moved[1][0] - 4), 1e-6);
    ck_assert_double_eq_tol(moved[0][1], 9 + 0.25 * (moved[1][1] - 9), 1e-6);
    fm_plan_free(plan);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* ---- 2. Trainings ---- */

static struct fmnn_net *train(const char *text, size_t rows, unsigned batch, const char *kernels,
                              unsigned threads)
{
    struct fmnn_net *net = make_net_of(text, 6, 5, 3, 43);
    struct fmnn_data *data = make_data(net, rows, 44);
    struct fmnn_recipe *recipe = fmnn_recipe_new(NULL, NULL);
    recipe->batch = batch;
    recipe->epochs = 2;
    struct fmnn_training training = {
        .recipe = recipe, .threads = threads, .kernels = kernels, .seed = 45};
    struct fmnn_error err = {0};
    struct fmnn_trainer *trainer = fmnn_trainer_new(net, data, NULL, &training, &err);
    ck_assert_msg(trainer != NULL, "%s", err.message);
    int status;
    while ((status = fmnn_trainer_advance(trainer, &err)) != FMNN_DONE)
        ck_assert_msg(status >= 0, "%s", err.message);
    ck_assert_uint_eq(fmnn_trainer_epoch(trainer, 2)->epoch, 2);
    fmnn_trainer_free(trainer);
    fmnn_recipe_free(recipe);
    fmnn_data_free(data);
    return net;
}

static const char *const bodies[] = {
    "dense 8 bn relu | dense classes",
    "conv 37 3x3 bn relu | conv 40 3x3 nobias | maxpool 2 | bn relu | dropout 0.3 | conv 33 3x3 bn "
    "silu | avgpool all | dense classes",
    "conv 6 3x3 bn gelu | residual { conv 6 3x3 bn relu | conv 6 3x3 bn } relu | maxpool all | "
    "dropout 0.5 | dense classes",
};

/* 100 rows in batches of 33: the last has one row. */
START_TEST(last_batches_of_one_give_the_same_bits)
{
    struct fmnn_net *first = train(bodies[_i], 100, 33, "generic", 1);
    const char *set;
    for (size_t i = 0; i < first->stored; i++)
        ck_assert(isfinite(first->weights[i]));
    for (size_t k = 0; (set = walked_set(k)) != NULL; k++)
        for (size_t t = 0; t<FM_COUNT(thread_counts); t += SLOWED_BY_SANITIZERS> 1 ? 2 : 1) {
            struct fmnn_net *net = train(bodies[_i], 100, 33, set, thread_counts[t]);
            ck_assert_msg(!memcmp(first->weights, net->weights, net->stored * sizeof(float)),
                          "%s, %u threads: %s", set, thread_counts[t], bodies[_i]);
            fmnn_net_free(net);
        }
    fmnn_net_free(first);
}
END_TEST

/* The mean loss of n images in training, of which the row order[i] is the i-th. */
static double loss_of_rows(const struct fmnn_net *net, const struct fmnn_data *data,
                           const uint32_t *order, size_t n)
{
    struct fmnn_data *batch = fmnn_data_new(net->shape, NULL);
    size_t size = fm_elements(net->shape);
    for (size_t i = 0; i < n; i++)
        memcpy(fmnn_data_add(batch, data->labels[order[i]], NULL), data->pixels + order[i] * size,
               size);
    struct twin twin = make_twin(net);
    double loss = twin_batch_loss(&twin, batch, n);
    free_twin(&twin);
    fmnn_data_free(batch);
    return loss;
}

/* Others refuse a last batch of one, which has no variance (pytorch/pytorch#7716), or drop it. Here
   the row counts in the loss, and the running variance stays what it was. The learning rate is so
   small that no weight changes. */
START_TEST(a_row_alone_in_the_last_batch_counts)
{
    enum { ROWS = 33, BATCH = 32, UNITS = 8, VARIANCE_OF_FIRST = 4 };
    struct set set = {.net = make_net_of("dense 8 bn relu | dense classes", 6, 5, 3, 63),
                      .training = {.threads = 1, .seed = 65}};
    set.train = make_data(set.net, ROWS, 64);
    fm_recipe_init(&set.recipe);
    set_option(&set, "batch", "32");
    set_option(&set, "epochs", "1");
    set_option(&set, "lr", "1e-30");
    struct fmnn_trainer *trainer = make_trainer(&set);
    double all = loss_of_rows(set.net, set.train, trainer->order, BATCH) * BATCH;
    all += loss_of_rows(set.net, set.train, trainer->order + BATCH, 1);
    float before[UNITS], first = *element(set.net, VARIANCE_OF_FIRST, 0);
    trainer->slice_seconds = 0; /* one batch a call */
    ck_assert_int_eq(fmnn_trainer_advance(trainer, NULL), FMNN_BATCH);
    ck_assert_uint_eq(trainer->trained, BATCH);
    memcpy(before, element(set.net, VARIANCE_OF_FIRST, 0), sizeof before);
    ck_assert(before[0] != first);
    ck_assert_int_eq(fmnn_trainer_advance(trainer, NULL), FMNN_EPOCH);
    ck_assert(!memcmp(before, element(set.net, VARIANCE_OF_FIRST, 0), sizeof before));
    ck_assert_double_eq_tol(fmnn_trainer_epoch(trainer, 1)->loss, all / ROWS, 1e-6);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* A batch with an infinite value: the error names the layer that made it, not the bn whose running
   statistics it has spoiled. */
START_TEST(infinite_values_are_traced_beyond_bn)
{
    struct fmnn_net *net = make_net_of("dense 3 | bn | dense classes", 2, 2, 3, 46);
    struct fmnn_data *data = make_data(net, 8, 47);
    for (size_t k = 0; k < net->parameter[0].stored; k++)
        if (net->weights[net->parameter[0].offset + k] != 0)
            net->weights[net->parameter[0].offset + k] = 3e38f;
    memset(data->pixels, 255, 8 * 4);
    struct fmnn_training training = {.threads = 1};
    struct fmnn_error err = {0};
    struct fmnn_trainer *trainer = fmnn_trainer_new(net, data, NULL, &training, NULL);
    ck_assert_int_eq(fmnn_trainer_advance(trainer, &err), -1);
    ck_assert_msg(strstr(err.message, "from the output of layer 1, 'dense 3'") != NULL, "%s",
                  err.message);
    fmnn_trainer_free(trainer);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* ---- 3. Dropout ---- */

START_TEST(dropping_nothing_changes_no_bit)
{
    struct fmnn_net *with = train("conv 5 3x3 relu | dropout 0 | dense 9 relu | dropout 0 | "
                                  "dense classes",
                                  20, 7, NULL, 2);
    struct fmnn_net *without =
        train("conv 5 3x3 relu | dense 9 relu | dense classes", 20, 7, NULL, 1);
    ck_assert_uint_eq(with->stored, without->stored);
    ck_assert_int_eq(memcmp(with->weights, without->weights, with->stored * sizeof(float)), 0);
    fmnn_net_free(with);
    fmnn_net_free(without);
}
END_TEST

/* Prediction does not drop. */
START_TEST(predictions_are_those_of_the_net_without_dropout)
{
    enum { N = 9 };
    struct fmnn_net *with =
        make_net_of("conv 5 3x3 relu | dropout 0.5 | dense 9 relu | dense classes", 6, 5, 3, 48);
    struct fmnn_net *without =
        make_net_of("conv 5 3x3 relu | dense 9 relu | dense classes", 6, 5, 3, 48);
    struct fmnn_data *data = make_data(with, N, 49);
    float p[2][N * 3];
    for (int i = 0; i < 2; i++) {
        struct fmnn_prediction prediction = {.threads = 1};
        struct fmnn_predictor *predictor =
            fmnn_predictor_new(i ? without : with, &prediction, NULL);
        fmnn_predictor_run(predictor, data->pixels, N, p[i]);
        fmnn_predictor_free(predictor);
    }
    ck_assert_int_eq(memcmp(p[0], p[1], sizeof p[0]), 0);
    fmnn_data_free(data);
    fmnn_net_free(with);
    fmnn_net_free(without);
}
END_TEST

struct dropped {
    bool value[40][6 * 5 * 35];
    size_t count;
};

/* Which values are dropped of images whose numbers are from `row` on. Each value is 0, or the input
   divided by 1 - rate. */
static void see_dropped(struct dropped *dropped, double rate, uint64_t seed, uint32_t epoch,
                        uint32_t row)
{
    char text[80];
    snprintf(text, sizeof text, "conv 35 3x3 sigmoid | dropout %g | dense classes", rate);
    struct fmnn_net *net = make_net_of(text, 6, 5, 3, 50);
    struct fmnn_data *data = make_data(net, 40, 51);
    struct fm_plan *plan = plan_of(net, 40);
    struct once once = {.data = data, .n = 40};
    struct fm_run r = run_of(&once, net, FM_TRAIN);
    r.seed = seed;
    r.epoch = epoch;
    for (size_t n = 0; n < 40; n++)
        once.index[n] = row + (uint32_t)n;
    run(plan, &r, &once);
    const struct fm_op *op = op_of(plan, 1);
    dropped->count = 0;
    for (size_t n = 0; n < 40; n++)
        for (size_t i = 0; i < 6 * 5 * 35; i++) {
            size_t y = i / 35 / 5, x = i / 35 % 5, c = i % 35;
            float in = value_of(plan, &op->in, n, y, x, c);
            float out = value_of(plan, &op->out, n, y, x, c);
            ck_assert(out == 0 || out == in * (float)(1 / (1 - rate)));
            dropped->value[n][i] = out == 0;
            dropped->count += out == 0;
        }
    fm_plan_free(plan);
    fmnn_data_free(data);
    fmnn_net_free(net);
}

static double part_in_common(const struct dropped *a, const struct dropped *b)
{
    double both = 0;
    for (size_t n = 0; n < 40; n++)
        for (size_t i = 0; i < 6 * 5 * 35; i++)
            both += a->value[n][i] && b->value[n][i];
    return both / (double)a->count;
}

/* The fraction is the rate; another seed, epoch or image drops independently, and an image drops
   the same values wherever it is in the batch. */
START_TEST(values_are_dropped_independently)
{
    static struct dropped a, b;
    const double rate = 0.3, all = 40 * 6 * 5 * 35;
    see_dropped(&a, rate, 5, 1, 0);
    ck_assert_double_eq_tol((double)a.count / all, rate, 0.012); /* 5 deviations */
    see_dropped(&b, rate, 5, 1, 0);
    ck_assert_int_eq(memcmp(&a, &b, sizeof a), 0);
    see_dropped(&b, rate, 6, 1, 0);
    ck_assert_double_eq_tol(part_in_common(&a, &b), rate, 0.025);
    see_dropped(&b, rate, 5, 2, 0);
    ck_assert_double_eq_tol(part_in_common(&a, &b), rate, 0.025);
    see_dropped(&b, rate, 5, 1, 7);
    ck_assert_double_eq_tol(part_in_common(&a, &b), rate, 0.025);
    ck_assert_int_eq(memcmp(a.value[7], b.value[0], sizeof a.value[0]), 0);
}
END_TEST

/* The gradient of values that were dropped is zero, that of the others is divided alike: so the
   gradients of the layer before are those of the net that was run. */
START_TEST(gradients_pass_where_values_do)
{
    struct fmnn_net *net = make_net_of("dense 40 | dropout 0.5 | dense classes", 1, 1, 3, 52);
    struct fmnn_data *data = make_data(net, 1, 53);
    data->pixels[0] = 255;
    struct fm_plan *kept_plan = plan_of(net, 1);
    struct fm_plan *plan = fm_plan_new(net, 1, 1, true, FM_OPTIMIZER_adam, NULL);
    float *gradients = fm_alloc_aligned(net->trained, sizeof *gradients, NULL);
    struct once once = {.data = data, .n = 1};
    struct fm_run r = run_of(&once, net, FM_TRAIN);
    r.sink = FM_SINK_STORE;
    r.gradients = gradients;
    run(kept_plan, &r, &once);
    bool kept[40];
    size_t count = 0;
    for (size_t u = 0; u < 40; u++)
        count += kept[u] = value_of(kept_plan, &op_of(kept_plan, 1)->out, 0, 0, 0, u) != 0;
    ck_assert(count > 5 && count < 35);
    r.backward = true;
    run(plan, &r, &once);
    for (size_t u = 0; u < 40; u++)
        ck_assert_int_eq(gradients[net->parameter[1].offset + u] != 0, kept[u]);
    free(gradients);
    fm_plan_free(kept_plan);
    fm_plan_free(plan);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* ---- folding */

/* Layers whose bn is folded, and one whose bn is not, behind a pool. The channels' weights are
   negative, zero, tiny and large, and a running variance is zero: mistakes of others, such as a
   lost bias (ultralytics/yolov3#807) or a maximum that should become a minimum
   (LeelaChessZero/lc0#779). */
START_TEST(folded_nets_predict_alike)
{
    enum { N = 9 };
    static const float weights[] = {-1, 0, 1e-20f, 2, -0.25f};
    struct fmnn_net *net = make_net_of(
        "bn | conv 5 3x3 | bn relu | conv 6 2x2 bn tanh | conv 7 3x3 | maxpool 2 | bn relu | "
        "residual { conv 7 3x3 bn relu | conv 7 3x3 | bn } relu | dense 9 bn silu | "
        "dense classes",
        8, 7, 4, 61);
    for (size_t i = 0; i < net->parameter_count; i++) {
        const struct fm_parameter *p = &net->parameter[i];
        for (size_t u = 0; u < p->units && p->rank == 1; u++) {
            float *value = &net->weights[p->offset + u];
            if (strstr(p->name, "running_var"))
                *value = u == 1 ? 0 : 0.5f + 0.25f * (float)u;
            else if (p->init == FM_INIT_ONE)
                *value = weights[u % FM_COUNT(weights)];
            else
                *value = 3 - (float)u;
        }
    }
    struct fmnn_net *folded = fm_net_folded(net, NULL);
    ck_assert(fm_can_fold(net));
    ck_assert(!fm_can_fold(folded));
    ck_assert_uint_eq(net->node_count - folded->node_count, 5); /* two are left */
    struct fmnn_data *data = make_data(net, N, 62);
    float p[2][N * 4];
    for (int i = 0; i < 2; i++) {
        struct fm_plan *plan = fm_plan_new(i ? folded : net, N, 1, false, FM_OPTIMIZER_adam, NULL);
        struct once once = {.data = data, .n = N};
        struct fm_run r = run_of(&once, i ? folded : net, FM_PREDICT);
        r.probabilities = p[i];
        run(plan, &r, &once);
        fm_plan_free(plan);
    }
    for (size_t i = 0; i < FM_COUNT(p[0]); i++)
        ck_assert_double_eq_tol((double)p[0][i], (double)p[1][i], 2e-6);
    fmnn_data_free(data);
    fmnn_net_free(folded);
    fmnn_net_free(net);
}
END_TEST

/* For each value of the first layer, the sum of the absolute values of its terms. (N,H,W,C) */
static void sums_of_terms(const struct fmnn_net *net, const struct fmnn_data *data, size_t n,
                          double *sums)
{
    struct twin twin = make_twin(net);
    const struct fm_node *node = &net->node[0];
    struct fm_shape in = net->value[FM_IMAGE].shape, out = net->value[node->output].shape;
    struct fm_window window = node->layer.type->window(&node->layer, in);
    double *pixels = calloc(n * in.c * in.h * in.w, sizeof *pixels);
    for (size_t i = 0; i < n * in.c * in.h * in.w; i++)
        pixels[i] = data->pixels[i] / 255.0;
    for (size_t k = 0; k < node->parameters; k++)
        for (size_t i = 0; i < fm_parameter_count(&net->parameter[node->parameter + k]); i++)
            twin.parameter[k][i] = fabs(twin.parameter[k][i]);
    for (size_t i = 0; i < n * out.h * out.w * out.c; i++) {
        size_t c = i % out.c, x = i / out.c % out.w, y = i / out.c / out.w % out.h;
        const double *image = pixels + i / out.c / out.w / out.h * in.c * in.h * in.w;
        sums[i] = twin_affine(&twin, node, &window, image, in, c, y, x);
    }
    free(pixels);
    free_twin(&twin);
}

/* What bn makes of the first layer, or what the folded layer makes. */
static void first_sums(const struct fmnn_net *net, size_t node, const struct fmnn_data *data,
                       size_t n, float *values)
{
    /* a plan for training, in which no later op takes the place of these values */
    struct fm_plan *plan = plan_of(net, n);
    struct once once = {.data = data, .n = n};
    struct fm_run r = run_of(&once, net, FM_PREDICT);
    run(plan, &r, &once);
    values_of(plan, &op_of(plan, node)->out, net->value[net->node[node].output].shape, n, values);
    fm_plan_free(plan);
}

/* A folded layer differs only by rounding: by at most four units in the last place of the largest
   number that its sum can contain. Weights are negative, zero and tiny, a running variance is zero,
   and the bias of the layer before is large. */
START_TEST(folded_sums_differ_by_rounding)
{
    enum { N = 5, UNITS = 5, MOST = N * 6 * 5 * UNITS };
    static const char *const texts[] = {"conv 5 3x3 | bn | dense classes",
                                        "dense 5 | bn | dense classes"};
    static const float weights[UNITS] = {-1, 0, 1e-20f, 1, -1},
                       variances[UNITS] = {0.5f, 1, 2, 0, 0};
    struct fmnn_net *net = make_net_of(texts[_i], 6, 5, 3, 66);
    for (size_t u = 0; u < UNITS; u++) {
        *element(net, 1, u) = 100 - 30 * (float)u;
        *element(net, WEIGHT, u) = weights[u];
        *element(net, BIAS, u) = 3 - (float)u;
        *element(net, MEAN, u) = 7 * (float)u - 2;
        *element(net, VARIANCE, u) = variances[u];
    }
    struct fmnn_net *folded = fm_net_folded(net, NULL);
    ck_assert_uint_eq(folded->node_count, 2);
    struct fmnn_data *data = make_data(net, N, 67);
    struct fm_shape s = net->value[net->node[0].output].shape;
    float values[MOST], folded_values[MOST];
    double sums[MOST];
    first_sums(net, 1, data, N, values);
    first_sums(folded, 0, data, N, folded_values);
    sums_of_terms(net, data, N, sums);
    for (size_t i = 0; i < N * s.h * s.w * s.c; i++) {
        size_t u = i % UNITS;
        double scale = fabs((double)weights[u]) / sqrt((double)variances[u] + FM_NORM_EPSILON);
        double size = scale * (sums[i] + fabs((double)*element(net, MEAN, u))) +
                      fabs((double)*element(net, BIAS, u));
        double off = fabs((double)values[i] - (double)folded_values[i]);
        ck_assert_msg(off <= 4 * (double)FLT_EPSILON * size, "channel %zu: %g of %g", u, off, size);
    }
    fmnn_data_free(data);
    fmnn_net_free(folded);
    fmnn_net_free(net);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("layers");
    tcase_add_loop_test(tcase, gradients_of_few_values_match_differences, 0, 5);
    tcase_add_test(tcase, one_value_gives_the_bias);
    tcase_add_test(tcase, constant_channels_give_the_bias);
    tcase_add_test(tcase, large_means_do_not_spoil_the_variance);
    tcase_add_loop_test(tcase, stored_variance_is_unbiased, 0, 5);
    tcase_add_test(tcase, running_statistics_move_by_their_share);
    tcase_add_loop_test(tcase, last_batches_of_one_give_the_same_bits, 0, FM_COUNT(bodies));
    tcase_add_test(tcase, a_row_alone_in_the_last_batch_counts);
    tcase_add_test(tcase, infinite_values_are_traced_beyond_bn);
    tcase_add_test(tcase, dropping_nothing_changes_no_bit);
    tcase_add_test(tcase, predictions_are_those_of_the_net_without_dropout);
    tcase_add_test(tcase, values_are_dropped_independently);
    tcase_add_test(tcase, gradients_pass_where_values_do);
    tcase_add_test(tcase, folded_nets_predict_alike);
    tcase_add_loop_test(tcase, folded_sums_differ_by_rounding, 0, 2);
    return run_tests("layers", tcase);
}
