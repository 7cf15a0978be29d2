/* folder.c -- finds the images of folders with a folder for each class. See folder.h.

   Contents: 1. Directories  2. Parts and classes  3. Images  4. Messages

   Images are known by the ends of their names, so that a folder of many takes no longer than ls. */
#include "common/common.h"
#include "common/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 32, MAX_CLASSES = 65536 };

/* ---- 1. Directories ---- */

bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum kind { A_FILE, A_FOLDER, SOMETHING_ELSE };

struct entry {
    char *name;
    enum kind kind;
};

struct listing {
    struct entry *entry;
    size_t count, capacity;
};

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* By the bytes of the paths of all images: a folder's name goes on with a slash. */
static int compare_paths(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    size_t n = strlen(a->name), m = strlen(b->name), common = n < m ? n : m;
    int difference = memcmp(a->name, b->name, common);
    if (difference || n == m)
        return difference;
    const struct entry *shorter = n < m ? a : b, *longer = n < m ? b : a;
    unsigned char end = shorter->kind == A_FOLDER ? '/' : 0,
                  next = (unsigned char)longer->name[common];
    return (n < m) == (end < next) ? -1 : 1;
}

/* What file managers leave; a name that begins with a point is hidden. */
static bool is_litter(const char *name)
{
    static const char *const litter[] = {"Thumbs.db", "ehthumbs.db", "desktop.ini",
                                         "__MACOSX",  "@eaDir",      "$RECYCLE.BIN"};
    for (size_t i = 0; i < sizeof litter / sizeof *litter; i++)
        if (!strcasecmp(name, litter[i]))
            return true;
    return name[0] == '.';
}

/* A link that leads nowhere counts as a file, which cannot be read. */
static enum kind kind_of(const char *folder, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type == DT_DIR || entry->d_type == DT_REG)
        return entry->d_type == DT_DIR ? A_FOLDER : A_FILE;
    char *path = path_in(folder, entry->d_name, "");
    bool found = stat(path, &st) == 0;
    free(path);
    return !found || S_ISREG(st.st_mode) ? A_FILE : S_ISDIR(st.st_mode) ? A_FOLDER : SOMETHING_ELSE;
}

/* False, with errno, if the directory cannot be read. */
static bool try_list(const char *path, struct listing *listing)
{
    *listing = (struct listing){0};
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL; errno = 0) {
        if (is_litter(entry->d_name))
            continue;
        xgrow((void **)&listing->entry, &listing->capacity, listing->count + 1,
              sizeof *listing->entry);
        listing->entry[listing->count++] =
            (struct entry){text_format("%s", entry->d_name), kind_of(path, entry)};
    }
    int failed = errno;
    closedir(dir);
    if (listing->count)
        qsort(listing->entry, listing->count, sizeof *listing->entry, compare_entries);
    errno = failed;
    return !failed;
}

static struct listing list(const char *path)
{
    struct listing listing;
    if (!try_list(path, &listing))
        die_errno("%s", path);
    return listing;
}

static void free_listing(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->entry[i].name);
    free(listing->entry);
}

char **list_directory(const char *path)
{
    struct listing listing;
    if (!try_list(path, &listing))
        return NULL;
    char **names = xcalloc(listing.count + 1, sizeof *names);
    for (size_t i = 0; i < listing.count; i++)
        names[i] = listing.entry[i].name;
    free(listing.entry);
    return names;
}

void free_list(char **list)
{
    for (char **name = list; name && *name; name++)
        free(*name);
    free(list);
}

char *find_data(const char *path, unsigned depth)
{
    if (holds_data(path))
        return text_format("%s", path);
    struct listing listing;
    char *found = NULL;
    if (!depth || !try_list(path, &listing))
        return NULL;
    for (size_t i = 0; i < listing.count && !found; i++) {
        char *below = path_in(path, listing.entry[i].name, "");
        found = listing.entry[i].kind == A_FOLDER ? find_data(below, depth - 1) : NULL;
        free(below);
    }
    free_listing(&listing);
    return found;
}

/* ---- 2. Parts and classes ---- */

static bool has_control(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name < 0x20 || *name == 0x7f)
            return true;
    return false;
}

