/* schedule.c -- the kinds of schedules, their text, and their rates. */
#include "engine/optim/schedule.h"

#include <stdio.h>

#include "base/float.h"

/* A step of a training: the numbers of steps are whole, and are doubles to be computed with. */
struct place {
    double t, all; /* t: 0 .. all - 1 */
    uint64_t epoch;
};

struct fm_schedule_kind {
    const char *name, *numbers; /* that follow the name, for messages */
    size_t min, max;            /* the number of numbers */
    int (*check)(const struct fm_schedule *schedule, struct fmnn_error *err);
    /* Changes *rate, which is the setting's. */
    void (*at)(const struct fm_schedule *schedule, struct place place, struct fm_rate *rate);
};

static int check_range(const char *what, double number, double max, struct fmnn_error *err)
{
    char text[32];
    if (number >= 0 && number <= max)
        return 0;
    fmnn_format_number(text, number);
    return fm_fail(err, FMNN_USAGE, "schedule: %s %s is not in 0..%g", what, text, max);
}

/* From a at x = 0 to b at x = 1, along half a period of a cosine. */
static double anneal(double a, double b, double x)
{
    return b + (a - b) / 2 * (1 + fm_cos_pi(x));
}

/* ---- constant */

static void constant_at(const struct fm_schedule *s, struct place place, struct fm_rate *rate)
{
    (void)s, (void)place, (void)rate;
}

/* ---- linear WARMUP FIRST LAST: from FIRST to 1 in the first part of the steps, then to LAST */

static const double max_factor = 1000;

static int check_linear(const struct fm_schedule *s, struct fmnn_error *err)
{
    if (check_range("WARMUP", s->number[0], 1, err) != 0 ||
        check_range("FIRST", s->number[1], max_factor, err) != 0)
        return -1;
    return check_range("LAST", s->number[2], max_factor, err);
}

static void linear_at(const struct fm_schedule *s, struct place place, struct fm_rate *rate)
{
    double first = s->number[1], last = s->number[2], t = place.t;
    double warm = (double)(uint64_t)(s->number[0] * place.all);
    if (t < warm)
        rate->lr *= first + (1 - first) * t / warm;
    else
        rate->lr *= 1 + (last - 1) * (t - warm) / (place.all - warm);
}

/* ---- cosine [END] */

static int check_cosine(const struct fm_schedule *s, struct fmnn_error *err)
{
    return s->count ? check_range("END", s->number[0], 1, err) : 0;
}

static void cosine_at(const struct fm_schedule *s, struct place place, struct fm_rate *rate)
{
    rate->lr *= anneal(1, s->count ? s->number[0] : 0, place.t / place.all);
}

/* ---- onecycle, as PyTorch's OneCycleLR: up to the rate and down to almost nothing, with the
   momentum the other way. The first phase ends between steps. */

static void onecycle_at(const struct fm_schedule *s, struct place place, struct fm_rate *rate)
{
    const double part = 0.3, first = 1. / 25, last = first / 1e4, high = 0.95, low = 0.85;
    double peak = part * place.all - 1, end = place.all - 1, max = rate->lr;
    (void)s;
    rate->cycled = true;
    if (place.t <= peak) {
        rate->lr = anneal(max * first, max, place.t / peak);
        rate->momentum = anneal(high, low, place.t / peak);
    } else {
        rate->lr = anneal(max, max * last, (place.t - peak) / (end - peak));
        rate->momentum = anneal(low, high, (place.t - peak) / (end - peak));
    }
}

/* ---- steps E,E,... FACTOR: the rate is multiplied by FACTOR after each of these epochs */

static int check_steps(const struct fm_schedule *s, struct fmnn_error *err)
{
    for (size_t i = 0; i + 1 < s->count; i++) {
        double epoch = s->number[i];
        char text[32];
        fmnn_format_number(text, epoch);
        if (!(epoch >= 1) || epoch > 1e6 || (double)(uint64_t)epoch != epoch)
            return fm_fail(err, FMNN_USAGE, "schedule: epoch '%s' is not a whole number above 0",
                           text);
        if (i && !(epoch > s->number[i - 1]))
            return fm_fail(err, FMNN_USAGE, "schedule: epoch %s is not after the one before it",
                           text);
    }
    return check_range("FACTOR", s->number[s->count - 1], max_factor, err);
}

