/* split-folder.c -- the rows of a folder of class folders, which may be below train, valid and test.

   Only names are read, so a folder of many images takes no longer than ls. */
#include "split/fm-split.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <strings.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 32, MAX_CLASSES = 65536 };

/* ---- folders and files */

struct entry {
    char *name;
    bool folder;
};

struct listing {
    struct entry *entry;
    size_t count, capacity;
};

/* What is passed over. */
struct passed {
    size_t count;
    char *first;
};

static void pass_over(struct passed *passed, const char *folder, const char *name)
{
    if (!passed->count++)
        passed->first = path_in(folder, name, "");
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* What file managers leave; a name that begins with a point is hidden. */
static bool is_litter(const char *name)
{
    static const char *const litter[] = {"Thumbs.db", "desktop.ini", "__MACOSX", "@eaDir"};
    for (size_t i = 0; i < sizeof litter / sizeof *litter; i++)
        if (!strcasecmp(name, litter[i]))
            return true;
    return name[0] == '.';
}

static bool is_folder(const char *folder, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type == DT_DIR || entry->d_type == DT_REG)
        return entry->d_type == DT_DIR;
    char *path = path_in(folder, entry->d_name, "");
    bool found = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    free(path);
    return found;
}

/* The contents of a folder, sorted by their bytes. */
static struct listing list(const char *path)
{
    struct listing listing = {0};
    DIR *dir = opendir(path);
    if (!dir)
        die_errno("%s", path);
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL; errno = 0) {
        if (is_litter(entry->d_name))
            continue;
        xgrow((void **)&listing.entry, &listing.capacity, listing.count + 1, sizeof *listing.entry);
        listing.entry[listing.count++] =
            (struct entry){text_format("%s", entry->d_name), is_folder(path, entry)};
    }
    if (errno)
        die_errno("%s", path);
    closedir(dir);
    if (listing.count)
        qsort(listing.entry, listing.count, sizeof *listing.entry, compare_entries);
    return listing;
}

static void free_listing(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->entry[i].name);
    free(listing->entry);
}

static bool has_control(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name < 0x20 || *name == 0x7f)
            return true;
    return false;
}

/* ---- classes */

/* The split that a folder's name stands for; -1: none. */
static int part_of(const char *name)
{
    static const struct {
        const char *name;
        int split;
    } parts[] = {{"train", TRAIN},      {"training", TRAIN}, {"valid", VALID}, {"val", VALID},
                 {"validation", VALID}, {"test", TEST},      {"testing", TEST}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strcasecmp(name, parts[i].name))
            return parts[i].split;
    return -1;
}

static bool has_folders(const char *path)
{
    struct listing listing = list(path);
    bool found = false;
    for (size_t i = 0; i < listing.count; i++)
        found |= listing.entry[i].folder;
    free_listing(&listing);
    return found;
}

/* Whether the class folders are below train, valid and test. A folder `train` that holds images is a
   class, such as that of trains. */
static bool has_parts(const char *path, const struct listing *top)
{
    bool found = false;
    for (size_t i = 0; i < top->count && !found; i++)
        if (top->entry[i].folder && part_of(top->entry[i].name) >= 0) {
            char *part = path_in(path, top->entry[i].name, "");
            found = has_folders(part);
            free(part);
        }
    return found;
}

struct reader {
    const char *path;
    struct rows rows;
    struct fmnn_names *names;
    bool listed;    /* the names come from classes.txt */
    size_t *images; /* of each class */
    struct passed strangers, odd;
};