/* Whether a table would take the name for a row of an IDX file: it ends in a colon and a number. */
static bool looks_like_row(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon && colon[1] && !colon[1 + strspn(colon + 1, "0123456789")];
}

static void pass_over(struct folder_passed *passed, const char *folder, const char *name)
{
    if (!passed->count++)
        passed->first = path_in(folder, name, "");
}

/* The part that a folder's name stands for; -1: none. */
static int part_of(const char *name)
{
    static const struct {
        const char *name;
        enum folder_part part;
    } parts[] = {{"train", FOLDER_TRAIN}, {"training", FOLDER_TRAIN},   {"valid", FOLDER_VALID},
                 {"val", FOLDER_VALID},   {"validation", FOLDER_VALID}, {"test", FOLDER_TEST},
                 {"testing", FOLDER_TEST}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strcasecmp(name, parts[i].name))
            return (int)parts[i].part;
    return -1;
}

static bool has_folders(const char *path)
{
    struct listing listing = list(path);
    bool found = false;
    for (size_t i = 0; i < listing.count; i++)
        found |= listing.entry[i].kind == A_FOLDER;
    free_listing(&listing);
    return found;
}

/* Whether the class folders are below train, valid and test. A folder `train` that holds images is
   a class, such as that of trains. */
static bool has_parts(const char *path, const struct listing *top)
{
    bool found = false;
    for (size_t i = 0; i < top->count && !found; i++)
        if (top->entry[i].kind == A_FOLDER && part_of(top->entry[i].name) >= 0) {
            char *part = path_in(path, top->entry[i].name, "");
            found = has_folders(part);
            free(part);
        }
    return found;
}

struct part {
    char *path;
    enum folder_part part;
    struct listing listing;
};

static int compare_parts(const void *left, const void *right)
{
    const struct part *a = left, *b = right;
    return a->part == b->part ? strcmp(a->path, b->path) : a->part < b->part ? -1 : 1;
}

/* The folders that hold class folders: the one given, or those of its parts. */
static struct part *find_parts(struct folder *f, size_t *count)
{
    struct listing top = list(f->path);
    struct part *part = xcalloc(top.count + 1, sizeof *part);
    *count = 0;
    f->parts = has_parts(f->path, &top);
    if (!f->parts) {
        part[(*count)++] = (struct part){text_format("%s", f->path), FOLDER_TRAIN, top};
        return part;
    }
    for (size_t i = 0; i < top.count; i++) {
        const struct entry *entry = &top.entry[i];
        int which = entry->kind == A_FOLDER ? part_of(entry->name) : -1;
        if (which >= 0) {
            char *path = path_in(f->path, entry->name, "");
            part[(*count)++] = (struct part){path, (enum folder_part)which, list(path)};
        } else if (strcmp(entry->name, "classes.txt") != 0) {
            pass_over(&f->strangers, f->path, entry->name);
        }
    }
    free_listing(&top);
    qsort(part, *count, sizeof *part, compare_parts);
    return part;
}

static void check_class(const struct folder *f, const char *folder, const char *name)
{
    uint32_t code;
    for (const char *c = name; *c;) {
        size_t n = fmnn_utf8_next(c, &code);
        if (!n || code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xfeff)
            die("%s/%s: the folder's name cannot be a class name: it %s", folder, name,
                n ? "contains a control character" : "is not UTF-8");
        c += n;
    }
    if (f->names && fmnn_names_find(f->names, name) == f->names->count)
        die("%s/%s: not among the %zu classes that %s names", folder, name, f->names->count,
            f->names->source);
}

/* The names of the class folders, sorted. A class can be in several parts, and counts once. */
static struct fmnn_names *sort_names(const struct folder *f, char **name, size_t count)
{
    size_t kept = 0;
    text_sort(name, count);
    for (size_t i = 0; i < count; i++)
        if (!kept || strcmp(name[kept - 1], name[i]) != 0)
            name[kept++] = name[i];
    if (kept > MAX_CLASSES)
        die("%s: more than %d class folders", f->path, MAX_CLASSES);
    return copy_names((const char *const *)name, kept);
}

