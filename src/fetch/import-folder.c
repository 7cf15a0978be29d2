/* import-folder.c -- a folder of class folders with image files.

   The images of valid come first, because fm-split validates with the first ones. */
#include "fetch/import.h"

#include "common/folder.h"

#include <unistd.h>

enum { BLOCK = 128, MAX_BYTES = 64 << 20, FASHION_SIDE = 28 };

static const enum folder_part order[] = {FOLDER_VALID, FOLDER_TRAIN, FOLDER_TEST};

struct loader {
    struct import *import;
    const struct import_settings *settings;
    struct folder folder;
    struct fmnn_names *listed; /* in the data directory; or NULL */
    size_t *label;             /* of each class of the folder */
    struct fmnn_images *images;
    struct fmnn_input input;
    bool size_open, channels_open; /* the images decide */
    size_t valid;                  /* images of the validation set */
    size_t block;                  /* images that are read at once */
    const char **name;
    uint8_t *pixels, *row;
    struct fmnn_loaded *loaded;
};

/* ---- what the images become */

static void load(struct loader *l, const char *const *names, size_t n)
{
    struct fmnn_error error;
    if (fmnn_images_load(l->images, names, n, &l->input, 0, l->pixels, l->loaded, &error) != 0)
        die_error(&error);
}

/* Reads all images as a single pixel, until it is known of what size they are, and whether one has
   colours. Bad images are told later. */
static void look(struct loader *l)
{
    const struct fmnn_input input = l->input;
    struct fmnn_shape *shape = &l->input.shape, found = {1, 0, 0};
    uint8_t pixel[BLOCK];
    l->input = (struct fmnn_input){.shape = {1, 1, 1}, .fit = FMNN_FIT_STRETCH};
    l->pixels = pixel;
    bool wanted = l->size_open || l->channels_open;
    for (size_t first = 0, n; wanted && first < l->folder.count; first += n) {
        n = l->folder.count - first < BLOCK ? l->folder.count - first : BLOCK;
        for (size_t i = 0; i < n; i++)
            l->name[i] = l->folder.image[first + i].path;
        load(l, l->name, n);
        for (size_t i = 0; i < n; i++) {
            if (l->loaded[i].error.status != FMNN_OK)
                continue;
            if (!found.height)
                found = (struct fmnn_shape){1, l->loaded[i].shape.height, l->loaded[i].shape.width};
            found.channels = l->loaded[i].colour ? 3 : found.channels;
        }
        wanted = !found.height || (l->channels_open && found.channels == 1);
    }
    l->input = input;
    if (l->size_open) {
        shape->height = found.height;
        shape->width = found.width;
    }
    if (l->channels_open)
        shape->channels = found.channels;
}

static void check_size(const struct loader *l)
{
    struct fmnn_shape shape = l->input.shape;
    const char *path = l->settings->from;
    if (!shape.height)
        die("%s: none of %zu images could be read", path, l->folder.count);
    if (shape.height > FMNN_MAX_SIDE || shape.width > FMNN_MAX_SIDE)
        die("%s: the images are %zux%zu, but the maximum side is %d; --size HxW resizes them", path,
            shape.height, shape.width, FMNN_MAX_SIDE);
}

static void choose_input(struct loader *l)
{
    const struct import_settings *s = l->settings;
    bool fashion = s->fitting.fit == FMNN_FIT_FASHION_MNIST;
    l->input.shape = s->size;
    l->input.shape.channels = s->channels;
    fitting_apply(&s->fitting, &l->input);
    if (fashion && !s->size.height)
        l->input.shape.height = l->input.shape.width = FASHION_SIDE;
    if (fashion && !s->channels)
        l->input.shape.channels = 1;
    if (s->size.height && l->input.fit == FMNN_FIT_NONE)
        l->input.fit = FMNN_FIT_STRETCH;
    l->size_open = !l->input.shape.height;
    l->channels_open = !l->input.shape.channels;
    if (l->size_open && s->fitting.fit != FMNN_FIT_NONE)
        usage_error("--fit needs --size");
    look(l);
    check_size(l);
}

/* ---- classes */

/* A list that is in the data directory stays there, so it numbers the classes. */
static void number_classes(struct loader *l)
{
    const struct fmnn_names *names = l->folder.names;
    char *path = path_in(l->settings->directory, "classes.txt", "");
    l->listed = names_in_directory(l->settings->directory);
    bool listed = l->listed != NULL, moved = false;
    l->label = xcalloc(names->count, sizeof *l->label);
    for (size_t i = 0; i < names->count; i++) {
        l->label[i] = listed ? fmnn_names_find(l->listed, names->name[i]) : i;
        if (listed && l->label[i] == l->listed->count)
            die("%s: does not name the class '%s' of %s; move the list away, or choose another "
                "directory",
                path, names->name[i], l->folder.path);
        moved |= l->label[i] != i;
    }
    if (moved)
        note("%s: gives the order of the classes, which is another one than in %s", path,
             l->folder.path);
    free(path);
}

/* An IDX file has no room for an unknown label, so these images are not even read. */
static void leave_out_unknown(struct folder *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++)
        if (f->image[i].class < f->names->count)
            f->image[kept++] = f->image[i];
        else
            free(f->image[i].path);
    f->count = kept;
    if (f->images[f->names->count])
        note("%s: they are left out, because an IDX file has no unknown labels", f->path);
    if (!kept)
        die("%s: no image is in a class folder", f->path);
}

