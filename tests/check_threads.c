/* check_threads.c -- teams of threads: each job done once, in its round; fork; no threads left. */
#include "base/internal.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/threads.h"
#include "runner.h"

enum { LIMIT = 97, THREADS = 8 };

/* Rounds whose jobs read what any job of the previous round wrote, by plain loads and stores. */
struct relay {
    unsigned round, last;
    size_t jobs, before; /* of this round and the previous one */
    uint64_t value[2][LIMIT];
    unsigned by[THREADS]; /* jobs that each thread has done; only that thread writes it */
};

static size_t next_round(void *state)
{
    struct relay *relay = state;
    if (relay->round == relay->last)
        return 0;
    relay->round++;
    relay->before = relay->jobs ? relay->jobs : 1;
    relay->jobs = relay->round * 7 % LIMIT + 1;
    return relay->jobs;
}

static void run_job(void *state, unsigned thread, size_t job)
{
    struct relay *relay = state;
    relay->by[thread]++;
    const uint64_t *from = relay->value[(relay->round + 1) % 2];
    relay->value[relay->round % 2][job] = from[(job + 1) % relay->before] * 31 + job + relay->round;
}

/* Any number of threads, more than there are processors too, gives the same values as one thread. */
START_TEST(each_job_runs_once_after_the_previous_round)
{
    static struct relay alone, together;
    alone = together = (struct relay){.last = 3000};
    struct fm_work work = {next_round, run_job, &alone};
    struct fm_team *team = fm_team_new(1, NULL);
    fm_team_run(team, &work, 1);
    fm_team_free(team);
    ck_assert_uint_eq(alone.round, alone.last);
    work.state = &together;
    for (unsigned threads = 2; threads <= THREADS; threads += 3) {
        team = fm_team_new(threads, NULL);
        for (unsigned max = threads; max >= 1; max /= 2) {
            together = (struct relay){.last = alone.last};
            fm_team_run(team, &work, max);
            ck_assert_uint_eq(together.round, alone.round);
            ck_assert_int_eq(memcmp(together.value, alone.value, sizeof alone.value), 0);
            unsigned jobs = 0;
            for (unsigned i = 0; i < threads; i++)
                jobs += together.by[i];
            ck_assert_uint_eq(jobs, alone.by[0]);
        }
        fm_team_free(team);
    }
}
END_TEST

/* Runs so short that the next one begins while threads still return from the last, or are about to
   sleep. */
START_TEST(short_runs_in_a_row)
{
    struct relay relay, alone = {.last = 2};
    struct fm_work work = {next_round, run_job, &alone};
    struct fm_team *team = fm_team_new(3, NULL);
    fm_team_run(team, &work, 1);
    work.state = &relay;
    for (unsigned i = 0; i < 20000; i++) {
        relay = (struct relay){.last = i % 3};
        team->spins = i / 1000 % 2 ? 0 : 100;
        fm_team_run(team, &work, 3);
        ck_assert_uint_eq(relay.round, i % 3);
        if (i % 3 == 2)
            ck_assert_int_eq(memcmp(relay.value, alone.value, sizeof alone.value), 0);
    }
    fm_team_free(team);
}
END_TEST

/* Round numbers have 16 bits. A thread may sleep until the number that it knows comes again. */
START_TEST(round_numbers_wrap_around)
{
    struct relay relay = {.last = 200000}, alone = relay;
    struct fm_work work = {next_round, run_job, &alone};
    struct fm_team *team = fm_team_new(2, NULL);
    fm_team_run(team, &work, 1);
    work.state = &relay;
    team->spins = 0;
    fm_team_run(team, &work, 2);
    ck_assert_int_eq(memcmp(relay.value, alone.value, sizeof alone.value), 0);
    fm_team_free(team);
}
END_TEST

/* A forked child has none of its parent's threads. It does all the work alone, whatever they were
   doing at the time of the fork: sleeping, or about to sleep and holding the lock. */
static bool child_works_alone(struct fm_team *team)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL); /* Check's handler would end more than the child */
        alarm(60);
        struct relay relay = {.last = 100};
        struct fm_work work = {next_round, run_job, &relay};
        fm_team_run(team, &work, 4);
        bool good = relay.round == 100 && relay.by[1] + relay.by[2] + relay.by[3] == 0;
        fm_team_free(team);
        _exit(!good);
    }
    int status;
    return waitpid(child, &status, 0) == child && status == 0;
}

START_TEST(forked_child_runs_alone)
{
    struct relay relay;
    struct fm_work work = {next_round, run_job, &relay};
    struct fm_team *team = fm_team_new(4, NULL);
    /* A sanitizer or emulator may not survive a fork while a thread starts: wait for all. */
    unsigned seen = 0; /* one bit a thread */
    do {
        relay = (struct relay){.last = 1000};
        fm_team_run(team, &work, 4);
        for (unsigned i = 1; i < 4; i++)
            seen |= (unsigned)(relay.by[i] > 0) << i;
    } while (seen >> 1 != (1U << team->helpers) - 1);
    for (unsigned i = 0; i < 200; i++) {
        relay = (struct relay){.last = 20};
        fm_team_run(team, &work, 4);
        if (i % 2)
            nanosleep(&(struct timespec){.tv_nsec = (long)i * 10000}, NULL);
        ck_assert(child_works_alone(team));
    }
    fm_team_free(team);
}
END_TEST

/* A team made in the child has threads of its own. */
START_TEST(forked_child_can_start_a_team)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(60);
        struct relay relay = {.last = 100};
        struct fm_work work = {next_round, run_job, &relay};
        struct fm_team *team = fm_team_new(4, NULL);
        fm_team_run(team, &work, 4);
        bool good = relay.round == 100 && team->helpers == 3;
        fm_team_free(team);
        _exit(!good);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

#ifdef __GLIBC__
/* If no thread can be started, the caller does all the work. Here their stacks would need more
   address space than there is. */
START_TEST(no_thread_can_be_started)
{
    struct relay relay = {.last = 100};
    struct fm_work work = {next_round, run_job, &relay};
    struct fm_team *team = fm_team_new(4, NULL);
    pthread_attr_t attributes;
    ck_assert_int_eq(pthread_getattr_default_np(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, (size_t)1 << 50), 0);
    ck_assert_int_eq(pthread_setattr_default_np(&attributes), 0);
    fm_team_run(team, &work, 4);
    ck_assert_uint_eq(team->helpers, 0);
    ck_assert_uint_eq(relay.round, 100);
    fm_team_free(team);
}
END_TEST

#endif

START_TEST(number_of_threads_is_limited)
{
    ck_assert_uint_ge(fm_threads(0), 1);
    ck_assert_uint_le(fm_threads(0), FM_MAX_THREADS);
    ck_assert_uint_le(fm_threads(UINT32_MAX), FM_MAX_THREADS);
    ck_assert_uint_eq(fm_threads(3), 3);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("threads");
    tcase_add_test(tcase, each_job_runs_once_after_the_previous_round);
    tcase_add_test(tcase, short_runs_in_a_row);
    tcase_add_test(tcase, round_numbers_wrap_around);
    tcase_add_test(tcase, forked_child_runs_alone);
    tcase_add_test(tcase, forked_child_can_start_a_team);
#ifdef __GLIBC__
    tcase_add_test(tcase, no_thread_can_be_started);
#endif
    tcase_add_test(tcase, number_of_threads_is_limited);
    return run_tests("threads", tcase);
}
