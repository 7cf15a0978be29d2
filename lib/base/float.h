/* real.h -- arithmetic that is the same everywhere: the floating-point environment, and the
   logarithm. */
#ifndef FM_REAL_H
#define FM_REAL_H

#include "base/internal.h"

#include <float.h>

#if FLT_EVAL_METHOD != 0
#error "fmnn needs float and double without excess precision (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif

/* Rounding to nearest, denormals kept, no traps: what the caller has set is put aside around our
   work and restored. Each thread has its own. */
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

/* The natural logarithm of a positive number, by + - x / alone, so that every machine gives the
   same bits, as libm's need not. Relative error below 1e-15. */
double fm_log(double x);

#endif
