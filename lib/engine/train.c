/* train.c -- training by epochs: initialise (new), iterate (advance), end (finish). */
#include "engine/train.h"

#include <math.h>
#include <stdio.h>

#include "engine/profile.h"
#include "base/float.h"
#include "base/rng.h"
#include "base/threads.h"

/* ---- 1. the object */

static int check_data(const struct fmnn_net *net, const struct fmnn_data *data, const char *what,
                      struct fmnn_error *err)
{
    struct fm_two_shapes shapes = fm_two_shapes(data->shape, net->shape);
    if (!fm_same_shape(data->shape, net->shape))
        return fm_fail(err, FMNN_USAGE, "%s images are %s, but the net takes %s", what, shapes.a,
                       shapes.b);
    for (size_t i = 0; i < data->count; i++)
        if (data->labels[i] >= net->classes)
            return fm_fail(err, FMNN_USAGE, "label %u is not a number from 0 to %zu",
                           data->labels[i], net->classes - 1);
    return 0;
}

static int allocate(struct fmnn_trainer *t, struct fmnn_error *err)
{
    size_t batch = t->recipe.batch;
    for (size_t i = 0; i < fm_optimizer_slots(t->optimizer); i++)
        if (!(t->slots[i] = fm_alloc_aligned(t->net->trained, sizeof *t->slots[i], err)))
            return -1;
    if (t->recipe.clip > 0) {
        t->sink = FM_SINK_STORE;
        t->gradients = fm_alloc_aligned(t->net->trained, sizeof *t->gradients, err);
        t->squares = fm_alloc(fm_update_jobs(t->net->trained) + 1, sizeof *t->squares, err);
        if (!t->gradients || !t->squares)
            return -1;
    }
    bool best = t->valid && strcmp(t->recipe.keep, "last") != 0;
    if (!(*(best ? &t->best : &t->good) = fm_alloc_aligned(t->net->stored, sizeof *t->best, err)))
        return -1;
    t->order = fm_alloc(t->train->count, sizeof *t->order, err);
    t->pixels = fm_alloc(2 * batch, sizeof *t->pixels, err);
    t->labels = fm_alloc(2 * batch, sizeof *t->labels, err);
    t->loss = fm_alloc(batch, sizeof *t->loss, err);
    t->correct = fm_alloc(batch, sizeof *t->correct, err);
    return t->order && t->pixels && t->labels && t->loss && t->correct ? 0 : -1;
}

static int prepare_steps(struct fmnn_trainer *t, struct fmnn_error *err)
{
    struct fmnn_recipe *recipe = &t->recipe;
    t->epoch_steps = fm_recipe_epoch_steps(recipe, t->train->count);
    t->schedule_epochs = recipe->epochs = fm_recipe_epochs(recipe, t->train->count);
    if (fm_average_parse(&t->average, recipe->average, err) != 0)
        return -1;
    return fm_schedule_parse(&t->schedule, recipe->schedule, err);
}

static int prepare_all(struct fmnn_trainer *t, struct fmnn_error *err)
{
    struct fmnn_recipe *recipe = &t->recipe;
    int id = fm_optimizer_find(recipe->optimizer);
    assert(id >= 0); /* fmnn_recipe_set() accepts no other */
    if (check_data(t->net, t->train, "training", err) != 0)
        return -1;
    if (t->valid && check_data(t->net, t->valid, "validation", err) != 0)
        return -1;
    t->optimizer = fm_optimizer_at((size_t)id);
    fm_recipe_resolve(recipe);
    if (prepare_steps(t, err) != 0)
        return -1;
    t->options.threads = fm_threads(t->options.threads);
    for (int i = 0; i < FM_POWERS; i++)
        t->power[i] = 1;
    t->kernels = fm_kernels_find(t->options.kernels, err);
    if (!t->kernels)
        return -1;
    t->net->exact = t->options.exact;
    t->plan =
        fm_plan_new(t->net, recipe->batch, t->options.threads, true, (enum fm_optimizer_id)id, err);
    if (!t->plan || allocate(t, err) != 0 || fm_trainer_prepare_average(t, err) != 0 ||
        fm_trainer_prepare_images(t, err) != 0 ||
        fm_data_fingerprint(t->train, t->valid, t->fingerprint, err) != 0)
        return -1;
    if (t->options.profile &&
        !(t->profile = fm_profile_new(t->plan->op_count, t->options.threads, err)))
        return -1;
    fm_trainer_shuffle(t);
    return 0;
}

