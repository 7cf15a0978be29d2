/* team.h -- threads that share out jobs and wait for each other between steps.

   OpenMP starts the threads; the waiting is ours, for a runtime that spins makes a net of small steps
   crawl on a machine that has other things to do. */
#ifndef FM_TEAM_H
#define FM_TEAM_H

#include "internal.h"

#include <pthread.h>
#include <stdatomic.h>

struct fm_team {
    unsigned threads, spins; /* spins: looks before a thread goes to sleep */
    _Alignas(64) atomic_uint arrived;
    _Alignas(64) atomic_uint generation; /* barriers passed */
    atomic_uint sleepers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Alignas(64) atomic_size_t next; /* job of the step under way that nobody has taken */
};

void fm_team_begin(struct fm_team *team, unsigned threads);
void fm_team_end(struct fm_team *team);
/* Waits until all threads are here. The last one to come puts the jobs back to the first. */
void fm_team_wait(struct fm_team *team);

static inline size_t fm_team_job(struct fm_team *team)
{
    return atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed);
}

/* threads as asked for, 0 meaning as many as there are processors. */
unsigned fm_threads(unsigned asked);

#endif
