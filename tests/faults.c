/* faults.c -- runs a program again and again, each time with one fault, and checks its results.

     faults KIND [OPTION]... -- PROGRAM [ARGUMENT]...

   KIND is alloc (the nth allocation fails), alloc-on (and all that follow), eio, enospc, eintr,
   emfile (the nth of the system calls below fails with this error), full (the nth write and all
   later ones fail because the disk is full), short (the nth read or write transfers half), kill
   (SIGKILL before the nth system call, and after it) and order (no fault: are files synced before
   they get their names, and directories after that?).

     -l LIBRARY     tests/faultlib.so, see there
     -o FILE        a file in ./box that the program writes: must be the old or the new one, whole
     -f FILE        the same, but there is never an old one
     -g FILE        the same, but after a failure it may contain the first lines of the new one
     -s FILE=FROM   a file in ./box that exists before the run, a copy of FROM
     -c FILE        as -o, but it is written more than once: each of its versions is correct
     -x NAME        the program that gets the faults if not PROGRAM: a child (alloc, alloc-on)
     -i FILE        standard input
     -a COMMAND     shell command to run after a kill, instead of PROGRAM
     -n MAXIMUM     try at most this number of points, evenly spread [all]
     -e             print every point that ended in a failure, with its message

   The first run is undisturbed; the others are compared with its output. After exit status 0 the
   output must be the same, byte for byte; after 2 there must be a message, and each output must be
   the old or the new one. Any other status is wrong, and so is any other file in ./box. After a
   kill the program is run once more, and must write everything and leave no other file. Every
   second point starts with old files, as long as there are enough points with old files.

   Contents: 1. Options  2. Files  3. A run  4. System calls  5. Results  6. All points */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faultlib.h"

#ifndef __x86_64__
int main(void)
{
    fputs("faults: only Linux on x86-64 is supported\n", stderr);
    return 77;
}
#else

/* ---- 1. Options ---- */

enum kind { ALLOC, ALLOC_ON, EIO_, ENOSPC_, EINTR_, EMFILE_, FULL, SHORT, KILL, ORDER };
static const char *const kinds[] = {"alloc", "alloc-on", "eio",  "enospc", "eintr", "emfile",
                                    "full",  "short",    "kill", "order",  NULL};
enum { MAX_FILES = 8, SECONDS = 30 };

struct blob {
    char *bytes; /* NULL: there is no such file */
    size_t size;
};

struct file {
    const char *name;
    bool grows, changes, fresh;
    struct blob seed, good, *versions;
    size_t version_count;
};

static struct {
    enum kind kind;
    const char *library, *victim, *input, *after;
    unsigned long max;
    bool tells;
    struct file files[MAX_FILES];
    size_t file_count;
    char **command;
} o;
static struct blob good_out;
static int good_status;
static struct fault_counts *counts;

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "faults: %s: %s\n", what, strerror(errno));
    exit(99);
}

static struct blob slurp(const char *path)
{
    struct blob blob = {NULL, 0};
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 && errno == ENOENT)
        return blob;
    if (fd < 0 || fstat(fd, &st) != 0 || !(blob.bytes = calloc(1, (size_t)st.st_size + 1)))
        give_up(path);
    for (ssize_t got; (got = read(fd, blob.bytes + blob.size, (size_t)st.st_size - blob.size)) > 0;)
        blob.size += (size_t)got;
    close(fd);
    return blob;
}

static struct file *file_named(const char *name)
{
    for (size_t i = 0; i < o.file_count; i++)
        if (!strcmp(o.files[i].name, name))
            return &o.files[i];
    if (o.file_count == MAX_FILES)
        give_up("too many files");
    o.files[o.file_count].name = name;
    return &o.files[o.file_count++];
}

static void seed_file(char *text)
{
    char *from = strchr(text, '=');
    if (!from)
        give_up(text);
    *from++ = 0;
    struct file *file = file_named(text);
    file->seed = slurp(from);
    if (!file->seed.bytes)
        give_up(from);
}

