/* check_significance.c -- calibration, Wilson's interval, McNemar's test. The expected values come
   from statsmodels and scipy (tests/bench/significance-oracle.py --constants). */
#include "base/internal.h"

#include <check.h>
#include <fenv.h>
#include <math.h>

#include "runner.h"

static struct fmnn_error error;

static void check_near(double got, double wanted, double tolerance)
{
    ck_assert_msg(fabs(got - wanted) <= tolerance * fabs(wanted), "%.17g, wanted %.17g", got,
                  wanted);
}

START_TEST(wilson)
{
    static const struct {
        uint64_t correct, total;
        double low, high;
    } known[] = {
        {0, 1, 0, 0.79345068562276266},
        {1, 1, 0.20654931437723739, 1},
        {1, 2, 0.094531205734230683, 0.90546879426576932},
        {8552, 10000, 0.84816648417666729, 0.86196072338080387},
        {8991, 10000, 0.89304255215954154, 0.90485094034098434},
        {0, 60000, 0, 6.402021482791956e-05},
        {60000, 60000, 0.99993597978517212, 1},
        {1, 1000000000000, 1.7652455493517516e-13, 5.6649342657365124e-12},
        {3000000000000000, 4000000000000000, 0.74999998658104372, 0.75000001341895584},
    };
    for (size_t i = 0; i < FM_COUNT(known); i++) {
        struct fmnn_interval in = fmnn_wilson(known[i].correct, known[i].total);
        check_near(in.low, known[i].low, 1e-13);
        check_near(in.high, known[i].high, 1e-13);
    }
    struct fmnn_interval nothing = fmnn_wilson(0, 0);
    ck_assert(nothing.low == 0 && nothing.high == 1);
    struct fmnn_interval all = fmnn_wilson(INT64_MAX, INT64_MAX);
    ck_assert(all.low > 0.99999 && all.high == 1);
}
END_TEST

START_TEST(mcnemar_against_statsmodels)
{
    static const struct {
        uint64_t first, second;
        double exact, chi2, p;
    } known[] = {
        {0, 1, 1, 0, 1},
        {1, 0, 1, 0, 1},
        {0, 6, 0.03125, 4.16666666666667, 0.0412268333371638},
        {5, 1, 0.21875, 1.5, 0.220671361919843},
        {7, 9, 0.803619384765625, 0.0625, 0.802587348634153},
        {10, 25, 0.0166738478001207, 5.6, 0.0179604775260788},
        {251, 690, 5.23861387773452e-48, 203.872476089267, 2.98407929237299e-46},
        {499, 500, 1, 0, 1},
        {15, 16, 1, 0, 1},
        {16, 40, 0.00184155478849254, 9.44642857142857, 0.00211560651585299},
        {0, 1000, 1.86652723700644e-301, 998.001, 4.88401373552178e-219},
        {1, 1000, 9.35130145740225e-299, 995.008991008991, 2.18340377884028e-218},
        {300, 2000, 1.48854353429579e-307, 1255.04391304348, 6.65184709241562e-275},
        {5000, 5300, 0.00321581967364526, 8.67970873786408, 0.00321772406534255},
        {50000, 50700, 0.0276128694319381, 4.85204568023833, 0.027613364629051},
        {1000000, 1005000, 0.000414903265718301, 12.4638408977556, 0.000414905903941654},
    };
    for (size_t i = 0; i < FM_COUNT(known); i++) {
        struct fmnn_mcnemar test = fmnn_mcnemar(known[i].first, known[i].second);
        check_near(test.exact, known[i].exact, 1e-10);
        check_near(test.chi2, known[i].chi2, 1e-13);
        check_near(test.p, known[i].p, 1e-10);
        struct fmnn_mcnemar other = fmnn_mcnemar(known[i].second, known[i].first);
        ck_assert(other.exact == test.exact && other.chi2 == test.chi2 && other.p == test.p);
    }
}
END_TEST

/* Against sums of binomial coefficients, which are exact up to this limit. */
START_TEST(mcnemar_by_definition)
{
    enum { LIMIT = 52 };
    for (unsigned n = 1; n <= LIMIT; n++) {
        double choose = 1, sum = 0;
        for (unsigned k = 0; k <= n / 2; k++) {
            sum += choose;
            choose = choose * (n - k) / (k + 1);
            check_near(fmnn_mcnemar(k, n - k).exact, fmin(1, 2 * ldexp(sum, -(int)n)), 1e-13);
        }
    }
}
END_TEST

