/* error.c -- raising errors: a status for the caller to act on, and one line for the user. */
#include "base/internal.h"

#include <errno.h>
#include <stdio.h>

static void mask_controls(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

int fm_vfail(struct fmnn_error *err, enum fmnn_status status, const char *format, va_list args)
{
    if (err) {
        err->status = status;
        vsnprintf(err->message, sizeof err->message, format, args);
        mask_controls(err->message);
    }
    return -1;
}

int fm_fail(struct fmnn_error *err, enum fmnn_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fm_vfail(err, status, format, args);
    va_end(args);
    return -1;
}

int fm_fail_errno(struct fmnn_error *err, const char *format, ...)
{
    int saved = errno;
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    fm_vfail(err, FMNN_SYSTEM, format, args);
    va_end(args);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s", strerror(saved));
    return -1;
}
