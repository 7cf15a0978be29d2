/* avx2.c -- the kernel set 'avx2': kernel-set.h compiled for AVX2 and FMA. */
#define FM_KERNELS_AVX2
#define FM_KERNEL_SET fm_kernels_avx2
#define FM_KERNEL_SET_NAME "avx2"
#include "engine/kernels/kernel-set.h"
