/* course.c -- what a training's accuracies say of it. */
#include "common/overfitting.h"

#include <math.h>

struct course course_of(const double *training, const double *validation, size_t count)
{
    struct course c = {count, count, count, (double)NAN};
    for (size_t i = 0; i < count; i++) {
        if (!isnan(validation[i]) && (c.best == count || validation[i] > validation[c.best]))
            c.best = i;
        if (!isnan(validation[i]) && !isnan(training[i]))
            c.end = i;
    }
    if (count < 2) /* one epoch stays nowhere */
        return c;
    if (c.end < count)
        c.gap = training[c.end] - validation[c.end];
    while (c.onset > 0 && training[c.onset - 1] > validation[c.onset - 1])
        c.onset--;
    return c;
}

char *course_text(const struct course *c, double onset_epoch)
{
    if (isnan(c->gap))
        return NULL;
    if (c->onset <= c->end)
        return text_format("training stays above validation from epoch %g, by %.4f at the end",
                           onset_epoch, c->gap);
    if (fabs(c->gap) < 0.00005)
        return text_format("training does not stay above validation: level at the end");
    if (c->gap > 0) /* and after it there are epochs without a figure */
        return text_format("training is %.4f above validation at the end", c->gap);
    return text_format("training does not stay above validation: %.4f below at the end", -c->gap);
}