START_TEST(mcnemar_at_its_limits)
{
    struct fmnn_mcnemar test = fmnn_mcnemar(0, 0);
    ck_assert(test.exact == 1 && test.chi2 == 0 && test.p == 1);
    test = fmnn_mcnemar(12, 12);
    ck_assert(test.exact == 1 && test.chi2 == 0 && test.p == 1);
    test = fmnn_mcnemar(0, 1000000); /* the probability underflows */
    ck_assert(test.exact == 0 && test.p == 0);
    /* Above 2^40 rows, p replaces the exact value; just below, the two agree. */
    uint64_t half = UINT64_C(1) << 39, apart = 2000000;
    struct fmnn_mcnemar before = fmnn_mcnemar(half - apart, half + apart);
    struct fmnn_mcnemar beyond = fmnn_mcnemar(half - apart, half + apart + 1);
    check_near(before.exact, before.p, 1e-6);
    ck_assert(beyond.exact == beyond.p);
    check_near(before.p, beyond.p, 1e-4);
    test = fmnn_mcnemar(UINT64_MAX, UINT64_MAX - 1);
    ck_assert(test.exact == 1 && test.p == 1);
}
END_TEST

static struct fmnn_calibration *calibration(size_t bins)
{
    struct fmnn_calibration *c = fmnn_calibration_new(bins, &error);
    ck_assert_msg(c != NULL, "%s", error.message);
    ck_assert_uint_eq(fmnn_calibration_bins(c), bins);
    return c;
}

static void add(struct fmnn_calibration *c, double confidence, bool correct, uint64_t count)
{
    ck_assert_msg(fmnn_calibration_add(c, confidence, correct, count, &error) == 0, "%s",
                  error.message);
}

START_TEST(bins_and_error)
{
    struct fmnn_calibration *c = calibration(4);
    ck_assert_double_nan(fmnn_calibration_error(c));
    ck_assert_double_nan(fmnn_calibration_max_error(c));
    ck_assert_double_nan(fmnn_calibration_total(c).accuracy);
    add(c, 0, false, 1); /* 0 belongs to the first bin, an edge to the lower one */
    add(c, 0.25, true, 1);
    add(c, 0.75, true, 3);
    add(c, 0.625, false, 1);
    add(c, 1, true, 2);
    add(c, 0.875, true, 0);
    static const uint64_t rows[] = {2, 0, 4, 2}, correct[] = {1, 0, 3, 2};
    static const double confidence[] = {0.125, 0, 2.875 / 4, 1};
    for (size_t i = 0; i < 4; i++) {
        struct fmnn_bin bin = fmnn_calibration_bin(c, i);
        ck_assert_double_eq(bin.from, (double)i / 4);
        ck_assert_double_eq(bin.to, (double)(i + 1) / 4);
        ck_assert_uint_eq(bin.rows, rows[i]);
        ck_assert_uint_eq(bin.correct, correct[i]);
        if (rows[i]) {
            check_near(bin.confidence, confidence[i], 1e-15);
            ck_assert_double_eq(bin.accuracy, (double)correct[i] / (double)rows[i]);
        } else {
            ck_assert_double_nan(bin.confidence);
            ck_assert_double_nan(bin.accuracy);
        }
    }
    check_near(fmnn_calibration_error(c), (2 * 0.375 + 4 * 0.03125 + 0) / 8, 1e-15);
    check_near(fmnn_calibration_max_error(c), 0.375, 1e-15);
    struct fmnn_bin whole = fmnn_calibration_total(c);
    ck_assert_uint_eq(whole.rows, 8);
    ck_assert_uint_eq(whole.correct, 6);
    check_near(whole.confidence, (0.25 + 2.875 + 2) / 8, 1e-15);
    fmnn_calibration_free(c);
    fmnn_calibration_free(NULL);
}
END_TEST

/* Every edge and its neighbours, for many numbers of bins. */
START_TEST(edges_of_bins)
{
    for (size_t bins = 1; bins <= FMNN_CALIBRATION_MAX_BINS; bins += bins < 70 ? 1 : 31) {
        struct fmnn_calibration *c = calibration(bins);
        for (size_t i = 1; i <= bins; i++) {
            double edge = (double)i / (double)bins;
            uint64_t before = fmnn_calibration_bin(c, i - 1).rows;
            add(c, edge, true, 1);
            add(c, nextafter(edge, 0), true, 1);
            ck_assert_uint_eq(fmnn_calibration_bin(c, i - 1).rows, before + 2);
            if (i < bins) {
                add(c, nextafter(edge, 1), true, 1);
                ck_assert_uint_eq(fmnn_calibration_bin(c, i).rows, 1);
            }
        }
        fmnn_calibration_free(c);
    }
}
END_TEST

