/* average.h -- the average of weights over a training, from the text of a setting. */
#ifndef FM_AVERAGE_H
#define FM_AVERAGE_H

#include "engine/optim/recipe.h"

struct fm_average_kind;

struct fm_average {
    const struct fm_average_kind *kind;
    double decay;   /* ema */
    unsigned every; /* ema: steps from one update to the next */
    unsigned last;  /* swa: epochs at the end; 0: the average moves in steps */
};

/* NULL stands for: nothing. */
struct fm_average_kind {
    const char *name;
    int (*read)(struct fm_average *average, const char **text, struct fmnn_error *err);
    void (*write)(const struct fm_average *average, char value[FM_MAX_VALUE]);
    float (*share)(const struct fm_average *average, uint64_t t, uint64_t all);
    bool (*doubt)(const struct fm_average *average, unsigned epochs, uint64_t steps,
                  struct fmnn_error *doubt);
    bool looks_back;   /* the weights become the average */
    bool needs_epochs; /* it depends on the number of epochs */
};

extern const struct fm_average_kind fm_average_kinds[]; /* ends in a row without a name */

/* Reads "none" (or ""), "ema 0.99 5", "lookahead", "swa 3"; fails with a message. */
int fm_average_parse(struct fm_average *average, const char *text, struct fmnn_error *err);
/* The same in canonical form, as the setting keeps it. */
int fm_average_read(const char *text, char value[FM_MAX_VALUE], struct fmnn_error *err);
bool fm_average_is_none(const struct fm_average *average);
/* How far the average moves to the weights after step t, from 1, of `all` steps; 0: not in this
   step; 1: it becomes a copy. */
float fm_average_share(const struct fm_average *average, uint64_t t, uint64_t all);
/* Returns true if the average does not suit a training of this number of epochs and steps; *doubt
   then says why. */
bool fm_average_doubt(const struct fm_average *average, unsigned epochs, uint64_t steps,
                      struct fmnn_error *doubt);

#endif
