/* output.c -- output files that are whole and new, or not there.

   A temporary file beside the target is written, synced and renamed over it. What is open is kept
   in a list whose names a signal handler and atexit remove, so that nothing but SIGKILL leaves a
   temporary. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

struct output {
    FILE *stream;
    char *path;      /* as the user wrote it, for messages */
    char *target;    /* the file to replace, symlinks followed; NULL: written directly */
    char *temporary; /* NULL: written directly */
};

enum { MOST_OUTPUTS = 8 };
static struct output *volatile open_outputs[MOST_OUTPUTS];

static void remove_temporaries(void)
{
    for (int i = 0; i < MOST_OUTPUTS; i++)
        if (open_outputs[i] && open_outputs[i]->temporary)
            unlink(open_outputs[i]->temporary);
}

void output_die(int number)
{
    remove_temporaries();
    signal(number, SIG_DFL); /* die by the same signal, so that the shell sees what happened */
    raise(number);
}

/* A program that wants to finish something first sets its own handlers, before or after: one that
   is already set, and a signal that was ignored from the start (nohup), is left alone. */
static void arrange_removal(void)
{
    static const int fatal[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGXCPU, SIGXFSZ};
    static bool arranged;
    if (arranged)
        return;
    arranged = true;
    atexit(remove_temporaries);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        struct sigaction now;
        if (sigaction(fatal[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
            now = (struct sigaction){.sa_handler = output_die};
            sigfillset(&now.sa_mask);
            sigaction(fatal[i], &now, NULL);
        }
    }
}

static void enlist(struct output *output)
{
    for (int i = 0; i < MOST_OUTPUTS; i++)
        if (!open_outputs[i]) {
            open_outputs[i] = output;
            return;
        }
    abort();
}

static void forget(struct output *output)
{
    for (int i = 0; i < MOST_OUTPUTS; i++)
        if (open_outputs[i] == output)
            open_outputs[i] = NULL;
    free(output->path);
    free(output->target);
    free(output->temporary);
    free(output);
}

/* Where a path leads, symlinks followed even if the last one dangles. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL);
    if (real)
        return real;
    char link[PATH_MAX];
    ssize_t length = readlink(path, link, sizeof link - 1);
    if (length < 0)
        return text_format("%s", path);
    link[length] = 0;
    const char *slash = strrchr(path, '/');
    if (link[0] == '/' || !slash)
        return text_format("%s", link);
    return text_format("%.*s%s", (int)(slash - path) + 1, path, link);
}

static void open_directly(struct output *output)
{
    output->stream = fopen(output->path, "wb");
    if (!output->stream)
        die_errno("%s", output->path);
}

/* ".NAME.XXXXXX" in the target's directory, with the permissions a plain creat would give, or those
   of the file that is replaced. */
static void open_temporary(struct output *output, const struct stat *old)
{
    const char *slash = strrchr(output->target, '/');
    int head = slash ? (int)(slash - output->target) + 1 : 0;
    output->temporary = text_format("%.*s.%s.XXXXXX", head, output->target, output->target + head);
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* made and enlisted, or neither */
    int fd = mkstemp(output->temporary);
    int why = errno;
    if (fd >= 0)
        enlist(output);
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = why;
    if (fd < 0)
        die_errno("%s", output->path);
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, old ? old->st_mode & 07777 : 0666 & ~mask) != 0)
        die_errno("%s", output->path);
    output->stream = fdopen(fd, "wb");
    if (!output->stream)
        die_errno("%s", output->path);
}

struct output *output_open(const char *path, bool binary)
{
    struct output *output = allocate(1, sizeof *output);
    output->path = text_format("%s", path);
    if (!strcmp(path, "-")) {
        if (binary && isatty(STDOUT_FILENO))
            die("standard output is a terminal; binary data is not written there");
        output->stream = stdout;
        return output;
    }
    struct stat st;
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        die_errno("%s", path);
    }
    if (exists && !S_ISREG(st.st_mode)) {
        open_directly(output);
        return output;
    }
    if (exists && access(path, W_OK) != 0) /* a file one may not write is not replaced either */
        die_errno("%s", path);
    arrange_removal();
    output->target = resolve(path);
    open_temporary(output, exists ? &st : NULL);
    return output;
}

FILE *output_stream(struct output *output)
{
    return output->stream;
}

static void sync_directory(const char *target)
{
    const char *slash = strrchr(target, '/');
    char *directory =
        slash ? text_format("%.*s", (int)(slash - target) + 1, target) : text_format(".");
    int fd = open(directory, O_RDONLY | O_DIRECTORY);
    free(directory);
    if (fd < 0)
        return; /* a directory that cannot be read cannot be synced: the file itself was */
    fsync(fd);
    close(fd);
}

void output_commit(struct output *output)
{
    FILE *stream = output->stream;
    if (stream == stdout) {
        if (fflush(stdout) != 0)
            die_stdout();
        forget(output);
        return;
    }
    bool failed = ferror(stream) != 0;
    failed |= fflush(stream) != 0;
    if (output->temporary)
        failed |= fsync(fileno(stream)) != 0;
    if (fclose(stream) != 0 || failed)
        die_errno("%s", output->path);
    if (output->temporary) {
        if (rename(output->temporary, output->target) != 0)
            die_errno("%s", output->path);
        sync_directory(output->target);
    }
    forget(output);
}

void output_abandon(struct output *output)
{
    if (output->stream != stdout)
        fclose(output->stream);
    if (output->temporary)
        unlink(output->temporary);
    forget(output);
}

/* A device or pipe is not opened for a try: that could block, or tell its reader of an end. */
void output_check(const char *path)
{
    struct stat st;
    if (!strcmp(path, "-") ||
        (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) {
        if (strcmp(path, "-") && access(path, W_OK) != 0)
            die_errno("%s", path);
        return;
    }
    output_abandon(output_open(path, false));
}
