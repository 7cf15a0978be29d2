/* checkpoint.c -- a training to a file and back; the file serves as weights too. See
   fmnn-weights(5). */
#include "data/image-input.h"
#include "engine/train.h"
#include "files/weights.h"

#include <limits.h>
#include <stdio.h>

/* The state tensor, one number a row; doubles by their bits. Append, never renumber. */
enum { STEP, TRAINED, LOSS, CORRECT, SECONDS, KEPT, POWER, STATE_SIZE = POWER + FM_POWERS };
/* The columns of the history tensor. */
enum { H_LOSS, H_ACCURACY, H_VAL_LOSS, H_VAL_ACCURACY, H_LR, H_SECONDS, H_VALIDATED, H_SIZE };

static uint64_t bits(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static double real(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* ---- 1. saving */

/* What must not change when a training is resumed, as lines "KEY VALUE", of which the first that
   differs is told: the number of classes comes before the model, which contains it. check_exact()
   and check_input() compare the rest. */
static char *identity(const struct fmnn_trainer *t, struct fmnn_error *err)
{
    char recipe[FM_MAX_RECORD] = "";
    fm_recipe_identity(&t->recipe, recipe);
    const char *frozen = t->net->frozen ? t->net->frozen : "";
    char shape[FMNN_SHAPE_TEXT];
    fmnn_format_shape(shape, t->net->shape);
    if (fm_trainer_needs_epochs(t))
        snprintf(recipe + strlen(recipe), sizeof recipe - strlen(recipe), "epochs %u\n",
                 t->schedule_epochs);
    return fm_format(err,
                     "classes %zu\nmodel %s\nimages %s\n%sseed %llu\nkeep %s\ndata %s\n"
                     "%s%s%s%s%s%s",
                     t->net->classes, t->net->text, shape, recipe,
                     (unsigned long long)t->options.seed, t->best ? "best" : "last", t->fingerprint,
                     *t->net->init ? "--init " : "", t->net->init, *t->net->init ? "\n" : "",
                     *frozen ? "frozen " : "", frozen, *frozen ? "\n" : "");
}

static int add_state(struct fm_writer *writer, const struct fmnn_trainer *t, struct fmnn_error *err)
{
    uint64_t state[STATE_SIZE] = {[STEP] = t->step,
                                  [TRAINED] = t->trained,
                                  [LOSS] = bits(t->training.loss),
                                  [CORRECT] = t->training.correct,
                                  [SECONDS] = bits(t->seconds),
                                  [KEPT] = t->kept};
    for (int i = 0; i < FM_POWERS; i++)
        state[POWER + i] = bits(t->power[i]);
    return fm_writer_numbers(writer, "state", state, 1, STATE_SIZE, err);
}

static int add_history(struct fm_writer *writer, const struct fmnn_trainer *t,
                       struct fmnn_error *err)
{
    uint64_t *rows = fm_alloc(t->epoch_count, H_SIZE * sizeof *rows, err);
    if (!rows)
        return -1;
    for (size_t i = 0; i < t->epoch_count; i++) {
        const struct fmnn_epoch *e = &t->epoch[i];
        uint64_t *row = rows + i * H_SIZE;
        row[H_LOSS] = bits(e->loss);
        row[H_ACCURACY] = bits(e->accuracy);
        row[H_VAL_LOSS] = bits(e->val_loss);
        row[H_VAL_ACCURACY] = bits(e->val_accuracy);
        row[H_LR] = bits(e->lr);
        row[H_SECONDS] = bits(e->seconds);
        row[H_VALIDATED] = e->validated;
    }
    int status = fm_writer_numbers(writer, "history", rows, t->epoch_count, H_SIZE, err);
    free(rows);
    return status;
}

static int add_tensors(struct fm_writer *writer, const struct fmnn_trainer *t,
                       struct fmnn_error *err)
{
    if (fm_writer_parameters(writer, t->net, "", false, t->net->weights, err) != 0)
        return -1;
    for (size_t i = 0; t->optimizer->slot_names[i]; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "optimizer.%s.", t->optimizer->slot_names[i]);
        if (fm_writer_parameters(writer, t->net, prefix, true, t->slots[i], err) != 0)
            return -1;
    }
    if (fm_trainer_averages(t) &&
        fm_writer_parameters(writer, t->net, "average.", false, t->averaged, err) != 0)
        return -1;
    return t->kept ? fm_writer_parameters(writer, t->net, "best.", false, t->best, err) : 0;
}

int fmnn_trainer_save(const struct fmnn_trainer *t, FILE *stream, struct fmnn_error *err)
{
    struct fm_writer writer = {0};
    if (t->failed)
        return fm_fail(err, FMNN_DATA, "the training has failed and cannot be saved");
    if (t->replaced)
        return fm_fail(
            err, FMNN_USAGE,
            "a training cannot be saved after its end: the net has the weights that were "
            "kept, not the latest");
    if (t->trained > 0 && fm_trainer_check_finite(t, err) != 0) /* else the epoch's end saw to it */
        return -1;
    char *training = fm_training_record(t, true);
    int status = training ? fm_writer_net(&writer, t->net, training, err)
                          : fm_fail(err, FMNN_MEMORY, "out of memory");
    free(training);
    if (status == 0)
        status = fm_writer_text(&writer, "fmnn.checkpoint", identity(t, err));
    if (status == 0 && (add_state(&writer, t, err) != 0 || add_history(&writer, t, err) != 0 ||
                        add_tensors(&writer, t, err) != 0))
        status = -1;
    if (status == 0)
        status = fm_writer_write(&writer, stream, err);
    fm_writer_free(&writer);
    return status;
}

/* ---- 2. resuming */

/* A line of an identity. */
struct line {
    const char *key, *value;
    size_t key_length, length;
};

/* Takes the first line of the text; false at its end, or if the line has no value. */
static bool next_line(const char **text, struct line *line)
{
    const char *end = strchr(*text, '\n'), *blank = strchr(*text, ' ');
    if (!end || !blank || blank > end)
        return false;
    *line = (struct line){.key = *text,
                          .value = blank + 1,
                          .key_length = (size_t)(blank - *text),
                          .length = (size_t)(end - blank) - 1};
    *text = end + 1;
    return true;
}

/* The value of the key in the text. A setting of the recipe that the text does not have, as it was
   unknown when the text was written, has its default value. */
static bool find_line(const char *text, const struct line *key, struct line *found)
{
    static const char *const optional[] = {"--init", "frozen"};
    while (next_line(&text, found))
        if (found->key_length == key->key_length && !memcmp(found->key, key->key, key->key_length))
            return true;
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)key->key_length, key->key);
    *found = (struct line){.value = "none", .length = 4};
    for (size_t i = 0; i < FM_COUNT(optional); i++)
        if (!strcmp(name, optional[i]))
            return true;
    const struct fm_setting *setting = fm_setting_find(name);
    if (!setting || !fm_setting_absent(setting))
        return false;
    found->value = fm_setting_absent(setting);
    found->length = strlen(found->value);
    return true;
}

