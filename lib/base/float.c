/* float.c -- the logarithm. */
#include "base/float.h"

#include <math.h>

/* x = m 2^e with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh((m - 1) / (m + 1)) by its series. */
double fm_log(double x)
{
    static const double inverse[] = {1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13,
                                     1.0 / 11, 1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3,  1.0};
    int e;
    double m = frexp(x, &e);
    if (m < 0.70710678118654752) {
        m *= 2;
        e--;
    }
    double s = (m - 1) / (m + 1), z = s * s, sum = 0;
    for (size_t i = 0; i < FM_COUNT(inverse); i++)
        sum = sum * z + inverse[i];
    return 2 * s * sum + e * 0.69314718055994531;
}