static void parse(int argc, char **argv)
{
    size_t kind = 0;
    while (argc > 1 && kinds[kind] && strcmp(argv[1], kinds[kind]) != 0)
        kind++;
    if (argc < 3 || !kinds[kind]) {
        fputs("usage: faults KIND [OPTION]... -- PROGRAM [ARGUMENT]...\n", stderr);
        exit(99);
    }
    o.kind = (enum kind)kind;
    optind = 2;
    for (int code; (code = getopt(argc, argv, "+l:o:f:g:c:s:x:i:a:n:e")) != -1;)
        switch (code) {
        case 'l':
            o.library = optarg;
            break;
        case 'o':
            file_named(optarg);
            break;
        case 'f':
            file_named(optarg)->fresh = true;
            break;
        case 'g':
            file_named(optarg)->grows = true;
            break;
        case 'c':
            file_named(optarg)->changes = true;
            break;
        case 's':
            seed_file(optarg);
            break;
        case 'x':
            o.victim = optarg;
            break;
        case 'i':
            o.input = optarg;
            break;
        case 'a':
            o.after = optarg;
            break;
        case 'n':
            o.max = strtoul(optarg, NULL, 10);
            break;
        case 'e':
            o.tells = true;
            break;
        default:
            exit(99);
        }
    o.command = argv + optind;
    if (!o.command[0] || !o.library)
        give_up("no program, or no library");
    if (!o.victim)
        o.victim = strrchr(o.command[0], '/') ? strrchr(o.command[0], '/') + 1 : o.command[0];
}

/* ---- 2. Files ---- */

static const char old_text[] = "an old file\nof two lines\n";

static void in_box(char path[PATH_MAX], const char *name)
{
    snprintf(path, PATH_MAX, "box/%s", name);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    char path[PATH_MAX];
    in_box(path, name);
    FILE *stream = fopen(path, "wb");
    if (!stream || fwrite(bytes, 1, size, stream) != size || fclose(stream) != 0)
        give_up(path);
}

/* The number of points without old files, and with them. */
static unsigned long fresh_points, old_points;

static bool is_old_there(unsigned long point)
{
    return point > fresh_points || (point % 2 == 0 && point <= old_points);
}

/* Empties the box, except for the files that must exist before the run. */
static void prepare_box(bool old)
{
    char path[PATH_MAX];
    mkdir("box", 0777);
    DIR *dir = opendir("box");
    if (!dir)
        give_up("box");
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
            in_box(path, entry->d_name);
            unlink(path);
        }
    closedir(dir);
    for (size_t i = 0; i < o.file_count; i++) {
        const struct file *file = &o.files[i];
        if (file->seed.bytes)
            write_file(file->name, file->seed.bytes, file->seed.size);
        else if (old && !file->fresh)
            write_file(file->name, old_text, sizeof old_text - 1);
    }
}

static bool equal(struct blob a, struct blob b)
{
    return !a.bytes == !b.bytes && a.size == b.size &&
           (!a.size || !memcmp(a.bytes, b.bytes, a.size));
}

/* The end of the line that contains text[at]. */
static size_t line_end(struct blob text, size_t at)
{
    const char *end = memchr(text.bytes + at, '\n', text.size - at);
    return end ? (size_t)(end - text.bytes) + 1 : text.size;
}

static bool begins(struct blob whole, struct blob part)
{
    return part.size <= whole.size && (!part.size || !memcmp(whole.bytes, part.bytes, part.size)) &&
           (!part.size || part.bytes[part.size - 1] == '\n');
}

/* Whether part has some of the lines of whole, in order; the last one may be incomplete. */
static bool are_lines_of(struct blob whole, struct blob part)
{
    for (size_t w = 0, p = 0; p < part.size; w = line_end(whole, w)) {
        size_t length = line_end(part, p) - p;
        if (w == whole.size)
            return false;
        if (length <= whole.size - w && !memcmp(whole.bytes + w, part.bytes + p, length))
            p += length;
    }
    return true;
}

static struct blob slurp_output(const struct file *file)
{
    char path[PATH_MAX];
    in_box(path, file->name);
    return slurp(path);
}

static bool is_version(const struct file *file, struct blob blob)
{
    for (size_t i = 0; i < file->version_count; i++)
        if (equal(file->versions[i], blob))
            return true;
    return false;
}

/* The versions that files have during the run. */
static void collect_versions(void)
{
    for (size_t i = 0; i < o.file_count; i++) {
        struct file *file = &o.files[i];
        struct blob now = file->changes ? slurp_output(file) : (struct blob){NULL, 0};
        if (!now.bytes || is_version(file, now))
            continue;
        file->versions =
            realloc(file->versions, (file->version_count + 1) * sizeof *file->versions);
        if (!file->versions)
            give_up("versions");
        file->versions[file->version_count++] = now;
    }
}

