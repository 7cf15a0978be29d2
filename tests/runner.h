/* runner.h -- runs a Check program's tests so that automake sees each of them as a line of TAP. */
#ifndef RUNNER_H
#define RUNNER_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* Check writes TAP to a file only; "-" is its standard output. Prints no summary of its own. */
static inline int run_tests(const char *name, TCase *tcase)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 300);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
