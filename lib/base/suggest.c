/* suggest.c -- the known word most similar to a given one: "did you mean ...?" */
#include "base/internal.h"

enum { MAX_LENGTH = 64 };

static bool same(char a, char b)
{
    return fm_lower(a) == fm_lower(b);
}

/* The restricted Damerau-Levenshtein distance (optimal string alignment): an insertion, deletion,
   substitution or exchange of two neighbours costs one. Case does not count. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > MAX_LENGTH || m > MAX_LENGTH)
        return SIZE_MAX;                   /* not similar to any word */
    unsigned char cost[3][MAX_LENGTH + 1]; /* rows i-2, i-1, i, in turn */
    for (size_t j = 0; j <= m; j++)
        cost[0][j] = (unsigned char)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned char *now = cost[i % 3], *last = cost[(i + 2) % 3], *before = cost[(i + 1) % 3];
        now[0] = (unsigned char)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = last[j - 1] + !same(a[i - 1], b[j - 1]);
            if (last[j] + 1u < best)
                best = last[j] + 1u;
            if (now[j - 1] + 1u < best)
                best = now[j - 1] + 1u;
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]) &&
                before[j - 2] + 1u < best)
                best = before[j - 2] + 1u;
            now[j] = (unsigned char)best;
        }
    }
    return cost[n % 3][m];
}

const char *fmnn_suggest(const char *word, const char *const *known)
{
    const char *nearest = NULL;
    size_t length = strlen(word);
    size_t min = length / 3 + 1; /* farther away it is another word, not a slip */
    for (; *known; known++) {
        size_t d = distance(word, *known), all = strlen(*known);
        all = all > length ? all : length; /* at this distance they have nothing in common */
        if (d <= min && d < all && !(nearest && d == min)) {
            min = d;
            nearest = *known;
        }
    }
    return nearest;
}
