/* version.c -- the version of the library. */
#include "base/internal.h"

const char *fmnn_version(void)
{
    return PACKAGE_VERSION;
}
