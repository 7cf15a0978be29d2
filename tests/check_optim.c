/* check_optim.c -- schedules, optimizers and averages of whole trainings. */
#include "training.h"

#include <math.h>

#include "base/float.h"
#include "data/samples.h"
#include "engine/train.h"
#include "files/safetensors.h"
#include "runner.h"
#include "scratch.h"

/* 45 images in batches of 8 are 6 steps. */
static const char model[] = "conv 3 3x3 bn relu | maxpool 2 | dense 9 bn relu | dense classes";
enum { IMAGES = 45, STEPS = 6, EPOCHS = 3 };

/* settings: "NAME VALUE; NAME VALUE" */
static struct set make_set_of(const char *text, const char *settings)
{
    struct fmnn_error err;
    struct fmnn_model *parsed = fmnn_model_parse(text, "m", &err);
    struct set set = {.net = fmnn_net_new(parsed, (struct fmnn_shape){1, 9, 11}, 10, &err)};
    ck_assert_msg(set.net != NULL, "%s", err.message);
    fmnn_model_free(parsed);
    fmnn_net_initialise(set.net, 1, 0);
    char copy[512], *save = NULL;
    set.train = make_data(set.net, IMAGES, 2);
    set.valid = make_data(set.net, 18, 3);
    fm_recipe_init(&set.recipe);
    set_option(&set, "batch", "8");
    set_option(&set, "epochs", "3");
    snprintf(copy, sizeof copy, "%s", settings);
    for (char *s = strtok_r(copy, ";", &save); s; s = strtok_r(NULL, ";", &save)) {
        char *name = s + strspn(s, " "), *value = strchr(name, ' ');
        *value++ = 0;
        set_option(&set, name, value);
    }
    set.training = (struct fmnn_training){.threads = 2};
    set_option(&set, "keep", "last");
    return set;
}

static struct set make_set(const char *settings)
{
    return make_set_of(model, settings);
}

static void advance(struct fmnn_trainer *trainer)
{
    struct fmnn_error err;
    ck_assert_msg(fmnn_trainer_advance(trainer, &err) >= 0, "%s", err.message);
}

/* What a file would hold, to compare: malloc'ed. */
static char *bytes_of(const struct set *set, const struct fmnn_trainer *trainer, size_t *size)
{
    char *bytes = NULL;
    struct fmnn_error err;
    FILE *stream = open_memstream(&bytes, size);
    int status =
        trainer ? fmnn_trainer_save(trainer, stream, &err) : fmnn_net_write(set->net, stream, &err);
    ck_assert_msg(status == 0, "%s", err.message);
    fclose(stream);
    return bytes;
}

static void write_checkpoint(const struct fmnn_trainer *trainer)
{
    struct fmnn_error err;
    FILE *stream = fopen("checkpoint", "wb");
    ck_assert_msg(fmnn_trainer_save(trainer, stream, &err) == 0, "%s", err.message);
    ck_assert_int_eq(fclose(stream), 0);
}

/* ---- 1. schedules */

static double rate_of(const char *text, uint64_t t, uint64_t all, uint64_t epoch, double *momentum)
{
    struct fm_schedule schedule;
    struct fmnn_error err;
    ck_assert_msg(fm_schedule_parse(&schedule, text, &err) == 0, "%s", err.message);
    struct fm_rate rate = fm_schedule_rate(&schedule, 0.5, t, all, epoch);
    if (momentum)
        *momentum = rate.cycled ? rate.momentum : -1;
    return rate.lr;
}

START_TEST(cosines_are_those_of_libm)
{
    const double pi = 3.14159265358979312;
    for (int i = 0; i <= 100000; i++)
        ck_assert_double_eq_tol(fm_cos_pi(i / 1e5), cos(pi * (i / 1e5)), 1e-15);
    ck_assert(fm_cos_pi(0) == 1 && fm_cos_pi(0.5) == 0 && fm_cos_pi(1) == -1);
    for (unsigned n = 0; n < 3000; n += 7)
        ck_assert_double_eq_tol(fm_power(0.999, n), pow(0.999, n), 1e-13);
}
END_TEST

