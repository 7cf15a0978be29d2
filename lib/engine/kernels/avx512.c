/* avx512.c -- the kernel set 'avx512': the same text as every other, with its flags and vectors. */
#define FM_KERNELS_AVX512
#define FM_KERNEL_SET fm_kernels_avx512
#define FM_KERNEL_SET_NAME "avx512"
#include "engine/kernels/kernel-set.h"
