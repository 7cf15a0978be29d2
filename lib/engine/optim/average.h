/* average.h -- the average of weights over a training, from the text of a setting. */
#ifndef FM_AVERAGE_H
#define FM_AVERAGE_H

#include "engine/optim/recipe.h"

enum fm_average_kind { FM_AVERAGE_NONE, FM_AVERAGE_EMA, FM_AVERAGE_LOOKAHEAD, FM_AVERAGE_SWA };

struct fm_average {
    enum fm_average_kind kind;
    double decay;   /* ema */
    unsigned every; /* ema: steps from one update to the next */
    unsigned last;  /* swa: epochs at the end */
};

/* Reads "none" (or ""), "ema 0.99 5", "lookahead", "swa 3"; fails with a message. */
int fm_average_parse(struct fm_average *average, const char *text, struct fmnn_error *err);
/* The same in canonical form, as the setting keeps it. */
int fm_average_read(const char *text, char value[FM_MAX_VALUE], struct fmnn_error *err);
/* How far the average moves to the weights after step t, from 1, of `all` steps; 0: not in this
   step; 1: it becomes a copy. */
float fm_average_share(const struct fm_average *average, uint64_t t, uint64_t all);

#endif
