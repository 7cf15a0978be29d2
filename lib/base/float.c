/* float.c -- functions that libm has, too, but with different bits on each system. */
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

/* The Taylor series of cos(r) and sin(r) in z = r^2, for |r| <= pi / 4. */
static double cos_series(double z)
{
    double sum = 1;
    for (int n = 18; n > 0; n -= 2)
        sum = 1 - sum * z / (n * (n - 1));
    return sum;
}

static double sin_series(double r, double z)
{
    double sum = 1;
    for (int n = 19; n > 1; n -= 2)
        sum = 1 - sum * z / (n * (n - 1));
    return r * sum;
}

double fm_cos_pi(double x)
{
    const double pi = 3.14159265358979312;
    if (x > 0.5)
        return -fm_cos_pi(1 - x);
    double r = pi * (x > 0.25 ? 0.5 - x : x);
    return x > 0.25 ? sin_series(r, r * r) : cos_series(r * r);
}

double fm_power(double x, uint64_t n)
{
    double power = 1;
    for (; n; n >>= 1, x *= x)
        if (n & 1)
            power *= x;
    return power;
}