START_TEST(schedules_have_known_rates)
{
    const double pi = 3.14159265358979312;
    double momentum;
    for (uint64_t t = 0; t < 100; t++) {
        double x = (double)t;
        ck_assert(rate_of("constant", t, 100, 10, NULL) == 0.5);
        double linear = x < 23 ? 0.2 + 0.8 * x / 23 : 1 - 0.93 * (x - 23) / 77;
        ck_assert_double_eq_tol(rate_of("linear 0.23 0.2 0.07", t, 100, 10, NULL), linear / 2,
                                1e-14);
        ck_assert_double_eq_tol(rate_of("linear 0 9 0", t, 100, 10, NULL), (100 - x) / 200, 1e-14);
        ck_assert_double_eq_tol(rate_of("linear 1 0 9", t, 100, 10, NULL), x / 200, 1e-14);
        ck_assert_double_eq_tol(rate_of("cosine", t, 100, 10, NULL), (1 + cos(pi * x / 100)) / 4,
                                1e-14);
        ck_assert_double_eq_tol(rate_of("cosine 0.2", t, 100, 10, NULL),
                                0.1 + 0.2 * (1 + cos(pi * x / 100)), 1e-14);
        ck_assert_double_eq_tol(rate_of("steps 2,5 0.1", t, 100, 10, NULL),
                                t < 20   ? 0.5
                                : t < 50 ? 0.05
                                         : 0.005,
                                1e-14);
        double up = 0.02 + 0.48 * (1 - cos(pi * x / 29)) / 2;
        double down = 2e-6 + (0.5 - 2e-6) * (1 + cos(pi * (x - 29) / 70)) / 2;
        ck_assert_double_eq_tol(rate_of("onecycle", t, 100, 10, &momentum), x <= 29 ? up : down,
                                1e-14);
        up = 0.95 - 0.1 * (1 - cos(pi * x / 29)) / 2;
        down = 0.95 - 0.1 * (1 + cos(pi * (x - 29) / 70)) / 2;
        ck_assert_double_eq_tol(momentum, x <= 29 ? up : down, 1e-14);
    }
    /* The last step has exactly the last rate, and so have steps beyond it. */
    for (uint64_t all = 1; all < 50; all++) {
        ck_assert(rate_of("onecycle", all - 1, all, 3, NULL) == 0.5 * (1. / 25 / 1e4));
        ck_assert(rate_of("onecycle", all + 9, all, 3, NULL) == 0.5 * (1. / 25 / 1e4));
    }
    /* Trainings of one step. */
    ck_assert(rate_of("linear 0 0.2 0.07", 0, 1, 1, NULL) == 0.5);
    ck_assert(rate_of("linear 1 0.2 0.07", 0, 1, 1, NULL) == 0.1);
    ck_assert(rate_of("cosine", 0, 1, 1, NULL) == 0.5);
    ck_assert(rate_of("steps 1 0.1", 0, 1, 1, NULL) == 0.5);
    ck_assert(rate_of("cosine", 0, 0, 0, NULL) == 0.5);
}
END_TEST

START_TEST(schedules_have_a_canonical_text)
{
    static const char *const cases[][2] = {
        {"", "constant"},
        {" linear  .23,0.20 7e-2", "linear 0.23 0.2 0.07"},
        {"cosine", "cosine"},
        {"cosine 0.50", "cosine 0.5"},
        {"steps 10 20 3e-1", "steps 10,20 0.3"},
        {"steps 10 0.1", "steps 10 0.1"},
        {"onecycle", "onecycle"},
    };
    static const char *const bad[][2] = {
        {"cosin", "unknown schedule 'cosin'; did you mean 'cosine'?"},
        {"fast", "unknown schedule 'fast' (known: constant, linear, cosine, onecycle, steps)"},
        {"constant 3", "constant takes no numbers; '3' is too much"},
        {"linear 0.1 0.2", "linear needs WARMUP FIRST LAST"},
        {"linear 1.5 0.2 0", "WARMUP 1.5 is not in 0..1"},
        {"linear 0.5 -1 0", "FIRST -1 is not in 0..1000"},
        {"linear 0.5 1 nan", "'nan' is not a number"},
        {"cosine 2", "END 2 is not in 0..1"},
        {"steps 0.1", "steps needs E,E,... FACTOR"},
        {"steps 0,3 0.1", "epoch '0' is not a whole number above 0"},
        {"steps 2.5 0.1", "epoch '2.5' is not a whole number above 0"},
        {"steps 5,5 0.1", "epoch 5 is not after the one before it"},
        {"steps 5 -1", "FACTOR -1 is not in 0..1000"},
    };
    char value[FM_MAX_VALUE];
    struct fmnn_error err;
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        ck_assert_int_eq(fm_schedule_read(cases[i][0], value, &err), 0);
        ck_assert_str_eq(value, cases[i][1]);
    }
    for (size_t i = 0; i < FM_COUNT(bad); i++) {
        ck_assert_int_eq(fm_schedule_read(bad[i][0], value, &err), -1);
        ck_assert_msg(strstr(err.message, bad[i][1]) != NULL, "%s", err.message);
    }
}
END_TEST

