/* significance.c -- how much of a result may be chance: Wilson's interval of a fraction, and
   McNemar's test for two classifiers.

   Contents: 1. Wilson  2. The binomial distribution  3. McNemar */
#include "base/float.h"

#include <math.h>

/* ---- 1. Wilson ---- */

/* E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927). */
struct fmnn_interval fmnn_wilson(uint64_t correct, uint64_t total)
{
    const double z = 1.959963984540054; /* 95 % of a normal variable lie within z deviations */
    if (!total)
        return (struct fmnn_interval){0, 1};
    fm_float_state before = fm_float_enter();
    double n = (double)total;
    double fraction = (double)correct / n, scale = 1 + z * z / n;
    double middle = (fraction + z * z / (2 * n)) / scale;
    double reach = z * sqrt(fraction * (1 - fraction) / n + z * z / (4 * n * n)) / scale;
    /* The ends 0 and 1 are exact; rounding would miss them. */
    struct fmnn_interval interval = {correct ? middle - reach : 0,
                                     correct < total ? middle + reach : 1};
    FM_COMPUTED(interval);
    fm_float_leave(before);
    return interval;
}

/* ---- 2. The binomial distribution ---- */

/* C. Loader, "Fast and accurate computation of binomial probabilities" (2000). Logarithms of
   factorials would lose most digits in the small difference between large numbers. */

static const double pi = 3.141592653589793, half_log_2pi = 0.9189385332046727;

/* log(n!) minus Stirling's formula. */
static double stirling_error(double n)
{
    double factorial = 1, n2 = n * n;
    if (n > 15)
        return (1. / 12 - (1. / 360 - (1. / 1260 - (1. / 1680 - 1. / 1188 / n2) / n2) / n2) / n2) /
               n;
    for (int i = 2; i <= (int)n; i++)
        factorial *= i;
    return log(factorial) - (n + 0.5) * log(n) + n - half_log_2pi;
}

/* x log(x / mean) + mean - x, by a series if x is near the mean and the difference small. */
static double deviance(double x, double mean)
{
    double v = (x - mean) / (x + mean), sum = (x - mean) * v, power = 2 * x * v;
    if (fabs(v) >= 0.1)
        return x * log(x / mean) + mean - x;
    for (int i = 3;; i += 2) {
        power *= v * v;
        double next = sum + power / i;
        if (next == sum)
            return sum;
        sum = next;
    }
}

/* The probability of exactly k heads in n throws of a coin. */
static double exactly(double k, double n)
{
    if (k == 0)
        return exp2(-n);
    double exponent = stirling_error(n) - stirling_error(k) - stirling_error(n - k) -
                      deviance(k, n / 2) - deviance(n - k, n / 2);
    return exp(exponent) * sqrt(n / (2 * pi * k * (n - k)));
}

/* The probability of k heads or fewer, k below n / 2: each term is a fraction of the one before. */
static double at_most(double k, double n)
{
    double term = 1, sum = 1;
    for (double i = k; i > 0 && term > sum * 1e-18; i--) {
        term *= i / (n - i + 1);
        sum += term;
    }
    return exactly(k, n) * sum;
}

/* ---- 3. McNemar ---- */

/* Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
   percentages" (1947), with A. L. Edwards' correction for continuity (1948). */
struct fmnn_mcnemar fmnn_mcnemar(uint64_t first, uint64_t second)
{
    const double max = 0x1p40;
    uint64_t less = first < second ? first : second, more = first < second ? second : first;
    if (less == more) /* the correction must not go beyond no difference */
        return (struct fmnn_mcnemar){1, 0, 1};
    fm_float_state before = fm_float_enter();
    double n = (double)less + (double)more;
    double apart = (double)(more - less) - 1;
    struct fmnn_mcnemar test = {.chi2 = apart * apart / n};
    test.p = erfc(sqrt(test.chi2 / 2));
    test.exact = n > max ? test.p : fmin(1, 2 * at_most((double)less, n));
    FM_COMPUTED(test);
    fm_float_leave(before);
    return test;
}
