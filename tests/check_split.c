/* check_split.c -- choosing the validation set: its size, stratification, folds, seeds. */
#include "base/internal.h"

#include <check.h>
#include <math.h>

#include "runner.h"

enum { LIMIT = 6000 };

static struct fmnn_error error;

/* Classes of uneven size in mixed order. */
static void make_labels(uint16_t *labels, size_t n, unsigned classes)
{
    uint32_t state = 12345;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        uint32_t a = state >> 16;
        state = state * 1664525u + 1013904223u;
        uint32_t b = state >> 16;
        labels[i] = (uint16_t)((a % classes < b % classes ? a : b) % classes);
    }
}

static size_t choose(const struct fmnn_split *split, const uint16_t *labels, size_t n,
                     uint8_t *validates)
{
    size_t count = 0;
    memset(validates, 7, n);
    ck_assert_msg(fmnn_split_choose(split, labels, n, validates, &error) == 0, "%s", error.message);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_le(validates[i], 1);
        count += validates[i];
    }
    return count;
}

static void golden(struct fmnn_split split, const char *wanted)
{
    static const char classes[] = "001200112000210012010020"; /* 13 of class 0, 6 of 1, 5 of 2 */
    enum { N = sizeof classes - 1 };
    uint16_t labels[N];
    uint8_t validates[N];
    char got[N + 1];
    for (size_t i = 0; i < N; i++)
        labels[i] = (uint16_t)(classes[i] - '0');
    choose(&split, labels, N, validates);
    for (size_t i = 0; i < N; i++)
        got[i] = validates[i] ? 'v' : '.';
    got[N] = 0;
    ck_assert_str_eq(got, wanted);
}

/* "Same seed, same bits" is a promise: these may change only if NEWS announces it. */
START_TEST(golden_choices)
{
    golden((struct fmnn_split){.valid = 4}, "vvvv....................");
    golden((struct fmnn_split){.percent = 25}, "vvvvvv..................");
    golden((struct fmnn_split){.valid = 8, .stratify = true}, "vvvvvvv.v...............");
    golden((struct fmnn_split){.folds = 5, .fold = 2}, "....vvvvv...............");
    golden((struct fmnn_split){.valid = 8, .shuffle = true}, ".........v.v..vvv.vv...v");
    golden((struct fmnn_split){.valid = 8, .shuffle = true, .seed = 1}, "v.v..v...........vvv.v.v");
    golden((struct fmnn_split){.valid = 8, .shuffle = true, .stratify = true},
           "...v....v..v..vvv.vv....");
    golden((struct fmnn_split){.folds = 3, .fold = 1, .shuffle = true}, "vv....vv...v.v.....v.v..");
    golden((struct fmnn_split){.folds = 3, .fold = 2, .stratify = true},
           ".vvv.....v...vv..v..v...");
    golden((struct fmnn_split){.folds = 3, .fold = 3, .shuffle = true, .stratify = true},
           "..vv.v.......v.v....vvv.");
}
END_TEST

START_TEST(size_of_validation_set)
{
    static uint16_t labels[LIMIT];
    static uint8_t validates[LIMIT];
    make_labels(labels, LIMIT, 10);
    for (int way = 0; way < 4; way++) {
        struct fmnn_split split = {.shuffle = way & 1, .stratify = way & 2, .seed = 9};
        static const size_t wanted[] = {0, 1, 9, 10, 11, 500, 3001, 5999, 6000};
        for (size_t i = 0; i < FM_COUNT(wanted); i++) {
            split.valid = wanted[i];
            ck_assert_uint_eq(choose(&split, labels, LIMIT, validates), wanted[i]);
        }
        split.valid = 0;
        ck_assert_uint_eq(choose(&split, labels, 0, validates), 0);
        static const struct {
            double percent;
            size_t n, count;
        } fraction[] = {{10, 6000, 600}, {100, 6000, 6000}, {2.3, 1000, 23}, {29, 100, 29},
                        {10, 9, 0},      {33.4, 10, 3},     {0.07, 6000, 4}, {1e-300, 6000, 0}};
        for (size_t i = 0; i < FM_COUNT(fraction); i++) {
            split.percent = fraction[i].percent;
            ck_assert_uint_eq(choose(&split, labels, fraction[i].n, validates), fraction[i].count);
        }
    }
}
END_TEST

