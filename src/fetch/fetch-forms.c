/* fetch-forms.c -- the forms in which data sets are distributed: how files are named, how images
   are oriented and labels numbered, and where the class names are.

   Contents: 1. File names  2. Conversion  3. Class names */
#include "fetch/fm-fetch.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>

/* ---- 1. File names ---- */

/* The names of EMNIST's files begin with the data set's name, and have "test" for "t10k". */
char *file_name_variant(const struct source *source, size_t file, unsigned which)
{
    const char *name = source->set->files[file].name, *set = source->set->name;
    const char *rest = strchr(name, '-');
    unsigned parts = file < 2 ? 1 : 2;
    if (!source->own_names)
        return which == 0 ? text_format("%s", name) : NULL;
    if (which >= 2 * parts)
        return NULL;
    bool own = which < parts, test = parts == 2 && (own ? which == 0 : which == 3);
    return text_format("%s%s%.*s%s", own ? set : "", own ? "-" : "", test ? 4 : (int)(rest - name),
                       test ? "test" : name, rest);
}

/* ---- 2. Conversion ---- */

bool converts(const struct fmnn_dataset *set, size_t file)
{
    return file % 2 == 0 ? set->transposed : set->first_label != 0;
}

struct conversion {
    const char *path; /* for messages */
    gzFile in, out;
};

static void get(struct conversion *c, unsigned char *bytes, size_t size)
{
    if (gzread(c->in, bytes, (unsigned)size) != (int)size)
        die("%s: cannot read back the fetched data", c->path);
}

static void put(struct conversion *c, const unsigned char *bytes, size_t size)
{
    if (gzwrite(c->out, bytes, (unsigned)size) != (int)size)
        die_errno("%s", c->path);
}

/* Images of rank 3, or of rank 4 with channels. */
static void transpose_images(struct conversion *c)
{
    unsigned char header[20], transposed[20];
    get(c, header, 4);
    size_t size = 4 + 4 * (size_t)header[3];
    get(c, header + 4, size - 4);
    memcpy(transposed, header, size);
    memcpy(transposed + 8, header + 12, 4);
    memcpy(transposed + 12, header + 8, 4);
    put(c, transposed, size);
    size_t count = big_endian(header + 4), height = big_endian(header + 8);
    size_t width = big_endian(header + 12), channels = header[3] == 4 ? big_endian(header + 16) : 1;
    unsigned char *from = xcalloc(height * width, channels),
                  *to = xcalloc(height * width, channels);
    for (size_t i = 0; i < count; i++) {
        get(c, from, height * width * channels);
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width; x++)
                memcpy(to + (x * height + y) * channels, from + (y * width + x) * channels,
                       channels);
        put(c, to, height * width * channels);
    }
    free(from);
    free(to);
}

static void shift_labels(struct conversion *c, unsigned first)
{
    unsigned char header[8], labels[4096];
    get(c, header, sizeof header);
    put(c, header, sizeof header);
    for (size_t done = 0, count = big_endian(header + 4); done < count;) {
        size_t n = count - done < sizeof labels ? count - done : sizeof labels;
        get(c, labels, n);
        for (size_t i = 0; i < n; i++) {
            if (labels[i] < first)
                die("%s: label %u of row %zu is below the first label, %u (see --first-label)",
                    c->path, labels[i], done + i, first);
            labels[i] = (unsigned char)(labels[i] - first);
        }
        put(c, labels, n);
        done += n;
    }
}

/* A copy of the descriptor, because zlib closes it. */
static gzFile stream_of(int fd, const char *path, const char *mode)
{
    int own = dup(fd);
    if (own < 0 || lseek(own, 0, SEEK_SET) < 0)
        die_errno("%s", path);
    gzFile file = gzdopen(own, mode);
    if (!file)
        die("out of memory");
    return file;
}

void convert(int fd, const char *path, const struct fmnn_dataset *set, size_t file, bool gzip,
             FILE *out)
{
    struct conversion c = {path, stream_of(fd, path, "rb"),
                           stream_of(fileno(out), path, gzip ? "wb" : "wbT")};
    if (file % 2 == 0)
        transpose_images(&c);
    else
        shift_labels(&c, set->first_label);
    gzclose(c.in);
    if (gzclose(c.out) != Z_OK)
        die_errno("%s", path);
}

/* ---- 3. Class names ---- */

/* EMNIST's list: a label, then the codes of the characters that it stands for. */
static struct fmnn_names *read_mapping(FILE *stream, const char *path, unsigned first)
{
    enum { LIMIT = 256 };
    char text[LIMIT][2] = {{0}};
    const char *name[LIMIT];
    size_t count = 0;
    for (unsigned label, code; fscanf(stream, "%u %u%*[^\n]", &label, &code) == 2; count++) {
        if (count == LIMIT || label != first + count || code <= ' ' || code > '~')
            die("%s:%zu: expected label %zu and the code of a printable character", path, count + 1,
                first + count);
        text[count][0] = (char)code;
        name[count] = text[count];
    }
    if (ferror(stream) || !feof(stream) || count == 0)
        die("%s:%zu: expected a label and the code of a character", path, count + 1);
    return copy_names(name, count);
}

struct fmnn_names *names_beside(const char *directory, const char *set, unsigned first_label)
{
    char *path = path_in(directory, set, "-mapping.txt");
    FILE *stream = fopen(path, "r");
    struct fmnn_names *names = NULL;
    if (stream) {
        names = read_mapping(stream, path, first_label);
        fclose(stream);
    } else if (errno != ENOENT) {
        die_errno("%s", path);
    } else {
        names = names_in_directory(directory);
    }
    free(path);
    return names;
}
