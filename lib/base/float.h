/* float.h -- the same arithmetic on every machine: the floating-point environment and a logarithm. */
#ifndef FM_FLOAT_H
#define FM_FLOAT_H

#include "base/internal.h"

#include <float.h>

#if FLT_EVAL_METHOD != 0
#error "fmnn needs float and double without excess precision (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif

/* fm_float_enter() sets rounding to nearest, keeps denormals and masks traps, and returns the
   caller's environment for fm_float_leave() to restore. Each thread has an environment of its own. */
#if defined __SSE2__
#include <xmmintrin.h>
typedef unsigned fm_float_state;
static inline fm_float_state fm_float_enter(void)
{
    unsigned before = _mm_getcsr();
    _mm_setcsr(0x1f80);
    return before;
}
static inline void fm_float_leave(fm_float_state before)
{
    _mm_setcsr(before);
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