/* Files in the box that no option names. */
static size_t strangers(char *name, size_t size)
{
    size_t count = 0;
    DIR *dir = opendir("box");
    if (!dir)
        give_up("box");
    for (struct dirent *entry; (entry = readdir(dir));) {
        bool known = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
        for (size_t i = 0; i < o.file_count; i++)
            known |= !strcmp(entry->d_name, o.files[i].name);
        if (!known) {
            snprintf(name, size, "%s", entry->d_name);
            count++;
        }
    }
    closedir(dir);
    return count;
}

/* ---- 3. A run ---- */

enum plan { PLAIN, COLLECTED, COUNTED, FAULTY };

struct run {
    enum plan plan;
    unsigned long point; /* from 1 */
    bool after;          /* kill: when the call is done */
    int status;          /* as waitpid has it */
    bool hung;
    unsigned long calls; /* system calls that were points */
    char call[64];       /* the one that was harmed */
    int call_fd;
    const char *disorder; /* what is wrong with the order of calls */
};

static void to(int fd, const char *path, int flags)
{
    int from = open(path, flags, 0666);
    if (from < 0 || dup2(from, fd) < 0)
        _exit(98);
    close(from);
}

static bool traced(const struct run *run)
{
    return run->plan == COLLECTED || (run->plan != PLAIN && o.kind > ALLOC_ON);
}

static _Noreturn void become_program(const struct run *run)
{
    char n[32];
    to(0, o.input ? o.input : "/dev/null", O_RDONLY);
    to(1, "stdout", O_WRONLY | O_CREAT | O_TRUNC);
    to(2, "stderr", O_WRONLY | O_CREAT | O_TRUNC);
    setenv("LD_PRELOAD", o.library, 1);
    setenv("FAULT_PROGRAM", o.victim, 1);
    setenv("FAULT_CLOCK", "1", 1);
    if (run->plan != PLAIN && !traced(run)) {
        snprintf(n, sizeof n, "%lu", run->plan == FAULTY ? run->point : 0);
        setenv("FAULT_COUNTS", "counts", 1);
        setenv("FAULT_ALLOC", n, 1);
        if (o.kind == ALLOC_ON)
            setenv("FAULT_ON", "1", 1);
    }
    if (traced(run)) {
        setenv("FAULT_STOP", "1", 1);
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(97);
    }
    if (run->plan == PLAIN && run->point && o.after)
        execl("/bin/sh", "sh", "-c", o.after, (char *)NULL);
    execvp(o.command[0], o.command);
    _exit(98);
}

static pid_t child;
static volatile sig_atomic_t rang;

static void on_alarm(int number)
{
    (void)number;
    rang = 1;
    kill(child, SIGKILL);
}

static void trace(struct run *run);

static void go(struct run *run)
{
    memset(counts, 0, sizeof *counts);
    rang = 0;
    fflush(stdout);
    child = fork();
    if (child < 0)
        give_up("fork");
    if (child == 0)
        become_program(run);
    alarm(SECONDS);
    if (traced(run))
        trace(run);
    else
        while (waitpid(child, &run->status, 0) < 0 && errno == EINTR)
            ;
    alarm(0);
    run->hung = rang != 0;
    if (WIFEXITED(run->status) && WEXITSTATUS(run->status) >= 97) {
        fprintf(stderr, "faults: %s: cannot be run or traced (%d)\n", o.command[0],
                WEXITSTATUS(run->status));
        exit(WEXITSTATUS(run->status) == 97 ? 77 : 99);
    }
}

/* ---- 4. System calls ---- */

enum use { READS = 1, WRITES = 2, HAS_FD = 4 };