START_TEST(invalid_confidences_and_bins_refused)
{
    static const double bad[] = {-1e-9, 1.1, (double)NAN, (double)INFINITY, -(double)INFINITY};
    struct fmnn_calibration *c = calibration(10);
    for (size_t i = 0; i < FM_COUNT(bad); i++) {
        ck_assert_int_eq(fmnn_calibration_add(c, bad[i], true, 1, &error), -1);
        ck_assert_int_eq(error.status, FMNN_DATA);
    }
    add(c, 1.0000005, true, 1); /* rounding may go beyond 1 */
    ck_assert_double_eq(fmnn_calibration_total(c).confidence, 1);
    add(c, 0.5, true, INT64_MAX - 1);
    ck_assert_int_eq(fmnn_calibration_add(c, 0.5, true, 1, &error), -1);
    ck_assert_msg(strstr(error.message, "2^63") != NULL, "%s", error.message);
    fmnn_calibration_free(c);
    ck_assert_ptr_null(fmnn_calibration_new(0, &error));
    ck_assert_ptr_null(fmnn_calibration_new(FMNN_CALIBRATION_MAX_BINS + 1, &error));
    ck_assert_int_eq(error.status, FMNN_USAGE);
}
END_TEST

/* A plain running sum of a million equal terms is off in the twelfth digit. */
START_TEST(many_rows_lose_no_digits)
{
    struct fmnn_calibration *c = calibration(10);
    for (int i = 0; i < 1000000; i++)
        add(c, 0.9, true, 1);
    check_near(fmnn_calibration_bin(c, 8).confidence, 0.9, 1e-15);
    check_near(fmnn_calibration_error(c), 0.1, 1e-14);
    fmnn_calibration_free(c);
}
END_TEST

#ifdef FE_UPWARD
struct results {
    struct fmnn_interval interval;
    struct fmnn_mcnemar mcnemar[2];
    struct fmnn_bin bin, total;
    double error, max_error;
};

static struct results compute(void)
{
    static const double confidence[] = {.1, .2, .3, .4, .35, .38, .7, .95, .6, .33};
    struct fmnn_calibration *c = calibration(7);
    for (size_t i = 0; i < FM_COUNT(confidence); i++)
        add(c, confidence[i], i % 3 == 0, 3 * i + 1);
    struct results r = {
        .interval = fmnn_wilson(3, 7),
        .mcnemar = {fmnn_mcnemar(10, 25), fmnn_mcnemar(1, (uint64_t)1 << 41)},
        .bin = fmnn_calibration_bin(c, 2),
        .total = fmnn_calibration_total(c),
        .error = fmnn_calibration_error(c),
        .max_error = fmnn_calibration_max_error(c),
    };
    fmnn_calibration_free(c);
    return r;
}

/* Those of the program that calls. The members are doubles and counts, so there is no padding. */
START_TEST(the_same_in_any_rounding_mode)
{
    struct results nearest = compute();
    fesetround(FE_UPWARD);
    struct results upward = compute();
    int mode = fegetround();
    fesetround(FE_TONEAREST);
    ck_assert(mode == FE_UPWARD);
    ck_assert_mem_eq(&upward, &nearest, sizeof nearest);
}
END_TEST
#endif

int main(void)
{
    TCase *tcase = tcase_create("significance");
    tcase_add_test(tcase, wilson);
    tcase_add_test(tcase, mcnemar_against_statsmodels);
    tcase_add_test(tcase, mcnemar_by_definition);
    tcase_add_test(tcase, mcnemar_at_its_limits);
    tcase_add_test(tcase, bins_and_error);
    tcase_add_test(tcase, edges_of_bins);
    tcase_add_test(tcase, invalid_confidences_and_bins_refused);
    tcase_add_test(tcase, many_rows_lose_no_digits);
#ifdef FE_UPWARD
    tcase_add_test(tcase, the_same_in_any_rounding_mode);
#endif
    return run_tests("significance", tcase);
}
