/* check_ranking.c -- ROC and precision-recall curves, kappa and Matthews' correlation, label
   issues. The expected values come from scikit-learn (tests/bench/sklearn-metrics compares random
   tables) and cleanlab (tests/bench/cleanlab-issues). */
#include "base/internal.h"

#include <check.h>
#include <fenv.h>
#include <math.h>

#include "runner.h"

static struct fmnn_error error;

enum { ROWS = 8, CLASSES = 3 };
static const uint32_t truth[ROWS] = {0, 0, 1, 1, 2, 2, 2, 0};
static const double probability[ROWS][CLASSES] = {
    {.5, .25, .25},    {.25, .5, .25}, {.25, .5, .25}, {0, 1, 0},
    {.125, .25, .625}, {.5, .25, .25}, {.25, .25, .5}, {.75, .125, .125},
};

static void check_near(double got, double wanted)
{
    ck_assert_msg(fabs(got - wanted) <= 1e-14, "%.17g, wanted %.17g", got, wanted);
}

static struct fmnn_ranking *ranking(size_t classes)
{
    struct fmnn_ranking *r = fmnn_ranking_new(classes, &error);
    ck_assert_ptr_nonnull(r);
    return r;
}

static struct fmnn_ranking *known(void)
{
    struct fmnn_ranking *r = ranking(CLASSES);
    for (size_t i = 0; i < ROWS; i++)
        ck_assert_int_eq(fmnn_ranking_add(r, truth[i], probability[i], &error), 0);
    return r;
}

START_TEST(areas_against_scikit_learn)
{
    static const double auc[] = {.83333333333333337, .95833333333333337, .9};
    static const double ap[] = {.72222222222222221, .83333333333333337, .83333333333333337};
    struct fmnn_ranking *r = known();
    struct fmnn_ranking_report *report = fmnn_ranking_report(r, &error);
    ck_assert_ptr_nonnull(report);
    for (size_t i = 0; i < CLASSES; i++) {
        check_near(report->score[i].roc_auc, auc[i]);
        check_near(report->score[i].average_precision, ap[i]);
    }
    ck_assert_uint_eq(report->score[1].support, 2);
    check_near(report->macro.roc_auc, 0.8972222222222221);
    check_near(report->macro.average_precision, 0.7962962962962962);
    check_near(report->weighted.roc_auc, 0.8895833333333334);
    check_near(report->weighted.average_precision, 0.7916666666666666);
    check_near(report->micro.roc_auc, 0.875);
    check_near(report->micro.average_precision, 0.7615131578947368);
    ck_assert_uint_eq(report->undefined, 0);
    free(report);
    fmnn_ranking_free(r);
}
END_TEST

static void check_curve(enum fmnn_curve curve, const struct fmnn_point *wanted, size_t count)
{
    struct fmnn_ranking *r = known();
    struct fmnn_point *point;
    size_t n;
    ck_assert_int_eq(fmnn_ranking_curve(r, 0, curve, &point, &n, &error), 0);
    ck_assert_uint_eq(n, count);
    for (size_t i = 0; i < n; i++) {
        check_near(point[i].x, wanted[i].x);
        check_near(point[i].y, wanted[i].y);
    }
    free(point);
    fmnn_ranking_free(r);
}

START_TEST(curves_against_scikit_learn)
{
    static const struct fmnn_point roc[] = {
        {0, 0}, {0, 1. / 3}, {.2, 2. / 3}, {.6, 1}, {1, 1},
    };
    static const struct fmnn_point precision_recall[] = {
        {0, 1}, {1. / 3, 1}, {2. / 3, 2. / 3}, {1, .5}, {1, 3. / 7}, {1, .375},
    };
    check_curve(FMNN_CURVE_ROC, roc, FM_COUNT(roc));
    check_curve(FMNN_CURVE_PRECISION_RECALL, precision_recall, FM_COUNT(precision_recall));
}
END_TEST

