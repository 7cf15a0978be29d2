/* kernels.h -- a kernel set: the jobs, compiled for one instruction set. */
#ifndef FM_KERNELS_H
#define FM_KERNELS_H

#include "engine/plan.h"

struct fm_kernels {
    const char *name;
    /* By kind of op; NULL for the kinds that only go by blocks. */
    void (*job[FM_OP_COUNT])(const struct fm_plan *plan, const struct fm_op *op,
                             const struct fm_run *run, size_t job);
    /* A job that is a block: images first .. first + count - 1. NULL for other kinds. */
    void (*block[FM_OP_COUNT])(const struct fm_plan *plan, const struct fm_op *op,
                               const struct fm_run *run, size_t first, size_t count);
    /* logits (classes); softmax (classes rounded up to 16). */
    void (*softmax)(const float *logits, size_t classes, float *softmax);
    /* Computes for `rounds` rounds and returns the floating-point operations done. See peak.h. */
    double (*peak)(size_t rounds, float *sum);
};

extern const struct fm_kernels fm_kernels_generic, fm_kernels_avx2, fm_kernels_avx512,
    fm_kernels_neon;

/* The set of this name; NULL: the best set that this CPU runs. */
const struct fm_kernels *fm_kernels_find(const char *name, struct fmnn_error *err);

#endif