/* classes.txt gives the order of the classes, else their names do. */
static void find_classes(struct folder *f, const struct part *part, size_t parts)
{
    char **name = NULL;
    size_t count = 0, capacity = 0;
    for (size_t i = 0; i < parts; i++)
        for (size_t k = 0; k < part[i].listing.count; k++) {
            const struct entry *entry = &part[i].listing.entry[k];
            if (entry->kind != A_FOLDER)
                continue;
            check_class(f, part[i].path, entry->name);
            xgrow((void **)&name, &capacity, count + 1, sizeof *name);
            name[count++] = entry->name;
        }
    if (!f->names)
        f->names = sort_names(f, name, count);
    f->images = xcalloc(f->names->count + 1, sizeof *f->images);
    free(name);
}

/* ---- 3. Images ---- */

/* What a file is by its first bytes: an image that can be read, or *what else; NULL: unknown. */
static bool begins_as_image(const char *path, const char **what)
{
    unsigned char head[12];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t got = fd < 0 ? -1 : read(fd, head, sizeof head);
    if (fd >= 0)
        close(fd);
    *what = got > 0 ? fmnn_file_other(head, (size_t)got) : NULL;
    return got > 0 && fmnn_image_kind(head, (size_t)got);
}

static bool is_image(const char *folder, const struct entry *entry)
{
    const char *what;
    if (entry->kind != A_FILE || fmnn_image_format(entry->name))
        return entry->kind == A_FILE;
    char *path = path_in(folder, entry->name, "");
    bool image = begins_as_image(path, &what);
    free(path);
    return image;
}

static void add_image(struct folder *f, const char *folder, const struct entry *entry, size_t class,
                      enum folder_part part)
{
    if (has_control(entry->name)) {
        pass_over(&f->odd, folder, entry->name);
        return;
    }
    if (!is_image(folder, entry)) {
        pass_over(&f->strangers, folder, entry->name);
        return;
    }
    if (looks_like_row(entry->name)) {
        pass_over(&f->rows, folder, entry->name);
        return;
    }
    xgrow((void **)&f->image, &f->capacity, f->count + 1, sizeof *f->image);
    f->image[f->count++] = (struct folder_image){path_in(folder, entry->name, ""), class, part};
    f->images[class]++;
}

/* Adds the images of a class, in the order of their paths; folders in it belong to the class. */
static void add_images(struct folder *f, const char *path, size_t class, enum folder_part part,
                       unsigned depth)
{
    if (depth > MAX_DEPTH)
        die("%s: more than %d folders below each other", path, MAX_DEPTH);
    struct listing listing = list(path);
    if (listing.count)
        qsort(listing.entry, listing.count, sizeof *listing.entry, compare_paths);
    for (size_t i = 0; i < listing.count; i++) {
        const struct entry *entry = &listing.entry[i];
        if (entry->kind != A_FOLDER || has_control(entry->name)) {
            add_image(f, path, entry, class, part);
            continue;
        }
        char *below = path_in(path, entry->name, "");
        add_images(f, below, class, part, depth + 1);
        free(below);
    }
    free_listing(&listing);
}

/* Files beside the class folders. In a test set they can be images whose class is unknown. */
static void add_others(struct folder *f, const struct part *part)
{
    for (size_t i = 0; i < part->listing.count; i++) {
        const struct entry *entry = &part->listing.entry[i];
        if (entry->kind == A_FOLDER || !strcmp(entry->name, "classes.txt"))
            continue;
        if (part->part == FOLDER_TEST)
            add_image(f, part->path, entry, f->names->count, part->part);
        else
            pass_over(&f->strangers, part->path, entry->name);
    }
}

static void add_part(struct folder *f, const struct part *part)
{
    const struct listing *listing = &part->listing;
    if (part->part != FOLDER_TEST)
        add_others(f, part);
    for (size_t c = 0; c < f->names->count; c++) {
        const struct entry wanted = {f->names->name[c], A_FOLDER};
        const struct entry *found = listing->count
                                        ? bsearch(&wanted, listing->entry, listing->count,
                                                  sizeof *listing->entry, compare_entries)
                                        : NULL;
        if (!found || found->kind != A_FOLDER)
            continue;
        char *path = path_in(part->path, found->name, "");
        add_images(f, path, c, part->part, 0);
        free(path);
    }
    if (part->part == FOLDER_TEST)
        add_others(f, part);
}

