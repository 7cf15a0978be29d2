/* folder.h -- folders with a folder of images for each class, which may be below train, valid and
   test. All programs find the same images and classes in a folder. */
#ifndef FOLDER_H
#define FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include <fmnn.h>

enum folder_part { FOLDER_TRAIN, FOLDER_VALID, FOLDER_TEST };

struct folder_image {
    char *path;
    size_t class; /* the number of classes: unknown */
    enum folder_part part;
};

/* Files that are passed over. */
struct folder_passed {
    size_t count;
    char *first;
};

struct folder {
    char *path;
    bool parts; /* the class folders are below train, valid and test */
    /* By part, by class, by path. */
    struct folder_image *image;
    size_t count, capacity;
    struct fmnn_names *names; /* of the classes: in the order of classes.txt, else sorted */
    size_t *images;           /* of each class, and of none */
    struct folder_passed strangers, odd; /* no images; names that a table cannot contain */
    struct folder_passed rows; /* images whose names a table takes for rows of IDX files */
};

bool is_directory(const char *path);
/* The names in a directory, sorted by bytes, without hidden ones and what file managers leave; the
   list ends in NULL. NULL: the directory cannot be read, and errno says why. */
char **list_directory(const char *path);
void free_list(char **list);

/* The directory, or one up to `depth` below it, that holds files of a data set, as torchvision's
   raw does; malloc'ed, or NULL. */
char *find_data(const char *path, unsigned depth);

/* Finds the images. Opens only files whose names do not end as those of images do. Exits on error,
   but not if there are no images. */
struct folder folder_read(const char *path);
/* Notes on what is passed over, on empty classes, and on an order of classes that may surprise. */
void folder_note(const struct folder *folder);
/* What was passed over, for the message that no images were found: ", but other files, such as
   ...", or ""; malloc'ed. */
char *folder_other_files(const struct folder *folder);
/* The error that no images were found. */
_Noreturn void folder_die_empty(const struct folder *folder);
void folder_free(struct folder *folder);

#endif
