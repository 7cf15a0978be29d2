/* set.h -- the whole text of a kernel set; generic.c, avx2.c ... each include it once, with
   their flags. */
#include "kernels/kernels.h"
#include "real.h"

#include "kernels/vector.h"

#include "optim/adam.h"
#include "optim/sgd.h"

#include "kernels/activation.h"
#include "kernels/product.h"
#include "kernels/stream.h"
#include "kernels/sink.h"
#include "kernels/affine.h"
#include "kernels/affine-back.h"
#include "kernels/dense.h"
#include "kernels/dense-both.h"
#include "kernels/transform.h"
#include "kernels/winograd.h"
#include "kernels/pool.h"
#include "kernels/ends.h"
#include "kernels/peak.h"

extern const struct fm_kernels FM_SET;
const struct fm_kernels FM_SET = {
    .name = FM_SET_NAME,
    .peak = peak,
    .job =
        {
#define JOB(name) [FM_JOB_##name] = job_##name,
            FM_JOBS(JOB)
#undef JOB
        },
    .block =
        {
#define BLOCK(name) [FM_JOB_##name] = block_##name,
            FM_BLOCK_JOBS(BLOCK)
#undef BLOCK
        },
};
