/* team.c -- a ticket from which threads draw jobs. */
#include "team.h"

#ifdef _OPENMP
#include <omp.h>
#endif

enum { BITS = 24 };
static const uint64_t field = ((uint64_t)1 << BITS) - 1;

static inline uint64_t step_of(uint64_t ticket)
{
    return ticket >> 2 * BITS;
}

/* The end has no jobs, so it never looks like the step that a thread is waiting in, even where the
   numbers of steps have come round. */
static inline bool same_step(uint64_t a, uint64_t b)
{
    return a >> BITS == b >> BITS;
}

static inline size_t jobs_of(uint64_t ticket)
{
    return (size_t)(ticket >> BITS & field);
}

static inline void relax(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#endif
}

unsigned fm_threads(unsigned asked)
{
#ifdef _OPENMP
    unsigned threads = asked ? asked : (unsigned)omp_get_num_procs();
    return threads < FM_MOST_THREADS ? threads : FM_MOST_THREADS;
#else
    (void)asked;
    return 1;
#endif
}

/* Called while no job is out. All that next() has written is seen by who draws from the new
   ticket. A sleeper counts itself before it looks at the ticket for the last time, and the new
   ticket is set before sleepers are looked for: one of the two always sees the other. */
static void next_step(struct fm_team *team, uint64_t old)
{
    uint64_t jobs = team->work->next(team->work->state);
    assert(jobs <= FM_MOST_JOBS);
    atomic_store(&team->done, 0);
    atomic_store(&team->ticket, (step_of(old) + 1) << 2 * BITS | jobs << BITS);
    if (atomic_load(&team->sleepers) > 0) {
        pthread_mutex_lock(&team->lock);
        pthread_cond_broadcast(&team->wake);
        pthread_mutex_unlock(&team->lock);
    }
}

void fm_team_begin(struct fm_team *team, const struct fm_work *work, unsigned threads)
{
    enum { SPINS = 500 }; /* some microseconds: about what the jobs of a small step take */
    *team = (struct fm_team){.work = work};
    /* Who spins where others wait for the processor keeps them from what it waits for. */
    team->spins = threads <= fm_threads(0) ? SPINS : 0;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    next_step(team, 0);
}

void fm_team_end(struct fm_team *team)
{
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
}

static void wait_for_next_step(struct fm_team *team, uint64_t ticket)
{
    for (unsigned i = 0; i < team->spins; i++) {
        if (!same_step(atomic_load_explicit(&team->ticket, memory_order_relaxed), ticket))
            return;
        relax();
    }
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers, 1);
    while (same_step(atomic_load(&team->ticket), ticket))
        pthread_cond_wait(&team->wake, &team->lock);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->lock);
}

/* A ticket that is drawn too late, when all jobs are out, is a number above theirs; each thread
   draws at most one such a step, so the field does not overflow. */
void fm_team_work(struct fm_team *team, unsigned thread)
{
    for (;;) {
        uint64_t ticket = atomic_fetch_add(&team->ticket, 1);
        size_t job = (size_t)(ticket & field), jobs = jobs_of(ticket);
        if (jobs == 0)
            return;
        if (job >= jobs) {
            wait_for_next_step(team, ticket);
            continue;
        }
        team->work->job(team->work->state, thread, job);
        if (atomic_fetch_add(&team->done, 1) + 1 == jobs)
            next_step(team, ticket);
    }
}