struct folder folder_read(const char *path)
{
    struct folder f = {.path = text_format("%s", path)};
    size_t parts;
    for (size_t n = strlen(f.path); n > 1 && f.path[n - 1] == '/'; n--)
        f.path[n - 1] = 0;
    if (has_control(f.path))
        die("%s: the folder's name contains control characters, which a table cannot contain",
            f.path);
    f.names = names_in_directory(f.path);
    struct part *part = find_parts(&f, &parts);
    find_classes(&f, part, parts);
    for (size_t i = 0; i < parts; i++) {
        add_part(&f, &part[i]);
        free_listing(&part[i].listing);
        free(part[i].path);
    }
    free(part);
    return f;
}

void folder_free(struct folder *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->image[i].path);
    free(f->image);
    free(f->images);
    free(f->strangers.first);
    free(f->odd.first);
    free(f->rows.first);
    fmnn_names_free(f->names);
    free(f->path);
}

/* ---- 4. Messages ---- */

/* " (a HEIC image)" if the first stranger is something known; malloc'ed. */
static char *what_first_is(const struct folder_passed *strangers)
{
    const char *what = NULL;
    bool unknown = is_directory(strangers->first) || begins_as_image(strangers->first, &what);
    return unknown || !what ? text_format("%s", "") : text_format(" (%s)", what);
}

/* Names of classes that are numbers, but in the order of their digits. */
static const char *number_out_of_order(const struct folder *f, size_t *label)
{
    for (*label = 0; *label < f->names->count; ++*label) {
        const char *name = f->names->name[*label];
        size_t digits = strspn(name, "0123456789");
        if (!digits || digits > 5 || name[digits])
            return NULL;
    }
    for (*label = 1; *label < f->names->count; ++*label)
        if (atoi(f->names->name[*label]) < atoi(f->names->name[*label - 1]))
            return f->names->name[*label];
    return NULL;
}

static void note_classes(const struct folder *f)
{
    size_t empty = 0, first = 0, label;
    for (size_t c = f->names->count; c-- > 0;)
        if (!f->images[c]) {
            empty++;
            first = c;
        }
    if (empty)
        note("%s: %zu of %zu classes have no images, such as '%s'", f->path, empty, f->names->count,
             f->names->name[first]);
    const char *name = f->names->source ? NULL : number_out_of_order(f, &label);
    if (name)
        note("%s: the classes are numbers, sorted as words: '%s' has label %zu; a file classes.txt "
             "with one name a line can give another order",
             f->path, name, label);
}

void folder_note(const struct folder *f)
{
    if (f->strangers.count) {
        char *what = what_first_is(&f->strangers);
        note("%s: %zu file%s passed over, not images in class folders, such as %s%s", f->path,
             f->strangers.count, f->strangers.count == 1 ? "" : "s", f->strangers.first, what);
        free(what);
    }
    if (f->odd.count)
        note("%s: %zu file%s passed over, whose names contain control characters, such as %s",
             f->path, f->odd.count, f->odd.count == 1 ? "" : "s", f->odd.first);
    if (f->rows.count)
        note("%s: %zu image%s passed over, named like a row of an IDX file (NAME:NUMBER), such as "
             "%s",
             f->path, f->rows.count, f->rows.count == 1 ? "" : "s", f->rows.first);
    if (f->images[f->names->count])
        note("%s: the class of %zu test images is unknown, because they are in no class folder",
             f->path, f->images[f->names->count]);
    note_classes(f);
}

char *folder_other_files(const struct folder *f)
{
    if (!f->strangers.count)
        return text_format("%s", "");
    char *what = what_first_is(&f->strangers);
    char *text = text_format(", but other files, such as %s%s", f->strangers.first, what);
    free(what);
    return text;
}

void folder_die_empty(const struct folder *f)
{
    die("%s: no images found%s; expected a folder for each class, %s/CLASS/IMAGE or "
        "%s/train/CLASS/IMAGE",
        f->path, folder_other_files(f), f->path, f->path);
}
