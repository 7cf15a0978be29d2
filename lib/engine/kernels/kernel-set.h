/* kernel-set.h -- the source of a kernel set. generic.c, avx2.c ... each include it once and are
   compiled with the flags of their instruction set.

   A kernel is a function job_NAME, block_NAME or image_NAME for an op of kind NAME. Its comment
   gives the shape and layout of each array, the slowest dimension first, and what its jobs are. "by
   op->in" means with the strides of that view. A panel is 32 (FM_PANEL) units or channels side by
   side; the last one may have spare lanes. Array names are those of struct fm_op. */
#include "engine/kernels.h"

#include <math.h>

#include "base/float.h"
#include "base/rng.h"

#include "engine/kernels/vector.h"

#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"
#include "engine/optim/adamw.h"

#include "engine/kernels/activation.h"
#include "engine/kernels/pixels.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/stream.h"
#include "engine/kernels/sink.h"
#include "engine/kernels/conv-forward.h"
#include "engine/kernels/conv-backward.h"
#include "engine/kernels/dense-forward.h"
#include "engine/kernels/dense-gradients.h"
#include "engine/kernels/dense-fused.h"
#include "engine/kernels/winograd-transform.h"
#include "engine/kernels/winograd-products.h"
#include "engine/kernels/pooling.h"
#include "engine/kernels/addition.h"
#include "engine/kernels/norm.h"
#include "engine/kernels/pointwise.h"
#include "engine/kernels/input.h"
#include "engine/kernels/loss.h"
#include "engine/kernels/peak.h"

#define BLOCK_OF_IMAGES(name)                                                                      \
    static void block_##name(const struct fm_plan *plan, const struct fm_op *op,                   \
                             const struct fm_run *run, size_t first, size_t count)                 \
    {                                                                                              \
        for (size_t n = first; n < first + count; n++)                                             \
            image_##name(plan, op, run, n);                                                        \
    }
FM_IMAGE_OPS(BLOCK_OF_IMAGES)
#undef BLOCK_OF_IMAGES

extern const struct fm_kernels FM_KERNEL_SET;
const struct fm_kernels FM_KERNEL_SET = {
    .name = FM_KERNEL_SET_NAME,
    .softmax = softmax_of,
    .peak = peak,
    .job =
        {
#define JOB(name) [FM_OP_##name] = job_##name,
            FM_JOB_OPS(JOB) FM_EITHER_OPS(JOB)
#undef JOB
        },
    .block =
        {
#define BLOCK(name) [FM_OP_##name] = block_##name,
            FM_EITHER_OPS(BLOCK) FM_BLOCK_OPS(BLOCK) FM_IMAGE_OPS(BLOCK)
#undef BLOCK
        },
};
