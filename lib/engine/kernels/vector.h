/* vector.h -- a vector of VL floats for each instruction set, and the operations that kernels use.

   Kernels use no other vector operations, because these give the same bits on every instruction
   set. There is no min or max (they differ for zeros and NaN), no approximate reciprocal, and no
   sum across lanes except sum16() below. Only v_fma() fuses a product and a sum.

   MR: the maximum number of rows of a register tile of the GEMM micro-kernel, see gemm.h. Two
   vectors a row fill most of the registers: 24 of 32, 12 of 16 with AVX2. */
#ifndef FM_VECTOR_H
#define FM_VECTOR_H

#include "base/internal.h"

#include <math.h>
#include <string.h>

#if defined FM_KERNELS_AVX512
#include <immintrin.h>
enum { VL = 16, MR = 12 };
typedef __m512 vec;
typedef __mmask16 mask;
#define v_load(p) _mm512_loadu_ps(p)
#define v_store(p, a) _mm512_storeu_ps(p, a)
#define v_stream(p, a) _mm512_stream_ps(p, a)
#define v_stream_end() _mm_sfence()
#define v_splat(x) _mm512_set1_ps(x)
#define v_add(a, b) _mm512_add_ps(a, b)
#define v_sub(a, b) _mm512_sub_ps(a, b)
#define v_mul(a, b) _mm512_mul_ps(a, b)
#define v_div(a, b) _mm512_div_ps(a, b)
#define v_sqrt(a) _mm512_sqrt_ps(a)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_greater(a, b) _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ)
#define v_select(m, a, b) _mm512_mask_blend_ps(m, b, a)
#define v_bytes(p) _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(p))))
static inline vec v_pow2(vec n) /* 2^n for integers n in -126..127 */
{
    __m512i e = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(e, 23));
}

#elif defined FM_KERNELS_AVX2
#include <immintrin.h>
enum { VL = 8, MR = 6 };
typedef __m256 vec;
typedef __m256 mask;
#define v_load(p) _mm256_loadu_ps(p)
#define v_store(p, a) _mm256_storeu_ps(p, a)
#define v_stream(p, a) _mm256_stream_ps(p, a)
#define v_stream_end() _mm_sfence()
#define v_splat(x) _mm256_set1_ps(x)
#define v_add(a, b) _mm256_add_ps(a, b)
#define v_sub(a, b) _mm256_sub_ps(a, b)
#define v_mul(a, b) _mm256_mul_ps(a, b)
#define v_div(a, b) _mm256_div_ps(a, b)
#define v_sqrt(a) _mm256_sqrt_ps(a)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_greater(a, b) _mm256_cmp_ps(a, b, _CMP_GT_OQ)
#define v_select(m, a, b) _mm256_blendv_ps(b, a, m)
#define v_bytes(p) _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(p))))
static inline vec v_pow2(vec n)
{
    __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(e, 23));
}

#elif defined FM_KERNELS_NEON
#include <arm_neon.h>
enum { VL = 4, MR = 12 };
typedef float32x4_t vec;
typedef uint32x4_t mask;
#define v_load(p) vld1q_f32(p)
#define v_store(p, a) vst1q_f32(p, a)
#define v_stream(p, a) vst1q_f32(p, a)
#define v_stream_end() (void)0
#define v_splat(x) vdupq_n_f32(x)
#define v_add(a, b) vaddq_f32(a, b)
#define v_sub(a, b) vsubq_f32(a, b)
#define v_mul(a, b) vmulq_f32(a, b)
#define v_div(a, b) vdivq_f32(a, b)
#define v_sqrt(a) vsqrtq_f32(a)
#define v_fma(a, b, c) vfmaq_f32(c, a, b)
#define v_greater(a, b) vcgtq_f32(a, b)
#define v_select(m, a, b) vbslq_f32(m, a, b)
static inline vec v_bytes(const uint8_t *p) /* VL bytes as floats */
{
    return (vec){(float)p[0], (float)p[1], (float)p[2], (float)p[3]};
}
static inline vec v_pow2(vec n)
{
    int32x4_t e = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
    return vreinterpretq_f32_s32(vshlq_n_s32(e, 23));
}

#else /* plain C: the reference, and the fallback */
enum { VL = 4, MR = 4 };
typedef struct {
    float f[4];
} vec;
typedef struct {
    bool f[4];
} mask;
#define V_EACH for (int l = 0; l < VL; l++)
static inline vec v_load(const float *p)
{
    vec a;
    memcpy(&a, p, sizeof a);
    return a;
}
static inline void v_store(float *p, vec a)
{
    memcpy(p, &a, sizeof a);
}
#define v_stream(p, a) v_store(p, a)
#define v_stream_end() (void)0
static inline vec v_splat(float x)
{
    return (vec){{x, x, x, x}};
}
static inline vec v_add(vec a, vec b)
{
    V_EACH a.f[l] += b.f[l];
    return a;
}
static inline vec v_sub(vec a, vec b)
{
    V_EACH a.f[l] -= b.f[l];
    return a;
}
static inline vec v_mul(vec a, vec b)
{
    V_EACH a.f[l] *= b.f[l];
    return a;
}
static inline vec v_div(vec a, vec b)
{
    V_EACH a.f[l] /= b.f[l];
    return a;
}
static inline vec v_sqrt(vec a)
{
    V_EACH a.f[l] = sqrtf(a.f[l]);
    return a;
}
#if defined FP_FAST_FMAF || defined __FMA__ || defined __ARM_FEATURE_FMA
/* Called so often that gcc would stop inlining it. */
__attribute__((always_inline)) static inline vec v_fma(vec a, vec b, vec c)
{
    V_EACH c.f[l] = fmaf(a.f[l], b.f[l], c.f[l]);
    return c;
}
#else
/* Without an instruction for it, fmaf() is a call, and often one into software. But a product of
   floats is exact in double, so that a b + c has only to be rounded twice, to double and to float.
   This gives other bits than once only where the sum in double is exactly between two floats, or
   is so small that floats have fewer digits there. */