static void check_class(const struct reader *r, const char *folder, const char *name)
{
    uint32_t code;
    for (const char *c = name; *c;) {
        size_t n = fmnn_utf8_next(c, &code);
        if (!n || code < 0x20 || (code >= 0x7f && code < 0xa0))
            die("%s/%s: the folder's name cannot be a class name: it %s", folder, name,
                n ? "contains a control character" : "is not UTF-8");
        c += n;
    }
    if (r->listed && fmnn_names_find(r->names, name) == r->names->count)
        die("%s/%s: not among the %zu classes that %s names", folder, name, r->names->count,
            r->names->source);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void collect_classes(struct reader *r, const char *folder, const struct listing *listing,
                            char ***name, size_t *count, size_t *capacity)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct entry *entry = &listing->entry[i];
        if (!entry->folder)
            continue;
        check_class(r, folder, entry->name);
        xgrow((void **)name, capacity, *count + 1, sizeof **name);
        (*name)[(*count)++] = entry->name;
    }
}

/* classes.txt gives the order of the classes, else their names do. */
static void set_names(struct reader *r, char **name, size_t count)
{
    struct fmnn_error error;
    size_t kept = 0;
    if (!r->listed) {
        if (count)
            qsort(name, count, sizeof *name, compare_names);
        for (size_t i = 0; i < count; i++)
            if (!kept || strcmp(name[kept - 1], name[i]) != 0)
                name[kept++] = name[i];
        if (kept > MAX_CLASSES)
            die("%s: more than %d class folders", r->path, MAX_CLASSES);
        r->names = fmnn_names_copy((const char *const *)name, kept, &error);
        if (!r->names)
            die_error(&error);
    }
    r->images = xcalloc(r->names->count, sizeof *r->images);
}

/* ---- images */

/* Adds the images of a class, in the order of their paths; folders in it belong to the class. */
static void add_images(struct reader *r, const char *folder, int class, int split, unsigned depth)
{
    if (depth > MAX_DEPTH)
        die("%s: more than %d folders below each other", folder, MAX_DEPTH);
    struct listing listing = list(folder);
    for (size_t i = 0; i < listing.count; i++) {
        const struct entry *entry = &listing.entry[i];
        if (has_control(entry->name)) {
            pass_over(&r->odd, folder, entry->name);
        } else if (entry->folder) {
            char *path = path_in(folder, entry->name, "");
            add_images(r, path, class, split, depth + 1);
            free(path);
        } else if (!fmnn_image_format(entry->name)) {
            pass_over(&r->strangers, folder, entry->name);
        } else {
            struct row *row = add_row(&r->rows);
            row->image = path_in(folder, entry->name, "");
            row->class = class;
            row->split = split;
            r->images[class]++;
        }
    }
    free_listing(&listing);
}

static void add_part(struct reader *r, const char *folder, const struct listing *listing, int split)
{
    for (size_t i = 0; i < listing->count; i++)
        if (!listing->entry[i].folder && strcmp(listing->entry[i].name, "classes.txt") != 0)
            pass_over(&r->strangers, folder, listing->entry[i].name);
    for (size_t c = 0; c < r->names->count; c++)
        for (size_t i = 0; i < listing->count; i++)
            if (listing->entry[i].folder && !strcmp(listing->entry[i].name, r->names->name[c])) {
                char *path = path_in(folder, listing->entry[i].name, "");
                add_images(r, path, (int)c, split, 0);
                free(path);
            }
}

struct part {
    char *path;
    int split;
    struct listing listing;
};

static int compare_parts(const void *a, const void *b)
{
    return ((const struct part *)a)->split - ((const struct part *)b)->split;
}

/* The folders that hold class folders: the one given, or those of its parts. */
static struct part *find_parts(struct reader *r, size_t *count)
{
    struct listing top = list(r->path);
    struct part *part = xcalloc(top.count + 1, sizeof *part);
    *count = 0;
    if (!has_parts(r->path, &top)) {
        part[(*count)++] = (struct part){text_format("%s", r->path), TRAIN, top};
        return part;
    }
    for (size_t i = 0; i < top.count; i++) {
        const struct entry *entry = &top.entry[i];
        int split = entry->folder ? part_of(entry->name) : -1;
        if (split >= 0) {
            char *path = path_in(r->path, entry->name, "");
            part[(*count)++] = (struct part){path, split, list(path)};
        } else if (strcmp(entry->name, "classes.txt") != 0) {
            pass_over(&r->strangers, r->path, entry->name);
        }
    }
    free_listing(&top);
    qsort(part, *count, sizeof *part, compare_parts);
    return part;
}

