/* version.c -- which library this is. */
#include "internal.h"

const char *fmnn_version(void)
{
    return PACKAGE_VERSION;
}