static inline bool rounds_twice(double sum)
{
    const uint64_t tiny = 0x381; /* exponent of FLT_MIN */
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return (((uint32_t)bits & 0x1fffffff) == 0x10000000) | ((bits << 1) - 1 < (tiny << 53) - 1);
}

/* There, the sum is rounded to odd first: an inexact one whose last bit is 0 becomes its neighbour
   on the side of the error (S. Boldo and G. Melquiond, Emulation of a FMA and correctly rounded
   sums: proved algorithms using rounding to odd, IEEE Transactions on Computers 57, 2008). */
__attribute__((noinline, cold)) static vec round_once(vec a, vec b, vec c)
{
    V_EACH
    {
        double product = (double)a.f[l] * (double)b.f[l], term = (double)c.f[l];
        double sum = product + term, added = sum - product;
        double error = (product - (sum - added)) + (term - added);
        uint64_t bits;
        memcpy(&bits, &sum, sizeof bits);
        if (error != 0 && (bits & 1) == 0)
            bits = (error > 0) == (sum > 0) ? bits + 1 : bits - 1;
        memcpy(&sum, &bits, sizeof bits);
        c.f[l] = (float)sum;
    }
    return c;
}

__attribute__((always_inline)) static inline vec v_fma(vec a, vec b, vec c)
{
    bool twice = false;
    vec result;
    V_EACH
    {
        double sum = (double)a.f[l] * (double)b.f[l] + (double)c.f[l];
        twice |= rounds_twice(sum);
        result.f[l] = (float)sum;
    }
    return twice ? round_once(a, b, c) : result;
}
#endif
static inline mask v_greater(vec a, vec b)
{
    mask m;
    V_EACH m.f[l] = a.f[l] > b.f[l];
    return m;
}
static inline vec v_select(mask m, vec a, vec b)
{
    V_EACH a.f[l] = m.f[l] ? a.f[l] : b.f[l];
    return a;
}
static inline vec v_bytes(const uint8_t *p)
{
    return (vec){{(float)p[0], (float)p[1], (float)p[2], (float)p[3]}};
}
static inline vec v_pow2(vec n)
{
    V_EACH
    {
        if (!(n.f[l] >= -126 && n.f[l] <= 127))
            continue; /* NaN stays NaN */
        uint32_t bits = (uint32_t)((int)n.f[l] + 127) << 23;
        memcpy(&n.f[l], &bits, sizeof bits);
    }
    return n;
}
#undef V_EACH
#endif

enum { NR = 2 * VL }; /* lanes of a register tile */

/* Keeps the compiler from loading a vector from memory again for each use. */
#if defined FM_KERNELS_AVX512
#define v_keep(a) __asm__("" : "+v"(a))
#elif defined FM_KERNELS_AVX2
#define v_keep(a) __asm__("" : "+x"(a))
#elif defined FM_KERNELS_NEON
#define v_keep(a) __asm__("" : "+w"(a))
#else
#define v_keep(a) ((void)(a))
#endif

/* The first count < VL floats of a vector, for the end of a row; the other lanes are `rest`. */
static inline vec v_load_part(const float *p, size_t count, float rest)
{
    float f[VL];
    for (size_t l = 0; l < VL; l++)
        f[l] = l < count ? p[l] : rest;
    return v_load(f);
}

static inline void v_store_part(float *p, vec a, size_t count)
{
    float f[VL];
    v_store(f, a);
    for (size_t l = 0; l < count; l++)
        p[l] = f[l];
}

/* The sum of f[16] by one fixed tree. */
static inline float sum16(const float *f)
{
    float s[8];
    for (int l = 0; l < 8; l++)
        s[l] = f[l] + f[l + 8];
    for (int l = 0; l < 4; l++)
        s[l] += s[l + 4];
    return (s[0] + s[2]) + (s[1] + s[3]);
}

/* e^x, for x clamped to -87 .. 88, by 2^n e^r with |r| <= ln 2 / 2 and a polynomial (Cephes'
   expf, S. L. Moshier); relative error below 2e-7. */
static inline vec v_exp(vec x)
{
    const vec max = v_splat(88.0f), min = v_splat(-87.0f);
    const vec shift = v_splat(12582912.0f); /* 1.5 2^23: adding it rounds to an integer */
    x = v_select(v_greater(x, max), max, x);
    x = v_select(v_greater(min, x), min, x);
    vec n = v_sub(v_fma(x, v_splat(1.44269504088896341f), shift), shift);
    vec r = v_fma(n, v_splat(-0.693359375f), x);
    r = v_fma(n, v_splat(2.12194440e-4f), r);
    vec p = v_splat(1.9875691500e-4f);
    p = v_fma(p, r, v_splat(1.3981999507e-3f));
    p = v_fma(p, r, v_splat(8.3334519073e-3f));
    p = v_fma(p, r, v_splat(4.1665795894e-2f));
    p = v_fma(p, r, v_splat(1.6666665459e-1f));
    p = v_fma(p, r, v_splat(5.0000001201e-1f));
    p = v_fma(p, v_mul(r, r), v_add(r, v_splat(1.0f)));
    return v_mul(p, v_pow2(n));
}

#endif
