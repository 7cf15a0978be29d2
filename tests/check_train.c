/* check_train.c -- training by epochs, its profile, checkpoints, weight files. */
#include "training.h"

#include <sys/resource.h>
#include <unistd.h>

#include "data/samples.h"
#include "runner.h"
#include "scratch.h"
#include "engine/train.h"
#include "files/weights.h"

/* Numbers of models: convolutions, both pools and dense layers; Winograd convolutions. */
enum { NET = 8, WIDE = 16 };

static struct set make_set_with(struct fmnn_net *net)
{
    struct set set = {.net = net};
    set.train = make_data(set.net, 45, 2);
    set.valid = make_data(set.net, 18, 3);
    set.training = (struct fmnn_training){.threads = 2};
    set.recipe = (struct fmnn_recipe){.optimizer = "adam", .lr = 0.003, .batch = 8, .epochs = 4};
    return set;
}

static struct set make_set_of(size_t model)
{
    return make_set_with(make_net(model, 1));
}

static struct set make_set(void)
{
    return make_set_of(NET);
}

static void write_net(const struct fmnn_net *net, const char *path)
{
    struct fmnn_error err;
    FILE *stream = fopen(path, "wb");
    ck_assert_msg(fmnn_net_write(net, stream, &err) == 0, "%s", err.message);
    ck_assert_int_eq(fclose(stream), 0);
}

static void write_checkpoint(const struct fmnn_trainer *trainer)
{
    struct fmnn_error err;
    FILE *stream = fopen("checkpoint", "wb");
    ck_assert_msg(fmnn_trainer_save(trainer, stream, &err) == 0, "%s", err.message);
    ck_assert_int_eq(fclose(stream), 0);
}

static bool same_files(const char *a, const char *b)
{
    FILE *p = fopen(a, "rb"), *q = fopen(b, "rb");
    int c = 0, d = 0;
    while (p && q && c == d && c != EOF) {
        c = getc(p);
        d = getc(q);
    }
    fclose(p);
    fclose(q);
    return c == d;
}

