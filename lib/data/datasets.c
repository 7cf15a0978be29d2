/* sets.c -- the data sets that are known by name, and lists of class names. */
#include "base/internal.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

/* ---- known data sets ---- */

static const char *const fashion_classes[] = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                              "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                              "Bag",         "Ankle boot"};
static const char *const kana[] = {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"};

/* EMNIST's letters of either case are one class; its sets "balanced" and "bymerge" part only those
   small letters from the capitals that look different. */
#define CAPITALS                                                                                   \
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", \
        "T", "U", "V", "W", "X", "Y", "Z"
#define DIGITS "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"
static const char *const digits[] = {DIGITS};
static const char *const capitals[] = {CAPITALS};
static const char *const merged[] = {DIGITS, CAPITALS, "a", "b", "d", "e", "f",
                                     "g",    "h",      "n", "q", "r", "t"};
static const char *const characters[] = {DIGITS, CAPITALS, "a", "b", "c", "d", "e", "f", "g", "h",
                                         "i",    "j",      "k", "l", "m", "n", "o", "p", "q", "r",
                                         "s",    "t",      "u", "v", "w", "x", "y", "z"};

/* Each file's size and digest. */
#define FILES(a, train_images, b, train_labels, c, test_images, d, test_labels)                    \
    {                                                                                              \
        {"train-images-idx3-ubyte", a, train_images},                                              \
            {"train-labels-idx1-ubyte", b, train_labels},                                          \
            {"t10k-images-idx3-ubyte", c, test_images},                                            \
            {"t10k-labels-idx1-ubyte", d, test_labels},                                            \
    }
/* 60,000 and 10,000 images of 28 x 28: the first three sets are made alike. */
#define LIKE_MNIST(train_images, train_labels, test_images, test_labels)                           \
    FILES(47040016, train_images, 60008, train_labels, 7840016, test_images, 10008, test_labels)
#define ANY FILES(0, NULL, 0, NULL, 0, NULL, 0, NULL)

static const struct fmnn_dataset sets[] = {
    {"fashion-mnist", "Fashion-MNIST", /* the revision of 31 August 2017 */
     LIKE_MNIST("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
     FM_COUNT(fashion_classes), fashion_classes, 0, false},
    {"mnist", "MNIST",
     LIKE_MNIST("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
     FM_COUNT(digits), digits, 0, false},
    {"kmnist", "Kuzushiji-MNIST", LIKE_MNIST(NULL, NULL, NULL, NULL), FM_COUNT(kana), kana, 0,
     false},
    {"emnist-balanced", "EMNIST Balanced", ANY, FM_COUNT(merged), merged, 0, true},
    {"emnist-byclass", "EMNIST ByClass", ANY, FM_COUNT(characters), characters, 0, true},
    {"emnist-bymerge", "EMNIST ByMerge", ANY, FM_COUNT(merged), merged, 0, true},
    {"emnist-digits", "EMNIST Digits", ANY, FM_COUNT(digits), digits, 0, true},
    {"emnist-letters", "EMNIST Letters", ANY, FM_COUNT(capitals), capitals, 1, true},
    {"emnist-mnist", "EMNIST MNIST", ANY, FM_COUNT(digits), digits, 0, true},
};

const struct fmnn_dataset *fmnn_dataset_at(size_t i)
{
    return i < FM_COUNT(sets) ? &sets[i] : NULL;
}

/* People write Fashion-MNIST as often as fashion-mnist. */
const struct fmnn_dataset *fmnn_dataset_find(const char *name)
{
    for (size_t i = 0; i < FM_COUNT(sets); i++)
        if (!strcasecmp(sets[i].name, name))
            return &sets[i];
    return NULL;
}

/* ---- lists of names ---- */

enum { MAX_NAMES = 65536, MAX_NAME = 1000 };

void fmnn_names_free(struct fmnn_names *names)
{
    if (!names)
        return;
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
    free(names);
}

struct fmnn_names *fmnn_names_copy(const char *const *names, size_t count, struct fmnn_error *err)
{
    struct fmnn_names *copy = fm_alloc(1, sizeof *copy, err);
    if (copy)
        copy->name = fm_alloc(count, sizeof *copy->name, err);
    if (!copy || !copy->name) {
        free(copy);
        return NULL;
    }
    for (; copy->count < count; copy->count++) {
        copy->name[copy->count] = fm_strdup(names[copy->count], err);
        if (!copy->name[copy->count]) {
            fmnn_names_free(copy);
            return NULL;
        }
    }
    return copy;
}

/* The length of the UTF-8 character at text, 0 where there is none; its value in *code. The
   shortest form only, no surrogates, as RFC 3629 has it. */
static size_t utf8_length(const unsigned char *text, uint32_t *code)
{
    static const uint32_t min[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80             ? 1
                    : (text[0] & 0xe0) == 0xc0 ? 2
                    : (text[0] & 0xf0) == 0xe0 ? 3
                    : (text[0] & 0xf8) == 0xf0 ? 4
                                               : 0;
    if (length == 0)
        return 0;
    *code = length == 1 ? text[0] : text[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) /* the final zero is none either */
            return 0;
        *code = *code << 6 | (text[i] & 0x3fu);
    }
    bool good = *code >= min[length] && *code <= 0x10ffff && (*code & 0xfffff800u) != 0xd800;
    return good ? length : 0;
}

bool fm_is_utf8(const char *text)
{
    uint32_t code;
    size_t n = 1;
    for (const unsigned char *c = (const unsigned char *)text; *c && n; c += n)
        n = utf8_length(c, &code);
    return n != 0;
}

const char *fm_name_fault(const char *name, size_t length)
{
    if (length == 0)
        return "an empty line where a class name should be";
    if (length > MAX_NAME)
        return "a class name of more than 1000 bytes";
    if (memchr(name, 0, length))
        return "a NUL byte: this is not a list of class names";
    if (name[length - 1] == '\r')
        return "a carriage return: lines must end in a line feed alone";
    const unsigned char *c = (const unsigned char *)name;
    while (*c) {
        uint32_t code;
        size_t n = utf8_length(c, &code);
        if (n == 0)
            return "a class name that is not UTF-8";
        if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xfeff)
            return "a control character in a class name";
        c += n;
    }
    return NULL;
}

static int add_name(struct fmnn_names *names, size_t *capacity, const char *line, size_t length,
                    const char *path, struct fmnn_error *err)
{
    const char *fault = fm_name_fault(line, length);
    if (!fault && names->count == MAX_NAMES)
        fault = "more than 65536 class names";
    if (fault)
        return fm_fail(err, FMNN_DATA, "%s:%zu: %s", path, names->count + 1, fault);
    if (fm_grow((void **)&names->name, capacity, names->count + 1, sizeof *names->name, err) != 0)
        return -1;
    names->name[names->count] = fm_strdup(line, err);
    return names->name[names->count++] ? 0 : -1;
}

/* A line, its line feed dropped, at most room - 1 bytes of it; -1 at the end. */
static long read_line(FILE *stream, char *line, size_t room)
{
    size_t length = 0;
    int c;
    while ((c = getc(stream)) != EOF && c != '\n' && length < room - 1)
        line[length++] = (char)c;
    line[length] = 0;
    return c == EOF && length == 0 ? -1 : (long)length;
}

static int read_names(FILE *stream, const char *path, struct fmnn_names *names,
                      struct fmnn_error *err)
{
    char line[MAX_NAME + 2];
    size_t capacity = 0;
    long length;
    while ((length = read_line(stream, line, sizeof line)) >= 0)
        if (add_name(names, &capacity, line, (size_t)length, path, err) != 0)
            return -1;
    if (ferror(stream))
        return fm_fail_errno(err, "%s", path);
    if (names->count == 0)
        return fm_fail(err, FMNN_DATA, "%s: no class names: the file is empty", path);
    return 0;
}

static struct fmnn_names *names_from(FILE *stream, const char *path, struct fmnn_error *err)
{
    struct fmnn_names *names = fm_alloc(1, sizeof *names, err);
    if (names && read_names(stream, path, names, err) == 0)
        return names;
    fmnn_names_free(names);
    return NULL;
}

struct fmnn_names *fmnn_names_read(const char *path, struct fmnn_error *err)
{
    FILE *stream = fopen(path, "re");
    if (!stream) {
        fm_fail_errno(err, "%s", path);
        return NULL;
    }
    struct fmnn_names *names = names_from(stream, path, err);
    fclose(stream);
    return names;
}

/* ---- the names that go with a directory ---- */

static const struct fmnn_dataset *set_of_base_name(const char *path)
{
    size_t end = strlen(path);
    while (end && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start && path[start - 1] != '/')
        start--;
    for (size_t i = 0; i < FM_COUNT(sets); i++)
        if (strlen(sets[i].name) == end - start &&
            !strncasecmp(sets[i].name, path + start, end - start))
            return &sets[i];
    return NULL;
}

/* By the name as it is given, a symbolic link's own perhaps, else by the name in truth. */
static const struct fmnn_dataset *set_of_directory(const char *directory)
{
    const struct fmnn_dataset *set = set_of_base_name(directory);
    char *real = set ? NULL : realpath(directory, NULL);
    if (real)
        set = set_of_base_name(real);
    free(real);
    return set;
}

int fmnn_names_of_directory(const char *directory, struct fmnn_names **out, struct fmnn_error *err)
{
    *out = NULL;
    char *path = fm_format(err, "%s/classes.txt", *directory ? directory : ".");
    if (!path)
        return -1;
    FILE *stream = fopen(path, "re");
    if (stream) {
        *out = names_from(stream, path, err);
        fclose(stream);
    }
    bool missing = !stream && (errno == ENOENT || errno == ENOTDIR);
    if (!stream && !missing)
        fm_fail_errno(err, "%s", path);
    free(path);
    if (!missing)
        return *out ? 0 : -1;
    const struct fmnn_dataset *set = set_of_directory(*directory ? directory : ".");
    if (!set)
        return 0;
    *out = fmnn_names_copy(set->classes, set->class_count, err);
    return *out ? 0 : -1;
}
