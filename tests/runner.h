/* runner.h -- runs a Check program's tests so that automake sees each of them as a line of TAP. */
#ifndef RUNNER_H
#define RUNNER_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SLOWED_BY_SANITIZERS 3
#endif
#elif defined __SANITIZE_ADDRESS__
#define SLOWED_BY_SANITIZERS 3
#endif
#ifndef SLOWED_BY_SANITIZERS
#define SLOWED_BY_SANITIZERS 1
#endif
#ifdef __OPTIMIZE__
#define SLOWED_WITHOUT_OPTIMIZER 1
#else
#define SLOWED_WITHOUT_OPTIMIZER 3
#endif

/* Seconds that a test may take. Processor time ends a test that runs in circles, whatever else the
   machine does; time by the clock is only for a test that waits forever. */
enum {
    PROCESSOR_LIMIT = 600 * SLOWED_BY_SANITIZERS * SLOWED_WITHOUT_OPTIMIZER,
    CLOCK_LIMIT = 4 * PROCESSOR_LIMIT
};

/* The number of repetitions, or the distance between the cases that a test takes. FMNN_QUICK is set
   by tests/bench/mutants, because it runs each test thousands of times, and by tests/run for
   sanitizers, which are slow, and for `make distcheck`, because the full tests have run in the same
   tree. */
static inline size_t if_quick(size_t quick, size_t usual)
{
    const char *wish = getenv("FMNN_QUICK");
    return wish && *wish ? quick : usual;
}

/* In the process of one test: SIGXCPU ends it at the limit. */
static inline void limit_processor_time(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_CPU, &limit) == 0 && limit.rlim_cur > PROCESSOR_LIMIT) {
        limit.rlim_cur = PROCESSOR_LIMIT;
        setrlimit(RLIMIT_CPU, &limit);
    }
}

/* Check writes TAP only to a file; "-" is its standard output. Prints no summary of its own. */
static inline int run_tests(const char *name, TCase *tcase)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, CLOCK_LIMIT);
    SRunner *runner = srunner_create(suite);
    if (srunner_fork_status(runner) == CK_FORK)
        tcase_add_checked_fixture(tcase, limit_processor_time, NULL);
    if (if_quick(1, 0))
        setvbuf(stdout, NULL, _IOLBF, 0); /* the first failure ends it */
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
