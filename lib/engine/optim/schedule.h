/* schedule.h -- the learning rate of each step of a training, from the text of a setting.

   A rate follows from the number of the step alone, never from the rate before, so that a resumed
   training has the rates of an uninterrupted one. Only + - x / are used. */
#ifndef FM_SCHEDULE_H
#define FM_SCHEDULE_H

#include "engine/optim/recipe.h"

enum { FM_MAX_SCHEDULE = 32 };

struct fm_schedule_kind;

struct fm_schedule {
    const struct fm_schedule_kind *kind;
    double number[FM_MAX_SCHEDULE]; /* as in the text */
    size_t count;
};

/* What a step is done with. */
struct fm_rate {
    double lr;
    bool cycled; /* then momentum, which is beta1 of adam, replaces the optimizer's own */
    double momentum;
};

/* For tests: the names of the kinds, counted from 0; NULL after the last one. */
const char *fm_schedule_name(size_t i);
/* Reads "constant" (or ""), "cosine 0.01", "steps 10,20 0.1"; fails with a message. */
int fm_schedule_parse(struct fm_schedule *schedule, const char *text, struct fmnn_error *err);
/* The same in canonical form, as the setting keeps it. */
int fm_schedule_read(const char *text, char value[FM_MAX_VALUE], struct fmnn_error *err);
bool fm_schedule_is_constant(const struct fm_schedule *schedule);
/* The rate of step t, from 0, of `all` steps; an epoch has `epoch` of them. Steps beyond the last
   one have its rate. */
struct fm_rate fm_schedule_rate(const struct fm_schedule *schedule, double lr, uint64_t t,
                                uint64_t all, uint64_t epoch);

#endif
