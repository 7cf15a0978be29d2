/* recipe.c -- the settings of a training: their table, and what walks it. */
#include "engine/optim/recipe.h"

#include <stdio.h>

#include "engine/augment/augment.h"
#include "engine/optim/average.h"
#include "engine/optim/class-weights.h"
#include "engine/optim/optimizer.h"
#include "engine/optim/schedule.h"

/* ---- kinds of values */

static int read_word(const struct fm_setting *setting, const char *text, void *value,
                     struct fmnn_error *err)
{
    const struct fmnn_setting *s = &setting->shown;
    for (size_t i = 0; s->words[i]; i++)
        if (!strcmp(text, s->words[i])) {
            snprintf(value, setting->size, "%s", text);
            return 0;
        }
    char what[64];
    snprintf(what, sizeof what, "unknown %s", strchr(s->argument, '|') ? "word" : s->name);
    return fm_fail_unknown(err, what, text, s->words);
}

static void write_word(const void *value, char text[FM_MAX_LIST])
{
    snprintf(text, FM_MAX_LIST, "%s", (const char *)value);
}

static int check_range(const struct fm_setting *setting, const char *text, double number,
                       struct fmnn_error *err)
{
    const struct fmnn_setting *s = &setting->shown;
    if (number < s->min || number > s->max)
        return fm_fail(err, FMNN_USAGE, "%s %s is not in %.10g..%.10g", s->name, text, s->min,
                       s->max);
    if (setting->above_min && !(number > s->min))
        return fm_fail(err, FMNN_USAGE, "%s %s is not above %g", s->name, text, s->min);
    if (setting->below_max && !(number < s->max))
        return fm_fail(err, FMNN_USAGE, "%s %s is not below %g", s->name, text, s->max);
    return 0;
}

static int read_real(const struct fm_setting *setting, const char *text, void *value,
                     struct fmnn_error *err)
{
    double number;
    if (!fm_parse_double(text, &number))
        return fm_fail(err, FMNN_USAGE, "%s '%s' is not a number", setting->shown.name, text);
    number = fm_rounded(number);
    if (check_range(setting, text, number, err) != 0)
        return -1;
    *(double *)value = number;
    return 0;
}

static void write_real(const void *value, char text[FM_MAX_LIST])
{
    fmnn_format_number(text, *(const double *)value);
}

static int read_count(const struct fm_setting *setting, const char *text, void *value,
                      struct fmnn_error *err)
{
    uint64_t number;
    if (!fm_parse_unsigned(text, UINT64_MAX, &number))
        return fm_fail(err, FMNN_USAGE, "%s '%s' is not a whole number", setting->shown.name, text);
    if (check_range(setting, text, (double)number, err) != 0)
        return -1;
    *(unsigned *)value = (unsigned)number;
    return 0;
}

static int read_text(const struct fm_setting *setting, const char *text, void *value,
                     struct fmnn_error *err)
{
    if (strlen(text) >= setting->size)
        return fm_fail(err, FMNN_USAGE, "%s: the text has more than %zu bytes", setting->shown.name,
                       setting->size - 1);
    return setting->read_text(text, value, err);
}

static int read_augment(const char *text, char *value, struct fmnn_error *err)
{
    struct fm_augment augment;
    if (fm_augment_parse(&augment, text, err) != 0)
        return -1;
    fm_augment_print(&augment, value, FM_MAX_VALUE);
    return 0;
}

static void write_count(const void *value, char text[FM_MAX_LIST])
{
    snprintf(text, FM_MAX_LIST, "%u", *(const unsigned *)value);
}

static const struct fm_value_kind {
    int (*read)(const struct fm_setting *setting, const char *text, void *value,
                struct fmnn_error *err);
    void (*write)(const void *value, char text[FM_MAX_LIST]);
    bool quoted; /* in JSON */
} kinds[] = {
    [FMNN_SETTING_COUNT] = {read_count, write_count, .quoted = false},
    [FMNN_SETTING_REAL] = {read_real, write_real, .quoted = false},
    [FMNN_SETTING_WORD] = {read_word, write_word, .quoted = true},
    [FMNN_SETTING_TEXT] = {read_text, write_word, .quoted = true},
};

/* ---- the table */

#define OPTIMIZER_NAME(name) #name,
static const char *const optimizers[] = {FM_OPTIMIZERS(OPTIMIZER_NAME) NULL};
static const char *const on_off[] = {"on", "off", NULL};
static const char *const inits[] = {"he", "dirac", NULL};
static const char *const keeps[] = {"best", "last", NULL};

#define MEMBER(member)                                                                             \
    .offset = offsetof(struct fmnn_recipe, member), .size = sizeof((struct fmnn_recipe *)0)->member

