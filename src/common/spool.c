/* spool.c -- copies of pipes, in temporary files. */
#include "common/common.h"
#include "common/spool.h"

#include <sys/stat.h>

void copy_stream(FILE *from, const char *name, FILE *to, const char *copy)
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

const char *spool(const char *path)
{
    struct stat st;
    bool standard = !strcmp(path, "-");
    if (!standard && (stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return path; /* what is wrong with it is found when it is opened */
    const char *name = standard ? "standard input" : path;
    const char *before = messages_copy(name); /* what was read of a pipe is gone */
    if (before)
        return before;
    FILE *from = standard ? stdin : fopen(path, "rb");
    if (!from)
        die_errno("%s", path);
    struct output *output = output_scratch();
    const char *copy = output_temporary(output);
    copy_stream(from, name, output_stream(output), copy);
    if (!standard)
        fclose(from);
    messages_rename(copy, name);
    return copy;
}
