/* profile.h -- where the time of a training goes, by step of the plan. */
#ifndef FM_PROFILE_H
#define FM_PROFILE_H

#include "base/internal.h"

/* Counters for each step and, behind the steps, for the feeding between runs. Every thread has
   seconds of its own, some cache lines away from the next thread's; runs and images are
   counted by whoever begins a step, while nobody else is at work. */
struct fm_profile {
    unsigned threads;
    size_t ops, stride; /* of the plan; doubles from one thread's seconds to the next's */
    uint64_t *runs, *images;
    double *seconds;
    double wall; /* of all loops, from the first thread's start to the last one's end */
};

struct fm_profile *fm_profile_new(size_t ops, unsigned threads, struct fmnn_error *err);
void fm_profile_free(struct fm_profile *profile);

static inline void fm_profile_begin(struct fm_profile *profile, size_t op, size_t images)
{
    profile->runs[op]++;
    profile->images[op] += images;
}

static inline void fm_profile_add(struct fm_profile *profile, unsigned thread, size_t op,
                                  double seconds)
{
    profile->seconds[thread * profile->stride + op] += seconds;
}

/* Of all threads. */
double fm_profile_seconds(const struct fm_profile *profile, size_t op);
/* Seconds from some point of time on. */
double fm_now(void);
struct fm_kernels;
/* The most floating-point operations a second that so many threads do with these kernels, at
   this moment: fused multiply-adds in registers count as two. Takes some hundredths of a second. */
double fm_peak(const struct fm_kernels *kernels, unsigned threads);

#endif
