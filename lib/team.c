/* team.c -- tickets from which threads draw jobs: each from its own, then from the others'. */
#include "team.h"

#ifdef _OPENMP
#include <omp.h>
#endif

enum { BITS = 24 };
static const uint64_t field = ((uint64_t)1 << BITS) - 1;

/* The end has no jobs, so it never looks like the step that a thread is waiting in, even where the
   numbers of steps have come round. */
static inline bool same_step(uint64_t a, uint64_t b)
{
    return a >> BITS == b >> BITS;
}

static inline size_t end_of(uint64_t ticket)
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

/* Called while no job is out. All that next() has written is seen by who draws from a new ticket.
   A sleeper counts itself before it looks at its ticket for the last time, and the new tickets
   are set before sleepers are looked for: one of the two always sees the other. Returns false at
   the end. */
static bool lay_out(struct fm_team *team)
{
    uint64_t jobs = team->work->next(team->work->state), shares = team->shares;
    assert(jobs <= FM_MOST_JOBS);
    uint64_t step = ++team->step << 2 * BITS;
    atomic_store(&team->left, (uint32_t)jobs + 1);
    for (uint64_t i = 0; i < shares; i++) {
        uint64_t from = (jobs * i + shares - 1) / shares;
        uint64_t to = (jobs * (i + 1) + shares - 1) / shares; /* not 0, where there are jobs */
        atomic_store(&team->share[i].ticket, step | to << BITS | from);
    }
    if (atomic_load(&team->sleepers) > 0) {
        pthread_mutex_lock(&team->lock);
        pthread_cond_broadcast(&team->wake);
        pthread_mutex_unlock(&team->lock);
    }
    return jobs > 0;
}

/* So much of the step is done; who does the last of it lays out the next. Laying out is a part,
   too: else a step could end and another begin before all its tickets are there. */
static void finish(struct fm_team *team, uint32_t count)
{
    while (atomic_fetch_sub(&team->left, count) == count) {
        if (!lay_out(team))
            return;
        count = 1;
    }
}

void fm_team_begin(struct fm_team *team, const struct fm_work *work, unsigned threads)
{
    enum { SPINS = 4000 }; /* tens of microseconds: more than the jobs of a small step take */
    *team = (struct fm_team){.work = work};
    team->shares = threads < FM_MOST_SHARES ? threads : FM_MOST_SHARES;
    /* Who spins where others wait for the processor keeps them from what it waits for. */
    team->spins = threads <= fm_threads(0) ? SPINS : 0;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    if (lay_out(team))
        finish(team, 1);
}

void fm_team_end(struct fm_team *team)
{
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
}

static void wait_for_next_step(struct fm_team *team, const struct fm_share *share, uint64_t ticket)
{
    for (unsigned i = 0; i < team->spins; i++) {
        if (!same_step(atomic_load_explicit(&share->ticket, memory_order_relaxed), ticket))
            return;
        relax();
    }
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers, 1);
    while (same_step(atomic_load(&share->ticket), ticket))
        pthread_cond_wait(&team->wake, &team->lock);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->lock);
}

/* Does what jobs there are in a share, and returns their number. A ticket that is drawn too late
   is a number above the last; it is looked at before, so that this is rare, and the field does
   not overflow. */
static uint32_t work_on(struct fm_team *team, unsigned thread, struct fm_share *share)
{
    uint32_t count = 0;
    for (;;) {
        uint64_t ticket = atomic_load(&share->ticket);
        if ((ticket & field) >= end_of(ticket))
            return count;
        ticket = atomic_fetch_add(&share->ticket, 1);
        if ((ticket & field) >= end_of(ticket))
            return count;
        team->work->job(team->work->state, thread, (size_t)(ticket & field));
        count++;
    }
}

void fm_team_work(struct fm_team *team, unsigned thread)
{
    unsigned home = thread % team->shares;
    struct fm_share *own = &team->share[home];
    for (;;) {
        uint64_t ticket = atomic_load(&own->ticket);
        if (end_of(ticket) == 0)
            return;
        uint32_t count = 0;
        for (unsigned i = 0; i < team->shares; i++)
            count += work_on(team, thread, &team->share[(home + i) % team->shares]);
        if (count)
            finish(team, count);
        wait_for_next_step(team, own, ticket);
    }
}
