/* messages.h -- what programs say: whole lines on standard error, "PROGRAM: what: why". */
#ifndef MESSAGES_H
#define MESSAGES_H

#include <stdbool.h>

#include <fmnn.h>

enum { EXIT_NEGATIVE = 1, EXIT_TROUBLE = 2 };

void info(const char *format, ...) FMNN_PRINTF(1, 2);                /* with --verbose */
void note(const char *format, ...) FMNN_PRINTF(1, 2);                /* unless --quiet is given */
void warn(const char *format, ...) FMNN_PRINTF(1, 2);                /* always */
_Noreturn void die(const char *format, ...) FMNN_PRINTF(1, 2);       /* exits with EXIT_TROUBLE */
_Noreturn void die_errno(const char *format, ...) FMNN_PRINTF(1, 2); /* ": strerror(errno)" */
_Noreturn void die_error(const struct fmnn_error *error);            /* the library's message */
/* After a write to standard output failed, while errno still says why. */
_Noreturn void die_stdout(void);
_Noreturn void usage_error(const char *format, ...) FMNN_PRINTF(1, 2); /* and "Try 'x --help'." */

/* Names the program in all messages, and makes a failed write or close of standard output
   trouble. */
void messages_start(const char *program_name);
void set_verbosity(int level); /* -1 quiet, 0, 1 verbose */
bool verbose(void);            /* --verbose is given */
/* Messages have the name of the original in place of the path of a copy from now on. At most eight
   times. */
void messages_rename(const char *path, const char *name);
/* The path of the copy whose original has this name; NULL if there is none. */
const char *messages_copy(const char *name);
/* Progress may be drawn: standard error is a terminal, not TERM=dumb, and --quiet is not given. */
bool progress_wanted(void);
/* Draws a line of progress in place of the one before. The next message clears it, so that it does
   not stand behind it. */
void draw_progress(const char *format, ...) FMNN_PRINTF(1, 2);
void clear_progress(void);

#endif