static int tell_difference(const char *path, const struct line *theirs, const struct line *ours,
                           struct fmnn_error *err)
{
    const struct line *key = ours;
    if (key->key_length == 4 && !memcmp(key->key, "data", 4))
        return fm_fail(err, FMNN_USAGE, "%s: the checkpoint was made with other data", path);
    if (key->key_length == 6 && !memcmp(key->key, "epochs", 6))
        return fm_fail(
            err, FMNN_USAGE,
            "%s: the training is scheduled for %.*s epochs, not %.*s; --extend goes on at "
            "the last learning rate",
            path, (int)theirs->length, theirs->value, (int)ours->length, ours->value);
    if (key->key_length == 6 && !memcmp(key->key, "images", 6))
        return fm_fail(err, FMNN_USAGE, "%s: the checkpoint was made with images of %.*s, not %.*s",
                       path, (int)theirs->length, theirs->value, (int)ours->length, ours->value);
    if (key->key_length == 7 && !memcmp(key->key, "classes", 7))
        return fm_fail(err, FMNN_USAGE, "%s: the checkpoint was made with %.*s classes, not %.*s",
                       path, (int)theirs->length, theirs->value, (int)ours->length, ours->value);
    return fm_fail(err, FMNN_USAGE,
                   "%s: the checkpoint was made with another %.*s: '%.*s', not '%.*s'", path,
                   (int)key->key_length, key->key, (int)theirs->length, theirs->value,
                   (int)ours->length, ours->value);
}

static bool same_value(const struct line *a, const struct line *b)
{
    return a->length == b->length && !memcmp(a->value, b->value, a->length);
}

/* Whether the data differ, too, in a line that follows. Data without a validation set keep the last
   epoch, but are themselves what the user has changed. */
static bool data_explain_keep(const struct line *line, const char *rest, const char *other)
{
    const struct line data = {.key = "data", .key_length = 4};
    struct line a, b;
    return line->key_length == 4 && !memcmp(line->key, "keep", 4) && find_line(rest, &data, &a) &&
           find_line(other, &data, &b) && !same_value(&a, &b);
}

