/* overfitting.c -- the best epoch of a training, and the epoch from which it overfits. */
#include "common/overfitting.h"

#include <math.h>

struct overfitting find_overfitting(const double *training, const double *validation, size_t count)
{
    struct overfitting o = {count, count, count, (double)NAN};
    for (size_t i = 0; i < count; i++) {
        if (!isnan(validation[i]) && (o.best == count || validation[i] > validation[o.best]))
            o.best = i;
        if (!isnan(validation[i]) && !isnan(training[i]))
            o.end = i;
    }
    if (count < 2) /* a single epoch shows no trend */
        return o;
    if (o.end < count)
        o.gap = training[o.end] - validation[o.end];
    while (o.onset > 0 && training[o.onset - 1] > validation[o.onset - 1])
        o.onset--;
    return o;
}

char *overfitting_text(const struct overfitting *o, double onset_epoch)
{
    if (isnan(o->gap))
        return NULL;
    if (o->onset <= o->end)
        return text_format("training stays above validation from epoch %g, by %.4f at the end",
                           onset_epoch, o->gap);
    if (fabs(o->gap) < 0.00005)
        return text_format("training does not stay above validation: level at the end");
    if (o->gap > 0) /* but later epochs lack an accuracy */
        return text_format("training is %.4f above validation at the end", o->gap);
    return text_format("training does not stay above validation: %.4f below at the end", -o->gap);
}
