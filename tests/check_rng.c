/* check_rng.c -- random numbers: known answers, ranges, moments; and the logarithm and the fused
   multiply-add. */
#include "base/internal.h"

#include <check.h>
#include <math.h>

#include "base/float.h"
#include "base/rng.h"
#include "engine/kernels/vector.h"
#include "runner.h"

/* Random123's known answers for philox4x32-10: counter and key all zeros, then all ones. */
START_TEST(known_answers)
{
    ck_assert_uint_eq(fm_random(0, (enum fm_purpose)0, 0, 0), 0xe169c58d6627e8d5u);
    ck_assert_uint_eq(fm_random(UINT64_MAX, (enum fm_purpose)0xffffffffu, UINT32_MAX, UINT64_MAX),
                      0x41c83b0e408f276du);
}
END_TEST

START_TEST(random_below_stays_below)
{
    ck_assert_uint_eq(fm_random_below(UINT64_MAX, 7), 6);
    ck_assert_uint_eq(fm_random_below(0, 7), 0);
    ck_assert_uint_eq(fm_random_below(UINT64_MAX, 1), 0);
    ck_assert_uint_eq(fm_random_below(UINT64_MAX, UINT32_MAX), UINT32_MAX - 1u);
}
END_TEST

START_TEST(shuffle_is_a_permutation)
{
    enum { N = 1009 };
    uint32_t order[N], again[N];
    uint8_t seen[N] = {0};
    size_t moved = 0;
    for (uint32_t i = 0; i < N; i++)
        order[i] = again[i] = i;
    fm_random_shuffle(order, N, 3, FM_RNG_SHUFFLE, 5);
    fm_random_shuffle(again, N, 3, FM_RNG_SHUFFLE, 6);
    for (uint32_t i = 0; i < N; i++) {
        ck_assert_uint_lt(order[i], N);
        ck_assert_uint_eq(seen[order[i]]++, 0);
        moved += order[i] != i;
    }
    ck_assert_uint_gt(moved, N - 10);
    ck_assert_int_ne(memcmp(order, again, sizeof order), 0);
}
END_TEST

/* Mean 0, variance 1, nothing beyond 2 / 0.8796. A million deviates put the mean within 0.005. */
START_TEST(truncated_normal_moments)
{
    enum { N = 1000000 };
    double sum = 0, squares = 0, max = 0, inner = 0;
    for (uint64_t i = 0; i < N; i++) {
        double x = fm_random_truncated_normal(fm_random(1, FM_RNG_INIT, 0, i));
        sum += x;
        squares += x * x;
        max = fmax(max, fabs(x));
        inner += fabs(x) * 0.87962566103423978 < 1;
    }
    ck_assert_double_lt(fabs(sum / N), 0.005);
    ck_assert_double_lt(fabs(squares / N - 1), 0.005);
    ck_assert_double_lt(max, 2 / 0.87962566103423978);
    ck_assert_double_gt(max, 1.999 / 0.87962566103423978);
    ck_assert_double_lt(fabs(inner / N - 0.682689492 / 0.954499736), 0.002);
}
END_TEST

/* fm_random_normals() gives the same numbers as one call for each. */
START_TEST(many_normals_equal_single_ones)
{
    static const size_t counts[] = {1, 7, 63, 64, 65, 1009};
    static const uint64_t first[] = {0, 12345, UINT32_MAX - 500u, UINT64_C(3) << 40};
    float many[1009];
    for (size_t i = 0; i < FM_COUNT(counts) * FM_COUNT(first); i++) {
        size_t n = counts[i / FM_COUNT(first)];
        uint64_t index = first[i % FM_COUNT(first)];
        fm_random_normals(many, n, 0.3, UINT64_C(0x123456789abcdef), FM_RNG_INIT, index);
        for (size_t k = 0; k < n; k++) {
            uint64_t bits = fm_random(UINT64_C(0x123456789abcdef), FM_RNG_INIT, 0, index + k);
            float one = (float)(0.3 * fm_random_truncated_normal(bits));
            ck_assert_int_eq(memcmp(&one, &many[k], sizeof one), 0);
        }
    }
}
END_TEST

