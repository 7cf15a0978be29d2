/* generic.c -- the kernel set 'generic': kernel-set.h compiled for plain C. */
#define FM_KERNEL_SET fm_kernels_generic
#define FM_KERNEL_SET_NAME "generic"
#include "engine/kernels/kernel-set.h"