START_TEST(straight_lines_need_no_points)
{
    struct fmnn_ranking *r = ranking(1 + 1);
    struct fmnn_point *point;
    size_t n;
    for (size_t i = 0; i < 1000; i++) {
        double p = (double)i / 1000;
        ck_assert_int_eq(fmnn_ranking_add(r, i >= 500, (double[]){1 - p, p}, &error), 0);
    }
    ck_assert_int_eq(fmnn_ranking_curve(r, 1, FMNN_CURVE_ROC, &point, &n, &error), 0);
    ck_assert_uint_eq(n, 3);
    ck_assert(point[1].x == 0 && point[1].y == 1);
    free(point);
    fmnn_ranking_free(r);
}
END_TEST

START_TEST(classes_without_rows_or_others_are_undefined)
{
    struct fmnn_ranking *r = ranking(2);
    struct fmnn_point *point;
    size_t n;
    struct fmnn_ranking_report *report = fmnn_ranking_report(r, &error);
    ck_assert(isnan(report->macro.roc_auc) && isnan(report->micro.average_precision));
    free(report);
    ck_assert_int_eq(fmnn_ranking_add(r, 0, (double[]){-0.0, 1}, &error), 0);
    ck_assert_int_eq(fmnn_ranking_add(r, 0, (double[]){0, 1}, &error), 0);
    report = fmnn_ranking_report(r, &error);
    ck_assert_uint_eq(report->undefined, 2);
    ck_assert(isnan(report->score[0].roc_auc) && isnan(report->score[1].roc_auc));
    check_near(report->score[0].average_precision, 1);
    ck_assert(isnan(report->score[1].average_precision));
    check_near(report->macro.average_precision, 1);
    check_near(report->micro.roc_auc, 0);
    ck_assert_int_eq(fmnn_ranking_curve(r, 0, FMNN_CURVE_ROC, &point, &n, &error), 0);
    ck_assert(n == 0 && !point);
    ck_assert_int_eq(fmnn_ranking_curve(r, 1, FMNN_CURVE_PRECISION_RECALL, &point, &n, &error), 0);
    ck_assert(n == 0 && !point);
    free(report);
    fmnn_ranking_free(r);
}
END_TEST

START_TEST(invalid_rankings_are_refused)
{
    struct fmnn_ranking *r = ranking(2);
    ck_assert_int_eq(fmnn_ranking_add(r, 2, (double[]){0, 1}, &error), -1);
    ck_assert_int_eq(error.status, FMNN_DATA);
    ck_assert_int_eq(fmnn_ranking_add(r, 1, (double[]){0, 1.1}, &error), -1);
    ck_assert_int_eq(fmnn_ranking_add(r, 1, (double[]){-0.1, 1}, &error), -1);
    ck_assert_int_eq(fmnn_ranking_add(r, 1, (double[]){(double)NAN, 1}, &error), -1);
    fmnn_ranking_free(r);
    fmnn_ranking_free(NULL);
    ck_assert_ptr_null(fmnn_ranking_new(0, &error));
    ck_assert_int_eq(error.status, FMNN_USAGE);
    ck_assert_ptr_null(fmnn_ranking_new(FMNN_CONFUSION_MAX_CLASSES + 1, &error));
}
END_TEST

START_TEST(agreement_against_scikit_learn)
{
    static const unsigned predicted[ROWS] = {0, 1, 1, 1, 2, 0, 2, 0};
    struct fmnn_confusion *c = fmnn_confusion_new(CLASSES, &error);
    for (size_t i = 0; i < ROWS; i++)
        ck_assert_int_eq(fmnn_confusion_add(c, truth[i], predicted[i], 1, &error), 0);
    struct fmnn_report *report = fmnn_confusion_report(c, &error);
    check_near(report->balanced_accuracy, 0.7777777777777777);
    check_near(report->kappa, 0.627906976744186);
    check_near(report->mcc, 0.6428571428571429);
    free(report);
    fmnn_confusion_free(c);
}
END_TEST

/* Of some counts, the square divided by the count is not the count in double. */
START_TEST(no_agreement_of_one_class)
{
    static const uint64_t counts[] = {7, 1697154370726550, INT64_MAX};
    for (size_t i = 0; i < FM_COUNT(counts); i++) {
        struct fmnn_confusion *c = fmnn_confusion_new(2, &error);
        ck_assert_int_eq(fmnn_confusion_add(c, 1, 1, counts[i], &error), 0);
        struct fmnn_report *report = fmnn_confusion_report(c, &error);
        ck_assert(isnan(report->kappa) && report->mcc == 0 && report->balanced_accuracy == 1);
        free(report);
        fmnn_confusion_free(c);
    }
}
END_TEST