/* Compares the lines of one identity with those of the other; swapped: theirs with ours. */
static int compare_lines(const char *path, const char *one, const char *other, bool swapped,
                         struct fmnn_error *err)
{
    struct line line, found;
    while (*one) {
        if (!next_line(&one, &line) || !find_line(other, &line, &found))
            return fm_fail(err, FMNN_DATA, "%s: this version of fmnn cannot read the checkpoint",
                           path);
        if (!same_value(&line, &found) && !data_explain_keep(&line, one, other)) {
            found.key = line.key;
            found.key_length = line.key_length;
            return swapped ? tell_difference(path, &line, &found, err)
                           : tell_difference(path, &found, &line, err);
        }
    }
    return 0;
}

/* A training that is to run on keeps the schedule of the checkpoint. */
static void keep_schedule(struct fmnn_trainer *t, const char *theirs)
{
    const struct line key = {.key = "epochs", .key_length = 6};
    struct line found;
    char text[32];
    uint64_t epochs;
    if (!t->options.extend || !fm_trainer_needs_epochs(t) || !find_line(theirs, &key, &found))
        return;
    snprintf(text, sizeof text, "%.*s", (int)found.length, found.value);
    if (fm_parse_unsigned(text, UINT_MAX, &epochs)) /* more than -e allows, by min-steps */
        t->schedule_epochs = (unsigned)epochs;
}

static int check_identity(struct fmnn_trainer *t, const struct fm_safetensors *file,
                          struct fmnn_error *err)
{
    const char *path = fm_safetensors_name(file);
    const char *theirs = fm_safetensors_text(file, "fmnn.checkpoint");
    if (!theirs)
        return fm_fail(err, FMNN_DATA, "%s: weights, but not a checkpoint", path);
    keep_schedule(t, theirs);
    char *ours = identity(t, err);
    if (!ours)
        return -1;
    int status = compare_lines(path, ours, theirs, false, err);
    if (status == 0)
        status = compare_lines(path, theirs, ours, true, err);
    free(ours);
    return status;
}

static int check_exact(const struct fmnn_trainer *t, const struct fm_safetensors *file,
                       struct fmnn_error *err)
{
    bool theirs;
    if (fm_read_exact(file, &theirs, err) != 0)
        return -1;
    if (theirs == t->net->exact)
        return 0;
    return fm_fail(err, FMNN_USAGE, "%s: the checkpoint was made %s exact convolutions",
                   fm_safetensors_name(file), theirs ? "with" : "without");
}

static int check_input(const struct fmnn_trainer *t, const struct fm_safetensors *file,
                       struct fmnn_error *err)
{
    struct fmnn_input theirs;
    if (fm_read_input(file, &theirs, err) != 0)
        return -1;
    if (fm_same_input(&theirs, &t->net->input))
        return 0;
    return fm_fail(err, FMNN_USAGE,
                   "%s: the checkpoint was made with images that are fitted in another way "
                   "(fmnn.input)",
                   fm_safetensors_name(file));
}

static const uint64_t *numbers(const struct fm_safetensors *file, const char *name, size_t columns,
                               size_t *rows, struct fmnn_error *err)
{
    static const uint64_t nothing[1];
    const struct fm_tensor *tensor = fm_safetensors_find(file, name);
    if (tensor && tensor->dtype == FM_U64 && tensor->rank == 2 && tensor->size[1] == columns) {
        *rows = tensor->size[0];
        return *rows ? tensor->data : nothing;
    }
    fm_fail(err, FMNN_DATA, "%s: tensor '%s' is missing or has another shape",
            fm_safetensors_name(file), name);
    return NULL;
}

static int read_history(struct fmnn_trainer *t, const struct fm_safetensors *file,
                        struct fmnn_error *err)
{
    size_t rows;
    const uint64_t *row = numbers(file, "history", H_SIZE, &rows, err);
    void *array = t->epoch;
    if (!row || fm_grow(&array, &t->epoch_capacity, rows, sizeof *t->epoch, err) != 0)
        return -1;
    t->epoch = array;
    t->epoch_count = rows;
    for (size_t i = 0; i < rows; i++, row += H_SIZE)
        t->epoch[i] = (struct fmnn_epoch){.epoch = (unsigned)i + 1,
                                          .loss = real(row[H_LOSS]),
                                          .accuracy = real(row[H_ACCURACY]),
                                          .val_loss = real(row[H_VAL_LOSS]),
                                          .val_accuracy = real(row[H_VAL_ACCURACY]),
                                          .lr = real(row[H_LR]),
                                          .seconds = real(row[H_SECONDS]),
                                          .validated = row[H_VALIDATED] != 0};
    return 0;
}

