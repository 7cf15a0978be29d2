/* team.h -- threads that share out the jobs of one step after the other.

   A step is over when its jobs are done, not when all threads have been seen: so one that the
   system has put aside holds up nobody, as long as it has no job in hand, and small steps do not
   crawl on a machine that has other things to do. Nor is anything amiss where the system has no
   more threads to give, or in the child of a program that has forked: those that are there do it
   all.

   Threads stay for as long as their team: between two works they wait as they do between two steps,
   for to begin one can take milliseconds until it has a processor to itself. */
#ifndef FM_TEAM_H
#define FM_TEAM_H

#include "base/internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

/* 24 bits count the jobs of a step, and the threads besides. */
enum { FM_MAX_THREADS = 1024, FM_MAX_JOBS = (1 << 24) - 1 - FM_MAX_THREADS };

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

enum { FM_MAX_SHARES = 16 }; /* more threads than that go together */

struct fm_team {
    const struct fm_work *work;
    unsigned spins; /* looks at the ticket before a thread goes to sleep */
    unsigned shares;
    uint64_t step;
    struct fm_share share[FM_MAX_SHARES];
    _Alignas(64) atomic_uint_least32_t left; /* jobs of the step, and its being laid out */
    _Alignas(64) atomic_uint sleepers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool over;
    unsigned threads;         /* at most */
    unsigned helpers;         /* that have begun; the caller is one more, number 0 */
    pid_t home;               /* the process that has them; a child does not */
    struct fm_helper *helper; /* [helpers] */
};

struct fm_helper {
    pthread_t thread;
    struct fm_team *team;
    unsigned number;
};

/* For up to so many threads, the caller of fm_team_run being one of them. Signals are not for
   them. */
struct fm_team *fm_team_new(unsigned threads, struct fmnn_error *err);
/* Does the work and returns when it has ended. Threads begin when they are first asked for; with
   one, the caller is alone. */
void fm_team_run(struct fm_team *team, const struct fm_work *work, unsigned threads);
void fm_team_free(struct fm_team *team);

/* A single step, by a team that is made for it; by the caller where there is no memory for one. */
void fm_team_do(void (*job)(void *state, unsigned thread, size_t job), void *state, size_t jobs,
                unsigned threads);

/* threads as asked for, 0 meaning as many as there are processors; FM_MAX_THREADS at most. */
unsigned fm_threads(unsigned asked);

#endif