/* fm_log() against the C library's log(). Its bits are the same on every machine. */
START_TEST(logarithm)
{
    uint64_t bits, digest = 0;
    for (int e = -1000; e <= 1000; e += 40) {
        for (int i = 0; i < 500; i++) {
            double x = ldexp(0.5 + i / 1000.0, e), wanted = log(x);
            double got = fm_log(x);
            ck_assert_double_le(fabs(got - wanted), 6e-16 * fabs(wanted));
            memcpy(&bits, &got, sizeof bits);
            digest = (digest ^ bits) * 0x100000001b3u;
        }
    }
    ck_assert_uint_eq(digest, UINT64_C(4575344322502493978));
    for (int i = -400; i <= 400; i++) {
        double x = 1 + i / 1024.0, wanted = log(x);
        ck_assert_double_le(fabs(fm_log(x) - wanted), 6e-16 * fabs(wanted));
    }
    ck_assert_double_eq(fm_log(1), 0);
}
END_TEST

/* A float for a sum that is hard to round: any bits, few digits, or near the smallest normal
   one. */
static float hard_float(uint64_t bits)
{
    uint32_t word = (uint32_t)bits;
    float f;
    if (bits >> 33 & 1)
        word &= 0xfff00000u | (bits >> 40 & 3);
    if (bits >> 34 & 1)
        word &= 0xbfffffffu; /* below 2 */
    memcpy(&f, &word, sizeof f);
    return f;
}

/* v_fma() of plain C rounds once, as fmaf() of libm does: also where the sum is near the middle of
   two floats, is a denormal, cancels, overflows, or is not a number. Where the compiler has an
   instruction for it, both are fmaf(). */
START_TEST(plain_fma_is_that_of_libm)
{
    for (uint64_t i = 0; i < 500000; i++) {
        vec a = v_splat(1), b = v_splat(2), c = v_splat(3), got;
        size_t lane = i % VL;
        float x = hard_float(fm_random(1, FM_RNG_INIT, 0, i)),
              y = hard_float(fm_random(1, FM_RNG_INIT, 1, i));
        float z = hard_float(fm_random(1, FM_RNG_INIT, 2, i)), wanted;
        if (i & 4)
            z = -x * y;
        if (i & 8)
            z *= 1 + FLT_EPSILON * (float)(i >> 4 & 7);
        if ((i & 0xf0) == 0) /* 2^-64 from the middle of two floats, on either side */
            x = 0x1.00001p-12f, y = 0x0.fffffp-12f * (i & 1 ? 1 : -1),
            z = (1 + FLT_EPSILON) * (i & 2 ? 1 : -1);
        else if ((i & 0xf0) == 0x10) /* of two denormals */
            x = 0x1.00001p-75f, y = 0x0.fffffp-75f * (i & 1 ? 1 : -1),
            z = 0x1.000004p-127f * (i & 2 ? 1 : -1);
        wanted = fmaf(x, y, z);
        a.f[lane] = x, b.f[lane] = y, c.f[lane] = z;
        got = v_fma(a, b, c);
        for (size_t l = 0; l < VL; l++)
            if (l != lane)
                ck_assert(got.f[l] == 5);
        if (isnan(wanted))
            ck_assert(isnan(got.f[lane]));
        else
            ck_assert_msg(memcmp(&got.f[lane], &wanted, sizeof wanted) == 0,
                          "%a x %a + %a: %a, not %a", (double)x, (double)y, (double)z,
                          (double)got.f[lane], (double)wanted);
    }
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("rng");
    tcase_add_test(tcase, known_answers);
    tcase_add_test(tcase, random_below_stays_below);
    tcase_add_test(tcase, shuffle_is_a_permutation);
    tcase_add_test(tcase, truncated_normal_moments);
    tcase_add_test(tcase, many_normals_equal_single_ones);
    tcase_add_test(tcase, logarithm);
    tcase_add_test(tcase, plain_fma_is_that_of_libm);
    return run_tests("rng", tcase);
}
