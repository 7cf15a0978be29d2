/* version.c -- which library this is. */
#include "base/internal.h"

const char *fmnn_version(void)
{
    return PACKAGE_VERSION;
}