/* ---- images */

static void bad(struct loader *l, const char *path, const struct fmnn_loaded *loaded)
{
    struct fmnn_shape is = loaded->shape, first = l->input.shape;
    struct fmnn_error error = loaded->error;
    if (l->size_open && is.height && (is.height != first.height || is.width != first.width)) {
        char *text = text_format("%s: the image is %zux%zu, but the first one is %zux%zu; --size "
                                 "HxW makes all images of one size",
                                 path, is.height, is.width, first.height, first.width);
        snprintf(error.message, sizeof error.message, "%s", text);
        free(text);
    }
    bad_image(l->settings->bad, &error);
}

/* IDX files have the order (H,W,C). */
static void give(struct loader *l, const struct folder_image *image, const uint8_t *pixels)
{
    struct fmnn_shape s = l->input.shape;
    size_t size = s.height * s.width;
    for (size_t c = 0; c < s.channels; c++)
        for (size_t i = 0; i < size; i++)
            l->row[i * s.channels + c] = pixels[c * size + i];
    l->valid += image->part == FOLDER_VALID;
    import_add(l->import, image->part == FOLDER_TEST ? IMPORT_TEST : IMPORT_TRAIN, s, l->row,
               (double)(l->label[image->class] + l->settings->first_label), image->path);
}

static void give_block(struct loader *l, const struct folder_image *image, size_t n)
{
    struct fmnn_shape s = l->input.shape;
    for (size_t i = 0; i < n; i++)
        l->name[i] = image[i].path;
    load(l, l->name, n);
    for (size_t i = 0; i < n; i++) {
        if (l->loaded[i].error.status != FMNN_OK) {
            bad(l, image[i].path, &l->loaded[i]);
            continue;
        }
        note_flat_image(image[i].path, &l->loaded[i]);
        give(l, &image[i], l->pixels + i * s.channels * s.height * s.width);
    }
}

static void give_part(struct loader *l, enum folder_part part, size_t *done)
{
    const struct folder *f = &l->folder;
    size_t first = 0, end, n;
    while (first < f->count && f->image[first].part != part)
        first++;
    for (end = first; end < f->count && f->image[end].part == part;)
        end++;
    for (; first < end; first += n) {
        n = end - first < l->block ? end - first : l->block;
        give_block(l, f->image + first, n);
        show_reading(*done += n, f->count);
    }
}

static void give_all(struct loader *l)
{
    size_t done = 0, size = l->input.shape.height * l->input.shape.width * l->input.shape.channels;
    l->block = MAX_BYTES / size + 1 < BLOCK ? MAX_BYTES / size + 1 : BLOCK;
    l->pixels = xcalloc(l->block, size);
    l->row = xcalloc(size, 1);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        give_part(l, order[i], &done);
    show_reading(l->folder.count, l->folder.count);
    free(l->pixels);
    free(l->row);
}

static void note_valid(const struct loader *l)
{
    if (l->valid)
        note("%s: a data set of IDX files has no validation set; these %zu images are the first of "
             "the training images, which fm-split --valid %zu chooses",
             l->folder.path, l->valid, l->valid);
}

/* ---- the source */

bool is_folder_source(const struct import_settings *s)
{
    if (!is_directory(s->from))
        return false;
    struct folder folder = folder_read(s->from);
    bool found = folder.count > 0;
    folder_free(&folder);
    return found;
}

/* The part of the home's path below the folder that would be the name of a class; NULL: none. */
static const char *class_of_home(const struct folder *f, const char *folder, const char *home)
{
    size_t length = strlen(folder);
    if (strncmp(home, folder, length) != 0 || home[length] != '/')
        return NULL;
    const char *name = home + length + 1;
    if (f->parts)
        name = strchr(name, '/') ? strchr(name, '/') + 1 : NULL;
    return name && fmnn_names_find(f->names, name) < f->names->count ? name : NULL;
}

/* The directory to fill has been made by now, and is among the class folders if it lies there. */
static void refuse_class(const struct folder *f, const struct import_settings *s)
{
    char *folder = realpath(s->from, NULL), *home = realpath(s->directory, NULL);
    if (folder && home && class_of_home(f, folder, home))
        die("%s: the directory to fill is one of the class folders of %s; choose another one",
            s->directory, s->from);
    free(folder);
    free(home);
}

void read_folder_source(struct import *import)
{
    struct loader l = {.import = import, .settings = import->settings};
    l.folder = folder_read(import->settings->from);
    refuse_class(&l.folder, import->settings);
    folder_note(&l.folder);
    leave_out_unknown(&l.folder);
    number_classes(&l);
    l.images = open_images(NULL, NULL);
    l.name = xcalloc(BLOCK, sizeof *l.name);
    l.loaded = xcalloc(BLOCK, sizeof *l.loaded);
    choose_input(&l);
    give_all(&l);
    note_valid(&l);
    const struct fmnn_names *names = l.listed ? l.listed : l.folder.names;
    import->names = copy_names((const char *const *)names->name, names->count);
    fmnn_images_free(l.images);
    fmnn_names_free(l.listed);
    free(l.label);
    free(l.name);
    free(l.loaded);
    folder_free(&l.folder);
}
