/* overfitting.c -- the best epoch of a training, and the epoch from which it overfits. */
#include "common/overfitting.h"

#include <math.h>

struct overfitting find_overfitting(const double *training, const double *validation, size_t count)
{
    struct overfitting o = {count, count, count, (double)NAN};
    size_t both = 0; /* epochs with both accuracies */
    for (size_t i = 0; i < count; i++) {
        if (!isnan(validation[i]) && (o.best == count || validation[i] > validation[o.best]))
            o.best = i;
        if (!isnan(validation[i]) && !isnan(training[i])) {
            o.end = i;
            both++;
        }
    }
    if (both < 2) /* a single epoch shows no trend */
        return o;
    o.gap = training[o.end] - validation[o.end];
    for (size_t i = count; i-- > 0 && !(training[i] <= validation[i]);)
        if (training[i] > validation[i])
            o.onset = i;
    return o;
}

char *overfitting_text(const struct overfitting *o, double onset_epoch)
{
    if (isnan(o->gap))
        return NULL;
    if (o->onset <= o->end)
        return text_format("training stays above validation from epoch %g, by %.4f at the end",
                           onset_epoch, o->gap);
    if (o->gap > -0.00005)
        return text_format("training does not stay above validation: level at the end");
    return text_format("training does not stay above validation: %.4f below at the end", -o->gap);
}

/* The losses are y[0 .. n-1] at 0 .. n-1. */
static void fit_line(const double *y, size_t n, double *mean, double *slope, double *error)
{
    double middle = (double)(n - 1) / 2, across = 0, along = 0, rest = 0;
    *mean = 0;
    for (size_t i = 0; i < n; i++)
        *mean += y[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        double x = (double)i - middle;
        along += x * x;
        across += x * (y[i] - *mean);
    }
    *slope = across / along;
    for (size_t i = 0; i < n; i++) {
        double off = y[i] - *mean - *slope * ((double)i - middle);
        rest += off * off;
    }
    *error = sqrt(rest / (double)(n - 2) / along);
}

double falling_loss(const double *loss, size_t count, size_t *epochs)
{
    const double much = 0.05, part = 0.1, errors = 4;
    double mean, slope, error;
    size_t n = *epochs = count / 4 > 5 ? count / 4 : count < 5 ? count : 5;
    if (count < 4)
        return 0;
    for (size_t i = count - n; i < count; i++)
        if (!isfinite(loss[i]))
            return 0;
    fit_line(loss + count - n, n, &mean, &slope, &error);
    double fall = -slope * (double)(n - 1), start = mean + fall / 2;
    bool clear = fall > 0 && -slope >= errors * error;
    bool large = fall >= much * start || fall >= part * (loss[0] - start + fall);
    return clear && large ? fmin(fall / start, 1) : 0;
}
