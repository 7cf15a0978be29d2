/* threads.h -- a team of threads that carries out rounds of jobs.

   A round is a number of jobs that do not depend on each other. The next round begins when all
   jobs of this one are done. Jobs lie in queues; a thread empties its own queue first, then helps
   with the others (work stealing).

   There is no barrier: a round ends when its jobs are done, not when every thread has arrived. A
   thread that the system suspends between two jobs therefore delays nobody, and short rounds stay
   fast on a busy machine.

   Threads live as long as their team. Between two runs they wait as they do between two rounds,
   because a new thread may need milliseconds until it gets a processor.

   If the system has no more threads to give, the existing ones do all the work, and if there are
   none, the caller does. So it does in the child of a process that has forked, since threads are
   not inherited. */
#ifndef FM_THREADS_H
#define FM_THREADS_H

#include "base/internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

/* 24 bits hold the number of a round's jobs plus the number of threads (see fm_queue). */
enum { FM_MAX_THREADS = 1024, FM_MAX_JOBS = (1 << 24) - 1 - FM_MAX_THREADS };

/* What a team runs: next(), then that round's jobs, then next() again, until it returns 0.

   next() prepares a round and returns the number of its jobs, at most FM_MAX_JOBS. Any thread may
   call it, but only one at a time and never while a job is running.
   job() does job number 0 .. jobs-1 in thread number 0 .. threads-1 (of the team, not of the run).
   Each job is done exactly once. The jobs of a round run in any order and at the same time, so they
   must not write what another one reads or writes; no two of them share a thread number at a time.

   Neither function can fail. What next() writes is visible to the jobs that follow, and what jobs
   write is visible to the next() that follows, without further synchronization. */
struct fm_work {
    size_t (*next)(void *state);
    void (*job)(void *state, unsigned thread, size_t job);
    void *state;
};

/* A range of adjacent jobs. A thread has the same queue in every round, and so finds the memory
   that its jobs use in its own cache. */
struct fm_queue {
    /* Number of the round (16 bits), end of the range (24), next job that nobody has taken (24). */
    _Alignas(64) atomic_uint_least64_t ticket;
};

enum { FM_MAX_QUEUES = 16 }; /* more threads than that share queues */

struct fm_team {
    const struct fm_work *work;
    unsigned spins; /* looks at the ticket before a thread goes to sleep */
    unsigned queues;
    uint64_t round;
    struct fm_queue queue[FM_MAX_QUEUES];
    _Alignas(64) atomic_uint_least32_t left; /* unfinished jobs, and the start of the round */
    _Alignas(64) atomic_uint sleepers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool over;
    unsigned threads;         /* maximum, with the caller */
    unsigned helpers;         /* threads started so far; the caller is thread 0 */
    pid_t owner;              /* the process in which the helpers run */
    struct fm_helper *helper; /* [helpers] */
};

struct fm_helper {
    pthread_t thread;
    struct fm_team *team;
    unsigned number;
};

/* A team of up to `threads` threads, 1 .. FM_MAX_THREADS, which include the caller of
   fm_team_run(). Starts none of them yet. */
struct fm_team *fm_team_new(unsigned threads, struct fmnn_error *err);
/* Runs the work until its next() returns 0. Starts threads if fewer than `threads` (1 .. the
   team's maximum) exist; they receive no signals. With 1, the caller works alone. Only one run of a
   team may be under way, and no job may start another one. When the function returns, the caller
   sees all that the jobs have written, and no thread uses `work` any more. */
void fm_team_run(struct fm_team *team, const struct fm_work *work, unsigned threads);
/* Ends the threads. No run may be under way. Takes NULL. */
void fm_team_free(struct fm_team *team);

/* Runs one round of `jobs` jobs by a team of its own, or by the caller alone if there is no memory
   for one. */
void fm_team_do(void (*job)(void *state, unsigned thread, size_t job), void *state, size_t jobs,
                unsigned threads);

/* The number of threads to use: as asked for, or, if 0, the number of processors that this process
   may use; FM_MAX_THREADS at most. */
unsigned fm_threads(unsigned asked);

#endif
