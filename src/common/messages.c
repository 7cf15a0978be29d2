/* messages.c -- what programs say on standard error, and trouble with standard output. */
#include "common/common.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

static const char *program = "fmnn";
static int verbosity; /* -1 quiet, 0, 1 verbose */
static bool gave_up;  /* the trouble that ends the program was reported */
static bool drawn;    /* the terminal shows a line of progress */

static struct {
    char *path, *name;
} copies[8]; /* messages_rename() */

void messages_rename(const char *path, const char *name)
{
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++)
        if (!copies[i].path) {
            copies[i].path = text_format("%s", path);
            copies[i].name = text_format("%s", name);
            return;
        }
    abort();
}

const char *messages_copy(const char *name)
{
    for (size_t i = 0; i < sizeof copies / sizeof *copies && copies[i].path; i++)
        if (!strcmp(copies[i].name, name))
            return copies[i].path;
    return NULL;
}

/* How much of a text's beginning is the path of a copy, whose name is set; 0: nothing. */
static size_t find_copy(const char *text, const char **name)
{
    for (size_t i = 0; i < sizeof copies / sizeof *copies && copies[i].path; i++) {
        size_t length = strlen(copies[i].path);
        *name = copies[i].name;
        if (!strncmp(text, copies[i].path, length))
            return length;
    }
    *name = "";
    return 0;
}

/* The text with the names of copies in place of their paths. */
static void rename_copies(char *to, size_t room, const char *text)
{
    const char *name;
    size_t used = 0;
    while (*text && used + 1 < room) {
        size_t path = find_copy(text, &name);
        if (path)
            used += (size_t)snprintf(to + used, room - used, "%s", name);
        else
            to[used++] = *text;
        text += path ? path : 1;
    }
    to[used < room ? used : room - 1] = 0;
}

void draw_progress(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputc('\r', stderr);
    vfprintf(stderr, format, args);
    fputs("\033[K", stderr);
    va_end(args);
    drawn = true;
}

void clear_progress(void)
{
    if (drawn)
        fputs("\r\033[K", stderr);
    drawn = false;
}

/* Whole lines, so that those of several programs do not mix. Masked, so that no file's name and no
   server's reply can control the terminal. */
FMNN_PRINTF(1, 0)
static void message(const char *format, va_list args, const char *why)
{
    char text[8192] = "", renamed[8192];
    clear_progress();
    fflush(stdout); /* keeps the order if both streams go to the same place */
    vsnprintf(text, sizeof text, format, args);
    text_mask(text);
    rename_copies(renamed, sizeof renamed, text);
    fprintf(stderr, why ? "%s: %s: %s\n" : "%s: %s\n", program, renamed, why);
}

void info(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (verbosity > 0)
        message(format, args, NULL);
    va_end(args);
}

void note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (verbosity >= 0)
        message(format, args, NULL);
    va_end(args);
}

void warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message(format, args, NULL);
    va_end(args);
}

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message(format, args, NULL);
    va_end(args);
    gave_up = true;
    exit(EXIT_TROUBLE);
}

void die_errno(const char *format, ...)
{
    int saved = errno;
    va_list args;
    va_start(args, format);
    message(format, args, strerror(saved));
    va_end(args);
    gave_up = true;
    exit(EXIT_TROUBLE);
}

void die_error(const struct fmnn_error *error)
{
    die("%s", error->message);
}

void die_stdout(void)
{
    die_errno("standard output");
}

void usage_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message(format, args, NULL);
    va_end(args);
    fprintf(stderr, "Try '%s --help'.\n", program);
    gave_up = true;
    exit(EXIT_TROUBLE);
}

/* A full disk often shows only now. A program that writes nothing may run with standard output
   closed: its number is reserved then, and closing it fails only if something was written. */
static void close_stdout(void)
{
    bool failed = ferror(stdout) != 0;
    errno = 0;
    failed |= fclose(stdout) != 0;
    if (failed && !gave_up) {
        const char *why = errno ? strerror(errno) : "write error";
        clear_progress();
        fprintf(stderr, "%s: standard output: %s\n", program, why);
        _exit(EXIT_TROUBLE);
    }
}

void messages_start(const char *program_name)
{
    program = program_name;
    atexit(close_stdout);
}

void set_verbosity(int level)
{
    verbosity = level;
}

bool verbose(void)
{
    return verbosity > 0;
}

bool progress_wanted(void)
{
    const char *term = getenv("TERM");
    return verbosity >= 0 && isatty(STDERR_FILENO) && !(term && !strcmp(term, "dumb"));
}
