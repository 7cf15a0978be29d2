/* avx512.c -- the kernel set 'avx512': kernel-set.h compiled for AVX-512 F, VL, DQ and BW. */
#define FM_KERNELS_AVX512
#define FM_KERNEL_SET fm_kernels_avx512
#define FM_KERNEL_SET_NAME "avx512"
#include "engine/kernels/kernel-set.h"
