/* check_confusion.c -- confusion matrices: counts, classes, fractions, reports, pairs. */
#include "base/internal.h"

#include <check.h>
#include <fenv.h>
#include <float.h>
#include <math.h>

#include "runner.h"

static struct fmnn_error error;

static struct fmnn_confusion *matrix(size_t classes)
{
    struct fmnn_confusion *c = fmnn_confusion_new(classes, &error);
    ck_assert_msg(c != NULL, "%s", error.message);
    return c;
}

static void add(struct fmnn_confusion *c, size_t truth, size_t predicted, uint64_t count)
{
    ck_assert_msg(fmnn_confusion_add(c, truth, predicted, count, &error) == 0, "%s", error.message);
}

static void check_refused(struct fmnn_confusion *c, size_t truth, size_t predicted, uint64_t count,
                          const char *why)
{
    ck_assert_int_eq(fmnn_confusion_add(c, truth, predicted, count, &error), -1);
    ck_assert_int_eq(error.status, FMNN_DATA);
    ck_assert_msg(strstr(error.message, why) != NULL, "%s", error.message);
}

START_TEST(counts_by_truth_and_prediction)
{
    struct fmnn_confusion *c = matrix(3);
    ck_assert_uint_eq(fmnn_confusion_classes(c), 3);
    ck_assert_double_eq(fmnn_confusion_accuracy(c), 0);
    add(c, 0, 0, 1);
    add(c, 0, 0, 1);
    add(c, 0, 2, 5);
    add(c, 1, 1, 3);
    ck_assert_uint_eq(fmnn_confusion_count(c, 0, 0), 2);
    ck_assert_uint_eq(fmnn_confusion_count(c, 0, 2), 5);
    ck_assert_uint_eq(fmnn_confusion_count(c, 2, 0), 0);
    ck_assert_uint_eq(fmnn_confusion_total(c), 10);
    ck_assert_uint_eq(fmnn_confusion_correct(c), 5);
    ck_assert_double_eq(fmnn_confusion_accuracy(c), 0.5);
    fmnn_confusion_free(c);
    fmnn_confusion_free(NULL);
}
END_TEST

/* Labels come in any order; the matrix is reallocated as they grow. */
START_TEST(labels_that_occur_become_classes)
{
    static const size_t labels[] = {700, 3, 4095, 15, 16, 0};
    static const size_t sorted[] = {0, 3, 15, 16, 700, 4095};
    struct fmnn_confusion *c = matrix(0);
    ck_assert_uint_eq(fmnn_confusion_classes(c), 0);
    for (size_t i = 0; i < FM_COUNT(labels); i++)
        add(c, labels[i], labels[(i + 1) % FM_COUNT(labels)], i + 1);
    ck_assert_uint_eq(fmnn_confusion_classes(c), FM_COUNT(sorted));
    for (size_t i = 0; i < FM_COUNT(sorted); i++)
        ck_assert_uint_eq(fmnn_confusion_label(c, i), sorted[i]);
    ck_assert_uint_eq(fmnn_confusion_count(c, 4, 1), 1); /* 700 -> 3 */
    ck_assert_uint_eq(fmnn_confusion_count(c, 1, 5), 2); /* 3 -> 4095 */
    ck_assert_uint_eq(fmnn_confusion_count(c, 0, 4), 6); /* 0 -> 700 */
    ck_assert_uint_eq(fmnn_confusion_total(c), 21);
    add(c, 9, 10, 0);
    ck_assert_uint_eq(fmnn_confusion_classes(c), FM_COUNT(sorted) + 2);
    check_refused(c, 4096, 0, 1, "the maximum in a confusion matrix is 4095");
    check_refused(c, 0, SIZE_MAX, 1, "the maximum in a confusion matrix is 4095");
    fmnn_confusion_free(c);
}
END_TEST

START_TEST(invalid_labels_and_counts_refused)
{
    struct fmnn_confusion *c = matrix(3);
    check_refused(c, 3, 0, 1, "the classes are 0 to 2");
    check_refused(c, 0, 3, 1, "the classes are 0 to 2");
    add(c, 1, 1, INT64_MAX - 1);
    add(c, 1, 2, 1);
    check_refused(c, 0, 0, 1, "2^63");
    check_refused(c, 0, 0, UINT64_MAX, "2^63");
    ck_assert_uint_eq(fmnn_confusion_total(c), INT64_MAX);
    fmnn_confusion_free(c);
    ck_assert_ptr_null(fmnn_confusion_new(FMNN_CONFUSION_MAX_CLASSES + 1, &error));
    ck_assert_int_eq(error.status, FMNN_USAGE);
}
END_TEST

