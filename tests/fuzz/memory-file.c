/* memory-file.c -- the file in memory; see fuzz.h. The linker's --wrap gives each call of open() to
   __wrap_open(), and __real_open() is the system's. */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../wrapped.h"

size_t fuzz_accepted;

enum { FIRST = 1 << 20, LIMIT = 8 }; /* descriptors that no system returns */

static struct {
    const uint8_t *bytes;
    size_t count, max;
    bool confined; /* nothing else may be read */
    unsigned polls;
    struct {
        bool open;
        size_t at;
    } fd[LIMIT];
} file;

void fuzz_file(const uint8_t *bytes, size_t count)
{
    file.bytes = bytes;
    file.count = count;
    file.confined = true;
    file.max = 0;
    file.polls = 0;
}

void fuzz_file_pieces(size_t max)
{
    file.max = max;
}

void fuzz_file_end(bool dropped)
{
    for (int i = 0; i < LIMIT; i++) {
        HOLDS(dropped || !file.fd[i].open);
        file.fd[i].open = false;
    }
    file.confined = false;
}

static bool ours(int fd)
{
    return fd >= FIRST && fd < FIRST + LIMIT && file.fd[fd - FIRST].open;
}

static int open_ours(void)
{
    for (int i = 0; i < LIMIT; i++)
        if (!file.fd[i].open) {
            file.fd[i].open = true;
            file.fd[i].at = 0;
            return FIRST + i;
        }
    abort();
}

static ssize_t give(void *to, size_t count, size_t at)
{
    size_t left = at < file.count ? file.count - at : 0;
    count = count < left ? count : left;
    if (file.max && count > file.max)
        count = file.max;
    if (count)
        memcpy(to, file.bytes + at, count);
    return (ssize_t)count;
}

/* The names are the linker's. */
#if defined __clang__
#pragma clang diagnostic ignored "-Wreserved-identifier"
#endif
#define CALL(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    if (!strcmp(path, FUZZ_PATH))
        return open_ours();
    if (file.confined && (flags & O_ACCMODE) == O_RDONLY) {
        errno = ENOENT;
        return -1;
    }
    va_list args;
    va_start(args, flags);
    int mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    return __real_open(path, flags, mode);
}

CALL(int, close, int fd)
{
    if (!ours(fd))
        return __real_close(fd);
    file.fd[fd - FIRST].open = false;
    return 0;
}

CALL(ssize_t, read, int fd, void *to, size_t count)
{
    if (!ours(fd))
        return __real_read(fd, to, count);
    ssize_t n = give(to, count, file.fd[fd - FIRST].at);
    file.fd[fd - FIRST].at += (size_t)n;
    return n;
}

CALL(ssize_t, pread, int fd, void *to, size_t count, off_t at)
{
    return ours(fd) ? give(to, count, (size_t)at) : __real_pread(fd, to, count, at);
}

CALL(off_t, lseek, int fd, off_t at, int whence)
{
    if (!ours(fd))
        return __real_lseek(fd, at, whence);
    size_t *now = &file.fd[fd - FIRST].at;
    *now = (size_t)at + (whence == SEEK_CUR ? *now : whence == SEEK_END ? file.count : 0);
    return (off_t)*now;
}

CALL(int, fstat, int fd, struct stat *st)
{
    if (!ours(fd))
        return __real_fstat(fd, st);
    memset(st, 0, sizeof *st);
    st->st_mode = S_IFREG | 0600;
    st->st_size = (off_t)file.count;
    return 0;
}

CALL(int, poll, struct pollfd *p, nfds_t count, int timeout)
{
    if (count != 1 || !ours(p->fd))
        return __real_poll(p, count, timeout);
    bool wait = timeout == 0 && file.max && ++file.polls % 2;
    p->revents = wait ? 0 : POLLIN;
    return !wait;
}

CALL(FILE *, fopen, const char *path, const char *mode)
{
    if (!strcmp(path, FUZZ_PATH) && file.count)
        return fmemopen((void *)(uintptr_t)file.bytes, file.count, "r");
    if (file.confined && mode[0] == 'r') {
        errno = ENOENT;
        return NULL;
    }
    return __real_fopen(path, mode);
}

/* The same where the C library checks the sizes of buffers (_FORTIFY_SOURCE). */
#ifdef __GLIBC__
CALL(ssize_t, __read_chk, int fd, void *to, size_t count, size_t room)
{
    return ours(fd) ? __wrap_read(fd, to, count) : __real___read_chk(fd, to, count, room);
}

CALL(ssize_t, __pread_chk, int fd, void *to, size_t count, off_t at, size_t room)
{
    return ours(fd) ? give(to, count, (size_t)at) : __real___pread_chk(fd, to, count, at, room);
}

CALL(int, __open_2, const char *path, int flags)
{
    return __wrap_open(path, flags);
}
#endif
