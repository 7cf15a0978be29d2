/* generic.c -- the kernel set 'generic': the same text as every other, with its flags and
   vectors. */
#define FM_KERNELS_GENERIC
#define FM_KERNEL_SET fm_kernels_generic
#define FM_KERNEL_SET_NAME "generic"
#include "engine/kernels/kernel-set.h"