/* Every class has its exact fraction, rounded up or down. */
START_TEST(stratified_fractions)
{
    static uint16_t labels[LIMIT];
    static uint8_t validates[LIMIT];
    make_labels(labels, LIMIT, 13);
    for (size_t valid = 0; valid <= LIMIT; valid += if_quick(1001, 73)) {
        struct fmnn_split split = {
            .valid = valid, .stratify = true, .shuffle = valid % 2, .seed = valid};
        size_t of[256] = {0}, chosen[256] = {0};
        choose(&split, labels, LIMIT, validates);
        for (size_t i = 0; i < LIMIT; i++) {
            of[labels[i]]++;
            chosen[labels[i]] += validates[i];
        }
        for (size_t c = 0; c < 13; c++) {
            double exact = (double)valid * (double)of[c] / LIMIT;
            ck_assert_double_lt(fabs((double)chosen[c] - exact), 1);
        }
    }
}
END_TEST

/* Without --shuffle, the first rows of each class are chosen. */
START_TEST(unshuffled_takes_first_of_each_class)
{
    static uint16_t labels[LIMIT];
    static uint8_t validates[LIMIT];
    make_labels(labels, LIMIT, 10);
    struct fmnn_split split = {.valid = 1234, .stratify = true};
    choose(&split, labels, LIMIT, validates);
    bool passed[256] = {false};
    for (size_t i = 0; i < LIMIT; i++) {
        ck_assert(!(validates[i] && passed[labels[i]]));
        passed[labels[i]] |= !validates[i];
    }
}
END_TEST

static void check_folds(const struct fmnn_split *split, const uint16_t *labels, size_t n)
{
    static uint8_t validates[LIMIT];
    static unsigned times[LIMIT];
    size_t min = n, max = 0, of[256] = {0};
    memset(times, 0, sizeof times);
    for (size_t i = 0; i < n; i++)
        of[labels[i]]++;
    for (unsigned fold = 1; fold <= split->folds; fold++) {
        struct fmnn_split one = *split;
        one.fold = fold;
        size_t count = choose(&one, labels, n, validates), chosen[256] = {0};
        min = count < min ? count : min;
        max = count > max ? count : max;
        for (size_t i = 0; i < n; i++) {
            times[i] += validates[i];
            chosen[labels[i]] += validates[i];
        }
        for (size_t c = 0; split->stratify && c < 256; c++) {
            ck_assert_uint_ge(chosen[c], of[c] / split->folds);
            ck_assert_uint_le(chosen[c], (of[c] + split->folds - 1) / split->folds);
        }
    }
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(times[i], 1);
    ck_assert_uint_le(max - min, 1);
}

START_TEST(folds_partition_the_rows)
{
    static uint16_t labels[LIMIT];
    make_labels(labels, LIMIT, 10);
    static const struct {
        unsigned folds;
        size_t n;
    } of[] = {{2, 2}, {2, 3}, {3, 100}, {5, 5999}, {7, 6000}, {10, 6000}, {40, 40}};
    for (int way = 0; way < 4; way++)
        for (size_t i = 0; i < FM_COUNT(of); i++) {
            struct fmnn_split split = {
                .folds = of[i].folds, .shuffle = way & 1, .stratify = way & 2, .seed = 4};
            check_folds(&split, labels, of[i].n);
        }
}
END_TEST

static size_t differences(const uint8_t *a, const uint8_t *b, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += a[i] != b[i];
    return count;
}