/* Class weights are computed, too. */
static int prepare(struct fmnn_trainer *t, struct fmnn_error *err)
{
    fm_float_state before = fm_float_enter();
    int status = prepare_all(t, err);
    fm_float_leave(before);
    return status;
}

struct fmnn_trainer *fmnn_trainer_new(struct fmnn_net *net, const struct fmnn_data *train,
                                      const struct fmnn_data *valid,
                                      const struct fmnn_training *training, struct fmnn_error *err)
{
    struct fmnn_trainer *t = fm_alloc(1, sizeof *t, err);
    if (!t)
        return NULL;
    t->net = net;
    t->train = train;
    t->valid = valid && valid->count ? valid : NULL;
    t->options = *training;
    t->options.recipe = NULL;
    if (training->recipe)
        t->recipe = *training->recipe;
    else
        fm_recipe_init(&t->recipe);
    t->slice_seconds = 0.02;
    if (train->count == 0 && t->recipe.epochs > 0) {
        fm_fail(err, FMNN_USAGE, "there are no images to train on");
    } else if (prepare(t, err) == 0) {
        return t;
    }
    fmnn_trainer_free(t);
    return NULL;
}

void fmnn_trainer_free(struct fmnn_trainer *t)
{
    if (!t)
        return;
    for (int i = 0; i < FM_MAX_SLOTS; i++)
        free(t->slots[i]);
    fm_plan_free(t->plan);
    fm_profile_free(t->profile);
    free(t->epoch);
    free(t->best);
    free(t->averaged);
    if (t->squares)
        free(t->gradients); /* else they are not its own */
    free(t->squares);
    free(t->good);
    free(t->order);
    free(t->pixels);
    fm_trainer_free_images(t);
    free(t->labels);
    free(t->loss);
    free(t->correct);
    free(t);
}

void fm_trainer_shuffle(struct fmnn_trainer *t)
{
    for (size_t i = 0; i < t->train->count; i++)
        t->order[i] = (uint32_t)i;
    fm_random_shuffle(t->order, t->train->count, t->options.seed, FM_RNG_SHUFFLE,
                      (uint32_t)t->epoch_count + 1);
}

void fm_trainer_note_good(struct fmnn_trainer *t)
{
    if (!t->good)
        return;
    memcpy(t->good, fm_trainer_weights(t), t->net->stored * sizeof *t->good);
    t->good_step = t->step;
}

struct fm_rate fm_trainer_rate(const struct fmnn_trainer *t, uint64_t step)
{
    return fm_schedule_rate(&t->schedule, t->recipe.lr, step - 1,
                            (uint64_t)t->schedule_epochs * t->epoch_steps, t->epoch_steps);
}

bool fm_trainer_needs_epochs(const struct fmnn_trainer *t)
{
    return !fm_schedule_is_constant(&t->schedule) || t->average.kind->needs_epochs;
}

/* ---- 2. an epoch */

/* An epoch trains, measures the statistics of some averages, and validates. */
enum phase { TRAIN, MEASURE, VALIDATE };

/* The batches of one call, all of one phase. A slice lasts long enough that waking the threads
   costs little, and is short enough that a signal need not wait. */
struct slice {
    struct fmnn_trainer *t;
    enum phase phase;
    bool bad;          /* the loss was not finite */
    struct fm_run run; /* if it was not: the one that gave it */
    double until;
    struct fm_update update;
};

/* The number of images done in this phase. */
static size_t *done_in(struct fmnn_trainer *t, enum phase phase)
{
    return phase == TRAIN ? &t->trained : phase == MEASURE ? &t->measured : &t->validated;
}

