/* threads.c -- threads that take jobs from queues: first from their own, then from the others. */
#include "base/threads.h"
#include "base/processors.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

enum { BITS = 24 };
static const uint64_t field = ((uint64_t)1 << BITS) - 1;

/* Round numbers wrap around. A helper that sleeps through exactly 2^16 rounds does not notice and
   sleeps until the next one, which is harmless. The caller always notices the end of the work: that
   round has no jobs, unlike the one in which the caller waits. */
static inline bool same_round(uint64_t a, uint64_t b)
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
    unsigned threads = asked ? asked : fm_processors();
    return threads < FM_MAX_THREADS ? threads : FM_MAX_THREADS;
}

/* Called while no job is left. A thread that takes a job from a new ticket sees all that next() has
   written. No thread sleeps through the new round: a sleeper counts itself before it looks at its
   ticket for the last time, and sleepers are looked for after the tickets are set, so at least one
   of the two sees the other. Returns false at the end of the work. */
static bool start_round(struct fm_team *team)
{
    uint64_t jobs = team->work->next(team->work->state), queues = team->queues;
    assert(jobs <= FM_MAX_JOBS);
    uint64_t round = ++team->round << 2 * BITS;
    atomic_store(&team->left, (uint32_t)jobs + 1);
    for (uint64_t i = 0; i < queues; i++) {
        uint64_t from = (jobs * i + queues - 1) / queues;
        uint64_t to = (jobs * (i + 1) + queues - 1) / queues; /* not 0 if there are jobs */
        atomic_store(&team->queue[i].ticket, round | to << BITS | from);
    }
    if (atomic_load(&team->sleepers) > 0) {
        pthread_mutex_lock(&team->lock);
        pthread_cond_broadcast(&team->wake);
        pthread_mutex_unlock(&team->lock);
    }
    return jobs > 0;
}

/* Records that `count` parts of the round are done. The thread that does the last part starts the
   next round. Starting a round is a part of it, else it could end, and another begin, before all
   its tickets are set. At the end of the work, nothing is left. */
static void finish(struct fm_team *team, uint32_t count)
{
    while (atomic_fetch_sub(&team->left, count) == count) {
        if (!start_round(team)) {
            atomic_store(&team->left, 0);
            return;
        }
        count = 1;
    }
}

static void wait_for_round(struct fm_team *team, const struct fm_queue *queue, uint64_t ticket)
{
    for (unsigned i = 0; i < team->spins; i++) {
        if (!same_round(atomic_load_explicit(&queue->ticket, memory_order_relaxed), ticket))
            return;
        relax();
    }
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers, 1);
    while (same_round(atomic_load(&queue->ticket), ticket) && !atomic_load(&team->over))
        pthread_cond_wait(&team->wake, &team->lock);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->lock);
}

/* Does the jobs that are left in a queue and returns their number. A thread that comes too late
   takes a number beyond the last job. Looking first makes this rare, so that the field does not
   overflow: each thread does it once a round at most. */
static uint32_t work_on(struct fm_team *team, unsigned thread, struct fm_queue *queue)
{
    uint32_t count = 0;
    for (;;) {
        uint64_t ticket = atomic_load(&queue->ticket);
        if ((ticket & field) >= end_of(ticket))
            return count;
        ticket = atomic_fetch_add(&queue->ticket, 1);
        if ((ticket & field) >= end_of(ticket))
            return count;
        team->work->job(team->work->state, thread, (size_t)(ticket & field));
        count++;
    }
}

/* The caller returns at the end of the work, a helper at the end of the team. */
static void take_part(struct fm_team *team, unsigned thread)
{
    unsigned first = thread % team->queues;
    struct fm_queue *own = &team->queue[first];
    while (!atomic_load(&team->over)) {
        uint64_t ticket = atomic_load(&own->ticket);
        if (thread == 0 && end_of(ticket) == 0)
            return;
        uint32_t count = 0;
        for (unsigned i = 0; i < team->queues; i++)
            count += work_on(team, thread, &team->queue[(first + i) % team->queues]);
        if (count)
            finish(team, count);
        wait_for_round(team, own, ticket);
    }
}

/* ---- threads */

/* False in a child of the process that started the helpers. The child has no helpers, and the lock
   may be held by one of the parent's. */
static bool owns_helpers(struct fm_team *team)
{
    if (team->helpers == 0)
        team->owner = getpid();
    return team->owner == getpid();
}

static void *help(void *state)
{
    struct fm_helper *helper = state;
    take_part(helper->team, helper->number);
    return NULL;
}

/* Starts helpers until there are `count` or the system refuses. All signals stay with the caller's
   threads. */
static void add_helpers(struct fm_team *team, unsigned count)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (team->helpers < count) {
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
    enum { SPINS = 4000 }; /* tens of microseconds: longer than a short round */
    assert(threads >= 1 && threads <= FM_MAX_THREADS);
    struct fm_team *team = fm_alloc_aligned(1, sizeof *team, err);
    if (!team)
        return NULL;
    *team = (struct fm_team){.threads = threads};
    team->queues = threads < FM_MAX_QUEUES ? threads : FM_MAX_QUEUES;
    /* With more threads than processors, a thread that spins would hold up the one it waits for. */
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
    if (owns_helpers(team)) { /* destroying the condition would wait forever for the parent's */
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
    bool owner = owns_helpers(team);
    if (owner && threads > team->helpers + 1)
        add_helpers(team, threads - 1);
    if (threads == 1 || team->helpers == 0 || !owner) {
        work_alone(work);
        return;
    }
    team->work = work;
    atomic_store(&team->left, 1); /* as if the last job of a round were unfinished */
    finish(team, 1);
    take_part(team, 0);
    for (unsigned i = 1; atomic_load(&team->left) > 0;
         i++) /* another thread is about to return from finish() */
        if (i % 64)
            relax();
        else
            sched_yield();
}

/* ---- a single round */

struct single {
    void (*job)(void *state, unsigned thread, size_t job);
    void *state;
    size_t jobs; /* 0 once the round has started */
};

static size_t next_single(void *state)
{
    struct single *single = state;
    size_t jobs = single->jobs;
    single->jobs = 0;
    return jobs;
}

static void run_single(void *state, unsigned thread, size_t job)
{
    const struct single *single = state;
    single->job(single->state, thread, job);
}

void fm_team_do(void (*job)(void *state, unsigned thread, size_t job), void *state, size_t jobs,
                unsigned threads)
{
    struct single single = {job, state, jobs};
    struct fm_work work = {next_single, run_single, &single};
    struct fm_team *team = threads > 1 ? fm_team_new(threads, NULL) : NULL;
    if (team)
        fm_team_run(team, &work, threads);
    else
        work_alone(&work);
    fm_team_free(team);
}