START_TEST(history_has_the_rate_of_the_last_step)
{
    struct set set = make_set("lr 0.01; schedule onecycle; optimizer adamw");
    struct fmnn_trainer *trainer = make_trainer(&set);
    run_to_end(trainer);
    for (unsigned e = 1; e <= EPOCHS; e++)
        ck_assert_double_eq(
            fmnn_trainer_epoch(trainer, e)->lr,
            fm_schedule_rate(&trainer->schedule, 0.01, e * STEPS - 1, EPOCHS * STEPS, STEPS).lr);
    ck_assert_uint_eq(trainer->step, EPOCHS * STEPS);
    ck_assert_double_eq(fmnn_trainer_epoch(trainer, EPOCHS)->lr, 0.01 * (1. / 25 / 1e4));
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* ---- 2. resuming */

/* As many layers as a model can have, each with bn, and all the tensors that a checkpoint can
   have. */
START_TEST(checkpoint_of_the_deepest_net)
{
    struct set set = make_set_of("avgpool all | repeat 1022 { conv 1 1x1 bn relu } | dense classes",
                                 "optimizer adamw; lr 0.001; epochs 1; average swa 1");
    size_t size[2];
    char *bytes[2];
    uint64_t header = 0;
    set_option(&set, "keep", "best");
    for (int i = 0; i < 2; i++) {
        struct fmnn_trainer *trainer = make_trainer(&set);
        struct fmnn_error err;
        if (i == 0)
            run_to_end(trainer);
        else
            ck_assert_msg(fmnn_trainer_resume(trainer, "checkpoint", &err) == 0, "%s", err.message);
        write_checkpoint(trainer);
        bytes[i] = bytes_of(&set, trainer, &size[i]);
        fmnn_trainer_free(trainer);
    }
    for (int i = 7; i >= 0; i--)
        header = header << 8 | (uint8_t)bytes[0][i];
    ck_assert_uint_gt(header, 3 << 19);
    ck_assert_uint_lt(header, FM_MAX_HEADER / 2);
    ck_assert(size[0] == size[1] && !memcmp(bytes[0], bytes[1], size[0]));
    free(bytes[0]);
    free(bytes[1]);
    free_set(&set);
}
END_TEST

static const char *const recipes[] = {
    "lr 0.01; schedule onecycle; optimizer adamw",
    "lr 0.01; schedule onecycle",
    "lr 0.1; schedule linear 0.3 0.2 0; optimizer sgd; momentum 0.9; nesterov on; decay 0.01",
    "lr 0.01; schedule steps 1,2 0.5; decay 0.01; decay-norms on",
    "lr 0.01; average ema 0.5",
    "lr 0.01; average ema 0.9 4; clip 0.5; optimizer adamw",
    "lr 0.1; average lookahead; optimizer sgd; momentum 0.9; schedule cosine",
    "lr 0.01; average swa 2",
    "lr 0.01; average swa 9; augment flip; clip 0.1",
};

/* A training that is interrupted after any step writes what an uninterrupted one writes. */
START_TEST(resumed_training_matches_at_every_step)
{
    struct fmnn_error err;
    struct set set = make_set(recipes[_i / 2]);
    if (_i % 2)
        set_option(&set, "keep", "last");
    size_t wanted_size, got_size, wanted_bytes, got_bytes;
    struct fmnn_trainer *whole = make_trainer(&set);
    run_to_end(whole);
    char *last = bytes_of(&set, whole, &wanted_size);
    ck_assert_int_eq(fmnn_trainer_finish(whole, NULL), 0);
    char *wanted = bytes_of(&set, NULL, &wanted_bytes);
    for (size_t cut = 1; cut <= EPOCHS * STEPS; cut++) {
        struct set again = make_set(recipes[_i / 2]);
        if (_i % 2)
            set_option(&again, "keep", "last");
        struct fmnn_trainer *first = make_trainer(&again);
        first->slice_seconds = 0; /* one batch a call */
        while (first->step < cut)
            advance(first);
        write_checkpoint(first);
        fmnn_trainer_free(first);
        fmnn_net_initialise(again.net, 99, 0);
        again.training.threads = 1;
        struct fmnn_trainer *second = make_trainer(&again);
        ck_assert_msg(fmnn_trainer_resume(second, "checkpoint", &err) == 0, "%s", err.message);
        run_to_end(second);
        for (unsigned e = 1; e <= EPOCHS; e++) {
            const struct fmnn_epoch *a = fmnn_trainer_epoch(second, e);
            const struct fmnn_epoch *b = fmnn_trainer_epoch(whole, e);
            ck_assert(a->loss == b->loss && a->val_loss == b->val_loss && a->lr == b->lr);
            second->epoch[e - 1].seconds = b->seconds;
        }
        char *checkpoint = bytes_of(&again, second, &got_size);
        ck_assert_msg(got_size == wanted_size && !memcmp(checkpoint, last, got_size),
                      "checkpoints differ after a cut at %zu", cut);
        ck_assert_int_eq(fmnn_trainer_finish(second, NULL), 0);
        char *got = bytes_of(&again, NULL, &got_bytes);
        ck_assert_msg(got_bytes == wanted_bytes && !memcmp(got, wanted, got_bytes),
                      "weights differ after a cut at %zu", cut);
        free(checkpoint);
        free(got);
        fmnn_trainer_free(second);
        free_set(&again);
    }
    free(last);
    free(wanted);
    fmnn_trainer_free(whole);
    free_set(&set);
}
END_TEST

/* A schedule's length is part of it. */
START_TEST(epochs_of_a_schedule_cannot_change)
{
    struct fmnn_error err;
    struct set set = make_set("lr 0.01; schedule cosine 0.1");
    struct fmnn_trainer *trainer = make_trainer(&set);
    run_to_end(trainer);
    write_checkpoint(trainer);
    double last = fmnn_trainer_epoch(trainer, EPOCHS)->lr;
    fmnn_trainer_free(trainer);
    set_option(&set, "epochs", "5");
    trainer = make_trainer(&set);
    ck_assert_int_eq(fmnn_trainer_resume(trainer, "checkpoint", &err), -1);
    check_message("epochs", &err, "checkpoint: ",
                  "scheduled for 3 epochs, not 5; --extend goes on at the last learning rate");
    fmnn_trainer_free(trainer);
    set.training.extend = true;
    for (int i = 0; i < 2; i++) { /* a refusal leaves the schedule as it is */
        set.training.seed += i == 0;
        set.training.exact = i == 1;
        trainer = make_trainer(&set);
        ck_assert_int_eq(fmnn_trainer_resume(trainer, "checkpoint", &err), -1);
        ck_assert_uint_eq(trainer->schedule_epochs, 5);
        fmnn_trainer_free(trainer);
        set.training.seed -= i == 0;
    }
    set.training.exact = false;
    for (int i = 0; i < 2; i++) { /* also from a checkpoint of an extended one */
        trainer = make_trainer(&set);
        ck_assert_int_eq(fmnn_trainer_resume(trainer, "checkpoint", &err), 0);
        run_to_end(trainer);
        ck_assert_double_eq(fmnn_trainer_epoch(trainer, 5)->lr, last);
        write_checkpoint(trainer);
        ck_assert_int_eq(fmnn_trainer_finish(trainer, NULL), 0);
        ck_assert_ptr_nonnull(strstr(set.net->training, "\"schedule_epochs\":3"));
        fmnn_trainer_free(trainer);
    }
    set.recipe.epochs = 1500000; /* more than the setting can be, as min-steps can make it */
    trainer = make_trainer(&set);
    write_checkpoint(trainer);
    fmnn_trainer_free(trainer);
    set.recipe.epochs = 5;
    trainer = make_trainer(&set);
    ck_assert_msg(fmnn_trainer_resume(trainer, "checkpoint", &err) == 0, "%s", err.message);
    ck_assert_uint_eq(trainer->schedule_epochs, 1500000);
    fmnn_trainer_free(trainer);
    set.training.extend = false;
    trainer = make_trainer(&set);
    ck_assert_int_eq(fmnn_trainer_resume(trainer, "checkpoint", &err), -1);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* ---- 3. settings */

START_TEST(small_sets_get_more_epochs)
{
    static const struct {
        const char *settings;
        unsigned epochs;
    } cases[] = {
        {"min-steps 18", 3},           {"min-steps 19", 4}, {"min-steps 61", 11},
        {"min-steps 61; epochs 0", 0}, {"min-steps 0", 3},
    };
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        struct set set = make_set(cases[i].settings);
        struct fmnn_trainer *trainer = make_trainer(&set);
        ck_assert_uint_eq(fmnn_trainer_epochs(trainer), cases[i].epochs);
        ck_assert_uint_eq(trainer->schedule_epochs, cases[i].epochs);
        fmnn_trainer_free(trainer);
        free_set(&set);
    }
}
END_TEST

/* Decay alone, for gradients of zero: the weights of a net that nothing else changes. */
START_TEST(decay_leaves_out_biases)
{
    static const char *const settings[] = {
        "optimizer sgd; lr 0.5; decay 0.5", "optimizer sgd; lr 0.5; decay 0.5; decay-norms on",
        "optimizer adamw; lr 0.5; decay 0.5", "optimizer adamw; lr 0.5; decay 0.5; decay-norms on"};
    struct set set = make_set(settings[_i]);
    set_option(&set, "class-weights", "1,0,0,0,0,0,0,0,0,0");
    set_option(&set, "epochs", "1");
    set_option(&set, "batch", "64");
    for (size_t i = 0; i < set.train->count; i++)
        set.train->labels[i] = 1; /* of weight 0: all gradients are 0 */
    for (size_t i = 0; i < set.net->trained; i++)
        set.net->weights[i] += set.net->weights[i] == 0 ? 0 : 1;
    for (size_t i = 0; i < set.net->parameter_count; i++)
        set.net->weights[set.net->parameter[i].offset] = 2;
    struct fmnn_trainer *trainer = make_trainer(&set);
    run_to_end(trainer);
    for (size_t i = 0; i < set.net->parameter_count; i++) {
        const struct fm_parameter *p = &set.net->parameter[i];
        if (!p->trained)
            continue;
        ck_assert_double_eq_tol((double)set.net->weights[p->offset],
                                p->rank > 1 || _i % 2 ? 1.5 : 2, 1e-6);
    }
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* The plain average of the weights after each step. */
START_TEST(averages_are_those_of_the_definition)
{
    static const char *const settings[] = {"lr 0.01; average ema 0.75",
                                           "lr 0.01; average ema 0.75 4",
                                           "lr 0.01; average lookahead", "lr 0.01; average swa 2"};
    struct set set = make_set(settings[_i]);
    struct fmnn_trainer *trainer = make_trainer(&set);
    size_t n = set.net->stored;
    double *average = calloc(n, sizeof *average);
    trainer->slice_seconds = 0; /* one batch a call */
    for (size_t k = 0; k < n; k++)
        average[k] = (double)set.net->weights[k];
    while (trainer->epoch_count < EPOCHS) {
        uint64_t before = trainer->step, t = before + 1;
        size_t epochs = trainer->epoch_count;
        float *old = malloc(n * sizeof *old);
        memcpy(old, set.net->weights, n * sizeof *old);
        advance(trainer);
        const float *w = set.net->weights;
        double x = (double)t / (EPOCHS * STEPS), share = 0;
        if (trainer->step == before) {
            free(old);
            continue;
        }
        if (_i == 0)
            share = t == 1 ? 1 : 0.25;
        else if (_i == 1)
            share = t == 4 ? 1 : t % 4 ? 0 : 1 - pow(0.75, 4);
        else if (_i == 3 && trainer->trained == IMAGES)
            share = epochs == 1 ? 1 : epochs == 2 ? 0.5 : 0;
        for (size_t k = 0; _i != 2 && k < n; k++)
            average[k] += share * ((double)w[k] - average[k]);
        if (_i == 2 && t % 5 == 0) /* the weights have become the average */
            ck_assert(!memcmp(w, trainer->averaged, n * sizeof *w));
        else if (_i == 2)
            ck_assert(memcmp(w, trainer->averaged, n * sizeof *w) != 0 || x < 0);
        for (size_t k = 0; _i != 2 && _i != 3 && k < n; k++)
            ck_assert_double_eq_tol((double)trainer->averaged[k], average[k], 1e-5);
        for (size_t k = 0; _i == 3 && share > 0 && k < set.net->trained; k++)
            ck_assert_double_eq_tol((double)trainer->averaged[k], average[k], 1e-5);
        free(old);
    }
    float *averaged = malloc(n * sizeof *averaged);
    memcpy(averaged, trainer->averaged, n * sizeof *averaged);
    ck_assert_int_eq(fmnn_trainer_finish(trainer, NULL), 0);
    ck_assert(!memcmp(set.net->weights, averaged, n * sizeof *averaged));
    free(averaged);
    free(average);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* All tensors, running statistics, too: they must not stay the first ones. */
START_TEST(an_average_without_memory_is_the_net)
{
    struct set set = make_set("lr 0.01"), zero = make_set("lr 0.01; average ema 0");
    struct fmnn_trainer *a = make_trainer(&set), *b = make_trainer(&zero);
    run_to_end(a);
    run_to_end(b);
    ck_assert_double_eq(fmnn_trainer_epoch(a, EPOCHS)->val_loss,
                        fmnn_trainer_epoch(b, EPOCHS)->val_loss);
    ck_assert(!memcmp(set.net->weights, b->averaged, set.net->stored * sizeof(float)));
    fmnn_trainer_free(a);
    fmnn_trainer_free(b);
    free_set(&set);
    free_set(&zero);
}
END_TEST

/* With one batch an epoch, whose share is 1, the running mean of the first bn is the mean of its
   input for the averaged weights: that of the net, if only one epoch is averaged. */
START_TEST(swa_measures_its_statistics)
{
    struct set set = make_set("lr 0.01; average swa 1"), same = make_set("lr 0.01");
    set_option(&set, "batch", "64");
    set_option(&same, "batch", "64");
    struct fmnn_trainer *a = make_trainer(&set), *b = make_trainer(&same);
    run_to_end(a);
    run_to_end(b);
    size_t trained = set.net->trained, rest = set.net->stored - trained;
    ck_assert(!memcmp(a->averaged, same.net->weights, trained * sizeof(float)));
    ck_assert(memcmp(a->averaged + trained, same.net->weights + trained, rest * sizeof(float)));
    /* A run of training on the final weights at a rate of almost 0, with bn 1, measures them. */
    set_option(&same, "bn", "1");
    set_option(&same, "lr", "1e-30");
    set_option(&same, "epochs", "1");
    fmnn_trainer_free(b);
    b = make_trainer(&same);
    run_to_end(b);
    for (size_t k = trained; k < set.net->stored; k++)
        ck_assert_double_eq_tol((double)a->averaged[k], (double)same.net->weights[k], 1e-5);
    fmnn_trainer_free(a);
    fmnn_trainer_free(b);
    free_set(&set);
    free_set(&same);
}
END_TEST

/* Of a training that hardly moves the weights: the running mean of the first bn, whose input is the
   same in any batch. malloc'ed. */
static float *first_mean(const char *batch, size_t *channels)
{
    struct set set = make_set("lr 1e-30; epochs 1; average swa 1");
    set_option(&set, "batch", batch);
    struct fmnn_trainer *trainer = make_trainer(&set);
    run_to_end(trainer);
    const struct fm_parameter *p = set.net->parameter;
    while (strcmp(p->name, "1.running_mean") != 0)
        p++;
    *channels = p->units;
    float *mean = malloc(p->units * sizeof *mean);
    fm_parameter_get(p, trainer->averaged, mean);
    fmnn_trainer_free(trainer);
    free_set(&set);
    return mean;
}

/* The mean is that over all images, also if the last batch has only one, of 45. */
START_TEST(swa_weighs_batches_by_their_images)
{
    static const char *const batches[] = {"8", "9", "44", "1"};
    size_t channels;
    float *whole = first_mean("64", &channels), *mean = first_mean(batches[_i], &channels);
    for (size_t c = 0; c < channels; c++)
        ck_assert_double_eq_tol((double)mean[c], (double)whole[c], 1e-5);
    free(mean);
    free(whole);
}
END_TEST

START_TEST(averages_have_a_canonical_text)
{
    static const char *const cases[][2] = {
        {"", "none"},
        {"none", "none"},
        {"ema .990", "ema 0.99"},
        {"ema 0 1", "ema 0"},
        {"ema 0.99999999949", "ema 0.999999999"},
        {" ema  0.9 5", "ema 0.9 5"},
        {"lookahead", "lookahead"},
        {"swa 3", "swa 3"},
        {"swa 0000000000000000000000000000000000000000000000000000000000000000000000015", "swa 15"},
    };
    static const char *const bad[][2] = {
        {"emma", "unknown average 'emma'; did you mean 'ema'?"},
        {"x", "unknown average 'x' (known: none, ema, lookahead, swa)"},
        {"ema", "ema needs a decay, such as 0.99"},
        {"ema 1", "the decay 1 is not in 0..1, without 1"},
        {"ema 0.9999999999", "the decay 0.9999999999 is not in 0..1, without 1"},
        {"ema -0.1", "the decay -0.1 is not in 0..1, without 1"},
        {"ema nan", "'nan' is not a number"},
        {"ema 0.9 0", "EVERY '0' is not a whole number from 1 to 1000000"},
        {"ema 0.9 1 2", "'2' is too much"},
        {"swa", "the number of epochs '' is not a whole number"},
        {"lookahead 3", "'3' is too much"},
    };
    char value[FM_MAX_VALUE];
    struct fmnn_error err;
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        ck_assert_int_eq(fm_average_read(cases[i][0], value, &err), 0);
        ck_assert_str_eq(value, cases[i][1]);
    }
    for (size_t i = 0; i < FM_COUNT(bad); i++) {
        ck_assert_int_eq(fm_average_read(bad[i][0], value, &err), -1);
        ck_assert_msg(strstr(err.message, bad[i][1]) != NULL, "%s", err.message);
    }
}
END_TEST

/* A step of plain gradient descent at rate 1 moves the weights by the clipped gradient. */
START_TEST(gradients_are_clipped_to_their_norm)
{
    static const struct {
        const char *settings;
        double clip;
    } cases[] = {{"optimizer sgd; lr 1; batch 64; epochs 1", 0},
                 {"optimizer sgd; lr 1; batch 64; epochs 1; clip 0.01", 0.01},
                 {"optimizer sgd; lr 1; batch 64; epochs 1; clip 1000", 0}};
    double free_norm = 0;
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        struct set set = make_set(cases[i].settings), start = make_set("lr 1");
        struct fmnn_trainer *trainer = make_trainer(&set);
        double sum = 0;
        run_to_end(trainer);
        for (size_t k = 0; k < set.net->trained; k++) {
            double d = (double)set.net->weights[k] - (double)start.net->weights[k];
            sum += d * d;
        }
        if (i == 0)
            free_norm = sqrt(sum);
        ck_assert_double_gt(free_norm, 0.1);
        double wanted = cases[i].clip > 0 ? cases[i].clip : free_norm;
        ck_assert_double_eq_tol(sqrt(sum), wanted, wanted * 1e-4);
        fmnn_trainer_free(trainer);
        free_set(&set);
        free_set(&start);
    }
}
END_TEST

/* The factor, by the definition: the squares are summed in blocks, and in each as 16 sums. */
static float factor_of(const float *gradients, size_t n, double clip)
{
    double sum = 0;
    for (size_t from = 0; from < n; from += FM_UPDATE) {
        double part[16] = {0}, block = 0;
        for (size_t i = from; i < n && i < from + FM_UPDATE; i++)
            part[i % 16] += (double)gradients[i] * (double)gradients[i];
        for (size_t k = 0; k < 16; k++)
            block += part[k];
        sum += block;
    }
    return (float)(clip / (sqrt(sum) + 1e-6));
}

/* Of a net whose gradients are several blocks, and more jobs than threads. */
START_TEST(gradients_of_many_blocks_are_clipped_alike)
{
    static const char text[] = "dense 600 relu | dense 300 relu | dense classes";
    static const char *const settings[] = {"optimizer sgd; lr 1; batch 64; epochs 1; clip 1e9",
                                           "optimizer sgd; lr 1; batch 64; epochs 1; clip 0.01"};
    struct set start = make_set_of(text, "lr 1"), set[2];
    struct fmnn_trainer *trainer[2];
    for (int i = 0; i < 2; i++) {
        set[i] = make_set_of(text, settings[i]);
        set[i].training.threads = i ? 3 : 1;
        trainer[i] = make_trainer(&set[i]);
        run_to_end(trainer[i]);
    }
    size_t n = start.net->trained;
    const float *plain = trainer[0]->gradients, *clipped = trainer[1]->gradients;
    float factor = factor_of(plain, n, 0.01);
    ck_assert_uint_gt(n, 10 * FM_UPDATE);
    ck_assert(factor < 0.5f);
    for (size_t k = 0; k < n; k++) {
        ck_assert(set[0].net->weights[k] == start.net->weights[k] - plain[k]);
        ck_assert(clipped[k] == plain[k] * factor);
        ck_assert(set[1].net->weights[k] == start.net->weights[k] - clipped[k]);
    }
    for (int i = 0; i < 2; i++) {
        fmnn_trainer_free(trainer[i]);
        free_set(&set[i]);
    }
    free_set(&start);
}
END_TEST

START_TEST(long_averages_are_doubted)
{
    static const struct {
        const char *settings, *message;
    } cases[] = {
        {"average ema 0.3", NULL},
        {"average ema 0.5", "'ema 0.5' averages over about 2 steps, which is more than a "
                            "tenth of the training's 18"},
        {"average ema 0.9; min-steps 100", NULL}, /* which makes 102 steps */
        {"average ema 0.9; epochs 0", NULL},
        {"average ema 0.3 2", "'ema 0.3 2' averages over about 2 steps, which is more than "
                              "a tenth of the training's 18"},
        {"average ema 0.3 19", "'ema 0.3 19' averages every 19 steps, but the training has "
                               "only 18: the weights stay as they begin"},
        {"average swa 3", NULL},
        {"average swa 4", "'swa 4' averages more epochs than the training has: 3"},
        {"average lookahead", NULL},
        {"average lookahead; epochs 1; batch 1000",
         "'lookahead' averages every 5 steps, but the training has only 1: the weights "
         "stay as they begin"}};
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        struct fmnn_error warning = {0};
        struct set set = make_set(cases[i].settings);
        struct fmnn_trainer *trainer = make_trainer(&set);
        ck_assert_int_eq(fmnn_trainer_warning(trainer, &warning), cases[i].message != NULL);
        if (cases[i].message)
            ck_assert_str_eq(warning.message, cases[i].message);
        fmnn_trainer_free(trainer);
        free_set(&set);
    }
}
END_TEST

