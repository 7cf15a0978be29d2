/* import-cifar.c -- CIFAR-10 and CIFAR-100 in their binary versions, from the directory or from the
   tar archive as published.

   A record of CIFAR-10 is a label and 32x32 bytes each of red, green and blue; CIFAR-100 has two
   labels, of which the second, the fine one, counts. The archive is read from memory and nothing of
   it is unpacked: only the contents of regular files with the known names are used.

   Contents: 1. The files  2. The archive  3. Records  4. The source */
#include "fetch/import.h"

enum { SIDE = 32, PIXELS = SIDE * SIDE, MAX_FILES = 6 };

/* ---- 1. The files */

static const struct version {
    const char *set, *title, *directory;
    size_t labels; /* of a record; the last one counts */
    struct {
        const char *name;
        int part;
    } file[MAX_FILES];
} versions[] = {
    {"cifar-10",
     "CIFAR-10",
     "cifar-10-batches-bin",
     1,
     {{"data_batch_1.bin", IMPORT_TRAIN},
      {"data_batch_2.bin", IMPORT_TRAIN},
      {"data_batch_3.bin", IMPORT_TRAIN},
      {"data_batch_4.bin", IMPORT_TRAIN},
      {"data_batch_5.bin", IMPORT_TRAIN},
      {"test_batch.bin", IMPORT_TEST}}},
    {"cifar-100",
     "CIFAR-100",
     "cifar-100-binary",
     2,
     {{"train.bin", IMPORT_TRAIN}, {"test.bin", IMPORT_TEST}}},
};
enum { VERSIONS = sizeof versions / sizeof *versions };

struct content {
    uint8_t *bytes;
    size_t size, capacity;
    bool there;
};

/* Memory grows with what is really there; a batch has 10,000 records, and 50,000 are in
   train.bin. */
static void take(struct bytes_in *in, size_t size, struct content *content)
{
    enum { STEP = 1 << 20 };
    for (size_t n; size; size -= n) {
        n = size < STEP ? size : STEP;
        xgrow((void **)&content->bytes, &content->capacity, content->size + n, 1);
        size_t got = bytes_read(in, content->bytes + content->size, n);
        content->size += got;
        if (got < n)
            return;
    }
}

/* ---- 2. The archive (ustar, and GNU tar's and POSIX's extensions, whose names are not needed) */

enum { RECORD = 512, MAX_ENTRIES = 10000 };

struct entry {
    char name[101]; /* the part after the last slash */
    uint64_t size;
    bool regular;
};

/* An octal number in a field; false if there is none. */
static bool parse_octal(const unsigned char *field, size_t size, uint64_t *value)
{
    size_t i = 0;
    *value = 0;
    while (i < size && field[i] == ' ')
        i++;
    size_t first = i;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value * 8 + (uint64_t)(field[i] - '0');
    return i > first && i - first <= 20 && (i == size || field[i] == 0 || field[i] == ' ');
}

/* The checksum is over all bytes, its own field counted as blanks. */
static bool checksum_fits(const unsigned char *record)
{
    uint64_t sum = 0, wanted;
    for (size_t i = 0; i < RECORD; i++)
        sum += i >= 148 && i < 156 ? ' ' : record[i];
    return parse_octal(record + 148, 8, &wanted) && sum == wanted;
}

/* False at the end: zeros, or the end of the file. */
static bool next_entry(struct bytes_in *in, struct entry *entry)
{
    unsigned char record[RECORD];
    size_t got = bytes_read(in, record, sizeof record);
    if (got == 0 || (got == RECORD && !record[0]))
        return false;
    if (got < RECORD || !checksum_fits(record) || !parse_octal(record + 124, 12, &entry->size))
        die("%s: damaged tar archive", bytes_path(in));
    char name[101];
    memcpy(name, record, 100);
    name[100] = 0;
    const char *slash = strrchr(name, '/');
    snprintf(entry->name, sizeof entry->name, "%s", slash ? slash + 1 : name);
    entry->regular = record[156] == '0' || record[156] == 0;
    return true;
}

