/* roots.c -- where the relative paths in a table may begin: a table that was moved, or comes from
   elsewhere, names images that are not found. */
#include "common/roots.h"
#include "common/common.h"
#include "common/folder.h"

#include <dirent.h>
#include <unistd.h>

static bool exists_in(const char *directory, const char *image, const char *suffix)
{
    char *path = path_in(directory, image, suffix);
    bool found = access(path, F_OK) == 0 && !is_directory(path);
    free(path);
    return found;
}

/* Whether a directory has the image file or the IDX file of this name. */
static bool has_image(const char *directory, const char *image)
{
    const char *colon = strrchr(image, ':');
    if (exists_in(directory, image, ""))
        return true;
    if (!colon || colon == image || colon[1 + strspn(colon + 1, "0123456789")])
        return false;
    char *idx = text_format("%.*s", (int)(colon - image), image);
    bool found = exists_in(directory, idx, "") || exists_in(directory, idx, ".gz");
    free(idx);
    return found;
}

/* Tables are moved out of a folder, too: the first folder by name, of not too many. */
static char *root_in(const char *directory, const char *image)
{
    enum { MAX_ENTRIES = 1000 };
    char *found = NULL;
    DIR *stream = opendir(directory);
    struct dirent *entry;
    for (int i = 0; stream && i < MAX_ENTRIES && (entry = readdir(stream)); i++) {
        if (entry->d_name[0] == '.')
            continue;
        char *path = !strcmp(directory, ".") ? text_format("%s", entry->d_name)
                                             : path_in(directory, entry->d_name, "");
        bool better = (!found || strcmp(path, found) < 0) && has_image(path, image);
        free(better ? found : path);
        found = better ? path : found;
    }
    if (stream)
        closedir(stream);
    return found;
}

/* Takes ownership of the directory. */
static char *root_above(char *directory, const char *image)
{
    enum { LEVELS = 8 };
    for (int i = 0; i < LEVELS; i++) {
        if (has_image(directory, image))
            return directory;
        char *above = !strcmp(directory, ".") ? text_format("..") : path_in(directory, "..", "");
        free(directory);
        directory = above;
    }
    free(directory);
    return NULL;
}

const char *part_of_row(const char *image)
{
    size_t word = strcspn(image, ":"), number = word + (image[word] == ':');
    if (!image[number] || image[number + strspn(image + number, "0123456789")])
        return NULL;
    return word == 5 && !strncmp(image, "train", 5)  ? "train"
           : word == 4 && !strncmp(image, "test", 4) ? "t10k"
                                                     : NULL;
}

char *find_root(const char *table, const char *root, const char *image)
{
    const char *slash = strrchr(table, '/');
    if (image[0] == '/' || part_of_row(image) || has_image(root ? root : ".", image))
        return NULL;
    int length = slash ? (int)(slash - table) : 0;
    char *directory = slash ? text_format("%.*s", length ? length : 1, table) : text_format(".");
    char *found = root_above(text_format("%s", directory), image);
    if (!found)
        found = root_in(directory, image);
    free(directory);
    return found;
}
