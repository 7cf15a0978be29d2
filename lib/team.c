/* team.c -- a barrier that spins for a moment and then sleeps. */
#include "team.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static inline void relax(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#endif
}

unsigned fm_threads(unsigned asked)
{
#ifdef _OPENMP
    return asked ? asked : (unsigned)omp_get_num_procs();
#else
    (void)asked;
    return 1;
#endif
}

void fm_team_begin(struct fm_team *team, unsigned threads)
{
    enum { SPINS = 1000 }; /* some ten microseconds: what threads of equal work differ by */
    *team = (struct fm_team){.threads = threads};
    /* Who spins where others wait for the processor keeps them from what it waits for. */
    team->spins = threads <= fm_threads(0) ? SPINS : 0;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
}

void fm_team_end(struct fm_team *team)
{
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
}

/* A sleeper counts itself before it looks at the generation for the last time, and the last to come sets
   the generation before it looks for sleepers: one of the two always sees the other. */
static void sleep_until_past(struct fm_team *team, unsigned generation)
{
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->generation) == generation)
        pthread_cond_wait(&team->wake, &team->lock);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->lock);
}

void fm_team_wait(struct fm_team *team)
{
    unsigned generation = atomic_load(&team->generation);
    if (atomic_fetch_add(&team->arrived, 1) + 1 == team->threads) {
        atomic_store(&team->arrived, 0);
        atomic_store(&team->next, 0);
        atomic_store(&team->generation, generation + 1);
        if (atomic_load(&team->sleepers) > 0) {
            pthread_mutex_lock(&team->lock);
            pthread_cond_broadcast(&team->wake);
            pthread_mutex_unlock(&team->lock);
        }
        return;
    }
    for (unsigned i = 0; i < team->spins; i++) {
        if (atomic_load_explicit(&team->generation, memory_order_acquire) != generation)
            return;
        relax();
    }
    sleep_until_past(team, generation);
}
