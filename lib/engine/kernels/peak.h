/* peak.h -- only fused multiply-adds, in registers: the peak that a profile compares with. */
#include "base/internal.h"

/* 12 independent chains of fused multiply-adds hide the latency and fit into sixteen registers.
   Their values converge to 1. */
#define CHAIN_START(i) vec c##i = v_splat((float)(i));
#define CHAIN_TERM(i) c##i = v_fma(c##i, half, half);
#define CHAIN_END(i) all = v_add(all, c##i);

/* Returns the floating-point operations of `rounds` rounds, two for each lane of a fused
   multiply-add. *sum depends on all chains, so that the compiler keeps them. */
static double peak(size_t rounds, float *sum)
{
    enum { CHAINS = 12, STEPS = 4 };
    const vec half = v_splat(0.5f);
    ROWS_12(CHAIN_START)
    for (size_t i = 0; i < rounds; i++) {
        ROWS_12(CHAIN_TERM)
        ROWS_12(CHAIN_TERM)
        ROWS_12(CHAIN_TERM)
        ROWS_12(CHAIN_TERM)
    }
    vec all = v_splat(0);
    ROWS_12(CHAIN_END)
    float f[VL];
    v_store(f, all);
    *sum = f[0] + f[VL - 1];
    return 2.0 * CHAINS * STEPS * VL * (double)rounds;
}
