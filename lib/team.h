/* team.h -- threads that share out the jobs of one step after the other.

   OpenMP starts the threads; the sharing is ours. A step is over when its jobs are done, not
   when all threads have been seen: so one that the system has put aside holds up nobody, as long
   as it has no job in hand, and small steps do not crawl on a machine that has other things to
   do. */
#ifndef FM_TEAM_H
#define FM_TEAM_H

#include "internal.h"

#include <pthread.h>
#include <stdatomic.h>

/* 24 bits count the jobs of a step, and the threads besides. */
enum { FM_MOST_THREADS = 1024, FM_MOST_JOBS = (1 << 24) - 1 - FM_MOST_THREADS };

/* What the team does. next is called by one thread at a time, when all jobs of a step are done: it
   readies the next step and returns how many jobs that has; 0 ends the work. */
struct fm_work {
    size_t (*next)(void *state);
    void (*job)(void *state, unsigned thread, size_t job); /* threads count from 0 */
    void *state;
};

/* Where a thread draws its jobs: a part of the step's that are side by side, and the same in each
   step, so that what it has worked on lies in its own cache. */
struct fm_share {
    /* Number of the step (16 bits), the end of its jobs (24), and the next that nobody has taken
       (24). */
    _Alignas(64) atomic_uint_least64_t ticket;
};

enum { FM_MOST_SHARES = 16 }; /* more threads than that go together */

struct fm_team {
    const struct fm_work *work;
    unsigned spins; /* looks at the ticket before a thread goes to sleep */
    unsigned shares;
    uint64_t step;
    struct fm_share share[FM_MOST_SHARES];
    _Alignas(64) atomic_uint_least32_t left; /* jobs of the step, and its being laid out */
    _Alignas(64) atomic_uint sleepers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

/* Readies the first step. threads: how many will work. */
void fm_team_begin(struct fm_team *team, const struct fm_work *work, unsigned threads);
/* What each thread does, with a number of its own from 0 that its jobs are told: returns when the
   work has ended. */
void fm_team_work(struct fm_team *team, unsigned thread);
void fm_team_end(struct fm_team *team);

/* threads as asked for, 0 meaning as many as there are processors; FM_MOST_THREADS at most. */
unsigned fm_threads(unsigned asked);

#endif