/* The system calls that are points. */
static const struct call {
    long number;
    const char *name;
    int use;
} calls[] = {
    {SYS_open, "open", 0},
    {SYS_openat, "openat", 0},
    {SYS_creat, "creat", 0},
    {SYS_read, "read", READS | HAS_FD},
    {SYS_pread64, "pread", READS | HAS_FD},
    {SYS_write, "write", WRITES | HAS_FD},
    {SYS_pwrite64, "pwrite", WRITES | HAS_FD},
    {SYS_readv, "readv", HAS_FD},
    {SYS_writev, "writev", HAS_FD},
    {SYS_close, "close", HAS_FD},
    {SYS_fsync, "fsync", HAS_FD},
    {SYS_fdatasync, "fdatasync", HAS_FD},
    {SYS_rename, "rename", 0},
    {SYS_renameat, "renameat", 0},
    {SYS_renameat2, "renameat2", 0},
    {SYS_truncate, "truncate", 0},
    {SYS_ftruncate, "ftruncate", HAS_FD},
    {SYS_fallocate, "fallocate", HAS_FD},
    {SYS_link, "link", 0},
    {SYS_linkat, "linkat", 0},
    {SYS_unlink, "unlink", 0},
    {SYS_unlinkat, "unlinkat", 0},
    {SYS_mkdir, "mkdir", 0},
    {SYS_mkdirat, "mkdirat", 0},
    {SYS_rmdir, "rmdir", 0},
    {SYS_chmod, "chmod", 0},
    {SYS_fchmod, "fchmod", HAS_FD},
    {SYS_fchmodat, "fchmodat", 0},
    {SYS_flock, "flock", HAS_FD},
    {SYS_stat, "stat", 0},
    {SYS_lstat, "lstat", 0},
    {SYS_fstat, "fstat", HAS_FD},
    {SYS_newfstatat, "newfstatat", 0},
    {SYS_statx, "statx", 0},
    {SYS_access, "access", 0},
    {SYS_faccessat, "faccessat", 0},
    {SYS_readlink, "readlink", 0},
    {SYS_readlinkat, "readlinkat", 0},
    {SYS_lseek, "lseek", HAS_FD},
    {SYS_dup, "dup", HAS_FD},
    {SYS_dup2, "dup2", HAS_FD},
    {SYS_fcntl, "fcntl", HAS_FD},
    {SYS_getdents64, "getdents", HAS_FD},
    {SYS_pipe, "pipe", 0},
    {SYS_pipe2, "pipe2", 0},
    {SYS_sendfile, "sendfile", HAS_FD},
    {SYS_copy_file_range, "copy_file_range", HAS_FD},
};

static const struct call *find_call(long number)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i].number == number)
            return &calls[i];
    return NULL;
}

/* Not every kind of fault applies to every call. */
static bool is_point(const struct call *call, const struct user_regs_struct *regs)
{
    switch (o.kind) {
    case FULL:
        return call->use & WRITES;
    case SHORT:
        return call->use & (READS | WRITES) && regs->rdx > 1;
    case EMFILE_:
        return !(call->use & HAS_FD) || !strncmp(call->name, "dup", 3);
    default:
        return true;
    }
}

static int error_of(enum kind kind)
{
    return kind == EIO_ ? EIO : kind == EINTR_ ? EINTR : kind == EMFILE_ ? EMFILE : ENOSPC;
}

/* The order of calls that survives a power failure: a file is written, synced, closed, renamed, and
   then its directory is synced. */
enum state { UNSEEN, DIRTY, SYNCED, CLOSED, RENAMED, SETTLED };
static struct track {
    char temporary[PATH_MAX], target[PATH_MAX];
    enum state state;
} tracks[64];
static size_t track_count;

static struct track *track_of(const char *path)
{
    for (size_t i = 0; i < track_count; i++)
        if (tracks[i].state < RENAMED && !strcmp(tracks[i].temporary, path))
            return &tracks[i];
    if (track_count == sizeof tracks / sizeof *tracks)
        give_up("too many files to keep track of");
    struct track *track = &tracks[track_count++];
    *track = (struct track){.state = UNSEEN};
    snprintf(track->temporary, sizeof track->temporary, "%s", path);
    return track;
}

static bool path_of_fd(char path[PATH_MAX], int fd)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)child, fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    return length > 0 && path[0] == '/';
}

/* A path in the program's memory, made absolute. */
static void path_in_program(char path[PATH_MAX], unsigned long long address)
{
    char text[257] = "", *real;
    struct iovec mine = {text, sizeof text - 1}, theirs = {(void *)(uintptr_t)address, 256};
    if (process_vm_readv(child, &mine, 1, &theirs, 1, 0) < 0)
        give_up("process_vm_readv");
    char *slash = strrchr(text, '/');
    if (slash)
        *slash = 0;
    real = realpath(slash ? text : ".", NULL);
    if (!real)
        give_up(text);
    if (snprintf(path, PATH_MAX, "%s/%s", real, slash ? slash + 1 : text) >= PATH_MAX)
        give_up("a path too long");
    free(real);
}