/* In the order of records, which must not change: new rows come last. */
static const struct fm_setting settings[] = {
    {{"optimizer", "NAME", "optimizer", FMNN_SETTING_WORD, .words = optimizers, .fallback = "adam"},
     MEMBER(optimizer)},
    {{"lr", "X", "learning rate", FMNN_SETTING_REAL, 0, 1000,
      .fallback = "adam 1e-3, sgd 1e-2, adamw 1e-3"},
     MEMBER(lr),
     .above_min = true,
     .depends = true},
    {{"momentum", "X", "momentum of sgd", FMNN_SETTING_REAL, 0, 1, .fallback = "0",
      .optimizer = "sgd"},
     MEMBER(momentum)},
    {{"batch", "N", "images in a training step", FMNN_SETTING_COUNT, 1, 65536, .fallback = "32"},
     MEMBER(batch)},
    {{"epochs", "N", "passes over the training set", FMNN_SETTING_COUNT, 0, 1000000,
      .fallback = "10"},
     MEMBER(epochs),
     .may_change = true},
    {{"augment", "KIND...", "random changes of training images", FMNN_SETTING_TEXT,
      .fallback = "none"},
     MEMBER(augment),
     .read_text = read_augment,
     .only_if_set = true},
    {{"smooth", "X", "label smoothing", FMNN_SETTING_REAL, 0, 1, .fallback = "0"},
     MEMBER(smooth),
     .below_max = true,
     .only_if_set = true},
    {{"class-weights", "balanced|W,W...", "weights of the classes in the loss", FMNN_SETTING_TEXT,
      .fallback = "none"},
     MEMBER(class_weights),
     .read_text = fm_class_weights_read,
     .only_if_set = true},
    {{"bn", "X", "weight of a batch in the running statistics of bn", FMNN_SETTING_REAL, 0, 1,
      .fallback = "0.1"},
     MEMBER(bn),
     .only_if_set = true},
    {{"init", "NAME", "initial weights", FMNN_SETTING_WORD, .words = inits, .fallback = "he"},
     MEMBER(init),
     .only_if_set = true},
    {{"schedule", "KIND...", "learning rate of each step", FMNN_SETTING_TEXT,
      .fallback = "constant"},
     MEMBER(schedule),
     .read_text = fm_schedule_read,
     .only_if_set = true},
    {{"min-steps", "N", "more epochs, if these are fewer steps", FMNN_SETTING_COUNT, 0, 1000000000,
      .fallback = "0"},
     MEMBER(min_steps),
     .only_if_set = true,
     .may_change = true},
    {{"nesterov", "on|off", "Nesterov's momentum, of sgd", FMNN_SETTING_WORD, .words = on_off,
      .fallback = "off", .optimizer = "sgd"},
     MEMBER(nesterov),
     .only_if_set = true},
    {{"decay", "X", "weight decay", FMNN_SETTING_REAL, 0, 1000,
      .fallback = "adam 0, sgd 0, adamw 0.01"},
     MEMBER(decay),
     .depends = true,
     .only_if_set = true,
     .absent = "0"},
    {{"decay-norms", "on|off", "decay of biases and bn, too", FMNN_SETTING_WORD, .words = on_off,
      .fallback = "off"},
     MEMBER(decay_norms),
     .only_if_set = true},
    {{"clip", "X", "highest norm of the gradients; 0: any", FMNN_SETTING_REAL, 0, 1e9,
      .fallback = "0"},
     MEMBER(clip),
     .only_if_set = true},
    {{"average", "KIND...", "average of the weights", FMNN_SETTING_TEXT, .fallback = "none"},
     MEMBER(average),
     .read_text = fm_average_read,
     .only_if_set = true},
    {{"keep", "best|last", "epoch whose weights are written", FMNN_SETTING_WORD, .words = keeps,
      .fallback = "best"},
     MEMBER(keep),
     .apart = true},
};

_Static_assert(FM_COUNT(settings) * (FM_MAX_VALUE + 32) + FM_MAX_LIST < FM_MAX_RECORD,
               "a record has no room");

const struct fm_setting *fm_setting_find(const char *name)
{
    for (size_t i = 0; i < FM_COUNT(settings); i++)
        if (!strcmp(settings[i].shown.name, name))
            return &settings[i];
    return NULL;
}

const char *fm_setting_absent(const struct fm_setting *s)
{
    return s->absent ? s->absent : s->depends ? NULL : s->shown.fallback;
}

const struct fmnn_setting *fmnn_recipe_setting(size_t i)
{
    return i < FM_COUNT(settings) ? &settings[i].shown : NULL;
}

static int unknown_setting(const char *name, struct fmnn_error *err)
{
    const char *names[FM_COUNT(settings) + 1] = {NULL};
    for (size_t i = 0; i < FM_COUNT(settings); i++)
        names[i] = settings[i].shown.name;
    return fm_fail_unknown(err, "unknown option", name, names);
}

/* ---- recipes */

void fm_recipe_init(struct fmnn_recipe *recipe)
{
    memset(recipe, 0, sizeof *recipe);
    recipe->decay = -1;
    for (size_t i = 0; i < FM_COUNT(settings); i++) {
        const struct fm_setting *s = &settings[i];
        if (!s->depends)
            kinds[s->shown.kind].read(s, s->shown.fallback, (char *)recipe + s->offset, NULL);
    }
}