START_TEST(cross_entropy)
{
    struct fmnn_confusion *c = matrix(2);
    double eps = DBL_EPSILON;
    ck_assert_double_nan(fmnn_confusion_cross_entropy(c));
    fmnn_confusion_add_probability(c, 0.5, 3);
    fmnn_confusion_add_probability(c, 0.25, 1);
    ck_assert_double_eq_tol(fmnn_confusion_cross_entropy(c), 1.25 * log(2), 1e-15);
    fmnn_confusion_add_probability(c, 0, 4);
    ck_assert_double_eq_tol(fmnn_confusion_cross_entropy(c), (5 * log(2) - 4 * log(eps)) / 8,
                            1e-14);
    fmnn_confusion_free(c);

    c = matrix(2);
    fmnn_confusion_add_probability(c, 1, 1);
    ck_assert_double_eq_tol(fmnn_confusion_cross_entropy(c), eps, 1e-30);
    fmnn_confusion_free(c);

    /* A plain running sum of a million equal terms is off in the twelfth digit. */
    c = matrix(2);
    for (int i = 0; i < 1000000; i++)
        fmnn_confusion_add_probability(c, 0.9, 1);
    ck_assert_double_eq_tol(fmnn_confusion_cross_entropy(c), -log(0.9), 1e-16);
    fmnn_confusion_free(c);
}
END_TEST

static struct fmnn_confusion *example(void)
{
    struct fmnn_confusion *c = matrix(4);
    add(c, 0, 0, 3);
    add(c, 0, 1, 1);
    add(c, 1, 1, 2);
    add(c, 1, 0, 2);
    add(c, 3, 1, 1); /* class 2 has no samples, 2 and 3 are never predicted */
    return c;
}

static void check_fractions(const struct fmnn_confusion *c, enum fmnn_normalize by,
                            const double wanted[16])
{
    double *fraction = fmnn_confusion_fractions(c, by, &error);
    ck_assert_ptr_nonnull(fraction);
    for (size_t i = 0; i < 16; i++)
        ck_assert_double_eq(fraction[i], wanted[i]);
    free(fraction);
}

START_TEST(fractions_of_rows_columns_and_total)
{
    struct fmnn_confusion *c = example();
    check_fractions(c, FMNN_NORMALIZE_TRUE,
                    (double[16]){.75, .25, 0, 0, .5, .5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0});
    check_fractions(c, FMNN_NORMALIZE_PRED,
                    (double[16]){.6, .25, 0, 0, .4, .5, 0, 0, 0, 0, 0, 0, 0, .25, 0, 0});
    check_fractions(
        c, FMNN_NORMALIZE_ALL,
        (double[16]){3. / 9, 1. / 9, 0, 0, 2. / 9, 2. / 9, 0, 0, 0, 0, 0, 0, 0, 1. / 9});
    fmnn_confusion_free(c);
}
END_TEST

START_TEST(report_of_classes_without_samples_or_predictions)
{
    struct fmnn_confusion *c = example();
    struct fmnn_report *report = fmnn_confusion_report(c, &error);
    ck_assert_ptr_nonnull(report);
    ck_assert_uint_eq(report->classes, 4);
    ck_assert_uint_eq(report->unpredicted, 2);
    ck_assert_uint_eq(report->unsupported, 1);
    ck_assert_double_eq(report->score[0].precision, 0.6);
    ck_assert_double_eq(report->score[0].recall, 0.75);
    ck_assert_double_eq(report->score[0].f1, 6. / 9);
    ck_assert_uint_eq(report->score[0].support, 4);
    ck_assert_double_eq(report->score[2].precision, 0);
    ck_assert_double_eq(report->score[2].recall, 0);
    ck_assert_double_eq(report->score[2].f1, 0);
    ck_assert_uint_eq(report->score[2].support, 0);
    ck_assert_double_eq(report->macro.precision, (0.6 + 0.5) / 4);
    ck_assert_double_eq(report->macro.recall, (0.75 + 0.5) / 4);
    ck_assert_double_eq(report->weighted.precision, (4 * 0.6 + 4 * 0.5) / 9);
    ck_assert_uint_eq(report->macro.support, 9);
    ck_assert_double_eq(report->accuracy, 5. / 9);
    free(report);
    fmnn_confusion_free(c);
}
END_TEST

/* Enough classes for the pairwise sums to be halved. */
START_TEST(report_of_many_classes)
{
    enum { N = 1001 };
    struct fmnn_confusion *c = matrix(0);
    long double macro = 0, weighted = 0;
    uint64_t total = 0;
    for (size_t i = 0; i < N; i++) {
        uint64_t correct = i % 13, incorrect = 1 + i % 7;
        long double recall = (long double)correct / (long double)(correct + incorrect);
        add(c, i, i, correct);
        add(c, i, (i + 1) % N, incorrect);
        macro += recall;
        weighted += recall * (long double)(correct + incorrect);
        total += correct + incorrect;
    }
    struct fmnn_report *report = fmnn_confusion_report(c, &error);
    ck_assert_double_eq_tol(report->macro.recall, (double)(macro / N), 1e-14);
    ck_assert_double_eq_tol(report->weighted.recall, (double)(weighted / (long double)total),
                            1e-14);
    free(report);
    fmnn_confusion_free(c);
}
END_TEST

