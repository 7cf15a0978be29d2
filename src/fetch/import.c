/* import.c -- finds out what form a source has, and imports it. */
#include "fetch/import.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **list_directory(const char *path)
{
    DIR *directory = opendir(path);
    char **list = NULL;
    size_t count = 0, capacity = 0;
    if (!directory)
        return NULL;
    for (struct dirent *entry; (entry = readdir(directory));) {
        xgrow((void **)&list, &capacity, count + 2, sizeof *list);
        if (entry->d_name[0] != '.')
            list[count++] = text_format("%s", entry->d_name);
        list[count] = NULL;
    }
    closedir(directory);
    if (count)
        qsort(list, count, sizeof *list, compare_names);
    return list;
}

void free_list(char **list)
{
    for (char **name = list; name && *name; name++)
        free(*name);
    free(list);
}

static const struct {
    bool (*fits)(const struct import_settings *settings);
    void (*read)(struct import *import);
} forms[] = {
    {is_idx_source, read_idx_source},
    {is_cifar_source, read_cifar_source},
    {is_csv_source, read_csv_source},
};

/* A file that is none of the forms: what it is, if that is known. */
static _Noreturn void die_unknown(const char *from)
{
    unsigned char head[16];
    if (!is_directory(from)) {
        struct bytes_in *in = bytes_open(from);
        const char *foreign = bytes_foreign(head, bytes_read(in, head, sizeof head));
        if (foreign)
            die("%s: %s", from, foreign);
        die("%s: expected a directory, a table of pixels (.csv), or an archive of CIFAR "
            "(.tar.gz)",
            from);
    }
    die("%s: no data set is here: neither IDX files, such as train-images-idx3-ubyte[.gz], nor "
        "the binary version of CIFAR, nor a table of pixels (.csv)",
        from);
}

bool can_import(const struct import_settings *settings)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].fits(settings))
            return true;
    return false;
}

void import_source(const struct import_settings *settings)
{
    struct import import = {.settings = settings};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].fits(settings)) {
            forms[i].read(&import);
            import_finish(&import);
            return;
        }
    die_unknown(settings->from);
}
