/* check_confusion.c -- confusion matrices: counts, classes, shares, reports, pairs. */
#include "base/internal.h"

#include <check.h>
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

static void refuses(struct fmnn_confusion *c, size_t truth, size_t predicted, uint64_t count,
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

/* Labels come in any order, and the matrix is made anew as they grow. */
START_TEST(classes_that_occur)
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
    refuses(c, 4096, 0, 1, "below 4096");
    refuses(c, 0, SIZE_MAX, 1, "below 4096");
    fmnn_confusion_free(c);
}
END_TEST

START_TEST(refuses_what_cannot_be)
{
    struct fmnn_confusion *c = matrix(3);
    refuses(c, 3, 0, 1, "has 3");
    refuses(c, 0, 3, 1, "has 3");
    add(c, 1, 1, INT64_MAX - 1);
    add(c, 1, 2, 1);
    refuses(c, 0, 0, 1, "2^63");
    refuses(c, 0, 0, UINT64_MAX, "2^63");
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

    /* A plain running sum of so many like terms is off in the twelfth digit. */
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
    add(c, 3, 1, 1); /* class 2 has no row, 2 and 3 are never predicted */
    return c;
}

static void has_shares(const struct fmnn_confusion *c, enum fmnn_normalize by,
                       const double wanted[16])
{
    double *share = fmnn_confusion_fractions(c, by, &error);
    ck_assert_ptr_nonnull(share);
    for (size_t i = 0; i < 16; i++)
        ck_assert_double_eq(share[i], wanted[i]);
    free(share);
}

START_TEST(shares)
{
    struct fmnn_confusion *c = example();
    has_shares(c, FMNN_NORMALIZE_TRUE,
               (double[16]){.75, .25, 0, 0, .5, .5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0});
    has_shares(c, FMNN_NORMALIZE_PRED,
               (double[16]){.6, .25, 0, 0, .4, .5, 0, 0, 0, 0, 0, 0, 0, .25, 0, 0});
    has_shares(c, FMNN_NORMALIZE_ALL,
               (double[16]){3. / 9, 1. / 9, 0, 0, 2. / 9, 2. / 9, 0, 0, 0, 0, 0, 0, 0, 1. / 9});
    fmnn_confusion_free(c);
}
END_TEST

START_TEST(report_with_nothing_to_divide_by)
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

/* Sums long enough to be halved are still sums. */
START_TEST(report_of_many_classes)
{
    enum { N = 1001 };
    struct fmnn_confusion *c = matrix(0);
    long double macro = 0, weighted = 0;
    uint64_t total = 0;
    for (size_t i = 0; i < N; i++) {
        uint64_t correct = i % 13, wrong = 1 + i % 7;
        long double recall = (long double)correct / (long double)(correct + wrong);
        add(c, i, i, correct);
        add(c, i, (i + 1) % N, wrong);
        macro += recall;
        weighted += recall * (long double)(correct + wrong);
        total += correct + wrong;
    }
    struct fmnn_report *report = fmnn_confusion_report(c, &error);
    ck_assert_double_eq_tol(report->macro.recall, (double)(macro / N), 1e-14);
    ck_assert_double_eq_tol(report->weighted.recall, (double)(weighted / (long double)total),
                            1e-14);
    free(report);
    fmnn_confusion_free(c);
}
END_TEST

START_TEST(an_empty_matrix)
{
    struct fmnn_confusion *c = matrix(0);
    struct fmnn_report *report = fmnn_confusion_report(c, &error);
    struct fmnn_pair *pairs;
    size_t count;
    ck_assert_ptr_nonnull(report);
    ck_assert_double_eq(report->macro.f1, 0);
    ck_assert_double_eq(report->weighted.f1, 0);
    free(report);
    double *share = fmnn_confusion_fractions(c, FMNN_NORMALIZE_ALL, &error);
    ck_assert_ptr_nonnull(share);
    free(share);
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

int main(void)
{
    TCase *tcase = tcase_create("confusion");
    tcase_add_test(tcase, counts_by_truth_and_prediction);
    tcase_add_test(tcase, classes_that_occur);
    tcase_add_test(tcase, refuses_what_cannot_be);
    tcase_add_test(tcase, cross_entropy);
    tcase_add_test(tcase, shares);
    tcase_add_test(tcase, report_with_nothing_to_divide_by);
    tcase_add_test(tcase, report_of_many_classes);
    tcase_add_test(tcase, an_empty_matrix);
    tcase_add_test(tcase, pairs_by_count_then_label);
    return run_tests("confusion", tcase);
}