START_TEST(empty_matrix)
{
    struct fmnn_confusion *c = matrix(0);
    struct fmnn_report *report = fmnn_confusion_report(c, &error);
    struct fmnn_pair *pairs;
    size_t count;
    ck_assert_ptr_nonnull(report);
    ck_assert_double_eq(report->macro.f1, 0);
    ck_assert_double_eq(report->weighted.f1, 0);
    free(report);
    double *fraction = fmnn_confusion_fractions(c, FMNN_NORMALIZE_ALL, &error);
    ck_assert_ptr_nonnull(fraction);
    free(fraction);
    ck_assert_int_eq(fmnn_confusion_pairs(c, &pairs, &count, &error), 0);
    ck_assert_ptr_null(pairs);
    ck_assert_uint_eq(count, 0);
    fmnn_confusion_free(c);
}
END_TEST

START_TEST(pairs_by_count_then_label)
{
    static const struct fmnn_pair wanted[] = {
        {2, 0, 7}, {0, 1, 4}, {0, 2, 4}, {1, 0, 4}, {1, 2, 1}};
    struct fmnn_confusion *c = matrix(0);
    struct fmnn_pair *pairs;
    size_t count;
    add(c, 5, 7, 1);
    add(c, 1, 7, 4);
    add(c, 5, 1, 4);
    add(c, 1, 5, 4);
    add(c, 7, 1, 7);
    add(c, 7, 7, 100);
    ck_assert_int_eq(fmnn_confusion_pairs(c, &pairs, &count, &error), 0);
    ck_assert_uint_eq(count, FM_COUNT(wanted));
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(pairs[i].truth, wanted[i].truth);
        ck_assert_uint_eq(pairs[i].predicted, wanted[i].predicted);
        ck_assert_uint_eq(pairs[i].count, wanted[i].count);
    }
    free(pairs);
    fmnn_confusion_free(c);
}
END_TEST

#ifdef FE_UPWARD
struct results {
    double accuracy, loss, fraction[9];
    struct fmnn_report report; /* but for the pointer */
    struct fmnn_score score[3];
};

static void compute(struct results *r)
{
    static const double probability[9] = {.1, .2, .3, .15, .77, .01, .95, .6, .33};
    struct fmnn_confusion *c = matrix(3);
    memset(r, 0, sizeof *r);
    for (size_t i = 0; i < 9; i++) {
        add(c, i / 3, i % 3, i * i + 1);
        fmnn_confusion_add_probability(c, probability[i], 3);
    }
    double *fraction = fmnn_confusion_fractions(c, FMNN_NORMALIZE_PRED, &error);
    struct fmnn_report *report = fmnn_confusion_report(c, &error);
    ck_assert(fraction && report);
    r->accuracy = fmnn_confusion_accuracy(c);
    r->loss = fmnn_confusion_cross_entropy(c);
    memcpy(r->fraction, fraction, sizeof r->fraction);
    r->report = *report;
    r->report.score = NULL;
    memcpy(r->score, report->score, sizeof r->score);
    free(fraction);
    free(report);
    fmnn_confusion_free(c);
}

/* Those of the program that calls. */
START_TEST(the_same_in_any_rounding_mode)
{
    struct results nearest, upward;
    compute(&nearest);
    fesetround(FE_UPWARD);
    compute(&upward);
    int mode = fegetround();
    fesetround(FE_TONEAREST);
    ck_assert(mode == FE_UPWARD);
    ck_assert_mem_eq(&upward, &nearest, sizeof nearest);
}
END_TEST
#endif

int main(void)
{
    TCase *tcase = tcase_create("confusion");
    tcase_add_test(tcase, counts_by_truth_and_prediction);
    tcase_add_test(tcase, labels_that_occur_become_classes);
    tcase_add_test(tcase, invalid_labels_and_counts_refused);
    tcase_add_test(tcase, cross_entropy);
    tcase_add_test(tcase, fractions_of_rows_columns_and_total);
    tcase_add_test(tcase, report_of_classes_without_samples_or_predictions);
    tcase_add_test(tcase, report_of_many_classes);
    tcase_add_test(tcase, empty_matrix);
    tcase_add_test(tcase, pairs_by_count_then_label);
#ifdef FE_UPWARD
    tcase_add_test(tcase, the_same_in_any_rounding_mode);
#endif
    return run_tests("confusion", tcase);
}
