/* neon.c -- the kernel set 'neon': kernel-set.h compiled for AArch64. */
#define FM_KERNELS_NEON
#define FM_KERNEL_SET fm_kernels_neon
#define FM_KERNEL_SET_NAME "neon"
#include "engine/kernels/kernel-set.h"
