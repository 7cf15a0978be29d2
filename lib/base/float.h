/* float.h -- the same arithmetic on every machine: the floating-point environment, sums, and
   functions that libm has, too. */
#ifndef FM_FLOAT_H
#define FM_FLOAT_H

#include "base/internal.h"

#include <float.h>

#if FLT_EVAL_METHOD != 0
#error "fmnn needs float and double without excess precision (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif

/* fm_float_enter() sets rounding to nearest, keeps denormals and masks traps, and returns the
   caller's environment for fm_float_leave() to restore. Each thread has an environment of its
   own. */
#if defined __SSE2__
/* printf() and strtod() of glibc round as the x87 says, and on i386 so do functions of libm. */
#include <xmmintrin.h>
typedef struct {
    unsigned sse;
    uint16_t x87;
} fm_float_state;
static inline fm_float_state fm_float_enter(void)
{
    fm_float_state before = {.sse = _mm_getcsr()};
    __asm__ volatile("fnstcw %0" : "=m"(before.x87));
    uint16_t nearest = (uint16_t)(before.x87 & 0xf3ff);
    __asm__ volatile("fldcw %0" : : "m"(nearest));
    _mm_setcsr(0x1f80);
    return before;
}
static inline void fm_float_leave(fm_float_state before)
{
    _mm_setcsr(before.sse);
    __asm__ volatile("fldcw %0" : : "m"(before.x87));
}
#elif defined __aarch64__
typedef uint64_t fm_float_state;
static inline fm_float_state fm_float_enter(void)
{
    uint64_t before, plain = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(plain));
    return before;
}
static inline void fm_float_leave(fm_float_state before)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
}
#elif defined __arm__ && defined __ARM_FP
typedef unsigned fm_float_state;
static inline fm_float_state fm_float_enter(void)
{
    unsigned before, plain = 0;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(before));
    __asm__ volatile("vmsr fpscr, %0" : : "r"(plain));
    return before;
}
static inline void fm_float_leave(fm_float_state before)
{
    __asm__ volatile("vmsr fpscr, %0" : : "r"(before));
}
#elif defined __ALTIVEC__
/* Instructions of VSX keep denormals. Those of Altivec flush them unless VSCR says otherwise, and
   Linux starts programs in that mode; gcc 12 takes vmaddfp of Altivec for products of vectors even
   where there is VSX. */
#include <fenv.h>
typedef unsigned fm_vscr __attribute__((vector_size(16)));
typedef struct {
    fenv_t scalar;
    fm_vscr vector;
} fm_float_state;
static inline fm_float_state fm_float_enter(void)
{
    fm_float_state before;
    fm_vscr plain = {0};
    feholdexcept(&before.scalar);
    fesetround(FE_TONEAREST);
    __asm__ volatile("mfvscr %0" : "=v"(before.vector));
    __asm__ volatile("mtvscr %0" : : "v"(plain));
    return before;
}
static inline void fm_float_leave(fm_float_state before)
{
    __asm__ volatile("mtvscr %0" : : "v"(before.vector));
    fesetenv(&before.scalar);
}
#else
#include <fenv.h>
typedef fenv_t fm_float_state;
static inline fm_float_state fm_float_enter(void)
{
    fenv_t before;
    feholdexcept(&before);
    fesetround(FE_TONEAREST);
    return before;
}
static inline void fm_float_leave(fm_float_state before)
{
    fesetenv(&before);
}
#endif

/* Makes the compiler compute a variable here: otherwise it could do so after fm_float_leave(). */
#define FM_COMPUTED(variable) __asm__ volatile("" : "+m"(variable))

/* Kahan's summation, which loses no digits over millions of terms. Begins with zeros. */
struct fm_sum {
    double value, excess; /* excess: how much too large rounding has made the value */
};
static inline void fm_sum_add(struct fm_sum *sum, double term)
{
    double corrected = term - sum->excess, value = sum->value + corrected;
    sum->excess = (value - sum->value) - corrected;
    sum->value = value;
}

/* The natural logarithm of a positive number. It uses only + - x /, so that every machine gives the
   same bits, which libm does not promise. Relative error below 1e-15. */
double fm_log(double x);

/* cos(pi x), for x in 0..1, likewise. Error below 1e-15; exact for 0, 1/2 and 1. */
double fm_cos_pi(double x);

/* x^n by repeated squaring. */
double fm_power(double x, uint64_t n);

#endif
