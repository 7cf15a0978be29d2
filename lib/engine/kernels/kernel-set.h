/* set.h -- the whole text of a kernel set; generic.c, avx2.c ... each include it once, with
   their flags. */
#include "engine/kernels.h"
#include "base/float.h"

#include "engine/kernels/vector.h"

#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"

#include "engine/kernels/activation.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/stream.h"
#include "engine/kernels/sink.h"
#include "engine/kernels/conv-forward.h"
#include "engine/kernels/conv-backward.h"
#include "engine/kernels/dense-products.h"
#include "engine/kernels/dense-backward.h"
#include "engine/kernels/winograd-transform.h"
#include "engine/kernels/winograd-products.h"
#include "engine/kernels/pooling.h"
#include "engine/kernels/addition.h"
#include "engine/kernels/input.h"
#include "engine/kernels/loss.h"
#include "engine/kernels/peak.h"

extern const struct fm_kernels FM_KERNEL_SET;
const struct fm_kernels FM_KERNEL_SET = {
    .name = FM_KERNEL_SET_NAME,
    .peak = peak,
    .job =
        {
#define JOB(name) [FM_OP_##name] = job_##name,
            FM_OPS(JOB)
#undef JOB
        },
    .block =
        {
#define BLOCK(name) [FM_OP_##name] = block_##name,
            FM_OPS_BY_BLOCK(BLOCK)
#undef BLOCK
        },
};
