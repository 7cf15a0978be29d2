/* check_optim.c -- schedules, optimizers and averages of whole trainings. */
#include "engine.h"

#include <math.h>

#include "base/float.h"
#include "data/samples.h"
#include "engine/train.h"
#include "runner.h"
#include "scratch.h"

/* Convolutions, a pool and dense layers; 45 images in batches of 8 are 6 steps. */
enum { NET = 8, IMAGES = 45, STEPS = 6, EPOCHS = 3 };

struct set {
    struct fmnn_net *net;
    struct fmnn_data *train, *valid;
    struct fmnn_training training;
    struct fmnn_recipe *recipe;
};

/* settings: "NAME VALUE; NAME VALUE" */
static struct set make_set(const char *settings)
{
    struct set set = {.net = make_net(NET, 1)};
    struct fmnn_error err;
    char copy[512], *save = NULL;
    set.train = make_data(set.net, IMAGES, 2);
    set.valid = make_data(set.net, 18, 3);
    set.recipe = fmnn_recipe_new(NULL, NULL);
    fmnn_recipe_set(set.recipe, "batch", "8", NULL);
    fmnn_recipe_set(set.recipe, "epochs", "3", NULL);
    snprintf(copy, sizeof copy, "%s", settings);
    for (char *s = strtok_r(copy, ";", &save); s; s = strtok_r(NULL, ";", &save)) {
        char *name = s + strspn(s, " "), *value = strchr(name, ' ');
        *value++ = 0;
        ck_assert_msg(fmnn_recipe_set(set.recipe, name, value, &err) == 0, "%s", err.message);
    }
    set.training = (struct fmnn_training){.threads = 2, .recipe = set.recipe, .keep_last = true};
    return set;
}

static void free_set(struct set *set)
{
    fmnn_net_free(set->net);
    fmnn_data_free(set->train);
    fmnn_data_free(set->valid);
    fmnn_recipe_free(set->recipe);
}

static struct fmnn_trainer *make_trainer(struct set *set)
{
    struct fmnn_error err;
    struct fmnn_trainer *trainer =
        fmnn_trainer_new(set->net, set->train, set->valid, &set->training, &err);
    ck_assert_msg(trainer != NULL, "%s", err.message);
    return trainer;
}

static void advance(struct fmnn_trainer *trainer)
{
    struct fmnn_error err;
    ck_assert_msg(fmnn_trainer_advance(trainer, &err) >= 0, "%s", err.message);
}

static void run_to_end(struct fmnn_trainer *trainer)
{
    struct fmnn_error err;
    int status;
    while ((status = fmnn_trainer_advance(trainer, &err)) != FMNN_DONE)
        ck_assert_msg(status >= 0, "%s", err.message);
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

static const char *const recipes[] = {
    "lr 0.01; schedule onecycle; optimizer adamw",
    "lr 0.01; schedule onecycle",
    "lr 0.1; schedule linear 0.3 0.2 0; optimizer sgd; momentum 0.9; nesterov on; decay 0.01",
    "lr 0.01; schedule steps 1,2 0.5; decay 0.01; decay-norms on",
};

/* A training that is interrupted after any step writes what an uninterrupted one writes. */
START_TEST(resumed_training_matches_at_every_step)
{
    struct fmnn_error err;
    struct set set = make_set(recipes[_i]);
    size_t wanted_size, got_size, wanted_bytes, got_bytes;
    struct fmnn_trainer *whole = make_trainer(&set);
    run_to_end(whole);
    char *last = bytes_of(&set, whole, &wanted_size);
    ck_assert_int_eq(fmnn_trainer_finish(whole, NULL), 0);
    char *wanted = bytes_of(&set, NULL, &wanted_bytes);
    for (size_t cut = 1; cut <= EPOCHS * STEPS; cut++) {
        struct set again = make_set(recipes[_i]);
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
    fmnn_recipe_set(set.recipe, "epochs", "5", NULL);
    trainer = make_trainer(&set);
    ck_assert_int_eq(fmnn_trainer_resume(trainer, "checkpoint", &err), -1);
    check_message("epochs", &err, "checkpoint: ",
                  "scheduled for 3 epochs, not 5; --extend goes on at the last learning rate");
    fmnn_trainer_free(trainer);
    set.training.extend = true;
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
    fmnn_recipe_set(set.recipe, "class-weights", "1,0,0,0,0,0,0,0,0,0", NULL);
    fmnn_recipe_set(set.recipe, "epochs", "1", NULL);
    fmnn_recipe_set(set.recipe, "batch", "64", NULL);
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
        ck_assert_double_eq_tol((double)set.net->weights[p->offset],
                                p->rank > 1 || _i % 2 ? 1.5 : 2, 1e-6);
    }
    fmnn_trainer_free(trainer);
    free_set(&set);
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
    tcase_add_loop_test(tcase, resumed_training_matches_at_every_step, 0, (int)FM_COUNT(recipes));
    tcase_add_test(tcase, epochs_of_a_schedule_cannot_change);
    tcase_add_test(tcase, small_sets_get_more_epochs);
    tcase_add_loop_test(tcase, decay_leaves_out_biases, 0, 4);
    tcase_add_test(tcase, defaults_are_not_recorded);
    scratch_enter();
    int status = run_tests("optim", tcase);
    scratch_leave();
    return status;
}