static void track_rename(struct run *run, const struct user_regs_struct *regs)
{
    char from[PATH_MAX];
    path_in_program(from, regs->rdi);
    struct track *track = track_of(from);
    if (track->state != CLOSED)
        run->disorder = track->state == DIRTY    ? "a file is renamed before it is synced"
                        : track->state == SYNCED ? "a file is renamed before it is closed"
                                                 : "a file is renamed that nobody wrote";
    path_in_program(track->target, regs->rsi);
    track->state = RENAMED;
}

static void settle_directory(const char *directory)
{
    size_t length = strlen(directory);
    for (size_t i = 0; i < track_count; i++)
        if (tracks[i].state == RENAMED && !strncmp(tracks[i].target, directory, length) &&
            strchr(tracks[i].target + length, '/') == strrchr(tracks[i].target, '/'))
            tracks[i].state = SETTLED;
}

static void track_call(struct run *run, const struct call *call,
                       const struct user_regs_struct *regs)
{
    char path[PATH_MAX];
    struct stat st;
    if (!strcmp(call->name, "rename"))
        track_rename(run, regs);
    if (!(call->use & HAS_FD) || !path_of_fd(path, (int)regs->rdi) || stat(path, &st) != 0)
        return;
    bool syncs = !strcmp(call->name, "fsync"), closes = !strcmp(call->name, "close");
    if (S_ISDIR(st.st_mode) && syncs)
        settle_directory(path);
    if (!S_ISREG(st.st_mode) || !strstr(path, "/box/"))
        return;
    struct track *track = track_of(path);
    if (call->use & WRITES || !strcmp(call->name, "ftruncate"))
        track->state = DIRTY;
    else if (syncs)
        track->state = SYNCED;
    else if (closes && track->state == SYNCED)
        track->state = CLOSED;
}

static size_t settled_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < track_count; i++)
        count += tracks[i].state == SETTLED;
    return count;
}

/* Every output got its name by a rename, after which its directory was synced. */
static void check_order(struct run *run)
{
    char wanted[PATH_MAX];
    for (size_t i = 0; i < o.file_count && !run->disorder; i++) {
        char *real;
        in_box(wanted, o.files[i].name);
        if (!o.files[i].good.bytes)
            continue;
        real = realpath(wanted, NULL);
        bool settled = false;
        for (size_t k = 0; k < track_count; k++)
            settled |= tracks[k].state == SETTLED && real && !strcmp(tracks[k].target, real);
        if (!settled)
            run->disorder = "an output was not renamed, or its directory was not synced after that";
        free(real);
    }
    for (size_t k = 0; k < track_count; k++)
        if (tracks[k].state == RENAMED)
            run->disorder = "a directory is not synced after a rename";
}

/* At a call's entry. Returns 0: no fault; 1: it fails at its exit; 2: the program was killed. */
static int enter(struct run *run, const struct call *call, struct user_regs_struct *regs)
{
    unsigned long n = ++run->calls;
    if (run->plan == COLLECTED) {
        collect_versions();
        return 0;
    }
    if (o.kind == ORDER)
        track_call(run, call, regs);
    if (run->plan != FAULTY || n < run->point || (n > run->point && o.kind != FULL))
        return 0;
    if (n == run->point) {
        snprintf(run->call, sizeof run->call, "%s", call->name);
        run->call_fd = call->use & HAS_FD ? (int)regs->rdi : -1;
    }
    switch (o.kind) {
    case KILL:
        if (run->after)
            return 1;
        kill(child, SIGKILL);
        return 2;
    case SHORT:
        regs->rdx /= 2;
        ptrace(PTRACE_SETREGS, child, NULL, regs);
        return 0;
    default:
        regs->orig_rax = (unsigned long long)-1; /* no such call: it does nothing */
        ptrace(PTRACE_SETREGS, child, NULL, regs);
        return 1;
    }
}

