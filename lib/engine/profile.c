/* profile.c -- time counters for each op, and the machine's peak. */
#include "engine/profile.h"

#include <time.h>

#include "engine/kernels.h"
#include "base/float.h"
#include "base/threads.h"

struct fm_profile *fm_profile_new(size_t ops, unsigned threads, struct fmnn_error *err)
{
    enum { LINE = 128 / sizeof(double) }; /* two cache lines: CPUs fetch them in pairs */
    struct fm_profile *profile = fm_alloc(1, sizeof *profile, err);
    if (!profile)
        return NULL;
    profile->threads = threads;
    profile->ops = ops;
    profile->stride = (ops + 1 + LINE - 1) / LINE * LINE + LINE;
    profile->runs = fm_alloc(ops + 1, sizeof *profile->runs, err);
    profile->images = fm_alloc(ops + 1, sizeof *profile->images, err);
    profile->seconds = fm_alloc(threads, profile->stride * sizeof *profile->seconds, err);
    if (profile->runs && profile->images && profile->seconds)
        return profile;
    fm_profile_free(profile);
    return NULL;
}

void fm_profile_free(struct fm_profile *profile)
{
    if (!profile)
        return;
    free(profile->runs);
    free(profile->images);
    free(profile->seconds);
    free(profile);
}

double fm_profile_seconds(const struct fm_profile *profile, size_t op)
{
    double sum = 0;
    for (unsigned i = 0; i < profile->threads; i++)
        sum += profile->seconds[i * profile->stride + op];
    return sum;
}

double fm_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* One thread's peak: the best of many short samples, so that it does not matter if the thread is
   preempted for a moment. Samples in the first and last third do not count: other threads may not
   have started then, or may have ended, and leave this one more of the machine. If no sample was
   complete in the middle third, sampling goes on until one is. */
static double peak_of_one(const struct fm_kernels *kernels)
{
    const double all = 0.03, sample = 0.0003; /* seconds */
    const double begin = fm_now();
    double best = 0, end = begin;
    float sum = 1;
    size_t rounds = 16;
    fm_float_state before = fm_float_enter();
    while ((end < begin + all || best == 0) && sum > 0) {
        double start = end, flops = kernels->peak(rounds, &sum);
        end = fm_now();
        if (end - start < sample)
            rounds *= 2;
        else if (start > begin + all / 3 && (best == 0 || end < begin + all * 2 / 3) &&
                 flops / (end - start) > best)
            best = flops / (end - start);
    }
    fm_float_leave(before);
    return best;
}

struct peaks {
    const struct fm_kernels *kernels;
    double one[FM_MAX_THREADS];
};

static void measure(void *state, unsigned thread, size_t job)
{
    struct peaks *peaks = state;
    (void)thread;
    peaks->one[job] = peak_of_one(peaks->kernels);
}

double fm_peak(const struct fm_kernels *kernels, unsigned threads)
{
    if (threads > fm_threads(0)) /* they take turns */
        threads = fm_threads(0);
    struct peaks peaks = {.kernels = kernels};
    fm_team_do(measure, &peaks, threads, threads);
    double sum = 0;
    for (unsigned i = 0; i < threads; i++)
        sum += peaks.one[i];
    return sum;
}

void fm_profile_read_peak(struct fm_profile *profile, const struct fm_kernels *kernels)
{
    const double interval = 2; /* seconds: a reading costs one or two hundredths of the time */
    if (fm_now() < profile->next_reading)
        return;
    profile->peaks += fm_peak(kernels, profile->threads);
    profile->readings++;
    profile->next_reading = fm_now() + interval;
}
