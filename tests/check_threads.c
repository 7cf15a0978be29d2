/* check_threads.c -- teams of threads: each job done once, in its round; fork; no threads left. */
#include "base/internal.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/processors.h"
#include "base/threads.h"
#include "runner.h"
#include "scratch.h"

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

/* Any number of threads, more than there are processors too, gives the same values as one
   thread. */
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
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, SIZE_MAX / 4 * 3), 0);
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

/* A quota is rounded up; what is no quota is no limit. */
START_TEST(quotas)
{
    static const struct {
        const char *text;
        unsigned processors;
    } cpu_max[] = {
        {"max 100000\n", 0},
        {"100000 100000\n", 1},
        {"100001 100000\n", 2},
        {"150000 100000", 2},
        {"1 100000\n", 1},
        {"0 100000\n", 1},
        {"6400000 100000\n", 64},
        {"100000 0\n", 0},
        {"100000\n", 0},
        {"", 0},
        {"\n", 0},
        {" 100000 100000", 0},
        {"-1 100000\n", 0},
        {"100000 -1\n", 0},
        {"1e5 100000\n", 0},
        {"100000 100000 7\n", 0},
        {"18446744073709551615 1\n", 0},
        {"99999999999999999999999999999999999999 100000\n", 0},
        {"100000 99999999999999999999999999999999999999\n", 0},
        {"1844674407370955160 1844674407370955160\n", 1},
        {"\x80\xff", 0},
    };
    for (size_t i = 0; i < FM_COUNT(cpu_max); i++)
        ck_assert_msg(fm_cpu_max(cpu_max[i].text) == cpu_max[i].processors, "%s", cpu_max[i].text);
    ck_assert_uint_eq(fm_cfs_quota("-1\n", "100000\n"), 0);
    ck_assert_uint_eq(fm_cfs_quota("250000\n", "100000\n"), 3);
    ck_assert_uint_eq(fm_cfs_quota("250000\n", "0\n"), 0);
    ck_assert_uint_eq(fm_cfs_quota("250000\n", ""), 0);
    ck_assert_uint_eq(fm_cfs_quota("250000 1\n", "100000\n"), 0);
}
END_TEST

static void put(const char *directory, const char *name, const char *text)
{
    char path[256];
    for (size_t i = 1; directory[i]; i++)
        if (directory[i] == '/') {
            snprintf(path, sizeof path, "%.*s", (int)i, directory);
            mkdir(path, 0777);
        }
    mkdir(directory, 0777);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *stream = fopen(path, "w");
    ck_assert_ptr_nonnull(stream);
    fputs(text, stream);
    fclose(stream);
}

START_TEST(quotas_of_control_groups)
{
    char mount[PATH_MAX], path[PATH_MAX], hostile[20000];
    ck_assert_uint_eq(fm_cgroup_processors("0::/a/b\n", "nowhere"), 0);
    put("two/a/b", "cpu.max", "800000 100000\n");
    ck_assert_uint_eq(fm_cgroup_processors("0::/a/b\n", "two"), 8);
    put("two/a", "cpu.max", "250000 100000\n"); /* the group above allows less */
    ck_assert_uint_eq(fm_cgroup_processors("0::/a/b\n", "two"), 3);
    ck_assert_uint_eq(fm_cgroup_processors("0::/other\n", "two"), 0);
    put("two", "cpu.max", "100000 100000\n"); /* in a container, its own group is the mount point */
    ck_assert_uint_eq(fm_cgroup_processors("0::/\n", "two"), 1);
    ck_assert_uint_eq(fm_cgroup_processors("0::/not/there\n", "two"), 1);
    put("mixed/unified/x", "cpu.max", "500000 100000\n");
    ck_assert_uint_eq(fm_cgroup_processors("0::/x\n", "mixed"), 5);
    put("one/cpu,cpuacct/docker/id", "cpu.cfs_quota_us", "350000\n");
    put("one/cpu,cpuacct/docker/id", "cpu.cfs_period_us", "100000\n");
    ck_assert_uint_eq(
        fm_cgroup_processors("5:memory:/docker/id\n4:cpu,cpuacct:/docker/id\n0::/\n", "one"), 4);
    ck_assert_uint_eq(fm_cgroup_processors("4:cpuset:/docker/id\n", "one"), 0);
    put("one/cpu", "cpu.cfs_quota_us", "-1\n");
    put("one/cpu", "cpu.cfs_period_us", "100000\n");
    ck_assert_uint_eq(fm_cgroup_processors("1:cpu:/\n", "one"), 0);
    static const char *const odd[] = {"",    "\n",       ":",     "::\n",   "0:\n",
                                      "0::", "0::a/b\n", "0::\n", ",:,:,\n"};
    for (size_t i = 0; i < FM_COUNT(odd); i++)
        ck_assert_uint_eq(fm_cgroup_processors(odd[i], "one"), 0);
    memset(hostile, '/', sizeof hostile);
    memcpy(hostile, "0::", 3);
    for (size_t length = 4; length < sizeof hostile - 2; length += 997) {
        memset(hostile + 3, '/', sizeof hostile - 3);
        memcpy(hostile + length, "\n", 2);
        fm_cgroup_processors(hostile, "one"); /* only must not fail */
    }
    snprintf(mount, sizeof mount, "%s/two", getcwd(path, sizeof path));
    ck_assert_uint_eq(fm_cgroup_processors("0::/a/b\n", mount), 1);
    ck_assert_uint_ge(fm_processors(), 1);
}
END_TEST

int main(void)
{
    scratch_enter();
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
    tcase_add_test(tcase, quotas);
    tcase_add_test(tcase, quotas_of_control_groups);
    int status = run_tests("threads", tcase);
    if (system("rm -rf two mixed one") != 0)
        return 99;
    scratch_leave();
    return status;
}
