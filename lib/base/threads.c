/* team.c -- tickets from which threads draw jobs: each from its own, then from the others'. */
#include "base/threads.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

enum { BITS = 24 };
static const uint64_t field = ((uint64_t)1 << BITS) - 1;

/* The end has no jobs, so it never looks like the step that the caller is waiting in, even where
   the numbers of steps have come round. A helper may then sleep on, until the next step. */
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

/* Those that this process may use, where the system tells. */
static unsigned processors(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}

unsigned fm_threads(unsigned asked)
{
    unsigned threads = asked ? asked : processors();
    return threads < FM_MAX_THREADS ? threads : FM_MAX_THREADS;
}

/* Called while no job is out. All that next() has written is seen by who draws from a new ticket.
   A sleeper counts itself before it looks at its ticket for the last time, and the new tickets
   are set before sleepers are looked for: one of the two always sees the other. Returns false at
   the end. */
static bool lay_out(struct fm_team *team)
{
    uint64_t jobs = team->work->next(team->work->state), shares = team->shares;
    assert(jobs <= FM_MAX_JOBS);
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
   too: else a step could end and another begin before all its tickets are there. That nothing is
   left says that the end has been laid out. */
static void finish(struct fm_team *team, uint32_t count)
{
    while (atomic_fetch_sub(&team->left, count) == count) {
        if (!lay_out(team)) {
            atomic_store(&team->left, 0);
            return;
        }
        count = 1;
    }
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
    while (same_step(atomic_load(&share->ticket), ticket) && !atomic_load(&team->over))
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

/* The caller returns at the end of the work, a helper at that of the team. */
static void take_part(struct fm_team *team, unsigned thread)
{
    unsigned home = thread % team->shares;
    struct fm_share *own = &team->share[home];
    while (!atomic_load(&team->over)) {
        uint64_t ticket = atomic_load(&own->ticket);
        if (thread == 0 && end_of(ticket) == 0)
            return;
        uint32_t count = 0;
        for (unsigned i = 0; i < team->shares; i++)
            count += work_on(team, thread, &team->share[(home + i) % team->shares]);
        if (count)
            finish(team, count);
        wait_for_next_step(team, own, ticket);
    }
}

/* ---- threads */

/* False in the child of the process that began them: it has none of them, and the lock may be one's
   that is no more. */
static bool at_home(struct fm_team *team)
{
    if (team->helpers == 0)
        team->home = getpid();
    return team->home == getpid();
}

static void *help(void *state)
{
    struct fm_helper *helper = state;
    take_part(helper->team, helper->number);
    return NULL;
}

/* As many as there are to be had. */
static void add_helpers(struct fm_team *team, unsigned max)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (team->helpers < max) {
        struct fm_helper *helper = &team->helper[team->helpers];
        *helper = (struct fm_helper){.team = team, .number = team->helpers + 1};
        if (pthread_create(&helper->thread, NULL, help, helper) != 0)
            break;
        team->helpers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct fm_team *fm_team_new(unsigned threads, struct fmnn_error *err)
{
    enum { SPINS = 4000 }; /* tens of microseconds: more than the jobs of a small step take */
    struct fm_team *team = fm_alloc_aligned(1, sizeof *team, err);
    if (!team)
        return NULL;
    *team = (struct fm_team){.threads = threads};
    team->shares = threads < FM_MAX_SHARES ? threads : FM_MAX_SHARES;
    /* Who spins where others wait for the processor keeps them from what it waits for. */
    team->spins = threads <= fm_threads(0) ? SPINS : 0;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    if (threads > 1 && !(team->helper = fm_alloc(threads - 1, sizeof *team->helper, err))) {
        fm_team_free(team);
        return NULL;
    }
    return team;
}

static void end_helpers(struct fm_team *team)
{
    pthread_mutex_lock(&team->lock);
    atomic_store(&team->over, true);
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->lock);
    while (team->helpers > 0)
        pthread_join(team->helper[--team->helpers].thread, NULL);
}

void fm_team_free(struct fm_team *team)
{
    if (!team)
        return;
    if (at_home(team)) { /* else destroying waits for ever for those that wait */
        end_helpers(team);
        pthread_cond_destroy(&team->wake);
        pthread_mutex_destroy(&team->lock);
    }
    free(team->helper);
    free(team);
}

/* ---- work */

static void work_alone(const struct fm_work *work)
{
    size_t jobs;
    while ((jobs = work->next(work->state)) > 0)
        for (size_t job = 0; job < jobs; job++)
            work->job(work->state, 0, job);
}

void fm_team_run(struct fm_team *team, const struct fm_work *work, unsigned threads)
{
    assert(threads >= 1 && threads <= team->threads && atomic_load(&team->left) == 0);
    bool home = at_home(team);
    if (home && threads > team->helpers + 1)
        add_helpers(team, threads - 1);
    if (threads == 1 || team->helpers == 0 || !home) {
        work_alone(work);
        return;
    }
    team->work = work;
    atomic_store(&team->left, 1); /* as at the end of a step */
    finish(team, 1);
    take_part(team, 0);
    for (unsigned i = 1; atomic_load(&team->left) > 0; i++) /* another thread is at the end */
        if (i % 64)
            relax();
        else
            sched_yield();
}

/* ---- a single step */

struct single {
    void (*job)(void *state, unsigned thread, size_t job);
    void *state;
    size_t jobs; /* 0: they are laid out */
};

static size_t lay_out_once(void *state)
{
    struct single *single = state;
    size_t jobs = single->jobs;
    single->jobs = 0;
    return jobs;
}

static void do_single(void *state, unsigned thread, size_t job)
{
    const struct single *single = state;
    single->job(single->state, thread, job);
}

void fm_team_do(void (*job)(void *state, unsigned thread, size_t job), void *state, size_t jobs,
                unsigned threads)
{
    struct single single = {job, state, jobs};
    struct fm_work work = {lay_out_once, do_single, &single};
    struct fm_team *team = threads > 1 ? fm_team_new(threads, NULL) : NULL;
    if (team)
        fm_team_run(team, &work, threads);
    else
        work_alone(&work);
    fm_team_free(team);
}