/* Adds up the results of the last batch, in the order of its images. */
static void take_batch(struct slice *slice, const struct fm_run *run)
{
    struct fmnn_trainer *t = slice->t;
    struct fm_totals *totals = slice->phase == TRAIN ? &t->training : &t->validation;
    if (slice->phase == MEASURE) {
        t->measured += run->images;
        return;
    }
    for (size_t i = 0; i < run->images; i++) {
        totals->loss += t->loss[i];
        totals->correct += t->correct[i];
    }
    totals->images += run->images;
    *done_in(t, slice->phase) += run->images;
    slice->bad = !isfinite(totals->loss);
    if (slice->phase == TRAIN && t->trained == t->train->count && !slice->bad)
        fm_trainer_average_epoch(t);
}

static bool feed(void *state, struct fm_run *run)
{
    struct slice *slice = state;
    struct fmnn_trainer *t = slice->t;
    if (run->images)
        take_batch(slice, run);
    if (slice->bad) {
        slice->run = *run;
        return false;
    }
    bool training = slice->phase != VALIDATE;
    const struct fmnn_data *data = training ? t->train : t->valid;
    size_t from = *done_in(t, slice->phase), batch = t->plan->batch;
    if (from == data->count || (run->images && fm_now() > slice->until))
        return false;
    size_t left = data->count - from, both = left < 2 * batch ? left : 2 * batch;
    run->images = left < batch ? left : batch;
    run->ahead = both - run->images;
    if (slice->phase == MEASURE)
        fm_trainer_measure(t, run);
    if (slice->phase == TRAIN) {
        t->step++;
        struct fm_rate rate = fm_trainer_rate(t, t->step);
        t->optimizer->begin(&t->recipe, &rate, t->step, t->power, &slice->update);
        fm_trainer_use_average(t, run);
    }
    run->epoch = training ? (uint32_t)t->epoch_count + 1 : 0;
    run->index = training ? t->order + from : NULL;
    fm_data_batch(data, training ? t->order : NULL, from, both, t->pixels, t->labels);
    return true;
}

/* run.images is 0 before the first batch: there are no results yet. */
static void run_batches(struct slice *slice)
{
    struct fmnn_trainer *t = slice->t;
    struct fm_run run = {.mode = slice->phase != VALIDATE ? FM_TRAIN : FM_PREDICT,
                         .pixels = t->pixels,
                         .seed = t->options.seed,
                         .share = t->recipe.bn,
                         .labels = t->labels,
                         .weights = slice->phase == TRAIN ? t->net->weights : fm_trainer_weights(t),
                         .update = &slice->update,
                         .loss = t->loss,
                         .correct = t->correct,
                         .sink = t->sink,
                         .gradients = t->gradients,
                         .apply = t->sink != FM_SINK_UPDATE,
                         .squares = t->squares,
                         .clip = t->recipe.clip,
                         .backward = slice->phase == TRAIN,
                         .profile = t->profile};
    if (slice->phase != VALIDATE)
        fm_trainer_use_images(t, &run);
    memcpy(run.slots, t->slots, sizeof run.slots);
    fm_plan_loop(t->plan, t->kernels, t->options.threads, &run, feed, slice);
}

static struct fmnn_epoch metrics_so_far(const struct fmnn_trainer *t)
{
    struct fmnn_epoch epoch = {.epoch = (unsigned)t->epoch_count + 1,
                               .lr = fm_trainer_rate(t, t->step + !t->step).lr,
                               .seconds = t->seconds,
                               .validated = t->validation.images > 0};
    if (t->training.images) {
        epoch.loss = t->training.loss / (double)t->training.images;
        epoch.accuracy = (double)t->training.correct / (double)t->training.images;
    }
    if (epoch.validated) {
        epoch.val_loss = t->validation.loss / (double)t->validation.images;
        epoch.val_accuracy = (double)t->validation.correct / (double)t->validation.images;
    }
    return epoch;
}

/* The first epoch of highest validation accuracy is kept; while that is 0, the last one, because
   the validation set does not tell which is best. */
