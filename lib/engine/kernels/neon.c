/* neon.c -- the kernel set 'neon': the same text as every other, with its flags and vectors. */
#define FM_KERNELS_NEON
#define FM_KERNEL_SET fm_kernels_neon
#define FM_KERNEL_SET_NAME "neon"
#include "engine/kernels/kernel-set.h"