/* At a call's exit. */
static int leave(struct user_regs_struct *regs)
{
    if (o.kind == KILL) {
        kill(child, SIGKILL);
        return 2;
    }
    regs->rax = (unsigned long long)-error_of(o.kind);
    ptrace(PTRACE_SETREGS, child, NULL, regs);
    return 0;
}

static bool wait_for(struct run *run)
{
    while (waitpid(child, &run->status, __WALL) < 0)
        if (errno != EINTR)
            give_up("waitpid");
    return WIFSTOPPED(run->status);
}

/* Runs the program up to main(), where faultlib stops it. */
static bool trace_to_main(struct run *run)
{
    if (!wait_for(run))
        return false;
    ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    do {
        ptrace(PTRACE_CONT, child, NULL, 0);
        if (!wait_for(run))
            return false;
    } while (WSTOPSIG(run->status) != SIGSTOP);
    return true;
}

static void trace(struct run *run)
{
    bool inside = false, seen = false;
    int what = 0, signal_to_pass = 0;
    if (!trace_to_main(run))
        return;
    for (;;) {
        ptrace(PTRACE_SYSCALL, child, NULL, signal_to_pass);
        if (!wait_for(run))
            return;
        signal_to_pass = 0;
        if (WSTOPSIG(run->status) != (SIGTRAP | 0x80)) {
            int number = WSTOPSIG(run->status);
            signal_to_pass = number == SIGTRAP || number == SIGSTOP ? 0 : number;
            continue;
        }
        struct user_regs_struct regs;
        if (ptrace(PTRACE_GETREGS, child, NULL, &regs) != 0)
            continue; /* killed meanwhile */
        inside = !inside;
        if (inside) {
            const struct call *call = find_call((long)regs.orig_rax);
            seen = call && is_point(call, &regs);
            what = seen ? enter(run, call, &regs) : 0;
        } else if (what == 1) {
            what = leave(&regs);
        }
    }
}

/* ---- 5. Results ---- */

static unsigned long wrong, refused_well, harmless;