static int end_epoch(struct fmnn_trainer *t, struct fmnn_error *err)
{
    void *array = t->epoch;
    if (fm_grow(&array, &t->epoch_capacity, t->epoch_count + 1, sizeof *t->epoch, err) != 0)
        return -1;
    t->epoch = array;
    t->epoch[t->epoch_count] = metrics_so_far(t);
    double accuracy = t->epoch[t->epoch_count].val_accuracy;
    const float *weights = fm_trainer_weights(t); /* asked before the counts change */
    t->epoch_count++;
    double best = t->kept ? t->epoch[t->kept - 1].val_accuracy : 0;
    if (t->best && (best <= 0 || accuracy > best)) {
        t->kept = (unsigned)t->epoch_count;
        memcpy(t->best, weights, t->net->stored * sizeof *t->best);
    }
    t->trained = t->measured = t->validated = 0;
    t->training = t->validation = (struct fm_totals){0};
    t->seconds = 0;
    fm_trainer_note_good(t);
    fm_trainer_shuffle(t);
    return 0;
}

/* The first epoch of highest validation accuracy, kept or not. */
static unsigned best_epoch(const struct fmnn_trainer *t)
{
    unsigned best = 0;
    for (unsigned i = 0; i < t->epoch_count; i++)
        if (t->epoch[i].validated &&
            (!best || t->epoch[i].val_accuracy > t->epoch[best - 1].val_accuracy))
            best = i + 1;
    return best;
}

static bool at_end(const struct fmnn_trainer *t)
{
    unsigned best = best_epoch(t), patience = t->options.patience;
    return !t->plan->workspace || t->epoch_count >= t->recipe.epochs ||
           (patience && best && t->epoch_count - best >= patience);
}

static enum phase phase_of(const struct fmnn_trainer *t)
{
    if (t->trained < t->train->count)
        return TRAIN;
    return fm_trainer_measures(t) && t->measured < t->train->count ? MEASURE : VALIDATE;
}

int fmnn_trainer_advance(struct fmnn_trainer *t, struct fmnn_error *err)
{
    if (t->failed)
        return fm_fail(err, FMNN_DATA, "this training has failed and cannot continue");
    if (at_end(t))
        return FMNN_DONE;
    fm_float_state before = fm_float_enter();
    double start = fm_now();
    struct slice slice = {.t = t,
                          .phase = phase_of(t),
                          .update.decay_all = !strcmp(t->recipe.decay_norms, "on"),
                          .until = start + t->slice_seconds};
    if (slice.phase != VALIDATE || t->valid)
        run_batches(&slice);
    t->seconds += fm_now() - start;
    if (t->profile)
        fm_profile_read_peak(t->profile, t->kernels);
    bool ended = phase_of(t) == VALIDATE && (!t->valid || t->validated == t->valid->count);
    int status = 0;
    if (slice.bad)
        status = fm_trainer_fail_loss(t, &slice.run, err);
    else if (ended)
        status = fm_trainer_check_finite(t, err);
    t->failed = status != 0;
    if (status == 0 && ended)
        status = end_epoch(t, err);
    fm_float_leave(before);
    return status != 0 ? -1 : ended ? FMNN_EPOCH : FMNN_BATCH;
}

/* ---- 3. looking at it */

const struct fmnn_epoch *fmnn_trainer_epoch(const struct fmnn_trainer *t, unsigned epoch)
{
    return epoch >= 1 && epoch <= t->epoch_count ? &t->epoch[epoch - 1] : NULL;
}

const struct fmnn_epoch *fmnn_trainer_progress(struct fmnn_trainer *t, size_t *done, size_t *all)
{
    size_t batch = t->recipe.batch, valid = t->valid ? t->valid->count : 0;
    *done = (t->trained + batch - 1) / batch + (t->validated + batch - 1) / batch;
    *all = (t->train->count + batch - 1) / batch + (valid + batch - 1) / batch;
    t->running = metrics_so_far(t);
    return &t->running;
}

unsigned fmnn_trainer_epochs(const struct fmnn_trainer *t)
{
    return t->recipe.epochs;
}

