/* processors.c -- how many processors there are for this process. What cannot be read or understood
   is no limit: the number only decides how many threads start, never what they compute. */
#include "base/processors.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

enum { MAX_PATH = 4096, MAX_NUMBER = 64, MAX_GROUPS = 16384 };

/* ---- numbers ---- */

/* The digits at the start of the text, which a blank or the end must follow; false if there are
   none, or too many. *text moves behind them and the blanks. */
static bool take_number(const char **text, uint64_t *number)
{
    const char *c = *text;
    for (*number = 0; *c >= '0' && *c <= '9'; c++) {
        if (*number > UINT64_MAX / 10 - 1)
            return false;
        *number = *number * 10 + (uint64_t)(*c - '0');
    }
    size_t blanks = strspn(c, " \t\n");
    if (c == *text || (*c && !blanks))
        return false;
    *text = c + blanks;
    return true;
}

static unsigned processors_of(uint64_t quota, uint64_t period)
{
    if (!period)
        return 0;
    uint64_t count = quota / period + (quota % period != 0);
    return count < 1 ? 1 : count > UINT16_MAX ? 0 : (unsigned)count;
}

unsigned fm_cpu_max(const char *text)
{
    uint64_t quota, period;
    if (!take_number(&text, &quota) || !take_number(&text, &period) || *text)
        return 0; /* such as "max 100000" */
    return processors_of(quota, period);
}

unsigned fm_cfs_quota(const char *quota, const char *period)
{
    uint64_t time, of;
    if (!take_number(&quota, &time) || !take_number(&period, &of) || *quota || *period)
        return 0; /* such as "-1" */
    return processors_of(time, of);
}

/* ---- control groups ---- */

/* Reads the start of a file as text; false if there is none. */
static bool read_text(const char *path, char *text, size_t size)
{
    ssize_t got = -1;
    size_t used = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (used < size - 1 &&
           ((got = read(fd, text + used, size - 1 - used)) > 0 || (got < 0 && errno == EINTR)))
        used += got > 0 ? (size_t)got : 0;
    close(fd);
    text[used] = 0;
    return used > 0 && got >= 0;
}

static bool read_file(const char *group, const char *name, char *text, size_t size)
{
    char path[2 * MAX_PATH];
    int length = snprintf(path, sizeof path, "%s/%s", group, name);
    return length > 0 && (size_t)length < sizeof path && read_text(path, text, size);
}

/* The quota of one group, in a hierarchy of version 2 or 1. */
static unsigned limit_of(const char *group, bool two)
{
    char quota[MAX_NUMBER], period[MAX_NUMBER];
    if (two)
        return read_file(group, "cpu.max", quota, sizeof quota) ? fm_cpu_max(quota) : 0;
    return read_file(group, "cpu.cfs_quota_us", quota, sizeof quota) &&
                   read_file(group, "cpu.cfs_period_us", period, sizeof period)
               ? fm_cfs_quota(quota, period)
               : 0;
}

static void lower(unsigned *limit, unsigned to)
{
    if (to && (!*limit || to < *limit))
        *limit = to;
}

/* Lowers *limit to the quotas of a group and of all groups above it, up to the mount point. In a
   container, the mount point is often the group itself, and the path exists only outside. */
static void walk_up(const char *mount, const char *path, bool two, unsigned *limit)
{
    char group[2 * MAX_PATH];
    size_t top = strlen(mount);
    int length = snprintf(group, sizeof group, "%s%s", mount, path);
    if (length < 0 || (size_t)length >= sizeof group)
        return;
    for (;;) {
        lower(limit, limit_of(group, two));
        char *slash = strrchr(group + top, '/');
        if (!slash)
            return;
        *slash = 0;
    }
}

/* Whether a word is in a list with commas. */
static bool lists(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (;; list++) {
        size_t n = strcspn(list, ",");
        if (n == length && !memcmp(list, word, n))
            return true;
        list += n;
        if (!*list)
            return false;
    }
}

/* A line "HIERARCHY:CONTROLLERS:PATH". Version 2 has no controllers there. Systems mount the
   controller cpu of version 1 by one of these names. */
static void add_group(const char *mount, const char *controllers, const char *path, unsigned *limit)
{
    static const char *const two[] = {"", "/unified"};
    static const char *const one[] = {"/cpu", "/cpu,cpuacct", "/cpuacct,cpu"};
    char root[MAX_PATH];
    bool unified = !*controllers;
    if (*path != '/' || (!unified && !lists(controllers, "cpu")))
        return;
    for (size_t i = 0; i < (unified ? FM_COUNT(two) : FM_COUNT(one)); i++) {
        int length = snprintf(root, sizeof root, "%s%s", mount, unified ? two[i] : one[i]);
        if (length > 0 && (size_t)length < sizeof root)
            walk_up(root, path, unified, limit);
    }
}

unsigned fm_cgroup_processors(const char *groups, const char *mount)
{
    unsigned limit = 0;
    char line[MAX_PATH];
    for (const char *end; (end = strchr(groups, '\n')); groups = end + 1) {
        size_t length = (size_t)(end - groups);
        if (length >= sizeof line)
            continue;
        memcpy(line, groups, length);
        line[length] = 0;
        char *controllers = strchr(line, ':'),
             *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        add_group(mount, controllers + 1, path, &limit);
    }
    return limit;
}

/* ---- all ---- */

/* Processors that this process may use, if the system tells, else all. */
static unsigned allowed(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}

unsigned fm_processors(void)
{
    unsigned count = allowed();
    char groups[MAX_GROUPS];
    if (count > 1 && read_text("/proc/self/cgroup", groups, sizeof groups))
        lower(&count, fm_cgroup_processors(groups, "/sys/fs/cgroup"));
    return count;
}
