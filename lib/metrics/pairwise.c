/* pairwise.c -- sums in numpy's order. See pairwise.h. */
#include "metrics/pairwise.h"

enum { LANES = 8, BLOCK = 128 };

/* Sums in numpy's order, because the last digit of a mean may decide how it is rounded: eight
   running sums in blocks of up to 128 numbers; longer arrays are halved. */
double fm_pairwise_sum(const double *x, size_t n)
{
    if (n > BLOCK) {
        size_t half = n / 2 - n / 2 % LANES;
        return fm_pairwise_sum(x, half) + fm_pairwise_sum(x + half, n - half);
    }
    double lane[LANES] = {0}, sum = 0;
    size_t whole = n - n % LANES;
    for (size_t i = 0; i < whole; i++)
        lane[i % LANES] += x[i];
    if (whole)
        sum = ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
              ((lane[4] + lane[5]) + (lane[6] + lane[7]));
    for (size_t i = whole; i < n; i++)
        sum += x[i];
    return sum;
}