void fm_recipe_resolve(struct fmnn_recipe *recipe)
{
    int id = fm_optimizer_find(recipe->optimizer);
    if (!(recipe->lr > 0) && id >= 0)
        recipe->lr = fm_optimizer_at((size_t)id)->lr;
    if (recipe->decay < 0 && id >= 0)
        recipe->decay = fm_optimizer_at((size_t)id)->decay;
}

size_t fm_recipe_epoch_steps(const struct fmnn_recipe *recipe, size_t images)
{
    return (images + recipe->batch - 1) / recipe->batch;
}

unsigned fm_recipe_epochs(const struct fmnn_recipe *recipe, size_t images)
{
    size_t steps = fm_recipe_epoch_steps(recipe, images);
    if (!steps || !recipe->epochs)
        return recipe->epochs;
    size_t epochs = (recipe->min_steps + steps - 1) / steps;
    return epochs > recipe->epochs ? (unsigned)epochs : recipe->epochs;
}

bool fmnn_recipe_warning(const struct fmnn_recipe *recipe, size_t images,
                         struct fmnn_error *warning)
{
    struct fm_average average;
    unsigned epochs = fm_recipe_epochs(recipe, images);
    uint64_t steps = (uint64_t)epochs * fm_recipe_epoch_steps(recipe, images);
    /* without a step, nothing is averaged */
    return steps && fm_average_parse(&average, recipe->average, warning) == 0 &&
           fm_average_doubt(&average, epochs, steps, warning);
}

struct fmnn_recipe *fmnn_recipe_new(const struct fmnn_recipe *recipe, struct fmnn_error *err)
{
    struct fmnn_recipe *copy = fm_alloc(1, sizeof *copy, err);
    if (copy && recipe)
        *copy = *recipe;
    else if (copy)
        fm_recipe_init(copy);
    return copy;
}

void fmnn_recipe_free(struct fmnn_recipe *recipe)
{
    free(recipe);
}

int fmnn_recipe_set(struct fmnn_recipe *recipe, const char *name, const char *value,
                    struct fmnn_error *err)
{
    const struct fm_setting *s = fm_setting_find(name);
    return s ? kinds[s->shown.kind].read(s, value, (char *)recipe + s->offset, err)
             : unknown_setting(name, err);
}

static void write_value(const struct fmnn_recipe *recipe, const struct fm_setting *s,
                        char text[FM_MAX_LIST])
{
    kinds[s->shown.kind].write((const char *)recipe + s->offset, text);
}

char *fmnn_recipe_get(const struct fmnn_recipe *recipe, const char *name, struct fmnn_error *err)
{
    const struct fm_setting *s = fm_setting_find(name);
    if (!s) {
        unknown_setting(name, err);
        return NULL;
    }
    struct fmnn_recipe resolved = *recipe;
    char text[FM_MAX_LIST];
    fm_recipe_resolve(&resolved);
    write_value(&resolved, s, text);
    return fm_strdup(text, err);
}

bool fmnn_recipe_uses(const struct fmnn_recipe *recipe, const char *name)
{
    const struct fm_setting *s = fm_setting_find(name);
    return s && (!s->shown.optimizer || !strcmp(s->shown.optimizer, recipe->optimizer));
}

/* ---- records */

/* Settings that came later are recorded only if they are set, so that records of recipes without
   them stay the same. */
static bool is_recorded(const struct fm_setting *s, const char *text)
{
    return !s->apart && (!s->only_if_set || (*text && strcmp(text, fm_setting_absent(s)) != 0));
}

void fm_recipe_json(const struct fmnn_recipe *recipe, char json[FM_MAX_RECORD])
{
    char text[FM_MAX_LIST];
    size_t used = 0;
    for (size_t i = 0; i < FM_COUNT(settings); i++) {
        const struct fm_setting *s = &settings[i];
        const char *quote = kinds[s->shown.kind].quoted ? "\"" : "";
        write_value(recipe, s, text);
        if (fmnn_recipe_uses(recipe, s->shown.name) && is_recorded(s, text))
            used += (size_t)snprintf(json + used, FM_MAX_RECORD - used, "%s\"%s\":%s%s%s",
                                     used ? "," : "", s->shown.name, quote, text, quote);
    }
}

void fm_recipe_identity(const struct fmnn_recipe *recipe, char lines[FM_MAX_RECORD])
{
    char text[FM_MAX_LIST];
    size_t used = 0;
    for (size_t i = 0; i < FM_COUNT(settings); i++) {
        const struct fm_setting *s = &settings[i];
        write_value(recipe, s, text);
        if (!s->may_change && is_recorded(s, text))
            used += (size_t)snprintf(lines + used, FM_MAX_RECORD - used, "%s %s\n", s->shown.name,
                                     text);
    }
}
