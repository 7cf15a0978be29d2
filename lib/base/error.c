/* error.c -- raising errors: a status for the caller to act on, and one line for the user. */
#include "base/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void mask_controls(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

static bool is_continuation(char byte) /* of a character in UTF-8 */
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Copies a text that is too long for `room` bytes: its beginning and its end, where a path's last
   name and the reason are. */
static void copy_ends(char *to, size_t room, const char *text, size_t length)
{
    size_t head = (room - sizeof "...") / 2, tail = length - (room - sizeof "..." - head);
    while (head && is_continuation(text[head]))
        head--;
    while (is_continuation(text[tail]))
        tail++;
    snprintf(to, room, "%.*s...%s", (int)head, text, text + tail);
}

/* The message is the formatted text and, unless it is NULL, the reason. */
FMNN_PRINTF(3, 0)
static void set_message(struct fmnn_error *err, const char *reason, const char *format,
                        va_list args)
{
    size_t room = sizeof err->message - (reason ? strlen(reason) + 2 : 0);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(err->message, room, format, args);
    char *whole = length >= (int)room ? malloc((size_t)length + 1) : NULL;
    if (whole) {
        vsnprintf(whole, (size_t)length + 1, format, again);
        copy_ends(err->message, room, whole, (size_t)length);
    }
    va_end(again);
    free(whole);
    size_t used = strlen(err->message);
    if (reason)
        snprintf(err->message + used, sizeof err->message - used, ": %s", reason);
    mask_controls(err->message);
}

/* All errors pass here: set a breakpoint. */
FMNN_PRINTF(4, 0)
static int raise_error(struct fmnn_error *err, enum fmnn_status status, const char *reason,
                       const char *format, va_list args)
{
    if (err) {
        err->status = status;
        set_message(err, reason, format, args);
    }
    return -1;
}

int fm_fail(struct fmnn_error *err, enum fmnn_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    raise_error(err, status, NULL, format, args);
    va_end(args);
    return -1;
}

int fm_fail_errno(struct fmnn_error *err, const char *format, ...)
{
    const char *reason = strerror(errno);
    va_list args;
    va_start(args, format);
    raise_error(err, FMNN_SYSTEM, reason, format, args);
    va_end(args);
    return -1;
}
