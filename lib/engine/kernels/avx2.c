/* avx2.c -- the kernel set 'avx2': the same text as every other, with its flags and vectors. */
#define FM_KERNELS_AVX2
#define FM_KERNEL_SET fm_kernels_avx2
#define FM_KERNEL_SET_NAME "avx2"
#include "engine/kernels/kernel-set.h"