unsigned fmnn_trainer_kept(const struct fmnn_trainer *t)
{
    bool inside = t->trained > 0 && !t->failed; /* an epoch, whose weights so far are the latest */
    return t->best ? t->kept : inside ? 0 : (unsigned)t->epoch_count;
}

/* ---- 4. the end */

/* Appends ",\"key\":number" to the text. */
static void add_number(char *text, size_t size, const char *key, double value)
{
    char number[32];
    size_t used = strlen(text);
    fmnn_format_number(number, value);
    snprintf(text + used, size - used, ",\"%s\":%s", key, number);
}

/* Written by hand, because JSON libraries print reals differently, and the bytes must be the same
   with every version of every library. No string in it needs an escape. */
char *fm_training_record(const struct fmnn_trainer *t, bool last)
{
    unsigned epoch = last ? (unsigned)t->epoch_count : t->kept;
    bool inside = last && t->trained > 0; /* an epoch, whose metrics are not known yet */
    const struct fmnn_epoch *metrics = inside ? NULL : fmnn_trainer_epoch(t, epoch);
    const char *exact = t->options.exact ? ",\"exact\":true" : "";
    const char *init = t->net->init, *frozen = t->net->frozen ? t->net->frozen : "";
    char result[256] = "", recipe[FM_MAX_RECORD] = "";
    if (metrics) {
        add_number(result, sizeof result, "loss", metrics->loss);
        add_number(result, sizeof result, "accuracy", metrics->accuracy);
    }
    if (metrics && metrics->validated) {
        add_number(result, sizeof result, "val_loss", metrics->val_loss);
        add_number(result, sizeof result, "val_accuracy", metrics->val_accuracy);
    }
    if (last)
        snprintf(result + strlen(result), sizeof result - strlen(result), ",\"step\":%llu",
                 (unsigned long long)t->step);
    if (t->schedule_epochs != t->recipe.epochs)
        add_number(result, sizeof result, "schedule_epochs", t->schedule_epochs);
    fm_recipe_json(&t->recipe, recipe);
    return fm_format(NULL,
                     "{\"recipe\":{%s},"
                     "\"seed\":%llu%s%s%s%s%s%s%s,\"data\":\"%s\",\"train\":%zu,\"valid\":%zu,"
                     "\"keep\":\"%s\",\"epoch\":%u%s}",
                     recipe, (unsigned long long)t->options.seed, exact,
                     *init ? ",\"init\":\"" : "", init, *init ? "\"" : "",
                     *frozen ? ",\"frozen\":\"" : "", frozen, *frozen ? "\"" : "", t->fingerprint,
                     t->train->count, t->valid ? t->valid->count : 0, t->best ? "best" : "last",
                     epoch, result);
}

/* Goes back to the end of the last epoch, if one has ended. */
static bool fall_back(struct fmnn_trainer *t)
{
    if (!t->good_step)
        return false;
    memcpy(t->net->weights, t->good, t->net->stored * sizeof *t->good);
    t->step = t->good_step;
    t->trained = t->measured = t->validated = 0;
    return true;
}

int fmnn_trainer_finish(struct fmnn_trainer *t, struct fmnn_error *err)
{
    bool best = t->best && t->kept;
    if (!best && t->failed && !fall_back(t))
        return fm_fail(err, FMNN_DATA, "no epoch has ended, so there are no weights to keep");
    bool spoilt = !best && !t->failed && fm_trainer_check_finite(t, err) != 0;
    if (spoilt && !fall_back(t))
        return -1;
    bool average = !best && !t->failed && !spoilt && fm_trainer_averages(t);
    t->replaced |= best || spoilt || average;
    if (average)
        memcpy(t->net->weights, t->averaged, t->net->stored * sizeof *t->averaged);
    if (best)
        memcpy(t->net->weights, t->best, t->net->stored * sizeof *t->best);
    fm_plan_end(t->plan); /* writing the weights needs memory, too */
    free(t->net->training);
    t->net->training = fm_training_record(t, !best);
    return t->net->training ? 0 : fm_fail(err, FMNN_MEMORY, "out of memory");
}
