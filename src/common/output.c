/* output.c -- output files that are whole and new, or not there.

   A temporary file beside the target is written, synced and renamed over it. What is open is kept
   in a list whose names a signal handler and atexit remove, so that nothing but SIGKILL leaves a
   temporary. What that leaves is removed by whoever next writes the same file: a temporary is
   locked as long as somebody is at it. */
#include "common/common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct output {
    FILE *stream;
    char *path;      /* as the user wrote it, for messages */
    char *target;    /* the file to replace, symlinks followed; NULL: written directly */
    char *temporary; /* NULL: written directly */
    char *directory; /* of both */
    int lock;        /* the temporary's, which must outlive the stream */
    bool kept;       /* committed at exit, too; not by a signal */
};

enum { MAX_OUTPUTS = 8, RANDOM = 6 /* letters of a temporary's name */ };
static struct output *volatile open_outputs[MAX_OUTPUTS];
static const char mark[] = ".fmnn-";

static void remove_temporaries(void)
{
    for (int i = 0; i < MAX_OUTPUTS; i++)
        if (open_outputs[i] && open_outputs[i]->temporary)
            unlink(open_outputs[i]->temporary);
}

static bool finish(struct output *output);

static void remove_at_exit(void)
{
    for (int i = 0; i < MAX_OUTPUTS; i++)
        if (open_outputs[i] && open_outputs[i]->kept)
            finish(open_outputs[i]);
    remove_temporaries();
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
    static const int fatal[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGXCPU};
    static bool arranged;
    if (arranged)
        return;
    arranged = true;
    atexit(remove_at_exit);
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
    for (int i = 0; i < MAX_OUTPUTS; i++)
        if (!open_outputs[i]) {
            open_outputs[i] = output;
            return;
        }
    abort();
}

static void forget(struct output *output)
{
    for (int i = 0; i < MAX_OUTPUTS; i++)
        if (open_outputs[i] == output)
            open_outputs[i] = NULL;
    if (output->lock >= 0)
        close(output->lock);
    free(output->path);
    free(output->target);
    free(output->temporary);
    free(output->directory);
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
    output->stream = fopen(output->path, "wbe");
    if (!output->stream)
        die_errno("%s", output->path);
}

/* Removes a temporary whose writer is gone, as its lock is. */
static void remove_orphan(const char *path)
{
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlink(path);
    close(fd);
}

/* Those that were to become the same file, whose names begin alike. */
static void remove_orphans(const char *directory, const char *temporary)
{
    const char *slash = strrchr(temporary, '/'), *name = slash ? slash + 1 : temporary;
    int head = (int)(name - temporary);
    size_t length = strlen(name) - RANDOM;
    DIR *dir = opendir(directory);
    if (!dir)
        return; /* what cannot be read may still be written to */
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (!strncmp(entry->d_name, name, length) && strlen(entry->d_name) == length + RANDOM) {
            char *path = text_format("%.*s%s", head, temporary, entry->d_name);
            remove_orphan(path);
            free(path);
        }
    closedir(dir);
}

/* Another program may take it for an orphan before it is locked, and remove it: then once more.
   Where there are no locks, none are removed. */
static int make_locked(char *temporary)
{
    for (;;) {
        struct stat st;
        int fd = mkstemp(temporary);
        if (fd >= 0)
            fcntl(fd, F_SETFD, FD_CLOEXEC); /* a child that lives on would keep the lock */
        if (fd < 0 || flock(fd, LOCK_EX) != 0 || fstat(fd, &st) != 0 || st.st_nlink)
            return fd;
        close(fd);
        memset(temporary + strlen(temporary) - RANDOM, 'X', RANDOM);
    }
}

/* ".NAME.fmnn-XXXXXX" in the target's directory, with the permissions a plain creat would give, or
   those of the file that is replaced. */
static void open_temporary(struct output *output, const struct stat *old)
{
    const char *slash = strrchr(output->target, '/');
    int head = slash ? (int)(slash - output->target) + 1 : 0;
    int max = NAME_MAX - (int)sizeof mark - RANDOM;
    output->temporary =
        text_format("%.*s.%.*s%sXXXXXX", head, output->target, max, output->target + head, mark);
    output->directory = head ? text_format("%.*s", head, output->target) : text_format(".");
    remove_orphans(output->directory, output->temporary);
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* made and enlisted, or neither */
    int fd = make_locked(output->temporary);
    int why = errno;
    if (fd >= 0)
        enlist(output);
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = why;
    if (fd < 0)
        die_errno("%s", output->path);
    output->lock = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    mode_t mask = umask(0);
    umask(mask);
    if (output->lock < 0 || fchmod(fd, old ? old->st_mode & 07777 : 0666 & ~mask) != 0)
        die_errno("%s", output->path);
    output->stream = fdopen(fd, "wb");
    if (!output->stream)
        die_errno("%s", output->path);
}

struct output *output_open(const char *path, bool binary)
{
    struct output *output = xcalloc(1, sizeof *output);
    output->path = text_format("%s", path);
    output->lock = -1;
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

void output_keep(struct output *output)
{
    output->kept = output->temporary != NULL;
}

static int sync_file(int fd)
{
    int status;
    while ((status = fsync(fd)) != 0 && errno == EINTR)
        ;
    return status;
}

/* Not all file systems can sync a directory, which is no failure; that they tried and failed is. */
static bool sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return true; /* a directory that cannot be read cannot be synced: the file itself was */
    bool failed = sync_file(fd) != 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT);
    int why = errno;
    close(fd);
    errno = why;
    return !failed;
}

/* All that can fail, and without memory, the want of which may be why the program ends; errno says
   why it did. What a close that is interrupted closes stays closed. */
static bool finish(struct output *output)
{
    FILE *stream = output->stream;
    output->kept = false; /* there is no second try */
    bool failed = ferror(stream) != 0;
    failed |= fflush(stream) != 0;
    if (output->temporary)
        failed |= sync_file(fileno(stream)) != 0;
    int why = errno;
    if (fclose(stream) != 0 && errno != EINTR && !failed)
        return false;
    if (failed)
        errno = why;
    if (failed || !output->temporary)
        return !failed;
    return rename(output->temporary, output->target) == 0 && sync_directory(output->directory);
}

void output_commit(struct output *output)
{
    if (output->stream == stdout) {
        if (fflush(stdout) != 0)
            die_stdout();
        forget(output);
        return;
    }
    if (!finish(output))
        die_errno("%s", output->path);
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