/* Old recipes have the records and identities that they had. */
START_TEST(defaults_are_not_recorded)
{
    char json[FM_MAX_RECORD] = "", lines[FM_MAX_RECORD] = "";
    struct fmnn_recipe *recipe = fmnn_recipe_new(NULL, NULL);
    fm_recipe_resolve(recipe);
    fm_recipe_json(recipe, json);
    fm_recipe_identity(recipe, lines);
    ck_assert_str_eq(json, "\"optimizer\":\"adam\",\"lr\":0.001,\"batch\":32,\"epochs\":10");
    ck_assert_str_eq(lines, "optimizer adam\nlr 0.001\nmomentum 0\nbatch 32\n");
    fmnn_recipe_free(recipe);
    recipe = fmnn_recipe_new(NULL, NULL);
    fmnn_recipe_set(recipe, "optimizer", "adamw", NULL);
    fmnn_recipe_set(recipe, "schedule", "cosine", NULL);
    fm_recipe_resolve(recipe);
    json[0] = 0;
    fm_recipe_json(recipe, json);
    ck_assert_str_eq(json, "\"optimizer\":\"adamw\",\"lr\":0.001,\"batch\":32,\"epochs\":10,"
                           "\"schedule\":\"cosine\",\"decay\":0.01");
    fmnn_recipe_free(recipe);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("optim");
    tcase_add_test(tcase, cosines_are_those_of_libm);
    tcase_add_test(tcase, schedules_have_known_rates);
    tcase_add_test(tcase, schedules_have_a_canonical_text);
    tcase_add_test(tcase, history_has_the_rate_of_the_last_step);
    tcase_add_test(tcase, checkpoint_of_the_deepest_net);
    tcase_add_loop_test(tcase, resumed_training_matches_at_every_step, 0,
                        2 * (int)FM_COUNT(recipes));
    tcase_add_loop_test(tcase, averages_are_those_of_the_definition, 0, 4);
    tcase_add_test(tcase, an_average_without_memory_is_the_net);
    tcase_add_test(tcase, swa_measures_its_statistics);
    tcase_add_loop_test(tcase, swa_weighs_batches_by_their_images, 0, 4);
    tcase_add_test(tcase, averages_have_a_canonical_text);
    tcase_add_test(tcase, gradients_are_clipped_to_their_norm);
    tcase_add_test(tcase, gradients_of_many_blocks_are_clipped_alike);
    tcase_add_test(tcase, long_averages_are_doubted);
    tcase_add_test(tcase, epochs_of_a_schedule_cannot_change);
    tcase_add_test(tcase, small_sets_get_more_epochs);
    tcase_add_loop_test(tcase, decay_leaves_out_biases, 0, 4);
    tcase_add_test(tcase, defaults_are_not_recorded);
    scratch_enter();
    int status = run_tests("optim", tcase);
    scratch_leave();
    return status;
}
