/* output.c -- output files that are written atomically.

   A temporary file beside the target is written, synced and renamed over it. A signal handler and
   atexit() remove the temporaries that are open, so only SIGKILL leaves one. The next program that
   writes the same file removes it: a temporary is locked as long as its program runs. */
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
    bool kept;       /* also committed by exit(), but not by a signal */
};

enum { MAX_OUTPUTS = 16, RANDOM = 6 /* letters of a temporary's name */, MAX_LINKS = 40 };
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

/* Leaves alone signals that the program handles itself, and those ignored from the start
   (nohup). */
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

/* What the symlink at `path` says, seen from where `path` is seen; NULL if it is no symlink. */
static char *follow(const char *path)
{
    char link[PATH_MAX];
    ssize_t length = readlink(path, link, sizeof link - 1);
    if (length < 0)
        return NULL;
    link[length] = 0;
    const char *slash = strrchr(path, '/');
    if (link[0] == '/' || !slash)
        return text_format("%s", link);
    return text_format("%.*s%s", (int)(slash - path) + 1, path, link);
}

char *output_resolve(const char *path)
{
    char *real = realpath(path, NULL);
    if (real)
        return real;
    real = text_format("%s", path);
    for (int links = 0; links <= MAX_LINKS; links++) {
        char *next = follow(real);
        if (!next)
            return real;
        free(real);
        real = next;
    }
    free(real);
    errno = ELOOP;
    return NULL;
}

/* The output is binary. */
static void refuse_terminal(const char *name, int fd)
{
    if (isatty(fd))
        die("%s is a terminal; redirect it, because the output is binary", name);
}

static bool open_directly(struct output *output, bool binary)
{
    output->stream = fopen(output->path, "wbe");
    if (output->stream && binary)
        refuse_terminal(output->path, fileno(output->stream));
    return output->stream != NULL;
}

/* Standard output or standard error, if the file is theirs, as /dev/stdout is; or -1. They may have
   more in it already, and others may write more. */
static int standard_stream(const struct stat *file)
{
    struct stat st;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        if (fstat(fd, &st) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino)
            return fd;
    return -1;
}

static bool open_standard_stream(struct output *output, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    output->stream = copy < 0 ? NULL : fdopen(copy, "wb");
    return output->stream != NULL;
}

/* Removes a temporary that is not locked, because its writer has ended. */
static void remove_orphan(const char *path)
{
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlink(path);
    close(fd);
}

/* Temporaries for the same file have names that differ only in the random letters. */
static void remove_orphans(const char *directory, const char *temporary)
{
    const char *slash = strrchr(temporary, '/'), *name = slash ? slash + 1 : temporary;
    int head = (int)(name - temporary);
    size_t length = strlen(name) - RANDOM;
    DIR *dir = opendir(directory);
    if (!dir)
        return; /* a directory that cannot be read may still be writable */
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (!strncmp(entry->d_name, name, length) && strlen(entry->d_name) == length + RANDOM) {
            char *path = text_format("%.*s%s", head, temporary, entry->d_name);
            remove_orphan(path);
            free(path);
        }
    closedir(dir);
}

/* Before the lock is taken, another program may remove the file as an orphan; then another one is
   made. If the file system has no locks, nothing is removed. */
static int make_locked(char *temporary)
{
    for (;;) {
        struct stat st;
        int fd = mkstemp(temporary);
        if (fd >= 0)
            fcntl(fd, F_SETFD, FD_CLOEXEC); /* a surviving child would keep the lock */
        if (fd < 0 || flock(fd, LOCK_EX) != 0 || fstat(fd, &st) != 0 || st.st_nlink)
            return fd;
        close(fd);
        memset(temporary + strlen(temporary) - RANDOM, 'X', RANDOM);
    }
}

/* Makes ".NAME.fmnn-XXXXXX" in the target's directory, with the permissions that creat() would
   give, or those of the file that is replaced. */