static void read_list(struct reader *r)
{
    struct fmnn_error error;
    struct stat st;
    char *path = path_in(r->path, "classes.txt", "");
    r->listed = stat(path, &st) == 0;
    if (r->listed && !(r->names = fmnn_names_read(path, &error)))
        die_error(&error);
    free(path);
}

static void read_parts(struct reader *r)
{
    size_t parts, count = 0, capacity = 0;
    char **name = NULL;
    read_list(r);
    struct part *part = find_parts(r, &parts);
    for (size_t i = 0; i < parts; i++)
        collect_classes(r, part[i].path, &part[i].listing, &name, &count, &capacity);
    set_names(r, name, count);
    for (size_t i = 0; i < parts; i++) {
        add_part(r, part[i].path, &part[i].listing, part[i].split);
        free_listing(&part[i].listing);
        free(part[i].path);
    }
    free(part);
    free(name);
    r->rows.classes = r->names->count;
}

/* ---- the table */

static void check_rows(const struct reader *r)
{
    struct stat st;
    if (!r->rows.count) {
        char *plain = path_in(r->path, "train-images-idx3-ubyte", ""),
             *packed = text_format("%s.gz", plain);
        if (stat(plain, &st) == 0 || stat(packed, &st) == 0)
            die("%s: a data set of IDX files, not a folder of class folders: use -d %s", r->path,
                r->path);
        die("%s: no images found; expected a folder for each class, %s/CLASS/IMAGE or "
            "%s/train/CLASS/IMAGE",
            r->path, r->path, r->path);
    }
    if (r->strangers.count)
        note("%s: %zu file%s passed over, whose names do not end as those of images in class "
             "folders do, such as %s",
             r->path, r->strangers.count, r->strangers.count == 1 ? "" : "s", r->strangers.first);
    if (r->odd.count)
        note("%s: %zu file%s passed over, whose names contain control characters, such as %s",
             r->path, r->odd.count, r->odd.count == 1 ? "" : "s", r->odd.first);
    size_t empty = 0, first = 0;
    for (size_t c = r->names->count; c-- > 0;)
        if (!r->images[c]) {
            empty++;
            first = c;
        }
    if (empty)
        note("%s: %zu of %zu classes have no images, such as '%s'", r->path, empty, r->names->count,
             r->names->name[first]);
}

void split_folder(const char *path, struct settings *settings)
{
    char *real = settings->absolute ? realpath(path, NULL) : text_format("%s", path);
    if (!real)
        die_errno("%s", path);
    for (size_t n = strlen(real); n > 1 && real[n - 1] == '/'; n--)
        real[n - 1] = 0;
    if (has_control(real))
        die("%s: the folder's name contains control characters, which a table cannot contain",
            real);
    struct reader r = {.path = real};
    read_parts(&r);
    check_rows(&r);
    find_duplicates(&r.rows, settings);
    choose_splits(&r.rows, settings, real);
    report_duplicates(&r.rows, settings, real);
    printf("image\tlabel\tsplit\tclass%s\n",
           settings->duplicates == REPORT_DUPLICATES ? "\tduplicate_of" : "");
    for (size_t i = 0; i < r.rows.count; i++) {
        const struct row *row = &r.rows.row[i];
        if (!is_written(&r.rows, row, settings))
            continue;
        printf("%s\t%d\t%s\t%s", row->image, row->class, split_names[row->split],
               r.names->name[row->class]);
        print_equal(&r.rows, row, settings);
        if (putchar('\n') < 0)
            die_stdout();
    }
    say_written(&r.rows, real);
    free(r.strangers.first);
    free(r.odd.first);
    free(r.images);
    free_rows(&r.rows);
    fmnn_names_free(r.names);
    free(real);
}
