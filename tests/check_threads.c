/* check_threads.c -- threads that share out jobs. */
#include "base/internal.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"
#include "base/threads.h"

enum { LIMIT = 97, THREADS = 8 };

/* Steps whose jobs read what any job of the last step wrote, by plain loads and stores. */
struct relay {
    unsigned step, last;
    size_t jobs, before; /* of this step and the last */
    uint64_t value[2][LIMIT];
    unsigned by[THREADS]; /* jobs that each thread has done, by itself alone */
};

static size_t next_leg(void *state)
{
    struct relay *relay = state;
    if (relay->step == relay->last)
        return 0;
    relay->step++;
    relay->before = relay->jobs ? relay->jobs : 1;
    relay->jobs = relay->step * 7 % LIMIT + 1;
    return relay->jobs;
}

static void run_leg(void *state, unsigned thread, size_t job)
{
    struct relay *relay = state;
    relay->by[thread]++;
    const uint64_t *from = relay->value[(relay->step + 1) % 2];
    relay->value[relay->step % 2][job] = from[(job + 1) % relay->before] * 31 + job + relay->step;
}

/* The same numbers as one thread gives; more threads than processors, too, and work after work. */
START_TEST(each_job_is_done_once_and_after_the_last_step)
{
    static struct relay alone, together;
    alone = together = (struct relay){.last = 3000};
    struct fm_work legs = {next_leg, run_leg, &alone};
    struct fm_team *team = fm_team_new(1, NULL);
    fm_team_run(team, &legs, 1);
    fm_team_free(team);
    ck_assert_uint_eq(alone.step, alone.last);
    legs.state = &together;
    for (unsigned threads = 2; threads <= THREADS; threads += 3) {
        team = fm_team_new(threads, NULL);
        for (unsigned max = threads; max >= 1; max /= 2) {
            together = (struct relay){.last = alone.last};
            fm_team_run(team, &legs, max);
            ck_assert_uint_eq(together.step, alone.step);
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

/* Works so short that the next begins while threads still come from the last, or are on their way
   to sleep. */
START_TEST(short_works_one_after_the_other)
{
    struct relay relay, alone = {.last = 2};
    struct fm_work legs = {next_leg, run_leg, &alone};
    struct fm_team *team = fm_team_new(3, NULL);
    fm_team_run(team, &legs, 1);
    legs.state = &relay;
    for (unsigned i = 0; i < 20000; i++) {
        relay = (struct relay){.last = i % 3};
        team->spins = i / 1000 % 2 ? 0 : 100;
        fm_team_run(team, &legs, 3);
        ck_assert_uint_eq(relay.step, i % 3);
        if (i % 3 == 2)
            ck_assert_int_eq(memcmp(relay.value, alone.value, sizeof alone.value), 0);
    }
    fm_team_free(team);
}
END_TEST

/* Numbers of steps are 16 bits long: a thread that has slept since that number was there before. */
START_TEST(numbers_of_steps_come_round)
{
    struct relay relay = {.last = 200000}, alone = relay;
    struct fm_work legs = {next_leg, run_leg, &alone};
    struct fm_team *team = fm_team_new(2, NULL);
    fm_team_run(team, &legs, 1);
    legs.state = &relay;
    team->spins = 0;
    fm_team_run(team, &legs, 2);
    ck_assert_int_eq(memcmp(relay.value, alone.value, sizeof alone.value), 0);
    fm_team_free(team);
}
END_TEST

/* A child has none of its parent's threads, and does it all by itself: wherever they stood when it
   was made, asleep, or on their way there with the lock in hand. */
static bool does_without(struct fm_team *team)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL); /* Check's handler ends more than the child */
        alarm(60);
        struct relay relay = {.last = 100};
        struct fm_work legs = {next_leg, run_leg, &relay};
        fm_team_run(team, &legs, 4);
        bool good = relay.step == 100 && relay.by[1] + relay.by[2] + relay.by[3] == 0;
        fm_team_free(team);
        _exit(!good);
    }
    int status;
    return waitpid(child, &status, 0) == child && status == 0;
}

START_TEST(a_child_does_without)
{
    struct relay relay;
    struct fm_work legs = {next_leg, run_leg, &relay};
    struct fm_team *team = fm_team_new(4, NULL);
    /* Whatever runs beneath may not stand a fork while a thread begins: all have come before. */
    unsigned come = 0; /* a bit for each */
    do {
        relay = (struct relay){.last = 1000};
        fm_team_run(team, &legs, 4);
        for (unsigned i = 1; i < 4; i++)
            come |= (unsigned)(relay.by[i] > 0) << i;
    } while (come >> 1 != (1U << team->helpers) - 1);
    for (unsigned i = 0; i < 200; i++) {
        relay = (struct relay){.last = 20};
        fm_team_run(team, &legs, 4);
        if (i % 2)
            nanosleep(&(struct timespec){.tv_nsec = (long)i * 10000}, NULL);
        ck_assert(does_without(team));
    }
    fm_team_free(team);
}
END_TEST

/* A team that is made in the child has threads. */
START_TEST(a_child_has_its_own_team)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(60);
        struct relay relay = {.last = 100};
        struct fm_work legs = {next_leg, run_leg, &relay};
        struct fm_team *team = fm_team_new(4, NULL);
        fm_team_run(team, &legs, 4);
        bool good = relay.step == 100 && team->helpers == 3;
        fm_team_free(team);
        _exit(!good);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

#ifdef __GLIBC__
/* Where no thread can be had the caller does it all: more address space than there is would be
   wanted for their stacks. */
START_TEST(no_threads_are_to_be_had)
{
    struct relay relay = {.last = 100};
    struct fm_work legs = {next_leg, run_leg, &relay};
    struct fm_team *team = fm_team_new(4, NULL);
    pthread_attr_t attributes;
    ck_assert_int_eq(pthread_getattr_default_np(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, (size_t)1 << 50), 0);
    ck_assert_int_eq(pthread_setattr_default_np(&attributes), 0);
    fm_team_run(team, &legs, 4);
    ck_assert_uint_eq(team->helpers, 0);
    ck_assert_uint_eq(relay.step, 100);
    fm_team_free(team);
}
END_TEST

#endif

START_TEST(the_number_of_threads_has_a_limit)
{
    ck_assert_uint_ge(fm_threads(0), 1);
    ck_assert_uint_le(fm_threads(0), FM_MAX_THREADS);
    ck_assert_uint_le(fm_threads(UINT32_MAX), FM_MAX_THREADS);
    ck_assert_uint_eq(fm_threads(3), 3);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("team");
    tcase_add_test(tcase, each_job_is_done_once_and_after_the_last_step);
    tcase_add_test(tcase, short_works_one_after_the_other);
    tcase_add_test(tcase, numbers_of_steps_come_round);
    tcase_add_test(tcase, a_child_does_without);
    tcase_add_test(tcase, a_child_has_its_own_team);
#ifdef __GLIBC__
    tcase_add_test(tcase, no_threads_are_to_be_had);
#endif
    tcase_add_test(tcase, the_number_of_threads_has_a_limit);
    return run_tests("team", tcase);
}