static bool open_temporary(struct output *output, const struct stat *old)
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
    sigprocmask(SIG_BLOCK, &all, &before); /* both made and enlisted, or neither */
    int fd = make_locked(output->temporary);
    int why = errno;
    if (fd >= 0)
        enlist(output);
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = why;
    if (fd < 0)
        return false;
    output->lock = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    mode_t mask = umask(0);
    umask(mask);
    if (output->lock < 0 || fchmod(fd, old ? old->st_mode & 07777 : 0666 & ~mask) != 0)
        return false;
    output->stream = fdopen(fd, "wb");
    return output->stream != NULL;
}

struct output *output_open(const char *path, bool binary)
{
    struct output *output = output_try(path, binary);
    if (!output)
        die_errno("%s", path);
    return output;
}

/* After a failure, what is left of the output is removed when the program ends. */
struct output *output_try(const char *path, bool binary)
{
    struct output *output = xcalloc(1, sizeof *output);
    output->path = text_format("%s", path);
    output->lock = -1;
    if (!strcmp(path, "-")) {
        if (binary)
            refuse_terminal("standard output", STDOUT_FILENO);
        output->stream = stdout;
        return output;
    }
    struct stat st;
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return NULL;
    }
    if (exists && !S_ISREG(st.st_mode))
        return open_directly(output, binary) ? output : NULL;
    int stream = exists ? standard_stream(&st) : -1;
    if (stream >= 0)
        return open_standard_stream(output, stream) ? output : NULL;
    if (exists && access(path, W_OK) != 0) /* a read-only file is not replaced either */
        return NULL;
    arrange_removal();
    output->target = output_resolve(path);
    return output->target && open_temporary(output, exists ? &st : NULL) ? output : NULL;
}

bool output_is_direct(const char *path)
{
    struct stat st;
    if (!strcmp(path, "-"))
        return true;
    return stat(path, &st) == 0 && (!S_ISREG(st.st_mode) || standard_stream(&st) >= 0);
}

FILE *output_stream(struct output *output)
{
    return output->stream;
}

struct output *output_scratch(void)
{
    const struct stat private = {.st_mode = 0600};
    const char *directory = getenv("TMPDIR");
    struct output *output = xcalloc(1, sizeof *output);
    directory = directory && directory[0] ? directory : "/tmp";
    output->path = text_format("%s/fmnn-input", directory);
    output->target = text_format("%s", output->path);
    output->lock = -1;
    arrange_removal();
    if (!open_temporary(output, &private))
        die_errno("%s", directory);
    return output;
}

const char *output_temporary(const struct output *output)
{
    return output->temporary;
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

/* Some file systems cannot sync a directory; only a sync that was tried and failed is a failure. */
static bool sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return true; /* it cannot be read; the file itself is synced */
    bool failed = sync_file(fd) != 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT);
    int why = errno;
    close(fd);
    errno = why;
    return !failed;
}

/* Everything that can fail; errno says why it did. Allocates nothing, because the program may be
   ending for lack of memory. After EINTR the stream is closed. */
static bool finish(struct output *output)
{
    FILE *stream = output->stream;
    output->kept = false; /* no second attempt */
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

bool output_try_commit(struct output *output)
{
    bool done = finish(output);
    int why = errno;
    if (!done && output->temporary)
        unlink(output->temporary);
    forget(output);
    errno = why;
    return done;
}

void output_abandon(struct output *output)
{
    if (output->stream != stdout)
        fclose(output->stream);
    if (output->temporary)
        unlink(output->temporary);
    forget(output);
}

/* Does not open pipes, and devices only to see if they are terminals: that could block, or signal
   an end to the reader. */
static void check_special(const char *path, mode_t mode, bool binary)
{
    if (access(path, W_OK) != 0)
        die_errno("%s", path);
    int fd =
        binary && S_ISCHR(mode) ? open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd >= 0) {
        refuse_terminal(path, fd);
        close(fd);
    }
}

void output_check(const char *path, bool binary)
{
    struct stat st;
    if (!strcmp(path, "-")) {
        if (binary)
            refuse_terminal("standard output", STDOUT_FILENO);
    } else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        check_special(path, st.st_mode, binary);
    } else {
        output_abandon(output_open(path, binary));
    }
}
