/* check_team.c -- threads that share out jobs. The threads are plain ones here, not OpenMP's, so
   that ThreadSanitizer sees all there is to see (see tests/bench/races). */
#include "internal.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "runner.h"
#include "team.h"

enum { MOST = 97, THREADS = 8 };

/* Steps whose jobs read what any job of the last step wrote, by plain loads and stores. */
struct relay {
    struct fm_team team;
    unsigned step, last;
    size_t jobs, before; /* of this step and the last */
    uint64_t value[2][MOST];
    unsigned by[THREADS]; /* jobs that each thread has done, by itself alone */
};

static size_t next_leg(void *state)
{
    struct relay *relay = state;
    if (relay->step == relay->last)
        return 0;
    relay->step++;
    relay->before = relay->jobs ? relay->jobs : 1;
    relay->jobs = relay->step * 7 % MOST + 1;
    return relay->jobs;
}

static void run_leg(void *state, unsigned thread, size_t job)
{
    struct relay *relay = state;
    relay->by[thread]++;
    const uint64_t *from = relay->value[(relay->step + 1) % 2];
    relay->value[relay->step % 2][job] = from[(job + 1) % relay->before] * 31 + job + relay->step;
}

struct worker {
    pthread_t thread;
    struct fm_team *team;
    unsigned number;
};

static void *work(void *state)
{
    struct worker *worker = state;
    fm_team_work(worker->team, worker->number);
    return NULL;
}

static void run_relay(struct relay *relay, unsigned threads)
{
    struct fm_work legs = {next_leg, run_leg, relay};
    struct worker worker[THREADS];
    fm_team_begin(&relay->team, &legs, threads);
    for (unsigned i = 1; i < threads; i++) {
        worker[i] = (struct worker){.team = &relay->team, .number = i};
        ck_assert_int_eq(pthread_create(&worker[i].thread, NULL, work, &worker[i]), 0);
    }
    fm_team_work(&relay->team, 0);
    for (unsigned i = 1; i < threads; i++)
        ck_assert_int_eq(pthread_join(worker[i].thread, NULL), 0);
    fm_team_end(&relay->team);
}

/* The same numbers as one thread gives; more threads than processors, too. */
START_TEST(each_job_is_done_once_and_after_the_last_step)
{
    static struct relay alone, together;
    alone = together = (struct relay){.last = 3000};
    run_relay(&alone, 1);
    for (unsigned threads = 2; threads <= THREADS; threads += 3) {
        together = (struct relay){.last = alone.last};
        run_relay(&together, threads);
        ck_assert_uint_eq(together.step, alone.step);
        ck_assert_int_eq(memcmp(together.value, alone.value, sizeof alone.value), 0);
        unsigned jobs = 0;
        for (unsigned i = 0; i < threads; i++)
            jobs += together.by[i];
        ck_assert_uint_eq(jobs, alone.by[0]);
    }
}
END_TEST

/* ---- a thread that sleeps while the numbers of the steps come round */

struct sleeper {
    struct fm_team team;
    pthread_t thread;
    unsigned step, last;
};

static sem_t held, let_go;

static void hold(int number)
{
    (void)number;
    sem_post(&held);
    while (sem_wait(&let_go) != 0)
        ;
}

static size_t next_of_many(void *state)
{
    struct sleeper *s = state;
    return s->step++ < s->last;
}

/* In the first step the other thread is waited for till it sleeps, and held. */
static void hold_sleeper(void *state, unsigned thread, size_t job)
{
    struct sleeper *s = state;
    (void)thread, (void)job;
    if (s->step > 1)
        return;
    while (atomic_load(&s->team.sleepers) == 0)
        ;
    pthread_kill(s->thread, SIGUSR1);
    while (sem_wait(&held) != 0)
        ;
}

static void *sleep_at_once(void *state)
{
    struct sleeper *s = state;
    while ((atomic_load(&s->team.share[0].ticket) & 0xffffff) ==
           0) /* the first job is the other's */
        ;
    fm_team_work(&s->team, 1);
    return NULL;
}

/* The end has the same 16 bits as the step that the sleeper waits in. */
START_TEST(a_sleeper_wakes_when_step_numbers_have_come_round)
{
    static struct sleeper s;
    struct fm_work many = {next_of_many, hold_sleeper, &s};
    s.last = 65536;
    sem_init(&held, 0, 0);
    sem_init(&let_go, 0, 0);
    signal(SIGUSR1, hold);
    fm_team_begin(&s.team, &many, THREADS * 1000); /* no spinning */
    ck_assert_int_eq(pthread_create(&s.thread, NULL, sleep_at_once, &s), 0);
    fm_team_work(&s.team, 0);
    sem_post(&let_go);
    ck_assert_int_eq(pthread_join(s.thread, NULL), 0);
    fm_team_end(&s.team);
}
END_TEST

START_TEST(the_number_of_threads_has_a_limit)
{
    ck_assert_uint_ge(fm_threads(0), 1);
    ck_assert_uint_le(fm_threads(0), FM_MOST_THREADS);
    ck_assert_uint_le(fm_threads(UINT32_MAX), FM_MOST_THREADS);
#ifdef _OPENMP
    ck_assert_uint_eq(fm_threads(3), 3);
#else
    ck_assert_uint_eq(fm_threads(3), 1);
#endif
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("team");
    tcase_add_test(tcase, each_job_is_done_once_and_after_the_last_step);
    tcase_add_test(tcase, a_sleeper_wakes_when_step_numbers_have_come_round);
    tcase_add_test(tcase, the_number_of_threads_has_a_limit);
    return run_tests("team", tcase);
}