static void skip(struct bytes_in *in, uint64_t size)
{
    char bytes[4096];
    for (size_t n; size; size -= n) {
        n = size < sizeof bytes ? (size_t)size : sizeof bytes;
        bytes_need(in, bytes, n);
    }
}

/* Where the content of a file of this name belongs. */
static struct content *place_of(struct content content[VERSIONS][MAX_FILES], const char *name)
{
    for (size_t v = 0; v < VERSIONS; v++)
        for (size_t i = 0; i < MAX_FILES && versions[v].file[i].name; i++)
            if (!strcmp(versions[v].file[i].name, name))
                return &content[v][i];
    return NULL;
}

static void read_archive(const char *path, struct content content[VERSIONS][MAX_FILES])
{
    struct bytes_in *in = bytes_open(path);
    struct entry entry;
    for (size_t entries = 0; next_entry(in, &entry); entries++) {
        struct content *to = entry.regular ? place_of(content, entry.name) : NULL;
        if (entries == MAX_ENTRIES)
            die("%s: an archive of more than %d files", path, MAX_ENTRIES);
        if (to && to->there)
            die("%s: contains %s twice", path, entry.name);
        if (to) {
            to->there = true;
            take(in, (size_t)entry.size, to);
            if (to->size < entry.size)
                die("%s: truncated in %s", path, entry.name);
        } else {
            skip(in, entry.size);
        }
        skip(in, (RECORD - entry.size % RECORD) % RECORD);
    }
    bytes_close(in);
}

/* ---- 3. Records */

static void add_records(struct import *import, const struct version *version, int part,
                        const struct content *content, const char *path)
{
    size_t record = version->labels + 3 * PIXELS;
    const struct fmnn_shape shape = {3, SIDE, SIDE};
    uint8_t pixels[3 * PIXELS];
    if (content->size % record || !content->size)
        die("%s: %zu bytes are not records of %zu, as %s has them", path, content->size, record,
            version->title);
    for (size_t at = 0; at < content->size; at += record) {
        const uint8_t *from = content->bytes + at + version->labels;
        for (size_t i = 0; i < 3 * PIXELS; i++)
            pixels[i] = from[i % 3 * PIXELS + i / 3];
        import_add(import, part, shape, pixels, from[-1], path);
    }
}

/* ---- 4. The source */

static bool is_archive(const char *path)
{
    static const char *const suffixes[] = {".tar", ".tar.gz", ".tgz"};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t n = strlen(suffixes[i]);
        if (length > n && !strcmp(path + length - n, suffixes[i]))
            return !is_directory(path);
    }
    return false;
}

static char *directory_with(const char *from, const struct version *version)
{
    char *inner = path_in(from, version->directory, "");
    if (is_directory(inner))
        return inner;
    free(inner);
    return text_format("%s", from);
}

static void read_file(const char *directory, const char *name, struct content *content)
{
    char **list = list_directory(directory);
    for (char **entry = list; entry && *entry; entry++)
        if (!strcmp(*entry, name)) {
            char *path = path_in(directory, name, "");
            struct bytes_in *in = bytes_open(path);
            content->there = true;
            take(in, SIZE_MAX / 2, content);
            bytes_close(in);
            free(path);
        }
    free_list(list);
}

static bool has_files(const char *from, const struct version *version)
{
    char *directory = directory_with(from, version);
    char **list = list_directory(directory);
    bool found = false;
    for (char **name = list; name && *name; name++)
        found |= !strcmp(*name, version->file[0].name);
    free_list(list);
    free(directory);
    return found;
}

/* The version's archive in the directory; malloc'ed, or NULL. */
static char *archive_in(const char *from, const struct version *version)
{
    size_t length = strlen(version->set);
    char **list = list_directory(from), *path = NULL;
    for (char **name = list; name && *name && !path; name++)
        if (!strncmp(*name, version->set, length) && (*name)[length] == '-' && is_archive(*name))
            path = path_in(from, *name, "");
    free_list(list);
    return path;
}