static bool complain(const struct run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool complain(const struct run *run, const char *format, ...)
{
    va_list args;
    struct blob err = slurp("stderr");
    if (wrong++ < 20) {
        printf("# %s, point %lu%s%s%s: ", kinds[o.kind], run->point, run->call[0] ? ", " : "",
               run->call, run->after ? " (after)" : "");
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        printf("%s%.*s\n", err.size ? "; message: " : "",
               (int)(err.size ? strcspn(err.bytes, "\n") : 0), err.bytes ? err.bytes : "");
    }
    free(err.bytes);
    return false;
}

static void tell(const struct run *run)
{
    struct blob err = slurp("stderr");
    printf("# refused at point %lu, %s: %.*s\n", run->point, run->call,
           (int)(err.size ? strcspn(err.bytes, "\n") : 0), err.bytes ? err.bytes : "");
    free(err.bytes);
}

static bool judge_file(const struct run *run, const struct file *file, bool done)
{
    struct blob now = slurp_output(file), old = {NULL, 0};
    if (file->seed.bytes)
        old = file->seed;
    else if (is_old_there(run->point) && !file->fresh)
        old = (struct blob){(char *)(uintptr_t)old_text, sizeof old_text - 1};
    bool good = equal(now, file->good) || (!done && (equal(now, old) || is_version(file, now) ||
                                                     (file->grows && begins(file->good, now))));
    free(now.bytes);
    return good || complain(run, "%s is %s", file->name, done ? "wrong" : "torn");
}

static bool judge_files(const struct run *run, bool done)
{
    for (size_t i = 0; i < o.file_count; i++)
        if (!judge_file(run, &o.files[i], done))
            return false;
    return true;
}

static bool judge_words(const struct run *run, bool done)
{
    struct blob out = slurp("stdout"), err = slurp("stderr");
    bool spoke =
        err.size > 0 || (run->call_fd == 2 && !strcmp(run->call, "write")) || o.kind == FULL;
    bool good = done ? equal(out, good_out) : are_lines_of(good_out, out);
    free(out.bytes);
    free(err.bytes);
    if (!good)
        return complain(run, "standard output is wrong");
    return done || spoke || complain(run, "there is no message");
}

static unsigned long points_of(const struct run *run)
{
    return o.kind <= ALLOC_ON ? counts->allocations : run->calls;
}

static bool judge_fault(const struct run *run)
{
    char name[256];
    if (run->hung)
        return complain(run, "it hangs");
    if (points_of(run) < run->point)
        return complain(run, "the fault was not injected");
    if (WIFSIGNALED(run->status))
        return complain(run, "it was killed by signal %d", WTERMSIG(run->status));
    bool done = WEXITSTATUS(run->status) == good_status;
    if (!done && WEXITSTATUS(run->status) != 2)
        return complain(run, "exit status %d", WEXITSTATUS(run->status));
    if (!judge_files(run, done) || !judge_words(run, done))
        return false;
    if (strncmp(run->call, "unlink", 6) != 0 && strangers(name, sizeof name))
        return complain(run, "%s is left", name);
    if (!done && o.kind == SHORT)
        return complain(run, "it fails without a fault");
    if (o.tells && !done)
        tell(run);
    *(done ? &harmless : &refused_well) += 1;
    return true;
}

/* After a kill each file is the old or the new one; then a second run must write all of them. */
static bool judge_kill(const struct run *run)
{
    char name[256];
    struct run again = {.plan = PLAIN, .point = run->point};
    if (!WIFSIGNALED(run->status) || WTERMSIG(run->status) != SIGKILL || run->hung)
        return complain(run, "it was not killed");
    if (!judge_files(run, false))
        return false;
    if (strangers(name, sizeof name) > o.file_count)
        return complain(run, "more temporary files than output files are left");
    go(&again);
    if (!WIFEXITED(again.status) || WEXITSTATUS(again.status) != good_status)
        return complain(run, "the second run fails");
    again.point = run->point;
    snprintf(again.call, sizeof again.call, "%s", run->call);
    again.after = run->after;
    if (!judge_files(&again, true))
        return false;
    if (strangers(name, sizeof name))
        return complain(run, "%s is left after the second run", name);
    harmless++;
    return true;
}

/* ---- 6. All points ---- */

static void collect_good_files(void)
{
    struct run first = {.plan = PLAIN};
    for (size_t i = 0; i < o.file_count; i++)
        if (o.files[i].changes)
            first.plan = COLLECTED;
    prepare_box(false);
    go(&first);
    if (!WIFEXITED(first.status) || WEXITSTATUS(first.status) > 1) {
        complain(&first, "it does not run");
        exit(99);
    }
    good_status = WEXITSTATUS(first.status);
    good_out = slurp("stdout");
    for (size_t i = 0; i < o.file_count; i++)
        o.files[i].good = slurp_output(&o.files[i]);
}

static unsigned long count_points(bool old)
{
    struct run counted = {.plan = COUNTED};
    prepare_box(old);
    go(&counted);
    if (!WIFEXITED(counted.status) || !judge_files(&counted, true))
        exit(99);
    if (o.kind == ORDER) {
        check_order(&counted);
        if (counted.disorder)
            complain(&counted, "%s", counted.disorder);
    }
    return points_of(&counted);
}

static void try_point(unsigned long point)
{
    for (int after = 0; after <= (o.kind == KILL); after++) {
        struct run run = {.plan = FAULTY, .point = point, .after = after, .call_fd = -1};
        prepare_box(is_old_there(point));
        go(&run);
        if (o.kind == KILL)
            judge_kill(&run);
        else
            judge_fault(&run);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    int fd = open("counts", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || ftruncate(fd, sizeof *counts) != 0 ||
        (counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) ==
            MAP_FAILED)
        give_up("counts");
    struct sigaction ring = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &ring, NULL);
    collect_good_files();
    fresh_points = count_points(false);
    old_points = count_points(true);
    unsigned long points = old_points > fresh_points ? old_points : fresh_points, tried = 0;
    unsigned long step = o.max && points > o.max ? (points + o.max - 1) / o.max : 1;
    if (!points)
        give_up("no point to fail at");
    for (unsigned long i = 1; i <= points && o.kind != ORDER; i += step, tried++)
        try_point(i);
    if (o.kind == ORDER)
        printf(
            "# order: %zu files written in two runs, each synced, closed, renamed, its directory "
            "synced\n",
            settled_count());
    else
        printf("# %s: %lu of %lu points: %lu harmless, %lu refused, %lu wrong\n", kinds[o.kind],
               tried, points, harmless, refused_well, wrong);
    return wrong ? 1 : 0;
}
#endif
