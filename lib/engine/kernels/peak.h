/* peak.h -- fused multiply-adds and nothing else: the yardstick of a profile. */
#include "base/internal.h"

/* Two for each lane and fma: as many chains, none of which waits for another, as fit into
   sixteen registers and hide the latency. They run towards 1. */
#define CHAIN_START(i) vec c##i = v_splat((float)(i));
#define CHAIN_STEP(i) c##i = v_fma(c##i, half, half);
#define CHAIN_END(i) all = v_add(all, c##i);

static double peak(size_t rounds, float *sum)
{
    enum { CHAINS = 12, STEPS = 4 };
    const vec half = v_splat(0.5f);
    ROWS_12(CHAIN_START)
    for (size_t i = 0; i < rounds; i++) {
        ROWS_12(CHAIN_STEP)
        ROWS_12(CHAIN_STEP)
        ROWS_12(CHAIN_STEP)
        ROWS_12(CHAIN_STEP)
    }
    vec all = v_splat(0);
    ROWS_12(CHAIN_END)
    float f[VL];
    v_store(f, all);
    *sum = f[0] + f[VL - 1];
    return 2.0 * CHAINS * STEPS * VL * (double)rounds;
}
