/* split-folder.c -- the rows of a folder of class folders, which may be below train, valid and
   test.

   Only names are read, so a folder of many images takes no longer than ls. */
#include "split/fm-split.h"

#include "common/folder.h"

static const int split_of_part[] = {
    [FOLDER_TRAIN] = TRAIN, [FOLDER_VALID] = VALID, [FOLDER_TEST] = TEST};

static void check_found(const struct folder *folder)
{
    if (folder->count)
        return;
    const char *data = find_data(folder->path, 2);
    if (data)
        die("%s: a data set of IDX files, not a folder of class folders: use -d %s", folder->path,
            data);
    folder_die_empty(folder);
}

int split_folder(const char *path, struct settings *settings)
{
    char *real = settings->absolute ? realpath(path, NULL) : text_format("%s", path);
    if (!real)
        die_errno("%s", path);
    struct folder folder = folder_read(real);
    check_found(&folder);
    folder_note(&folder);
    struct rows rows = {.classes = folder.names->count, .names = folder.names};
    for (size_t i = 0; i < folder.count; i++) {
        struct row *row = add_row(&rows);
        row->image = folder.image[i].path;
        folder.image[i].path = NULL;
        size_t class = folder.image[i].class;
        row->class = class < folder.names->count ? (int)class : NO_CLASS;
        row->split = split_of_part[folder.image[i].part];
    }
    choose_rows(&rows, settings, folder.path);
    write_rows(&rows, settings);
    int status = end_rows(&rows, settings, folder.path);
    folder_free(&folder);
    free(real);
    return status;
}
