/* runner.h -- runs a Check program's tests so that automake sees each of them as a line of TAP. */
#ifndef RUNNER_H
#define RUNNER_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* How many of what a test has many of, or the distance between those that it takes:
   tests/bench/mutants, which runs it thousands of times, sets FMNN_QUICK. */
static inline size_t if_quick(size_t quick, size_t usual)
{
    const char *wish = getenv("FMNN_QUICK");
    return wish && *wish ? quick : usual;
}

/* Check writes TAP to a file only; "-" is its standard output. Prints no summary of its own. */
static inline int run_tests(const char *name, TCase *tcase)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 300);
    SRunner *runner = srunner_create(suite);
    if (if_quick(1, 0))
        setvbuf(stdout, NULL, _IOLBF, 0); /* the first failure ends it */
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
