/* spool.c -- copies of pipes, in temporary files. */
#include "common/common.h"
#include "common/spool.h"

#include <sys/stat.h>

static void copy_stream(FILE *from, const char *name, FILE *to, const char *copy)
{
    char block[1 << 16];
    size_t got;
    while ((got = fread(block, 1, sizeof block, from)) > 0)
        if (fwrite(block, 1, got, to) != got)
            die_errno("%s", copy);
    if (ferror(from))
        die_errno("%s", name);
    if (fflush(to) != 0)
        die_errno("%s", copy);
}

/* A pipe can be read once, and standard input, too, if it is one or is named twice. */
static struct {
    char *path;
    const char *copy;
} copies[8];

static const char *copy_of(const char *path)
{
    for (size_t i = 0; i < sizeof copies / sizeof *copies && copies[i].path; i++)
        if (!strcmp(copies[i].path, path))
            return copies[i].copy;
    return NULL;
}

static void remember(const char *path, const char *copy)
{
    size_t i = 0;
    while (i < sizeof copies / sizeof *copies && copies[i].path)
        i++;
    if (i == sizeof copies / sizeof *copies)
        abort(); /* no program has that many options of files */
    copies[i].path = text_format("%s", path);
    copies[i].copy = copy;
}

const char *spool(const char *path)
{
    struct stat st;
    bool standard = !strcmp(path, "-");
    const char *before = copy_of(path);
    if (before)
        return before;
    if (!standard && (stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return path; /* what is wrong with it is found when it is opened */
    const char *name = standard ? "standard input" : path;
    FILE *from = standard ? stdin : fopen(path, "rb");
    if (!from)
        die_errno("%s", path);
    struct output *output = output_scratch();
    const char *copy = output_temporary(output);
    copy_stream(from, name, output_stream(output), copy);
    if (!standard)
        fclose(from);
    messages_rename(copy, name);
    remember(path, copy);
    return copy;
}