static int read_state(struct fmnn_trainer *t, const struct fm_safetensors *file,
                      struct fmnn_error *err)
{
    size_t rows;
    const uint64_t *state = numbers(file, "state", STATE_SIZE, &rows, err);
    if (!state)
        return -1;
    size_t batch = t->recipe.batch, count = t->train->count;
    bool good = rows == 1 && state[TRAINED] <= count &&
                (state[TRAINED] % batch == 0 || state[TRAINED] == count) &&
                state[CORRECT] <= state[TRAINED] && state[KEPT] <= t->epoch_count &&
                (t->best || !state[KEPT]);
    if (!good)
        return fm_fail(err, FMNN_DATA, "%s: the state does not fit the data",
                       fm_safetensors_name(file));
    t->step = state[STEP];
    t->trained = (size_t)state[TRAINED];
    t->measured = t->validated = 0; /* what was validated of an epoch is validated again */
    t->validation = (struct fm_totals){0};
    t->training = (struct fm_totals){real(state[LOSS]), state[CORRECT], state[TRAINED]};
    t->seconds = real(state[SECONDS]);
    t->kept = (unsigned)state[KEPT];
    for (int i = 0; i < FM_POWERS; i++)
        t->power[i] = real(state[POWER + i]);
    return 0;
}

static int read_tensors(struct fmnn_trainer *t, struct fm_safetensors *file, bool best,
                        bool average, struct fmnn_error *err)
{
    char prefix[FM_MAX_SLOTS][64];
    struct fm_part part[FM_MAX_SLOTS + 3] = {{"", t->net->weights, false}};
    size_t parts = 1;
    for (size_t i = 0; t->optimizer->slot_names[i]; i++) {
        snprintf(prefix[i], sizeof prefix[i], "optimizer.%s.", t->optimizer->slot_names[i]);
        part[parts++] = (struct fm_part){prefix[i], t->slots[i], true};
    }
    if (average)
        part[parts++] = (struct fm_part){"average.", t->averaged, false};
    if (best)
        part[parts++] = (struct fm_part){"best.", t->best, false};
    return fm_read_parameters(file, t->net, part, parts, err);
}

/* What was kept can be told from the names alone, before the state is there. */
static bool has_part(const struct fmnn_trainer *t, const struct fm_safetensors *file,
                     const char *prefix)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s", prefix, t->net->parameter[0].name);
    return fm_safetensors_find(file, name) != NULL;
}

static int read_checkpoint(struct fmnn_trainer *t, struct fm_safetensors *file,
                           struct fmnn_error *err)
{
    unsigned epochs = t->schedule_epochs;
    if (check_identity(t, file, err) != 0 || check_exact(t, file, err) != 0 ||
        check_input(t, file, err) != 0) {
        t->schedule_epochs = epochs; /* check_identity() may have taken the checkpoint's */
        return fm_damage_first(file, err);
    }
    t->failed = true; /* until all is there: what was before is being overwritten */
    t->good_step = t->kept = 0;
    bool best = t->best && has_part(t, file, "best.");
    bool average = t->averaged && has_part(t, file, "average.");
    if (read_tensors(t, file, best, average, err) != 0 || read_history(t, file, err) != 0 ||
        read_state(t, file, err) != 0)
        return -1;
    if (t->averaged && !average) /* it has not begun, and must not hold what a failure left */
        memcpy(t->averaged, t->net->weights, t->net->stored * sizeof *t->averaged);
    if (t->kept && !best)
        return fm_fail(err, FMNN_DATA, "%s: the best weights are missing",
                       fm_safetensors_name(file));
    if (fm_trainer_averages(t) && !average)
        return fm_fail(err, FMNN_DATA, "%s: the average of the weights is missing",
                       fm_safetensors_name(file));
    t->failed = t->replaced = false;
    if (t->trained == 0)
        fm_trainer_note_good(t);
    fm_trainer_shuffle(t);
    return 0;
}

int fmnn_trainer_resume(struct fmnn_trainer *t, const char *path, struct fmnn_error *err)
{
    if (!t->plan->workspace)
        return fm_fail(err, FMNN_USAGE, "a training cannot be resumed after its end");
    struct fm_safetensors *file = fm_safetensors_open(path, err);
    int status = file ? read_checkpoint(t, file, err) : -1;
    fm_safetensors_free(file);
    return status;
}
