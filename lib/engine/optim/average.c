/* average.c -- the text of averages, and how far they move. */
#include "engine/optim/average.h"

#include <stdio.h>

#include "base/float.h"

static const char *const names[] = {[FM_AVERAGE_NONE] = "none",
                                    [FM_AVERAGE_EMA] = "ema",
                                    [FM_AVERAGE_LOOKAHEAD] = "lookahead",
                                    [FM_AVERAGE_SWA] = "swa",
                                    NULL};

enum { MAX_EVERY = 1000000, LOOKAHEAD_EVERY = 5, WORD = 64 };

static bool next_word(const char **text, char word[WORD])
{
    return fm_cut_word(text, " \t", word, WORD);
}

static int find_kind(const char *word, enum fm_average_kind *kind, struct fmnn_error *err)
{
    for (*kind = FM_AVERAGE_NONE; names[*kind]; ++*kind)
        if (!strcmp(word, names[*kind]))
            return 0;
    return fm_fail_unknown(err, "unknown average", word, names);
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

static int read_ema(struct fm_average *a, const char **text, struct fmnn_error *err)
{
    char word[WORD];
    if (!next_word(text, word))
        return fm_fail(err, FMNN_USAGE, "average: ema needs a decay, such as 0.99");
    if (!fm_parse_double(word, &a->decay))
        return fm_fail(err, FMNN_USAGE, "average: '%s' is not a number", word);
    if (!(a->decay >= 0 && a->decay < 1))
        return fm_fail(err, FMNN_USAGE, "average: the decay %s is not in 0..1, without 1", word);
    return next_word(text, word) ? read_count(word, "EVERY", &a->every, err) : 0;
}

int fm_average_parse(struct fm_average *a, const char *text, struct fmnn_error *err)
{
    char word[WORD];
    *a = (struct fm_average){.every = 1};
    if (next_word(&text, word) && find_kind(word, &a->kind, err) != 0)
        return -1;
    if (a->kind == FM_AVERAGE_EMA && read_ema(a, &text, err) != 0)
        return -1;
    if (a->kind == FM_AVERAGE_SWA) {
        next_word(&text, word);
        if (read_count(word, "the number of epochs", &a->last, err) != 0)
            return -1;
    }
    return next_word(&text, word) ? fm_fail(err, FMNN_USAGE, "average: '%s' is too much", word) : 0;
}

int fm_average_read(const char *text, char value[FM_MAX_VALUE], struct fmnn_error *err)
{
    struct fm_average a;
    char decay[32], every[32] = "";
    if (fm_average_parse(&a, text, err) != 0)
        return -1;
    fmnn_format_number(decay, a.decay);
    if (a.every > 1)
        snprintf(every, sizeof every, " %u", a.every);
    if (a.kind == FM_AVERAGE_EMA)
        snprintf(value, FM_MAX_VALUE, "ema %s%s", decay, every);
    else if (a.kind == FM_AVERAGE_SWA)
        snprintf(value, FM_MAX_VALUE, "swa %u", a.last);
    else
        snprintf(value, FM_MAX_VALUE, "%s", names[a.kind]);
    return 0;
}

static float ema_share(const struct fm_average *a, uint64_t t)
{
    if (t % a->every)
        return 0;
    return t == a->every ? 1 : (float)(1 - fm_power(a->decay, a->every));
}

/* As K. Jordan's airbench94: more and more of the average stays. */
static float lookahead_share(uint64_t t, uint64_t all)
{
    if (t % LOOKAHEAD_EVERY)
        return 0;
    double part = t < all ? (double)t / (double)all : 1;
    return (float)(1 - fm_power(0.95, LOOKAHEAD_EVERY) * (part * part * part));
}

float fm_average_share(const struct fm_average *a, uint64_t t, uint64_t all)
{
    switch (a->kind) {
    case FM_AVERAGE_EMA:
        return ema_share(a, t);
    case FM_AVERAGE_LOOKAHEAD:
        return lookahead_share(t, all);
    case FM_AVERAGE_NONE:
    case FM_AVERAGE_SWA:
        break;
    }
    return 0;
}
