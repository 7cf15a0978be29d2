/* profile.h -- where the time of a training run goes, by op of the plan. */
#ifndef FM_PROFILE_H
#define FM_PROFILE_H

#include "base/internal.h"

/* Counters for each op and, as the last one, for feeding the next run. runs and images (ops + 1)
   are counted by the thread that starts an op, while no other thread works. Each thread has its own
   seconds, some cache lines apart from the next thread's: seconds (threads, stride). */
struct fm_profile {
    unsigned threads;
    size_t ops, stride; /* of the plan; doubles from one thread's seconds to the next's */
    uint64_t *runs, *images;
    double *seconds;
    double wall;  /* seconds of all loops, from the first thread's start to the last one's end */
    double peaks; /* the sum of the readings of the peak */
    size_t readings;
    double next_reading; /* the time of the next one */
};

struct fm_profile *fm_profile_new(size_t ops, unsigned threads, struct fmnn_error *err);
void fm_profile_free(struct fm_profile *profile);

/* Counts a run of an op on this number of images. */
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

/* An op's seconds, summed over all threads. */
double fm_profile_seconds(const struct fm_profile *profile, size_t op);
/* Seconds since an arbitrary time; never goes back. */
double fm_now(void);
struct fm_kernels;
/* Measures the maximum number of floating-point operations per second that this number of threads
   does with these kernels, by fused multiply-adds in registers, which count as two operations.
   Takes some hundredths of a second. */
double fm_peak(const struct fm_kernels *kernels, unsigned threads);
/* Reads the peak if the last reading is some seconds old: other programs and the CPU's clock change
   it, so that only a reading beside the work says what share of it the work reached. */
void fm_profile_read_peak(struct fm_profile *profile, const struct fm_kernels *kernels);

#endif
