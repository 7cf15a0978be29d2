/* average.c -- the kinds of averages, their text, and how far they move. */
#include "engine/optim/average.h"

#include <stdio.h>

#include "base/float.h"

enum { MAX_EVERY = 1000000, LOOKAHEAD_EVERY = 5, WORD = FM_MAX_VALUE };

static bool next_word(const char **text, char word[WORD])
{
    return fm_cut_word(text, " \t", word, WORD);
}

static int read_count(const char *word, const char *what, unsigned *count, struct fmnn_error *err)
{
    uint64_t number;
    if (!fm_parse_unsigned(word, MAX_EVERY, &number) || !number)
        return fm_fail(err, FMNN_USAGE, "average: %s '%s' is not a whole number from 1 to %d", what,
                       word, MAX_EVERY);
    *count = (unsigned)number;
    return 0;
}

/* ---- ema DECAY [EVERY] */

static int ema_read(struct fm_average *a, const char **text, struct fmnn_error *err)
{
    char word[WORD];
    if (!next_word(text, word))
        return fm_fail(err, FMNN_USAGE, "average: ema needs a decay, such as 0.99");
    if (!fm_parse_double(word, &a->decay))
        return fm_fail(err, FMNN_USAGE, "average: '%s' is not a number", word);
    a->decay = fm_rounded(a->decay);
    if (!(a->decay >= 0 && a->decay < 1))
        return fm_fail(err, FMNN_USAGE, "average: the decay %s is not in 0..1, without 1", word);
    return next_word(text, word) ? read_count(word, "EVERY", &a->every, err) : 0;
}

static void ema_write(const struct fm_average *a, char value[FM_MAX_VALUE])
{
    char decay[32], every[32] = "";
    fmnn_format_number(decay, a->decay);
    if (a->every > 1)
        snprintf(every, sizeof every, " %u", a->every);
    snprintf(value, FM_MAX_VALUE, "ema %s%s", decay, every);
}

static float ema_share(const struct fm_average *a, uint64_t t, uint64_t all)
{
    (void)all;
    if (t % a->every)
        return 0;
    return t == a->every ? 1 : (float)(1 - fm_power(a->decay, a->every));
}

static bool too_rare(const char *average, unsigned every, uint64_t steps, struct fmnn_error *doubt)
{
    fm_fail(
        doubt, FMNN_USAGE,
        "'%s' averages every %u steps, but the training has only %llu: the weights stay as they "
        "begin",
        average, every, (unsigned long long)steps);
    return true;
}

static bool ema_doubt(const struct fm_average *a, unsigned epochs, uint64_t steps,
                      struct fmnn_error *doubt)
{
    char text[FM_MAX_VALUE];
    double length = 1 / (1 - a->decay);
    (void)epochs;
    ema_write(a, text);
    if (a->every > steps)
        return too_rare(text, a->every, steps, doubt);
    length = length < a->every ? a->every : length;
    if (length <= (double)steps / 10)
        return false;
    fm_fail(doubt, FMNN_USAGE,
            "'%s' averages over about %.0f steps, which is more than a tenth of the training's "
            "%llu",
            text, length, (unsigned long long)steps);
    return true;
}

/* ---- lookahead, as K. Jordan's airbench94: more and more of the average stays */

static float lookahead_share(const struct fm_average *a, uint64_t t, uint64_t all)
{
    (void)a;
    if (t % LOOKAHEAD_EVERY)
        return 0;
    double part = t < all ? (double)t / (double)all : 1;
    return (float)(1 - fm_power(0.95, LOOKAHEAD_EVERY) * (part * part * part));
}

static bool lookahead_doubt(const struct fm_average *a, unsigned epochs, uint64_t steps,
                            struct fmnn_error *doubt)
{
    (void)a, (void)epochs;
    return steps < LOOKAHEAD_EVERY && too_rare("lookahead", LOOKAHEAD_EVERY, steps, doubt);
}

/* ---- swa EPOCHS */

static int swa_read(struct fm_average *a, const char **text, struct fmnn_error *err)
{
    char word[WORD];
    next_word(text, word);
    return read_count(word, "the number of epochs", &a->last, err);
}

static void swa_write(const struct fm_average *a, char value[FM_MAX_VALUE])
{
    snprintf(value, FM_MAX_VALUE, "swa %u", a->last);
}

static bool swa_doubt(const struct fm_average *a, unsigned epochs, uint64_t steps,
                      struct fmnn_error *doubt)
{
    (void)steps;
    if (a->last <= epochs)
        return false;
    fm_fail(doubt, FMNN_USAGE, "'swa %u' averages more epochs than the training has: %u", a->last,
            epochs);
    return true;
}

/* ---- the table */

const struct fm_average_kind fm_average_kinds[] = {
    {.name = "none"},
    {"ema", .read = ema_read, .write = ema_write, .share = ema_share, .doubt = ema_doubt},
    {"lookahead", .share = lookahead_share, .doubt = lookahead_doubt, .looks_back = true,
     .needs_epochs = true},
    {"swa", .read = swa_read, .write = swa_write, .doubt = swa_doubt, .needs_epochs = true},
    {0},
};

static const struct fm_average_kind *find_kind(const char *word, struct fmnn_error *err)
{
    const char *names[FM_COUNT(fm_average_kinds)];
    for (size_t i = 0; i < FM_COUNT(names); i++) {
        const struct fm_average_kind *kind = &fm_average_kinds[i];
        if (kind->name && !strcmp(word, kind->name))
            return kind;
        names[i] = kind->name;
    }
    fm_fail_unknown(err, "unknown average", word, names);
    return NULL;
}

/* ---- the text */

int fm_average_parse(struct fm_average *a, const char *text, struct fmnn_error *err)
{
    char word[WORD];
    *a = (struct fm_average){.kind = fm_average_kinds, .every = 1};
    if (next_word(&text, word) && !(a->kind = find_kind(word, err)))
        return -1;
    if (a->kind->read && a->kind->read(a, &text, err) != 0)
        return -1;
    return next_word(&text, word) ? fm_fail(err, FMNN_USAGE, "average: '%s' is too much", word) : 0;
}

int fm_average_read(const char *text, char value[FM_MAX_VALUE], struct fmnn_error *err)
{
    struct fm_average a;
    if (fm_average_parse(&a, text, err) != 0)
        return -1;
    if (a.kind->write)
        a.kind->write(&a, value);
    else
        snprintf(value, FM_MAX_VALUE, "%s", a.kind->name);
    return 0;
}

bool fm_average_is_none(const struct fm_average *a)
{
    return a->kind == fm_average_kinds;
}

float fm_average_share(const struct fm_average *a, uint64_t t, uint64_t all)
{
    return a->kind->share ? a->kind->share(a, t, all) : 0;
}

bool fm_average_doubt(const struct fm_average *a, unsigned epochs, uint64_t steps,
                      struct fmnn_error *doubt)
{
    return a->kind->doubt && a->kind->doubt(a, epochs, steps, doubt);
}
