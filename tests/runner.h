/* runner.h -- runs the tests of a Check program with a line of TAP for each. */
#ifndef RUNNER_H
#define RUNNER_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* A number of repetitions, or the distance between them. tests/bench/mutants runs a test thousands of
   times and sets FMNN_QUICK for the quick one. */
static inline size_t if_quick(size_t quick, size_t usual)
{
    const char *wish = getenv("FMNN_QUICK");
    return wish && *wish ? quick : usual;
}

/* Check's name for standard output is "-". CK_SILENT suppresses its own summary. */
static inline int run_tests(const char *name, TCase *tcase)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 300);
    SRunner *runner = srunner_create(suite);
    if (if_quick(1, 0))
        setvbuf(stdout, NULL, _IOLBF, 0); /* mutants stops reading at the first failure */
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
