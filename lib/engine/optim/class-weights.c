/* class-weights.c -- the text of class weights, and the weights. */
#include "engine/optim/class-weights.h"

#include <stdio.h>

static const double max_weight = 1e6;

static bool is_none(const char *text)
{
    return !*text || !strcmp(text, "none");
}

/* Takes the next number of a list; *rest is NULL behind the last one. */
static int next_weight(const char **rest, double *weight, struct fmnn_error *err)
{
    char word[FM_MAX_VALUE];
    size_t length = strcspn(*rest, ",");
    bool fits = length < sizeof word;
    snprintf(word, sizeof word, "%.*s", (int)(fits ? length : sizeof word - 1), *rest);
    *rest = (*rest)[length] ? *rest + length + 1 : NULL;
    if (!fits || !fm_parse_double(word, weight))
        return fm_fail(err, FMNN_USAGE,
                       "class-weights: '%s' is neither a number nor balanced or none", word);
    if (*weight < 0 || *weight > max_weight)
        return fm_fail(err, FMNN_USAGE, "class-weights: %s is not in 0..%g", word, max_weight);
    return 0;
}

int fm_class_weights_read(const char *text, char value[FM_MAX_LIST], struct fmnn_error *err)
{
    char list[FM_MAX_LIST] = "";
    double weight, sum = 0;
    size_t used = 0;
    bool words = is_none(text) || !strcmp(text, "balanced");
    for (const char *rest = words ? NULL : text; rest;) {
        char number[32];
        if (next_weight(&rest, &weight, err) != 0)
            return -1;
        sum += weight;
        fmnn_format_number(number, weight);
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? "," : "", number);
        if (used >= sizeof list)
            return fm_fail(err, FMNN_USAGE, "class-weights: the list has more than %d bytes",
                           FM_MAX_LIST - 1);
    }
    if (!words && !(sum > 0))
        return fm_fail(err, FMNN_USAGE, "class-weights: all weights are 0");
    snprintf(value, FM_MAX_LIST, "%s", !words ? list : is_none(text) ? "none" : text);
    return 0;
}

static int balance(float *weights, const uint16_t *labels, size_t n, size_t classes,
                   struct fmnn_error *err)
{
    size_t *count = fm_alloc(classes, sizeof *count, err);
    if (!count)
        return -1;
    for (size_t i = 0; i < n; i++)
        count[labels[i]]++;
    for (size_t c = 0; c < classes; c++)
        weights[c] = count[c] ? (float)((double)n / ((double)classes * (double)count[c])) : 0;
    free(count);
    return 0;
}

static int read_list(float *weights, const char *text, size_t classes, struct fmnn_error *err)
{
    double weight;
    size_t n = 0;
    for (const char *rest = text; rest; n++) {
        if (next_weight(&rest, &weight, err) != 0)
            return -1;
        if (n < classes)
            weights[n] = (float)weight;
    }
    if (n != classes)
        return fm_fail(err, FMNN_USAGE, "class-weights: %zu weight%s for %zu class%s", n,
                       n == 1 ? "" : "s", classes, classes == 1 ? "" : "es");
    return 0;
}

int fm_class_weights_make(const char *text, const uint16_t *labels, size_t n, size_t classes,
                          float **weights, struct fmnn_error *err)
{
    *weights = NULL;
    if (is_none(text))
        return 0;
    float *made = fm_alloc(classes, sizeof *made, err);
    if (!made)
        return -1;
    int status = !strcmp(text, "balanced") ? balance(made, labels, n, classes, err)
                                           : read_list(made, text, classes, err);
    if (status == 0)
        *weights = made;
    else
        free(made);
    return status;
}