static void steps_at(const struct fm_schedule *s, struct place place, struct fm_rate *rate)
{
    for (size_t i = 0; i + 1 < s->count; i++)
        if ((double)place.epoch >= s->number[i])
            rate->lr *= s->number[s->count - 1];
}

static const struct fm_schedule_kind kinds[] = {
    {"constant", "no numbers", 0, 0, NULL, constant_at},
    {"linear", "WARMUP FIRST LAST", 3, 3, check_linear, linear_at},
    {"cosine", "at most END", 0, 1, check_cosine, cosine_at},
    {"onecycle", "no numbers", 0, 0, NULL, onecycle_at},
    {"steps", "E,E,... FACTOR", 2, FM_MAX_SCHEDULE, check_steps, steps_at},
};

const char *fm_schedule_name(size_t i)
{
    return i < FM_COUNT(kinds) ? kinds[i].name : NULL;
}

/* ---- the text */

static const struct fm_schedule_kind *find_kind(const char *name, struct fmnn_error *err)
{
    const char *names[FM_COUNT(kinds) + 1] = {NULL};
    for (size_t i = 0; i < FM_COUNT(kinds); i++) {
        if (!strcmp(name, kinds[i].name))
            return &kinds[i];
        names[i] = kinds[i].name;
    }
    fm_fail_unknown(err, "unknown schedule", name, names);
    return NULL;
}

static const char between[] = " \t,"; /* words */

static int read_numbers(struct fm_schedule *s, const char *text, struct fmnn_error *err)
{
    char word[FM_MAX_VALUE];
    while (fm_cut_word(&text, between, word, sizeof word)) {
        if (s->count == s->kind->max)
            return fm_fail(err, FMNN_USAGE, "schedule: %s takes %s; '%s' is too much",
                           s->kind->name, s->kind->numbers, word);
        if (!fm_parse_double(word, &s->number[s->count++]))
            return fm_fail(err, FMNN_USAGE, "schedule: '%s' is not a number", word);
    }
    if (s->count < s->kind->min)
        return fm_fail(err, FMNN_USAGE, "schedule: %s needs %s", s->kind->name, s->kind->numbers);
    return s->kind->check ? s->kind->check(s, err) : 0;
}

int fm_schedule_parse(struct fm_schedule *s, const char *text, struct fmnn_error *err)
{
    char word[FM_MAX_VALUE];
    *s = (struct fm_schedule){.kind = kinds};
    if (!fm_cut_word(&text, between, word, sizeof word))
        return 0;
    s->kind = find_kind(word, err);
    return s->kind ? read_numbers(s, text, err) : -1;
}

int fm_schedule_read(const char *text, char value[FM_MAX_VALUE], struct fmnn_error *err)
{
    struct fm_schedule s;
    if (fm_schedule_parse(&s, text, err) != 0)
        return -1;
    size_t used = (size_t)snprintf(value, FM_MAX_VALUE, "%s", s.kind->name);
    for (size_t i = 0; i < s.count && used < FM_MAX_VALUE; i++) {
        char number[32];
        bool list = s.kind->at == steps_at && i > 0 && i + 1 < s.count;
        fmnn_format_number(number, s.number[i]);
        used +=
            (size_t)snprintf(value + used, FM_MAX_VALUE - used, "%c%s", list ? ',' : ' ', number);
    }
    if (used >= FM_MAX_VALUE)
        return fm_fail(err, FMNN_USAGE, "schedule: the text has more than %d bytes",
                       FM_MAX_VALUE - 1);
    return 0;
}

bool fm_schedule_is_constant(const struct fm_schedule *s)
{
    return s->kind == kinds;
}

struct fm_rate fm_schedule_rate(const struct fm_schedule *s, double lr, uint64_t t, uint64_t all,
                                uint64_t epoch)
{
    struct fm_rate rate = {.lr = lr};
    if (!all)
        return rate;
    if (t >= all)
        t = all - 1;
    s->kind->at(s, (struct place){(double)t, (double)all, t / epoch}, &rate);
    return rate;
}