static bool is_in(const char *from, const struct version *version)
{
    char *archive = has_files(from, version) ? NULL : archive_in(from, version);
    bool found = archive || has_files(from, version);
    free(archive);
    return found;
}

bool is_cifar_source(const struct import_settings *s)
{
    bool found = s->fetched[0] || is_archive(s->from);
    for (size_t v = 0; v < VERSIONS && !found; v++)
        found = is_in(s->from, &versions[v]);
    return found;
}

/* Of the versions that are there, the one that is the known data set, or the only one. NULL: there
   is none. path: for messages. */
static const struct version *choose(const struct import_settings *s, const bool there[VERSIONS],
                                    const char *path)
{
    const struct version *found = NULL;
    for (size_t v = 0; v < VERSIONS; v++)
        if (there[v] && s->known && !strcmp(s->known->name, versions[v].set))
            return &versions[v];
    for (size_t v = 0; v < VERSIONS; v++) {
        if (there[v] && found)
            die("%s: contains %s and %s; name one of them as the data set: %s or %s", path,
                found->title, versions[v].title, found->set, versions[v].set);
        found = there[v] ? &versions[v] : found;
    }
    if (found && s->known)
        die("%s: this is %s, not %s", path, found->title, s->known->title);
    return found;
}

static const struct version *open_archive(const struct import_settings *s, const char *path,
                                          struct content content[VERSIONS][MAX_FILES])
{
    bool there[VERSIONS];
    read_archive(path, content);
    for (size_t v = 0; v < VERSIONS; v++)
        there[v] = content[v][0].there;
    const struct version *version = choose(s, there, path);
    if (!version)
        die("%s: this archive contains neither %s nor %s, files of the binary versions of CIFAR-10 "
            "and CIFAR-100; unpack other archives, and name the directory",
            path, versions[0].file[0].name, versions[1].file[0].name);
    return version;
}

static void open_directory(const char *from, const struct version *version,
                           struct content content[MAX_FILES])
{
    char *directory = directory_with(from, version);
    for (size_t i = 0; i < MAX_FILES && version->file[i].name; i++)
        read_file(directory, version->file[i].name, &content[i]);
    free(directory);
}

/* The archive to read; malloc'ed, or NULL: files are to be read, of *version. */
static char *find_archive(const struct import_settings *s, const struct version **version)
{
    bool there[VERSIONS];
    if (s->fetched[0] || is_archive(s->from))
        return text_format("%s", s->fetched[0] ? s->fetched[0] : s->from);
    for (size_t v = 0; v < VERSIONS; v++)
        there[v] = is_in(s->from, &versions[v]);
    *version = choose(s, there, s->from);
    return has_files(s->from, *version) ? NULL : archive_in(s->from, *version);
}

void read_cifar_source(struct import *import)
{
    struct content content[VERSIONS][MAX_FILES] = {{{0}}};
    const struct import_settings *s = import->settings;
    const struct version *version = NULL;
    char *archive = find_archive(s, &version);
    const char *from = archive ? archive : s->from;
    if (archive)
        version = open_archive(s, archive, content);
    else
        open_directory(from, version, content[version - versions]);
    struct content *file = content[version - versions];
    for (size_t i = 0; i < MAX_FILES && version->file[i].name; i++) {
        const char *name = version->file[i].name;
        char *path = path_in(from, name, "");
        if (!file[i].there)
            die("%s: %s is missing", from, name);
        add_records(import, version, version->file[i].part, &file[i], path);
        free(path);
    }
    for (size_t i = 0; i < sizeof content / sizeof **content; i++)
        free(content[i / MAX_FILES][i % MAX_FILES].bytes);
    free(archive);
    if (!s->known) {
        const struct fmnn_dataset *set = fmnn_dataset_find(version->set);
        import->names = set ? copy_names(set->classes, set->class_count) : NULL;
    }
}