START_TEST(training_learns_and_keeps_the_first_best_epoch)
{
    enum { LAST = 40 };
    struct set set = make_set();
    set.recipe.epochs = LAST;
    set.recipe.lr = 0.01;
    struct fmnn_trainer *trainer = make_trainer(&set);
    run_to_end(trainer);
    unsigned best = 1;
    for (unsigned e = 1; e <= LAST; e++) {
        const struct fmnn_epoch *epoch = fmnn_trainer_epoch(trainer, e);
        ck_assert_ptr_nonnull(epoch);
        ck_assert(epoch->validated && epoch->epoch == e && epoch->lr == 0.01);
        if (epoch->val_accuracy > fmnn_trainer_epoch(trainer, best)->val_accuracy)
            best = e;
    }
    ck_assert_ptr_null(fmnn_trainer_epoch(trainer, 0));
    ck_assert_ptr_null(fmnn_trainer_epoch(trainer, LAST + 1));
    ck_assert_uint_eq(fmnn_trainer_kept(trainer), best);
    ck_assert_double_gt(fmnn_trainer_epoch(trainer, LAST)->accuracy, 0.9);
    ck_assert_double_lt(fmnn_trainer_epoch(trainer, LAST)->loss,
                        fmnn_trainer_epoch(trainer, 1)->loss);
    ck_assert_int_eq(fmnn_trainer_finish(trainer, NULL), 0);
    /* These are the weights that gave that accuracy. */
    struct fmnn_predictor *predictor = predictor_of(set.net, 8, 1, NULL);
    size_t correct = 0;
    for (size_t i = 0; i < 18; i++) {
        float p[10];
        fmnn_predictor_run(predictor, set.valid->pixels + i * 99, 1, p);
        correct += fmnn_best_class(p, 10) == set.valid->labels[i];
    }
    ck_assert_double_eq_tol((double)correct / 18, fmnn_trainer_epoch(trainer, best)->val_accuracy,
                            1e-12);
    fmnn_predictor_free(predictor);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* Loss and accuracy are means over the images when they were seen, with the short last batch. */
START_TEST(metrics_are_means_over_images)
{
    struct set set = make_set();
    set.recipe.lr = 1e-30; /* weights do not change: each epoch has the same net */
    set.recipe.epochs = 1;
    struct twin twin = make_twin(set.net);
    double loss = 0;
    for (size_t i = 0; i < 45; i++)
        loss += twin_loss(&twin, set.train->pixels + i * 99, set.train->labels[i], NULL);
    struct fmnn_trainer *trainer = make_trainer(&set);
    run_to_end(trainer);
    ck_assert_double_eq_tol(fmnn_trainer_epoch(trainer, 1)->loss, loss / 45, 1e-5);
    fmnn_trainer_free(trainer);
    free_twin(&twin);
    free_set(&set);
}
END_TEST

START_TEST(training_stops_when_patience_runs_out)
{
    struct set set = make_set();
    set.recipe.lr = 1e-30; /* nothing gets better after the first epoch */
    set.recipe.epochs = 50;
    set.training.patience = 3;
    struct fmnn_trainer *trainer = make_trainer(&set);
    run_to_end(trainer);
    ck_assert_ptr_nonnull(fmnn_trainer_epoch(trainer, 4));
    ck_assert_ptr_null(fmnn_trainer_epoch(trainer, 5));
    ck_assert_uint_eq(fmnn_trainer_kept(trainer), 1);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* Interrupted after various numbers of batches, and resumed with another number of threads. */
START_TEST(resumed_training_matches_uninterrupted)
{
    struct fmnn_error err;
    struct set set = make_set();
    if (_i == 1)
        set_option(&set, "keep", "last");
    set.training.exact = _i == 3;
    if (_i == 2)
        set.recipe = (struct fmnn_recipe){
            .optimizer = "sgd", .lr = 0.01, .momentum = 0.9, .batch = 8, .epochs = 3};
    struct fmnn_trainer *whole = make_trainer(&set);
    run_to_end(whole);
    ck_assert_int_eq(fmnn_trainer_finish(whole, NULL), 0);
    write_net(set.net, "wanted");
    unsigned epochs = set.recipe.epochs;
    for (size_t cut = 1; cut <= 6u * epochs; cut += 3) {
        struct set again = make_set();
        again.training = set.training;
        again.recipe = set.recipe;
        struct fmnn_trainer *first = make_trainer(&again);
        first->slice_seconds = 0; /* one batch a call */
        while (first->step < cut)
            ck_assert_int_ge(fmnn_trainer_advance(first, NULL), 0);
        write_checkpoint(first);
        fmnn_trainer_free(first);
        fmnn_net_initialise(again.net, 99, 0); /* everything must come from the checkpoint */
        again.training.threads = 1;
        struct fmnn_trainer *second = make_trainer(&again);
        double longest = second->slice_seconds;
        second->slice_seconds = 0;
        while (cut == 1 && second->validated == 0) /* it must forget this epoch */
            ck_assert_int_ge(fmnn_trainer_advance(second, NULL), 0);
        second->slice_seconds = longest;
        ck_assert_msg(fmnn_trainer_resume(second, "checkpoint", &err) == 0, "%s", err.message);
        run_to_end(second);
        for (unsigned e = 1; e <= epochs; e++) {
            ck_assert(fmnn_trainer_epoch(second, e)->loss == fmnn_trainer_epoch(whole, e)->loss);
            ck_assert(fmnn_trainer_epoch(second, e)->val_accuracy ==
                      fmnn_trainer_epoch(whole, e)->val_accuracy);
        }
        ck_assert_int_eq(fmnn_trainer_finish(second, NULL), 0);
        write_net(again.net, "got");
        ck_assert_msg(same_files("wanted", "got"), "cut after %zu batches", cut);
        fmnn_trainer_free(second);
        free_set(&again);
    }
    fmnn_trainer_free(whole);
    free_set(&set);
}
END_TEST

/* Even if no later epoch is better. */
START_TEST(best_weights_survive_a_checkpoint)
{
    struct set set = make_set();
    struct fmnn_trainer *first = make_trainer(&set);
    while (first->epoch_count < 2)
        ck_assert_int_ge(fmnn_trainer_advance(first, NULL), 0);
    size_t bytes = set.net->stored * sizeof(float);
    float *best = malloc(bytes);
    for (size_t i = 0; i < set.net->stored; i++)
        best[i] = first->best[i] = set.net->weights[i] * 0.5f;
    first->kept = 1;
    first->epoch[0].val_accuracy = 2;
    write_checkpoint(first);
    fmnn_trainer_free(first);
    struct fmnn_trainer *second = make_trainer(&set);
    ck_assert_int_eq(fmnn_trainer_resume(second, "checkpoint", NULL), 0);
    run_to_end(second);
    ck_assert_uint_eq(fmnn_trainer_kept(second), 1);
    ck_assert_int_eq(fmnn_trainer_finish(second, NULL), 0);
    ck_assert_int_eq(memcmp(set.net->weights, best, bytes), 0);
    free(best);
    fmnn_trainer_free(second);
    free_set(&set);
}
END_TEST

START_TEST(resuming_another_training_is_refused)
{
    struct fmnn_error err;
    struct set set = make_set();
    struct fmnn_trainer *trainer = make_trainer(&set);
    ck_assert_int_ge(fmnn_trainer_advance(trainer, NULL), 0);
    write_checkpoint(trainer);
    write_net(set.net, "weights");
    fmnn_trainer_free(trainer);
    static const char *const reasons[] = {"made with another lr: '0.003', not '0.1'",
                                          "another batch: '8', not '9'",
                                          "another seed: '0', not '5'",
                                          "another optimizer: 'adam', not 'sgd'",
                                          "another keep: 'best', not 'last'",
                                          "made without exact convolutions",
                                          "made with other data"};
    for (size_t i = 0; i < FM_COUNT(reasons); i++) {
        struct set other = make_set();
        struct fmnn_recipe *recipe = &other.recipe;
        if (i == 0)
            recipe->lr = 0.1;
        else if (i == 1)
            recipe->batch = 9;
        else if (i == 2)
            other.training.seed = 5;
        else if (i == 3)
            memcpy(recipe->optimizer, "sgd", 4);
        else if (i == 4)
            set_option(&other, "keep", "last");
        else if (i == 5)
            other.training.exact = true;
        else
            other.train->pixels[7] ^= 1;
        trainer = make_trainer(&other);
        ck_assert_int_eq(fmnn_trainer_resume(trainer, "checkpoint", &err), -1);
        ck_assert_msg(strstr(err.message, reasons[i]) != NULL, "%s", err.message);
        fmnn_trainer_free(trainer);
        free_set(&other);
    }
    trainer = make_trainer(&set);
    ck_assert_int_eq(fmnn_trainer_resume(trainer, "weights", &err), -1);
    ck_assert_msg(strstr(err.message, "weights, but not a checkpoint") != NULL, "%s", err.message);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* Writes a valid file with a checkpoint of an impossible training. */
static void rewrite_checkpoint(const char *without, const char *key, const char *text, size_t state,
                               uint64_t number)
{
    static const char *const keys[] = {"fmnn.checkpoint", "fmnn.classes", "fmnn.exact",
                                       "fmnn.input",      "fmnn.model",   "fmnn.training",
                                       "fmnn.version"};
    struct fm_metadata pair[FM_COUNT(keys) + 1];
    struct fm_tensor entry[64];
    size_t pairs = 0, entries = 0;
    uint64_t copy[64];
    struct fm_safetensors *file = fm_safetensors_read("checkpoint", NULL);
    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < FM_COUNT(keys); i++) {
        const char *value =
            key && !strcmp(key, keys[i]) ? text : fm_safetensors_text(file, keys[i]);
        if (value)
            pair[pairs++] = (struct fm_metadata){keys[i], value};
    }
    const struct fm_tensor *e;
    for (size_t i = 0; (e = fm_safetensors_at(file, i)) != NULL; i++) {
        if (without && !strncmp(e->name, without, strlen(without)))
            continue;
        entry[entries++] = *e;
        if (strcmp(e->name, "state") != 0 || state == SIZE_MAX)
            continue;
        memcpy(copy, e->data, e->bytes);
        copy[state] = number;
        entry[entries - 1].data = copy;
    }
    FILE *stream = fopen("rewritten", "wb");
    ck_assert_int_eq(fm_safetensors_write(stream, pair, pairs, entry, entries, NULL), 0);
    fclose(stream);
    fm_safetensors_free(file);
}

START_TEST(impossible_checkpoints_are_refused)
{
    enum { STEP, TRAINED, LOSS, CORRECT, SECONDS, KEPT, NONE = -1 };
    static const struct {
        const char *without, *key, *text;
        int state;
        uint64_t number;
        const char *message;
    } cases[] = {
        {NULL, NULL, NULL, TRAINED, 8, NULL},
        {NULL, NULL, NULL, TRAINED, 45, NULL},
        {NULL, NULL, NULL, TRAINED, 46, "the state does not fit the data"},
        {NULL, NULL, NULL, TRAINED, 48, "the state does not fit the data"},
        {NULL, NULL, NULL, TRAINED, 3, "the state does not fit the data"},
        {NULL, NULL, NULL, CORRECT, 1, "the state does not fit the data"},
        {NULL, NULL, NULL, KEPT, 2, NULL},
        {NULL, NULL, NULL, KEPT, 3, "the state does not fit the data"},
        {"best.", NULL, NULL, NONE, 0, "the best weights are missing"},
        {"best.0.weight", NULL, NULL, NONE, 0, "the best weights are missing"},
        {"best.0.bias", NULL, NULL, NONE, 0, "tensor 'best.0.bias' is missing"},
        {"state", NULL, NULL, NONE, 0, "tensor 'state' is missing or has another shape"},
        {"history", NULL, NULL, NONE, 0, "tensor 'history' is missing or has another shape"},
        {"optimizer.", NULL, NULL, NONE, 0, "tensor 'optimizer."},
        {NULL, "fmnn.exact", "no", NONE, 0, "fmnn.exact is not 'true'"},
        {NULL, "fmnn.checkpoint", NULL, NONE, 0, "weights, but not a checkpoint"},
        {NULL, "fmnn.checkpoint", "", NONE, 0, "this version of fmnn cannot read the checkpoint"},
        {NULL, "fmnn.checkpoint", "colour red\n", NONE, 0,
         "this version of fmnn cannot read the checkpoint"},
        {NULL, "fmnn.checkpoint", "model", NONE, 0,
         "this version of fmnn cannot read the checkpoint"},
        {NULL, "fmnn.checkpoint", "mo", NONE, 0, "this version of fmnn cannot read the checkpoint"},
        {NULL, "fmnn.checkpoint", "classes 10\nmodel x\n", NONE, 0,
         "made with another model: 'x', not '"},
        {NULL, "fmnn.checkpoint", "classes 9\nmodel x\n", NONE, 0, "made with 9 classes, not 10"},
    };
    struct set set = make_set();
    struct fmnn_trainer *trainer = make_trainer(&set);
    while (trainer->epoch_count < 2)
        ck_assert_int_ge(fmnn_trainer_advance(trainer, NULL), 0);
    write_checkpoint(trainer);
    fmnn_trainer_free(trainer);
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        struct fmnn_error err = {0};
        rewrite_checkpoint(cases[i].without, cases[i].key, cases[i].text, (size_t)cases[i].state,
                           cases[i].number);
        trainer = make_trainer(&set);
        int status = fmnn_trainer_resume(trainer, "rewritten", &err);
        ck_assert_msg(status == (cases[i].message ? -1 : 0), "case %zu: %s", i, err.message);
        if (cases[i].message)
            check_message("checkpoint", &err, "rewritten: ", cases[i].message);
        fmnn_trainer_free(trainer);
    }
    set_option(&set, "keep", "last");
    trainer = make_trainer(&set); /* if the last is kept, there is no best */
    while (trainer->epoch_count < 1)
        ck_assert_int_ge(fmnn_trainer_advance(trainer, NULL), 0);
    write_checkpoint(trainer);
    rewrite_checkpoint(NULL, NULL, NULL, KEPT, 1);
    ck_assert_int_eq(fmnn_trainer_resume(trainer, "rewritten", NULL), -1);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* A checkpoint's identity without one of its lines, or with another one. Returns the status of
   resuming; *err is set. */
static int resume_edited(struct set *set, const char *line, const char *instead,
                         struct fmnn_error *err)
{
    char text[1024] = "";
    struct fm_safetensors *file = fm_safetensors_read("checkpoint", NULL);
    const char *identity = fm_safetensors_text(file, "fmnn.checkpoint");
    const char *at = strstr(identity, line);
    ck_assert_ptr_nonnull(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - identity), identity, instead,
             at + strcspn(at, "\n") + 1);
    fm_safetensors_free(file);
    rewrite_checkpoint(NULL, "fmnn.checkpoint", text, (size_t)-1, 0);
    struct fmnn_trainer *trainer = make_trainer(set);
    int status = fmnn_trainer_resume(trainer, "rewritten", err);
    fmnn_trainer_free(trainer);
    return status;
}

/* A setting that the checkpoint does not mention has its default. */
START_TEST(checkpoints_without_a_setting)
{
    struct fmnn_error err;
    struct set set = make_set();
    memcpy(set.recipe.optimizer, "sgd", 4);
    struct fmnn_trainer *trainer = make_trainer(&set);
    ck_assert_int_ge(fmnn_trainer_advance(trainer, NULL), 0);
    write_checkpoint(trainer);
    fmnn_trainer_free(trainer);
    ck_assert_int_eq(resume_edited(&set, "momentum 0", "", &err), 0);
    ck_assert_int_eq(resume_edited(&set, "momentum 0", "momentum 0.5\n", &err), -1);
    check_message("other", &err, "rewritten: ", "made with another momentum: '0.5', not '0'");
    ck_assert_int_eq(resume_edited(&set, "momentum 0", "warmth 3\n", &err), -1);
    check_message("unknown", &err,
                  "rewritten: ", "this version of fmnn cannot read the checkpoint");
    ck_assert_int_eq(resume_edited(&set, "seed", "", &err), -1);
    check_message("missing", &err,
                  "rewritten: ", "this version of fmnn cannot read the checkpoint");
    set.recipe.momentum = 0.25;
    ck_assert_int_eq(resume_edited(&set, "momentum 0", "", &err), -1);
    check_message("default", &err, "rewritten: ", "made with another momentum: '0', not '0.25'");
    set.recipe.momentum = 0;
    set.recipe.epochs = 9; /* may change */
    ck_assert_int_eq(resume_edited(&set, "momentum 0", "", &err), 0);
    free_set(&set);
}
END_TEST

/* After finish, before the last epoch: memory is freed, and advance does nothing. */
START_TEST(finished_training_does_not_continue)
{
    struct set set = make_set();
    struct fmnn_trainer *trainer = make_trainer(&set);
    while (trainer->epoch_count < 1)
        ck_assert_int_ge(fmnn_trainer_advance(trainer, NULL), 0);
    ck_assert_uint_gt(set.recipe.epochs, 1);
    write_checkpoint(trainer);
    ck_assert_int_eq(fmnn_trainer_finish(trainer, NULL), 0);
    ck_assert_int_eq(fmnn_trainer_advance(trainer, NULL), FMNN_DONE);
    ck_assert_uint_eq(trainer->epoch_count, 1);
    struct fmnn_error err;
    ck_assert_int_eq(fmnn_trainer_save(trainer, stderr, &err), -1);
    ck_assert_int_eq(err.status, FMNN_USAGE);
    err.status = FMNN_OK;
    ck_assert_int_eq(fmnn_trainer_resume(trainer, "checkpoint", &err), -1);
    ck_assert_int_eq(err.status, FMNN_USAGE);
    ck_assert_str_eq(err.message, "a training cannot be resumed after its end");
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* The latest weights within an epoch are those of no epoch; the best ones stay those of theirs. */
START_TEST(kept_epoch_within_an_epoch)
{
    struct set set = make_set();
    bool best = _i == 0;
    set_option(&set, "keep", best ? "best" : "last");
    struct fmnn_trainer *trainer = make_trainer(&set);
    trainer->slice_seconds = 0;
    for (unsigned ended = 0; ended < 2; ended++) {
        ck_assert_int_eq(fmnn_trainer_advance(trainer, NULL), FMNN_BATCH);
        ck_assert_uint_eq(fmnn_trainer_kept(trainer), best ? trainer->kept : 0);
        while (trainer->epoch_count == ended)
            ck_assert_int_ge(fmnn_trainer_advance(trainer, NULL), 0);
        ck_assert_uint_eq(fmnn_trainer_kept(trainer), best ? trainer->kept : ended + 1);
    }
    ck_assert_int_eq(fmnn_trainer_advance(trainer, NULL), FMNN_BATCH);
    ck_assert_int_eq(fmnn_trainer_finish(trainer, NULL), 0);
    ck_assert_uint_eq(fmnn_trainer_kept(trainer), best ? trainer->kept : 0);
    ck_assert(!best || trainer->kept > 0);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* ---- direct convolution instead of Winograd */

/* Trains for some epochs, slowly, so that losses stay away from 0, and keeps the last weights. */
static struct fmnn_trainer *train_wide(struct set *set, bool exact)
{
    *set = make_set_of(WIDE);
    set->recipe.lr = 1e-4;
    set->training.exact = exact;
    set_option(set, "keep", "last");
    struct fmnn_trainer *trainer = make_trainer(set);
    run_to_end(trainer);
    ck_assert_int_eq(fmnn_trainer_finish(trainer, NULL), 0);
    return trainer;
}

START_TEST(direct_and_winograd_losses_are_close)
{
    struct set plain, exact;
    struct fmnn_trainer *first = train_wide(&plain, false), *second = train_wide(&exact, true);
    ck_assert_uint_gt(first->plan->winograd_count, 0);
    ck_assert_uint_eq(second->plan->winograd_count, 0);
    ck_assert(!fmnn_net_exact(plain.net) && fmnn_net_exact(exact.net));
    size_t bytes = plain.net->stored * sizeof(float);
    ck_assert_int_ne(memcmp(plain.net->weights, exact.net->weights, bytes), 0);
    for (unsigned e = 1; e <= 4; e++) {
        const struct fmnn_epoch *p = fmnn_trainer_epoch(first, e);
        const struct fmnn_epoch *q = fmnn_trainer_epoch(second, e);
        ck_assert_double_eq_tol(p->loss, q->loss, 1e-4);
        ck_assert_double_eq_tol(p->val_loss, q->val_loss, 1e-4);
    }
    ck_assert_ptr_null(strstr(plain.net->training, "exact"));
    ck_assert_ptr_nonnull(strstr(exact.net->training, "\"exact\":true"));
    fmnn_trainer_free(first);
    fmnn_trainer_free(second);
    free_set(&plain);
    free_set(&exact);
}
END_TEST

enum { VALID = 18 };

static bool feed_valid(void *state, struct fm_run *run)
{
    bool *fed = state, first = !*fed;
    run->images = VALID;
    *fed = true;
    return first;
}

/* The loss of a net from a file, by a plan for prediction. */
static double loss_of(const struct fmnn_net *net, const struct fmnn_data *data)
{
    const uint8_t *pixels[VALID];
    uint16_t labels[VALID];
    double loss[VALID], sum = 0;
    uint8_t correct[VALID];
    bool fed = false;
    fm_data_batch(data, NULL, 0, VALID, pixels, labels);
    struct fm_plan *plan = fm_plan_new(net, VALID, 1, false, FM_OPTIMIZER_adam, NULL);
    struct fm_run run = {.pixels = pixels,
                         .labels = labels,
                         .weights = net->weights,
                         .loss = loss,
                         .correct = correct};
    fm_plan_loop(plan, fm_kernels_find(NULL, NULL), 1, &run, feed_valid, &fed);
    fm_plan_free(plan);
    for (size_t i = 0; i < VALID; i++)
        sum += loss[i];
    return sum / VALID;
}

/* A net from a file uses the algorithm it was trained with: its validation loss is that of
   training, bit for bit, and differs with the other algorithm. */
START_TEST(exact_survives_a_file)
{
    struct fmnn_error err;
    struct set set;
    struct fmnn_trainer *trainer = train_wide(&set, _i > 0);
    write_net(set.net, "weights");
    write_checkpoint(trainer);
    double wanted = fmnn_trainer_epoch(trainer, 4)->val_loss;
    static const char *const files[] = {"weights", "checkpoint"};
    for (size_t i = 0; i < FM_COUNT(files); i++) {
        struct fmnn_net *again = fmnn_net_read(files[i], &err);
        ck_assert_msg(again != NULL, "%s", err.message);
        ck_assert_int_eq(fmnn_net_exact(again), _i > 0);
        ck_assert(loss_of(again, set.valid) == wanted);
        if (i == 0) {
            write_net(again, "again");
            ck_assert(same_files("weights", "again"));
        }
        again->exact = !again->exact;
        ck_assert(loss_of(again, set.valid) != wanted);
        ck_assert_double_eq_tol(loss_of(again, set.valid), wanted, 1e-5);
        fmnn_net_free(again);
    }
    fmnn_trainer_free(trainer);
    set.training.exact = !set.training.exact;
    trainer = make_trainer(&set);
    ck_assert_int_eq(fmnn_net_exact(set.net), _i == 0); /* the trainer sets it */
    ck_assert_int_eq(fmnn_trainer_resume(trainer, "checkpoint", &err), -1);
    check_message("resume", &err, "checkpoint",
                  _i > 0 ? "the checkpoint was made with exact convolutions"
                         : "the checkpoint was made without exact convolutions");
    ck_assert_int_eq(err.status, FMNN_USAGE);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

START_TEST(non_finite_loss_ends_training)
{
    struct fmnn_error err;
    struct set set = make_set();
    memcpy(set.recipe.optimizer, "sgd", 4);
    set.recipe.lr = 1e3;
    set.recipe.epochs = 100;
    for (size_t i = 0; i < set.net->stored; i++)
        set.net->weights[i] *= 1e12f;
    struct fmnn_trainer *trainer = make_trainer(&set);
    int status;
    while ((status = fmnn_trainer_advance(trainer, &err)) >= 0)
        ck_assert_int_ne(status, FMNN_DONE);
    ck_assert_msg(strstr(err.message, "the loss is no longer finite at step") != NULL, "%s",
                  err.message);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* The loss of the last step is finite, but its weights are not: with and without a validation set,
   and if the caller stops within an epoch. */
START_TEST(non_finite_weights_end_training)
{
    struct fmnn_error err = {0};
    struct set set = make_set();
    memcpy(set.recipe.optimizer, "sgd", 4);
    set.recipe.lr = 1e38;
    set.recipe.epochs = 1;
    set.recipe.batch = _i == 2 ? 23 : 45;
    set.training.recipe = &set.recipe;
    if (_i > 0)
        set_option(&set, "keep", "last");
    for (size_t i = 0; i < set.net->stored; i++) /* large values, so large gradients */
        set.net->weights[i] *= 100;
    struct fmnn_trainer *trainer =
        fmnn_trainer_new(set.net, set.train, _i == 0 ? set.valid : NULL, &set.training, &err);
    trainer->slice_seconds = 0; /* one batch a call */
    int status = FMNN_BATCH;
    while (status == FMNN_BATCH && (_i != 2 || trainer->step == 0))
        status = fmnn_trainer_advance(trainer, &err);
    if (_i == 2)
        status = fmnn_trainer_finish(trainer, &err);
    ck_assert_int_eq(status, -1);
    ck_assert_msg(strstr(err.message, " no longer finite at step 1, in epoch 1") != NULL, "%s",
                  err.message);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* If weights or an output are not finite, the message names the layer, and the step changes
   nothing. */
START_TEST(error_names_the_layer)
{
    static const struct {
        float value;
        const char *message;
    } cases[] = {
        {3e38f, "the loss is no longer finite at step 2, in epoch 1, from the output of"},
        {INFINITY, "at step 2, in epoch 1, with the weights of"},
        {NAN, "at step 2, in epoch 1, with the weights of"},
    };
    struct fmnn_error err;
    for (size_t layer = 0; layer < 4; layer += 2) /* a convolution, and the one after the pool */
        for (size_t i = 0; i < FM_COUNT(cases); i++) {
            struct set set = make_set();
            struct fmnn_trainer *trainer = make_trainer(&set);
            trainer->slice_seconds = 0;
            ck_assert_int_eq(fmnn_trainer_advance(trainer, &err), FMNN_BATCH);
            const struct fm_parameter *weight = &set.net->parameter[set.net->node[layer].parameter];
            for (size_t k = 0; k < weight->stored; k++)
                set.net->weights[weight->offset + k] = cases[i].value;
            size_t bytes = set.net->stored * sizeof(float);
            float *before = malloc(bytes);
            memcpy(before, set.net->weights, bytes);
            ck_assert_int_eq(fmnn_trainer_advance(trainer, &err), -1);
            ck_assert_int_eq(err.status, FMNN_DATA);
            ck_assert_msg(strstr(err.message, cases[i].message) != NULL, "%s", err.message);
            char name[64];
            snprintf(name, sizeof name, " layer %zu, '%s'; a smaller", layer + 1,
                     set.net->node[layer].text);
            ck_assert_msg(strstr(err.message, name) != NULL, "%s", err.message);
            ck_assert_int_eq(memcmp(before, set.net->weights, bytes), 0);
            free(before);
            fmnn_trainer_free(trainer);
            free_set(&set);
        }
}
END_TEST

/* Outputs of bn are not kept, but for those that another bn reads. */
START_TEST(error_names_the_normalisation)
{
    struct fmnn_error err;
    for (size_t layer = 1; layer < 6; layer++) {
        struct set set = make_set_with(make_net_of(
            "conv 40 3x3 | bn relu | bn | bn | conv 40 3x3 | bn relu | dense classes", 6, 7, 3, 1));
        const struct fm_node *node = &set.net->node[layer];
        if (node->layer.type == &fm_bn) {
            struct fmnn_trainer *trainer = make_trainer(&set);
            const struct fm_parameter *weight = &set.net->parameter[node->parameter];
            for (size_t k = 0; k < weight->units; k++)
                set.net->weights[weight->offset + k] = 3e38f;
            ck_assert_int_eq(fmnn_trainer_advance(trainer, &err), -1);
            char name[64];
            snprintf(name, sizeof name, "from the output of layer %zu, '%s';", layer + 1,
                     node->text);
            ck_assert_msg(strstr(err.message, name) != NULL, "%s: %s", name, err.message);
            fmnn_trainer_free(trainer);
        }
        free_set(&set);
    }
}
END_TEST

/* The learning rate is far too large: after the first step, outputs grow from layer to layer, until
   they are not finite. */
START_TEST(error_names_the_layer_if_lr_is_too_large)
{
    struct fmnn_error err;
    static const char text[] = "dense 9 | dense 9 | dense 9 | dense 9 | dense 9 | dense 9 |"
                               "dense 9 | dense 9 | dense 9 | dense 9 | dense 9 | dense classes";
    struct set set = make_set_with(make_net_of(text, 6, 7, 3, 1));
    set.recipe.lr = 1000;
    struct fmnn_trainer *trainer = make_trainer(&set);
    int status;
    while ((status = fmnn_trainer_advance(trainer, &err)) >= 0)
        ck_assert_int_ne(status, FMNN_DONE);
    ck_assert_uint_eq(trainer->step, 2);
    const char *layer = strstr(err.message, "at step 2, in epoch 1, from the output of layer ");
    ck_assert_msg(layer && atoi(strstr(layer, "layer ") + 6) > 6, "%s", err.message);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* A training that fails keeps the weights of the end of an epoch, and its record says so: the best
   epoch or, if the last is kept, the last one, of this run or of the checkpoint. */
START_TEST(last_good_weights_are_kept)
{
    struct fmnn_error err;
    struct set set = make_set();
    bool resumed = _i == 2;
    if (_i > 0)
        set_option(&set, "keep", "last");
    struct fmnn_trainer *trainer = make_trainer(&set);
    while (trainer->epoch_count < 2)
        ck_assert_int_ge(fmnn_trainer_advance(trainer, NULL), 0);
    if (resumed) {
        write_checkpoint(trainer);
        fmnn_trainer_free(trainer);
        trainer = make_trainer(&set);
        ck_assert_int_eq(fmnn_trainer_resume(trainer, "checkpoint", NULL), 0);
    }
    size_t bytes = set.net->stored * sizeof(float);
    float *good = malloc(bytes);
    memcpy(good, _i == 0 ? trainer->best : set.net->weights, bytes);
    unsigned kept = fmnn_trainer_kept(trainer);
    trainer->slice_seconds = 0;
    while (!resumed && trainer->trained == 0)
        ck_assert_int_eq(fmnn_trainer_advance(trainer, NULL), FMNN_BATCH);
    set.net->weights[0] = NAN;
    ck_assert_int_eq(fmnn_trainer_advance(trainer, &err), -1);
    ck_assert_msg(strstr(err.message, "the loss is no longer finite") != NULL, "%s", err.message);
    ck_assert_int_eq(fmnn_trainer_advance(trainer, &err), -1);
    ck_assert_str_eq(err.message, "this training has failed and cannot continue");
    FILE *stream = fopen("failed", "wb");
    ck_assert_int_eq(fmnn_trainer_save(trainer, stream, &err), -1);
    ck_assert_int_eq(err.status, FMNN_DATA);
    fclose(stream);
    ck_assert_uint_eq(fmnn_trainer_kept(trainer), kept);
    ck_assert_int_eq(fmnn_trainer_finish(trainer, &err), 0);
    ck_assert_int_eq(memcmp(set.net->weights, good, bytes), 0);
    char record[64];
    snprintf(record, sizeof record, "\"epoch\":%u,\"loss\"", kept);
    ck_assert_msg(strstr(set.net->training, record) != NULL, "%s", set.net->training);
    ck_assert(_i == 0 || strstr(set.net->training, "\"step\":12}"));
    free(good);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* The caller stops within an epoch, but the last step has made weights that are not finite. */
START_TEST(bad_weights_are_not_saved)
{
    struct fmnn_error err;
    struct set set = make_set();
    set_option(&set, "keep", "last");
    struct fmnn_trainer *trainer = make_trainer(&set);
    trainer->slice_seconds = 0;
    for (unsigned step = 1; step <= 7; step++) { /* six an epoch, and then validation */
        while (trainer->step < step)
            ck_assert_int_ge(fmnn_trainer_advance(trainer, NULL), 0);
        if (step != 1 && step != 7)
            continue;
        float saved = set.net->weights[3];
        set.net->weights[3] = INFINITY;
        FILE *stream = fopen("bad", "wb");
        ck_assert_int_eq(fmnn_trainer_save(trainer, stream, &err), -1);
        ck_assert_msg(strstr(err.message, "the weights are no longer finite at step") &&
                          strstr(err.message, ", in layer 1, 'conv 9 3x3"),
                      "%s", err.message);
        ck_assert_int_eq(ftell(stream), 0);
        fclose(stream);
        if (step == 1) /* no epoch has ended */
            ck_assert_int_eq(fmnn_trainer_finish(trainer, &err), -1);
        else
            ck_assert_int_eq(fmnn_trainer_finish(trainer, &err), 0);
        ck_assert(step == 1 || isfinite(set.net->weights[3]));
        if (step == 1)
            set.net->weights[3] = saved;
    }
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

static void check_finite_floats(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert(isfinite(values[i]));
}

static const char *const averages[] = {"none", "ema 0.9", "lookahead", "swa 2"};

/* The same, and the average of the weights is no better. */
START_TEST(bad_averages_are_not_kept)
{
    struct fmnn_error err;
    struct set set = make_set();
    set_option(&set, "keep", "last");
    set_option(&set, "average", averages[_i]);
    struct fmnn_trainer *trainer = make_trainer(&set);
    trainer->slice_seconds = 0;
    while (trainer->step < 7)
        ck_assert_int_ge(fmnn_trainer_advance(trainer, NULL), 0);
    set.net->weights[3] = INFINITY;
    if (trainer->averaged)
        trainer->averaged[3] = INFINITY;
    ck_assert_int_eq(fmnn_trainer_finish(trainer, &err), 0);
    check_finite_floats(set.net->weights, set.net->stored);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* Resuming forgets a failure, what it has left in spare lanes, and the weights that were kept. */
START_TEST(resuming_clears_a_failure)
{
    struct fmnn_error err;
    struct set set = make_set();
    set_option(&set, "keep", "last");
    set_option(&set, "average", averages[_i]);
    struct fmnn_trainer *trainer = make_trainer(&set);
    FILE *stream = fopen("begun", "wb");
    ck_assert_int_eq(fmnn_trainer_save(trainer, stream, NULL), 0);
    ck_assert_int_eq(fclose(stream), 0);
    while (trainer->epoch_count < 1)
        ck_assert_int_ge(fmnn_trainer_advance(trainer, NULL), 0);
    for (size_t i = 0; i < set.net->stored; i++) {
        set.net->weights[i] = NAN;
        for (size_t k = 0; trainer->optimizer->slot_names[k]; k++)
            trainer->slots[k][i] = NAN;
        if (trainer->averaged)
            trainer->averaged[i] = NAN;
    }
    int status;
    do
        status = fmnn_trainer_advance(trainer, NULL);
    while (status > 0);
    ck_assert_int_eq(status, -1);
    ck_assert_int_eq(fmnn_trainer_save(trainer, stderr, &err), -1);

    ck_assert_int_eq(fmnn_trainer_resume(trainer, "begun", &err), 0);
    stream = fopen("again", "wb");
    ck_assert_int_eq(fmnn_trainer_save(trainer, stream, &err), 0);
    ck_assert_int_eq(fclose(stream), 0);
    ck_assert(same_files("begun", "again"));
    check_finite_floats(set.net->weights, set.net->stored);
    for (size_t k = 0; trainer->optimizer->slot_names[k]; k++)
        check_finite_floats(trainer->slots[k], set.net->stored);
    if (trainer->averaged)
        check_finite_floats(trainer->averaged, set.net->stored);
    trainer->slice_seconds = 0;
    ck_assert_int_eq(fmnn_trainer_advance(trainer, NULL), FMNN_BATCH);
    set.net->weights[3] = NAN; /* no epoch has ended since */
    ck_assert_int_eq(fmnn_trainer_finish(trainer, &err), -1);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

/* So does a new start. */
START_TEST(initialising_clears_spare_lanes)
{
    struct fmnn_net *net = make_net((size_t)_i, 1);
    for (size_t i = 0; i < net->stored; i++)
        net->weights[i] = NAN;
    fmnn_net_initialise(net, 0, 1);
    check_finite_floats(net->weights, net->stored);
    fmnn_net_free(net);
}
END_TEST

/* The damage is found only after a part was read, which has overwritten the best weights, too. */
START_TEST(damaged_checkpoint_leaves_training_failed)
{
    struct fmnn_error err;
    struct set set = make_set();
    struct fmnn_trainer *trainer = make_trainer(&set);
    while (trainer->epoch_count < 3)
        ck_assert_int_ge(fmnn_trainer_advance(trainer, NULL), 0);
    write_checkpoint(trainer);
    FILE *stream = fopen("checkpoint", "r+b");
    ck_assert_int_eq(fseek(stream, -1, SEEK_END), 0);
    int last = getc(stream);
    ck_assert_int_eq(fseek(stream, -1, SEEK_END), 0);
    putc(last ^ 1, stream);
    ck_assert_int_eq(fclose(stream), 0);
    ck_assert_int_eq(fmnn_trainer_resume(trainer, "checkpoint", &err), -1);
    ck_assert_int_eq(fmnn_trainer_advance(trainer, &err), -1);
    ck_assert_int_eq(fmnn_trainer_finish(trainer, &err), -1);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

START_TEST(weights_survive_a_file)
{
    struct fmnn_error err;
    for (size_t i = 0; i < FM_COUNT(models); i++) {
        struct fmnn_net *net = make_net(i, 20 + i);
        write_net(net, "first");
        struct fmnn_net *again = fmnn_net_read("first", &err);
        ck_assert_msg(again != NULL, "%s", err.message);
        ck_assert_str_eq(fmnn_net_text(again), fmnn_net_text(net));
        ck_assert_uint_eq(fmnn_net_classes(again), net->classes);
        ck_assert(fm_same_shape(fmnn_net_shape(again), net->shape));
        ck_assert_int_eq(memcmp(again->weights, net->weights, net->stored * sizeof(float)), 0);
        write_net(again, "second");
        ck_assert(same_files("first", "second"));
        fmnn_net_free(again);
        fmnn_net_free(net);
    }
}
END_TEST

START_TEST(class_names_survive_a_file)
{
    struct fmnn_error err;
    static const char *const name[4] = {"T-shirt/top", "\"quoted\\\"",
                                        ("Stra\xc3\x9f"
                                         "e"),
                                        "4"};
    struct fmnn_net *net = make_net(3, 1);
    struct fmnn_names *names = fmnn_names_copy(name, 4, NULL);
    ck_assert_ptr_null(fmnn_net_names(net));
    ck_assert_int_eq(fmnn_net_set_names(net, names, &err), 0);
    write_net(net, "names");
    struct fmnn_net *again = fmnn_net_read("names", &err);
    ck_assert_msg(again != NULL, "%s", err.message);
    ck_assert_uint_eq(fmnn_net_names(again)->count, 4);
    for (int i = 0; i < 4; i++)
        ck_assert_str_eq(fmnn_net_names(again)->name[i], name[i]);
    names->count = 3;
    ck_assert_int_eq(fmnn_net_set_names(net, names, &err), -1);
    names->count = 4;
    names->name[1][0] = '\033'; /* could not be read back */
    ck_assert_int_eq(fmnn_net_set_names(net, names, &err), -1);
    ck_assert_str_eq(err.message, "class 1: the class name contains a control character");
    fmnn_names_free(names);
    fmnn_net_free(again);
    fmnn_net_free(net);
}
END_TEST

/* Valid files that do not contain a net. */
START_TEST(files_without_a_net_are_refused)
{
    static const struct {
        const char *key, *value, *message;
    } cases[] = {
        {"fmnn.version", NULL, "the metadata 'fmnn.version' is missing"},
        {"fmnn.model", NULL, "the metadata 'fmnn.model' is missing"},
        {"fmnn.input", NULL, "the metadata 'fmnn.input' is missing"},
        {"fmnn.model", "dense 7 relu | dense 4",
         "tensor '3.weight' is F32 (3,7), but the model needs F32 (4,7)"},
        {"fmnn.model", "dense 7 relu | dense 3 | dense 3", "4 tensors, but the model has 6"},
        {"fmnn.model", "dense 3", "4 tensors, but the model has 2"},
        {"fmnn.model", "dense classes", "fmnn.model does not say how many classes there are"},
        {"fmnn.model", "dense 70000", "fmnn.model: 70000 classes are not in 1..65536"},
        {"fmnn.model", "dence 3", "fmnn.model:1: unknown layer 'dence'"},
        {"fmnn.input", "{}", "fmnn.input does not describe images of 1 or 3 channels"},
        {"fmnn.input", "{\"shape\":[2,5,3],\"scale\":0.0039215686274509803}",
         "fmnn.input does not describe"},
        {"fmnn.input", "{\"shape\":[1,5,3],\"scale\":1.0}", "fmnn.input does not describe images"},
        {"fmnn.input", "{\"shape\":[1,5,-3],\"scale\":0.0039215686274509803}",
         "fmnn.input does not describe"},
        {"fmnn.input", "{\"shape\":[1,5,4294967299],\"scale\":0.0039215686274509803}",
         "fmnn.input does not describe"},
        {"fmnn.input", "[", "fmnn.input: "},
        {"fmnn.classes", "[\"a\",\"b\"]", "fmnn.classes is not a list of 3 names"},
        {"fmnn.classes", "[\"a\",\"b\",3]", "fmnn.classes is not a list of 3 names"},
        {"fmnn.classes", "[\"a\",\"b\",\"\"]", "fmnn.classes is not a list of 3 names"},
        {"fmnn.classes", "[\"a\",\"b\",\"c\\td\"]", "fmnn.classes is not a list of 3 names"},
        {"fmnn.classes", "[\"a\",\"b\",\"\\u001b[2J\"]", "fmnn.classes is not a list of 3 names"},
        {"fmnn.classes", "[\"a\",\"b\",\"c\"", "fmnn.classes: "},
        {"fmnn.classes", "{}", "fmnn.classes is not a list of 3 names"},
        {"fmnn.exact", "false", "fmnn.exact is not 'true'"},
        {"fmnn.exact", "", "fmnn.exact is not 'true'"},
        {"fmnn.exact", "true ", "fmnn.exact is not 'true'"},
    };
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        struct fmnn_error err = {0};
        struct fmnn_net *net = make_net(1, 1); /* dense 7 relu | dense 3, images of 5x3 */
        struct fm_writer file = {0};
        ck_assert_int_eq(fm_writer_net(&file, net, NULL, &err), 0);
        bool found = false;
        for (size_t k = 0; k < file.metadata_count; k++)
            if (!strcmp(file.metadata[k].key, cases[i].key)) {
                free((char *)(uintptr_t)file.metadata[k].value);
                file.metadata[k].value = cases[i].value ? strdup(cases[i].value) : NULL;
                if (!cases[i].value)
                    file.metadata[k] = file.metadata[--file.metadata_count];
                found = true;
            }
        if (!found)
            fm_writer_text(&file, cases[i].key, strdup(cases[i].value));
        ck_assert_int_eq(fm_writer_parameters(&file, net, "", false, net->weights, &err), 0);
        FILE *stream = fopen("other", "wb");
        ck_assert_msg(fm_writer_write(&file, stream, &err) == 0, "%s", err.message);
        fclose(stream);
        ck_assert_ptr_null(fmnn_net_read("other", &err));
        check_message(cases[i].key, &err, "other", cases[i].message);
        ck_assert_int_eq(err.status, FMNN_DATA);
        fm_writer_free(&file);
        fmnn_net_free(net);
    }
}
END_TEST

static size_t max_memory(void) /* that this process has used so far, in KiB */
{
    struct rusage usage;
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_maxrss;
}

/* A file of a few hundred bytes whose model has nearly 2^30 weights. */
START_TEST(huge_net_in_a_small_file_is_refused_cheaply)
{
    struct fmnn_error err = {0};
    struct fmnn_net *net = make_net(1, 1);
    struct fm_writer file = {0};
    ck_assert_int_eq(fm_writer_net(&file, net, NULL, &err), 0);
    for (size_t k = 0; k < file.metadata_count; k++) {
        bool model = !strcmp(file.metadata[k].key, "fmnn.model");
        if (!model && strcmp(file.metadata[k].key, "fmnn.input") != 0)
            continue;
        free((char *)(uintptr_t)file.metadata[k].value);
        file.metadata[k].value =
            strdup(model ? "dense 1048576 | dense 3"
                         : "{\"scale\":0.00392156862745098,\"shape\":[1,28,28]}");
    }
    ck_assert_int_eq(fm_writer_parameters(&file, net, "", false, net->weights, &err), 0);
    FILE *stream = fopen("huge", "wb");
    ck_assert_int_eq(fm_writer_write(&file, stream, &err), 0);
    fclose(stream);
    size_t before = max_memory();
    ck_assert_ptr_null(fmnn_net_read("huge", &err));
    check_message("huge", &err, "huge", "tensor '1.weight' is F32 (7,15), but the model needs");
    ck_assert_uint_lt(max_memory() - before, 100000);
    fm_writer_free(&file);
    fmnn_net_free(net);
}
END_TEST

START_TEST(non_finite_values_are_refused)
{
    struct fmnn_error err;
    struct fmnn_net *net = make_net(1, 1);
    net->weights[net->parameter[2].offset] = NAN;
    write_net(net, "nan");
    ck_assert_ptr_null(fmnn_net_read("nan", &err));
    check_message("NaN", &err, "nan", "tensor '3.weight' holds a value that is not finite");
    fmnn_net_free(net);
}
END_TEST

/* 0 is no error: PyTorch writes it for a channel that is always the same. */
START_TEST(negative_variances_are_refused)
{
    struct fmnn_error err;
    struct fmnn_model *model = fmnn_model_parse("conv 3 1x1 bn | dense classes", "m", &err);
    struct fmnn_net *net = fmnn_net_new(model, (struct fmnn_shape){1, 2, 2}, 3, &err);
    fmnn_net_initialise(net, 0, 1);
    float *variance = net->weights;
    for (size_t i = 0; i < net->parameter_count; i++)
        if (!strcmp(net->parameter[i].name, "1.running_var"))
            variance += net->parameter[i].offset;
    variance[2] = 0;
    write_net(net, "variance");
    struct fmnn_net *read = fmnn_net_read("variance", &err);
    ck_assert_msg(read != NULL, "%s", err.message);
    variance[2] = -1e-3f;
    write_net(net, "variance");
    ck_assert_ptr_null(fmnn_net_read("variance", &err));
    check_message("negative", &err, "variance",
                  "tensor '1.running_var' holds a variance that is negative");
    fmnn_net_free(read);
    fmnn_net_free(net);
    fmnn_model_free(model);
}
END_TEST

START_TEST(data_must_fit_the_net)
{
    struct fmnn_error err;
    struct set set = make_set();
    struct fmnn_data *other = fmnn_data_new((struct fmnn_shape){1, 3, 3}, NULL),
                     *none = fmnn_data_new((struct fmnn_shape){1, 9, 11}, NULL);
    memset(fmnn_data_add(other, 0, NULL), 0, 9);
    ck_assert_ptr_null(fmnn_trainer_new(set.net, other, NULL, &set.training, &err));
    ck_assert_str_eq(err.message, "training images are 3x3, but the net takes 9x11");
    ck_assert_ptr_null(fmnn_trainer_new(set.net, set.train, other, &set.training, &err));
    ck_assert_str_eq(err.message, "validation images are 3x3, but the net takes 9x11");
    ck_assert_ptr_null(fmnn_trainer_new(set.net, none, NULL, &set.training, &err));
    ck_assert_str_eq(err.message, "there are no images to train on");
    set.train->labels[3] = 10;
    ck_assert_ptr_null(fmnn_trainer_new(set.net, set.train, NULL, &set.training, &err));
    ck_assert_str_eq(err.message, "label 10 is not a number from 0 to 9");
    ck_assert_ptr_null(fmnn_data_new((struct fmnn_shape){1, SIZE_MAX / 2 + 1, 2}, &err));
    ck_assert_ptr_null(fmnn_data_new((struct fmnn_shape){1, 0, 3}, &err));
    ck_assert_str_eq(err.message, "images of 0x3 are not in 1x1..4096x4096");
    ck_assert_ptr_null(fmnn_data_new((struct fmnn_shape){2, 3, 3}, &err));
    ck_assert_str_eq(err.message, "images of 2 channels; expected 1 (gray) or 3 (colour)");
    ck_assert_int_eq(err.status, FMNN_USAGE);
    set.training.kernels = "fast";
    set.train->labels[3] = 9;
    ck_assert_ptr_null(fmnn_trainer_new(set.net, set.train, NULL, &set.training, &err));
    ck_assert_str_eq(err.message, "unknown kernels 'fast' (known: generic, avx2, avx512, neon)");
    fmnn_data_free(other);
    fmnn_data_free(none);
    free_set(&set);
}
END_TEST

START_TEST(reserved_room_keeps_the_images)
{
    enum { SIDE = 2048, FIRST = 3, ROOM = 6, LAST = 8 }; /* of 4 MiB: a block in huge pages */
    const size_t size = (size_t)SIDE * SIDE;
    struct fmnn_error err;
    struct fmnn_data *data = fmnn_data_new((struct fmnn_shape){1, SIDE, SIDE}, NULL);
    const uint8_t *first = NULL;
    for (unsigned i = 0; i < LAST; i++) {
        if (i == FIRST) {
            ck_assert_int_eq(fmnn_data_reserve(data, ROOM, NULL), 0);
            ck_assert_uint_eq(fmnn_data_count(data), FIRST);
            first = data->pixels;
        }
        memset(fmnn_data_add(data, i, NULL), (int)i + 1, size);
        if (i >= FIRST && i < ROOM)
            ck_assert_ptr_eq(data->pixels, first);
        if (i == ROOM - 1) {
            ck_assert_int_eq(fmnn_data_reserve(data, 1, NULL), 0); /* there is room for more */
            ck_assert_ptr_eq(data->pixels, first);
        }
    }
    ck_assert_int_ne(fmnn_data_reserve(data, SIZE_MAX / size + 1, &err), 0);
    ck_assert_int_eq(err.status, FMNN_MEMORY);
    ck_assert_uint_eq(fmnn_data_count(data), LAST);
    for (unsigned i = 0; i < LAST; i++) {
        ck_assert_uint_eq(data->labels[i], i);
        for (size_t k = 0; k < size; k += 4095)
            ck_assert_uint_eq(data->pixels[i * size + k], i + 1);
    }
    fmnn_data_free(data);
}
END_TEST

/* The operations of a layer's phase: the sum of its rows in the profile. */
static double flops_of(const struct fmnn_trainer *trainer, size_t layer, const char *phase)
{
    struct fmnn_profile_row row;
    double flops = 0, done = 0;
    for (size_t i = 0; fmnn_trainer_profile(trainer, i, &row); i++)
        if (row.layer == layer && !strcmp(row.phase, phase)) {
            flops += row.flops;
            done += row.flops_done;
        }
    ck_assert_double_le(done, flops);
    ck_assert_int_eq(done > 0, flops > 0);
    return flops;
}

/* A profile counts the operations of all images and all of the time, and changes no bit. */
START_TEST(profile_is_complete_and_changes_nothing)
{
    const double trained = 4 * 45, all = 4 * (45 + 18);
    struct set plain = make_set(), set = make_set();
    struct fmnn_trainer *first = make_trainer(&plain);
    run_to_end(first);
    struct fmnn_profile_row row;
    ck_assert(!fmnn_trainer_profile(first, 0, &row));
    set.training.profile = true;
    set.training.threads = (unsigned)_i;
    struct fmnn_trainer *trainer = make_trainer(&set);
    run_to_end(trainer);
    ck_assert_int_eq(memcmp(plain.net->weights, set.net->weights, set.net->stored * sizeof(float)),
                     0);

    struct fmnn_layer layer;
    for (size_t i = 0; fmnn_net_layer(set.net, i, &layer); i++) {
        double one = 2 * (double)layer.multiply_adds;
        ck_assert_double_eq(flops_of(trainer, i + 1, "forward"), one * all);
        ck_assert_double_eq(flops_of(trainer, i + 1, "backward-data"), i ? one * trained : 0);
        ck_assert_double_eq(flops_of(trainer, i + 1, "backward-weights"), one * trained);
    }
    double seconds = 0, epochs = 0;
    for (size_t i = 0; fmnn_trainer_profile(trainer, i, &row); i++) {
        ck_assert_double_ge(row.seconds, -1e-9);
        seconds += row.seconds;
        if (!strcmp(row.phase, "forward"))
            ck_assert_uint_eq(row.runs, 4 * (6 + 3));
        else if (row.layer)
            ck_assert_uint_eq(row.runs, 4 * 6);
        if (row.layer) {
            fmnn_net_layer(set.net, row.layer - 1, &layer);
            ck_assert_str_eq(row.text, layer.text);
        }
    }
    for (unsigned e = 1; e <= 4; e++)
        epochs += fmnn_trainer_epoch(trainer, e)->seconds;
    ck_assert_double_gt(seconds, 0);
    ck_assert_double_le(seconds, epochs);
    ck_assert_double_gt(fmnn_trainer_peak(trainer), 0);
    fmnn_trainer_free(first);
    fmnn_trainer_free(trainer);
    free_set(&plain);
    free_set(&set);
}
END_TEST

/* A residual whose layers give zero is the identity, and so is its gradient: after a step, the
   other layers are those of the net without it. */
START_TEST(residual_of_zeros_is_the_identity)
{
    static const char *const texts[] = {
        "conv 4 3x3 relu | maxpool 2 | conv 3 3x3 tanh | dense classes",
        "conv 4 3x3 relu | residual { conv 4 3x3 } | maxpool 2 | conv 3 3x3 tanh | dense classes"};
    enum { BODY = 2, TENSORS = 2 }; /* the first tensor of the residual, their number */
    struct set set[2];
    for (size_t i = 0; i < 2; i++) {
        set[i] = make_set_with(make_net_of(texts[i], 9, 8, 3, 1));
        set[i].training.seed = 1;
        set[i].recipe =
            (struct fmnn_recipe){.optimizer = "sgd", .lr = 0.1, .batch = 45, .epochs = 1};
    }
    struct fmnn_net *plain = set[0].net, *net = set[1].net;
    for (size_t i = 0; i < net->parameter_count; i++) {
        float *values = calloc(fm_parameter_count(&net->parameter[i]), sizeof *values);
        bool body = i >= BODY && i < BODY + TENSORS;
        if (!body)
            fmnn_net_get(plain, i < BODY ? i : i - TENSORS, values);
        fmnn_net_set(net, i, values);
        free(values);
    }
    for (size_t i = 0; i < 2; i++) {
        struct fmnn_trainer *trainer = make_trainer(&set[i]);
        run_to_end(trainer);
        fmnn_trainer_free(trainer);
    }
    for (size_t i = 0; i < plain->parameter_count; i++) {
        size_t count = fm_parameter_count(&plain->parameter[i]);
        float *want = calloc(count, sizeof *want), *got = calloc(count, sizeof *got);
        fmnn_net_get(plain, i, want);
        fmnn_net_get(net, i < BODY ? i : i + TENSORS, got);
        ck_assert_int_eq(memcmp(want, got, count * sizeof *want), 0);
        free(want);
        free(got);
    }
    free_set(&set[0]);
    free_set(&set[1]);
}
END_TEST

static void add_training(TCase *tcase)
{
    tcase_add_test(tcase, residual_of_zeros_is_the_identity);
    tcase_add_test(tcase, training_learns_and_keeps_the_first_best_epoch);
    tcase_add_test(tcase, metrics_are_means_over_images);
    tcase_add_loop_test(tcase, profile_is_complete_and_changes_nothing, 1, 4);
    tcase_add_test(tcase, training_stops_when_patience_runs_out);
    tcase_add_test(tcase, direct_and_winograd_losses_are_close);
    tcase_add_test(tcase, non_finite_loss_ends_training);
    tcase_add_loop_test(tcase, non_finite_weights_end_training, 0, 3);
    tcase_add_test(tcase, error_names_the_layer);
    tcase_add_test(tcase, error_names_the_normalisation);
    tcase_add_test(tcase, error_names_the_layer_if_lr_is_too_large);
    tcase_add_loop_test(tcase, last_good_weights_are_kept, 0, 3);
    tcase_add_test(tcase, data_must_fit_the_net);
    tcase_add_test(tcase, reserved_room_keeps_the_images);
}

/* ---- weights taken from another net */

/* A net of which only the layer of one node agrees with the model's. */
static struct fmnn_net *net_with_layer(size_t model, size_t node)
{
    struct fmnn_net *net = make_net(model, 77);
    for (size_t i = 0; i < net->node_count; i++)
        for (size_t k = 0; i != node && k < net->node[i].parameters; k++)
            net->parameter[net->node[i].parameter + k].name[0] = 'x';
    return net;
}

/* The weights after a training step in which the layer that was taken is frozen or not. */
static struct fmnn_net *step_after_taking(size_t model, const struct fmnn_net *from, bool freeze)
{
    struct fmnn_error err;
    struct fmnn_names *anew;
    struct set set = make_set_of(model);
    ck_assert_msg(fmnn_net_take(set.net, from, freeze, &anew, &err) == 0, "%s", err.message);
    fmnn_names_free(anew);
    set.recipe = (struct fmnn_recipe){.optimizer = "sgd", .lr = 0.05, .batch = 45, .epochs = 1};
    set_option(&set, "keep", "last");
    struct fmnn_trainer *trainer = make_trainer(&set);
    run_to_end(trainer);
    fmnn_trainer_free(trainer);
    struct fmnn_net *net = set.net;
    set.net = NULL;
    free_set(&set);
    return net;
}

static float *values_of(const struct fmnn_net *net, size_t i)
{
    float *values = malloc(fm_parameter_count(&net->parameter[i]) * sizeof *values);
    fmnn_net_get(net, i, values);
    return values;
}

static double difference(const struct fmnn_net *a, const struct fmnn_net *b, size_t i)
{
    float *x = values_of(a, i), *y = values_of(b, i);
    double max = 0;
    for (size_t k = 0; k < fm_parameter_count(&a->parameter[i]); k++)
        max = fmax(max, fabs((double)x[k] - (double)y[k]));
    free(x);
    free(y);
    return max;
}

static size_t layers_with_parameters(const struct fmnn_net *net)
{
    size_t count = 0;
    for (size_t i = 0; i < net->node_count; i++)
        count += net->node[i].parameters > 0;
    return count;
}

/* Each layer in turn is frozen: it stays, and the others are trained as if it were not frozen. But
   batch normalisation then goes by its running statistics. */
START_TEST(frozen_layers_stay)
{
    struct fmnn_net *net = make_net((size_t)_i, 1);
    for (size_t n = 0; n < net->node_count && layers_with_parameters(net) > 1; n++) {
        const struct fm_node *node = &net->node[n];
        if (!node->parameters)
            continue;
        struct fmnn_net *from = net_with_layer((size_t)_i, n);
        struct fmnn_net *frozen = step_after_taking((size_t)_i, from, true);
        struct fmnn_net *free_net = step_after_taking((size_t)_i, from, false);
        for (size_t i = 0; i < net->parameter_count; i++) {
            bool taken = i >= node->parameter && i < node->parameter + node->parameters;
            ck_assert(frozen->parameter[i].trained == (!taken && net->parameter[i].trained));
            if (taken)
                ck_assert(difference(frozen, from, i) == 0);
            else if (node->layer.type != &fm_bn)
                ck_assert_double_le(difference(frozen, free_net, i), 1e-6);
        }
        fmnn_net_free(from);
        fmnn_net_free(frozen);
        fmnn_net_free(free_net);
    }
    fmnn_net_free(net);
}
END_TEST

static struct fmnn_net *three_layers(const char *text, size_t side)
{
    struct fmnn_shape shape = {1, side, side};
    struct fmnn_net *net = make_net_for(text, shape, 4, 1);
    ck_assert_ptr_nonnull(net);
    return net;
}

/* One call after the other, until no layer is left. */
START_TEST(layers_are_frozen_in_turn)
{
    static const char *const texts[] = {"dense 7 | dense 9 | dense classes",
                                        "dense 3 | dense 8 | dense classes",
                                        "dense 7 | dense 8 | dense classes"};
    static const char *const frozen[] = {"1", "1 3", NULL};
    struct fmnn_net *net = three_layers("dense 7 | dense 8 | dense classes", 4);
    struct fmnn_error err;
    for (size_t i = 0; i < 3; i++) {
        struct fmnn_net *from = three_layers(texts[i], i == 1 ? 3 : 4);
        ck_assert_int_eq(fmnn_net_take(net, from, true, NULL, &err), frozen[i] ? 0 : -1);
        if (frozen[i])
            ck_assert_str_eq(net->frozen, frozen[i]);
        fmnn_net_free(from);
    }
    ck_assert_str_eq(err.message, "all layers are frozen, so there is nothing to train");
    struct fmnn_net *from = three_layers("dense 7 | dense 8 | dense classes", 4), *other = NULL;
    fmnn_net_free(net);
    net = three_layers("dense 7 | dense classes", 4); /* its last layer, and then its first */
    for (size_t i = 0; i < 2; i++) {
        other = three_layers(i ? "dense 7 | dense 9 | dense classes" : "dense 7 | dense classes",
                             i ? 4 : 3);
        ck_assert_int_eq(fmnn_net_take(net, other, true, NULL, &err), i ? -1 : 0);
        fmnn_net_free(other);
    }
    ck_assert_str_eq(err.message, "all layers are frozen, so there is nothing to train");
    fmnn_net_free(from);
    fmnn_net_free(net);
}
END_TEST

static void set_all(struct fmnn_net *net, size_t i, float value)
{
    size_t count = fm_parameter_count(&net->parameter[i]);
    float *values = malloc(count * sizeof *values);
    for (size_t k = 0; k < count; k++)
        values[k] = value;
    fmnn_net_set(net, i, values);
    free(values);
}

static void copy_tensor(struct fmnn_net *to, size_t i, const struct fmnn_net *from, size_t k)
{
    float *values = values_of(from, k);
    fmnn_net_set(to, i, values);
    free(values);
}

static void train_one_step(struct fmnn_net *net)
{
    struct set set = make_set_with(net);
    set.recipe = (struct fmnn_recipe){.optimizer = "sgd", .lr = 0.05, .batch = 45, .epochs = 1};
    set_option(&set, "keep", "last");
    struct fmnn_trainer *trainer = make_trainer(&set);
    run_to_end(trainer);
    fmnn_trainer_free(trainer);
    set.net = NULL;
    free_set(&set);
}

/* A frozen batch normalisation whose running variance is 1 - epsilon changes nothing, so the net is
   trained like the one without it. */
START_TEST(frozen_normalisation_goes_by_running_statistics)
{
    enum { CONV = 2, BN = 4, DENSE = 2 }; /* their tensors */
    struct fmnn_net *with = make_net_of("conv 5 3x3 | bn | dense classes", 6, 7, 3, 3);
    struct fmnn_net *from = make_net_of("conv 5 3x3 | bn | dense classes", 6, 7, 3, 4);
    struct fmnn_net *without = make_net_of("conv 5 3x3 | dense classes", 6, 7, 3, 3);
    from->parameter[0].name[0] = from->parameter[CONV + BN].name[0] = 'x';
    set_all(from, CONV + FM_RUNNING_VARIANCE, (float)(1 - FM_NORM_EPSILON));
    ck_assert_int_eq(fmnn_net_take(with, from, true, NULL, NULL), 0);
    ck_assert_str_eq(with->frozen, "1");
    for (size_t i = 0; i < DENSE; i++)
        copy_tensor(without, CONV + i, with, CONV + BN + i);
    train_one_step(with);
    train_one_step(without);
    for (size_t i = 0; i < CONV + DENSE; i++) {
        float *a = values_of(without, i), *b = values_of(with, i < CONV ? i : i + BN);
        for (size_t k = 0; k < fm_parameter_count(&without->parameter[i]); k++)
            ck_assert_double_le(fabs((double)a[k] - (double)b[k]), 1e-6);
        free(a);
        free(b);
    }
    for (size_t i = CONV; i < CONV + BN; i++)
        ck_assert(difference(with, from, i) == 0);
    fmnn_net_free(with);
    fmnn_net_free(from);
    fmnn_net_free(without);
}
END_TEST

START_TEST(layers_that_differ_start_anew)
{
    struct fmnn_error err;
    struct fmnn_names *anew;
    struct fmnn_net *from =
        make_net_of("conv 4 3x3 relu | dense 9 relu | dense classes", 6, 5, 7, 3);
    struct fmnn_net *net =
        make_net_of("conv 4 3x3 relu | dense 9 relu | dense classes", 6, 5, 3, 4);
    ck_assert_int_eq(fmnn_net_take(net, from, true, &anew, &err), 0);
    ck_assert(difference(net, from, 0) == 0 && difference(net, from, 1) == 0);
    ck_assert(difference(net, from, 2) == 0 && difference(net, from, 3) == 0);
    ck_assert_uint_eq(anew->count, 1);
    ck_assert_str_eq(anew->name[0], "5.weight: 7 outputs, the net has 3: starts anew");
    ck_assert_str_eq(net->frozen, "0 3");
    fmnn_names_free(anew);
    fmnn_net_free(net);
    net = make_net_of("conv 4 3x3 relu | dense 8 relu | dense 5 | dense classes", 9, 5, 7, 4);
    float *before = values_of(net, 2);
    ck_assert_int_eq(fmnn_net_take(net, from, false, &anew, &err), 0);
    float *after = values_of(net, 2);
    ck_assert(!memcmp(before, after, 5 * sizeof *before));
    ck_assert_uint_eq(anew->count, 3);
    ck_assert_str_eq(anew->name[0], "3.weight: (9,4,6,5), the net has (8,4,9,5): starts anew");
    ck_assert_str_eq(anew->name[1], "5.weight: (7,9), the net has (5,8): starts anew");
    ck_assert_str_eq(anew->name[2], "6.weight: not there: starts anew");
    ck_assert_ptr_null(net->frozen);
    free(before);
    free(after);
    fmnn_names_free(anew);
    ck_assert_int_eq(fmnn_net_take(net, from, false, NULL, &err), 0);
    ck_assert_int_eq(fmnn_net_take(from, from, true, NULL, &err), -1);
    ck_assert_str_eq(err.message, "all layers are frozen, so there is nothing to train");
    fmnn_net_free(net);
    net = make_net_of("dense classes", 6, 5, 7, 4);
    ck_assert_int_eq(fmnn_net_take(net, from, false, NULL, &err), -1);
    ck_assert_int_eq(err.status, FMNN_USAGE);
    fmnn_net_free(net);
    fmnn_net_free(from);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("train");
    tcase_add_loop_test(tcase, frozen_layers_stay, 0, NETS);
    tcase_add_test(tcase, frozen_normalisation_goes_by_running_statistics);
    tcase_add_test(tcase, layers_are_frozen_in_turn);
    tcase_add_test(tcase, layers_that_differ_start_anew);
    tcase_add_loop_test(tcase, resumed_training_matches_uninterrupted, 0, 4);
    tcase_add_test(tcase, best_weights_survive_a_checkpoint);
    tcase_add_test(tcase, finished_training_does_not_continue);
    tcase_add_loop_test(tcase, kept_epoch_within_an_epoch, 0, 2);
    tcase_add_test(tcase, resuming_another_training_is_refused);
    tcase_add_test(tcase, impossible_checkpoints_are_refused);
    tcase_add_test(tcase, checkpoints_without_a_setting);
    tcase_add_loop_test(tcase, exact_survives_a_file, 0, 2);
    tcase_add_test(tcase, bad_weights_are_not_saved);
    tcase_add_loop_test(tcase, bad_averages_are_not_kept, 0, FM_COUNT(averages));
    tcase_add_loop_test(tcase, initialising_clears_spare_lanes, 0, FM_COUNT(models));
    tcase_add_loop_test(tcase, resuming_clears_a_failure, 0, FM_COUNT(averages));
    tcase_add_test(tcase, damaged_checkpoint_leaves_training_failed);
    tcase_add_test(tcase, weights_survive_a_file);
    tcase_add_test(tcase, class_names_survive_a_file);
    tcase_add_test(tcase, files_without_a_net_are_refused);
    tcase_add_test(tcase, huge_net_in_a_small_file_is_refused_cheaply);
    tcase_add_test(tcase, non_finite_values_are_refused);
    tcase_add_test(tcase, negative_variances_are_refused);
    if (!if_quick(1, 0))
        add_training(tcase);
    scratch_enter();
    int status = run_tests("train", tcase);
    scratch_leave();
    return status;
}