START_TEST(seed_determines_choice)
{
    static uint16_t labels[LIMIT];
    static uint8_t first[LIMIT], again[LIMIT], other[LIMIT];
    make_labels(labels, LIMIT, 10);
    for (int way = 0; way < 4; way++) {
        struct fmnn_split split = {.valid = LIMIT / 2, .shuffle = true, .stratify = way & 1};
        if (way & 2)
            split.folds = 2, split.fold = 1;
        choose(&split, labels, LIMIT, first);
        choose(&split, labels, LIMIT, again);
        ck_assert_uint_eq(differences(first, again, LIMIT), 0);
        split.seed = UINT64_C(1) << 40;
        choose(&split, labels, LIMIT, other);
        ck_assert_uint_gt(differences(first, other, LIMIT), LIMIT / 3); /* half is expected */
        ck_assert_uint_lt(differences(first, other, LIMIT), LIMIT * 2 / 3);
        /* Rows come from all parts of the file alike. */
        size_t front = 0;
        for (size_t i = 0; i < LIMIT / 2; i++)
            front += first[i];
        ck_assert_uint_gt(front, LIMIT / 4 - 150);
        ck_assert_uint_lt(front, LIMIT / 4 + 150);
    }
    /* Without --shuffle, the seed has no effect. */
    struct fmnn_split split = {.valid = 100, .stratify = true, .seed = 1};
    choose(&split, labels, LIMIT, first);
    split.seed = 2;
    choose(&split, labels, LIMIT, other);
    ck_assert_uint_eq(differences(first, other, LIMIT), 0);
}
END_TEST

static const struct {
    struct fmnn_split split;
    const char *message;
} bad[] = {
    {{.valid = 11}, "cannot choose 11 rows for validation: there are only 10"},
    {{.valid = SIZE_MAX, .shuffle = true}, NULL},
    {{.percent = 100.5}, "100.5% is not a percentage from 0 to 100"},
    {{.percent = HUGE_VAL}, "inf% is not a percentage from 0 to 100"},
    {{.percent = (double)NAN}, NULL},
    {{.folds = 1, .fold = 1}, "10 rows cannot be divided into 1 folds"},
    {{.folds = 11, .fold = 1}, "10 rows cannot be divided into 11 folds"},
    {{.folds = 5, .fold = 0}, "there is no fold 0 of 5"},
    {{.folds = 5, .fold = 6}, "there is no fold 6 of 5"},
};

START_TEST(invalid_arguments_refused)
{
    uint16_t labels[10] = {0};
    uint8_t validates[10];
    ck_assert_int_eq(fmnn_split_choose(&bad[_i].split, labels, 10, validates, &error), -1);
    ck_assert_int_eq(error.status, FMNN_USAGE);
    if (bad[_i].message)
        ck_assert_str_eq(error.message, bad[_i].message);
    ck_assert_int_eq(fmnn_split_choose(&bad[_i].split, labels, 10, validates, NULL), -1);
}
END_TEST

/* Row numbers have 32 bits. The labels are not read. */
#if SIZE_MAX > UINT32_MAX
START_TEST(too_many_rows)
{
    struct fmnn_split split = {.valid = 5};
    ck_assert_int_eq(fmnn_split_choose(&split, NULL, (size_t)UINT32_MAX + 1, NULL, &error), -1);
    ck_assert_str_eq(error.message, "4294967296 rows are too many: the maximum is 4294967295");
}
END_TEST
#endif

int main(void)
{
    TCase *tcase = tcase_create("split");
    tcase_add_test(tcase, golden_choices);
    tcase_add_test(tcase, size_of_validation_set);
    tcase_add_test(tcase, stratified_fractions);
    tcase_add_test(tcase, unshuffled_takes_first_of_each_class);
    tcase_add_test(tcase, folds_partition_the_rows);
    tcase_add_test(tcase, seed_determines_choice);
    tcase_add_loop_test(tcase, invalid_arguments_refused, 0, (int)FM_COUNT(bad));
#if SIZE_MAX > UINT32_MAX
    tcase_add_test(tcase, too_many_rows);
#endif
    return run_tests("split", tcase);
}