/* Two rows of class 0 look like class 1, one of them more; class 2 has one row, which must stay. */
START_TEST(issues_are_ranked)
{
    static const uint32_t label[] = {0, 0, 0, 0, 1, 1, 1, 2};
    static const double p[] = {
        .9, .05, .05, .8, .1, .1, .1,  .85, .05, .05, .9,  .05,
        .1, .85, .05, .1, .8, .1, .15, .8,  .05, .9,  .05, .05,
    };
    struct fmnn_label_issue *issue;
    size_t count;
    ck_assert_int_eq(fmnn_label_issues(p, label, 8, 3, &issue, &count, &error), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(issue[0].image, 3);
    ck_assert_uint_eq(issue[0].suggested, 1);
    check_near(issue[0].self_confidence, .05);
    ck_assert_uint_eq(issue[1].image, 2);
    free(issue);
    ck_assert_int_eq(fmnn_label_issues(p, label, 1, 3, &issue, &count, &error), 0);
    ck_assert(count == 0 && !issue);
    ck_assert_int_eq(fmnn_label_issues(p, label, 0, 3, &issue, &count, &error), 0);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(fmnn_label_issues(p, label, 8, 2, &issue, &count, &error), -1);
    ck_assert_int_eq(error.status, FMNN_DATA);
    ck_assert_int_eq(fmnn_label_issues(p, label, 8, 0, &issue, &count, &error), -1);
}
END_TEST

#ifdef FE_UPWARD
/* Of -0 and of probabilities that are equal, too. */
static struct fmnn_ranking_report *compute(struct fmnn_point **points, size_t *count)
{
    struct fmnn_ranking *r = known();
    ck_assert_int_eq(fmnn_ranking_add(r, 0, (double[]){0, -0.0, 1}, &error), 0);
    ck_assert_int_eq(fmnn_ranking_add(r, 1, (double[]){-0.0, 0, 1}, &error), 0);
    struct fmnn_ranking_report *report = fmnn_ranking_report(r, &error);
    ck_assert_ptr_nonnull(report);
    ck_assert_int_eq(fmnn_ranking_curve(r, 1, FMNN_CURVE_ROC, points, count, &error), 0);
    fmnn_ranking_free(r);
    return report;
}

/* Those of the program that calls. */
START_TEST(the_same_in_any_rounding_mode)
{
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD};
    struct fmnn_point *points, *other;
    size_t count, others;
    struct fmnn_ranking_report *nearest = compute(&points, &count);
    for (size_t i = 0; i < FM_COUNT(modes); i++) {
        fesetround(modes[i]);
        struct fmnn_ranking_report *report = compute(&other, &others);
        int mode = fegetround();
        fesetround(FE_TONEAREST);
        ck_assert(mode == modes[i]);
        ck_assert_mem_eq(&report->macro, &nearest->macro, sizeof report->macro);
        ck_assert_mem_eq(&report->weighted, &nearest->weighted, sizeof report->weighted);
        ck_assert_mem_eq(&report->micro, &nearest->micro, sizeof report->micro);
        ck_assert_mem_eq(report->score, nearest->score, CLASSES * sizeof *report->score);
        ck_assert_uint_eq(others, count);
        ck_assert_mem_eq(other, points, count * sizeof *points);
        free(report);
        free(other);
    }
    free(nearest);
    free(points);
}
END_TEST
#endif

int main(void)
{
    TCase *tcase = tcase_create("ranking");
    tcase_add_test(tcase, areas_against_scikit_learn);
    tcase_add_test(tcase, curves_against_scikit_learn);
    tcase_add_test(tcase, straight_lines_need_no_points);
    tcase_add_test(tcase, classes_without_rows_or_others_are_undefined);
    tcase_add_test(tcase, invalid_rankings_are_refused);
    tcase_add_test(tcase, agreement_against_scikit_learn);
    tcase_add_test(tcase, no_agreement_of_one_class);
    tcase_add_test(tcase, issues_are_ranked);
#ifdef FE_UPWARD
    tcase_add_test(tcase, the_same_in_any_rounding_mode);
#endif
    return run_tests("ranking", tcase);
}
