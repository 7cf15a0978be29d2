/* fetch-store.c -- the data directory: staged files, class names, local copies.

   Contents: 1. The directory  2. Staged files  3. Copies */
#include "fetch/fm-fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- 1. The directory ---- */

/* As mkdir -p does. Another program may make the same directories at the same time. */
void make_directories(const char *path)
{
    char *partial = path_in(path, "", "");
    for (char *p = partial + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            if (mkdir(partial, 0777) != 0 && errno != EEXIST) {
                struct stat st; /* an existing directory may give another error, as EROFS */
                int why = errno;
                if (stat(partial, &st) != 0 || !S_ISDIR(st.st_mode)) {
                    errno = why;
                    die_errno("%s", partial);
                }
            }
            *p = '/';
        }
    free(partial);
}

static bool names_differ(const char *path, const struct fmnn_names *wanted)
{
    struct fmnn_names *names = fmnn_names_read(path, NULL);
    bool differ = !names || names->count != wanted->count;
    for (size_t i = 0; !differ && i < wanted->count; i++)
        differ = strcmp(names->name[i], wanted->name[i]) != 0;
    fmnn_names_free(names);
    return differ;
}

/* Existing names may be the user's own, so they are kept. */
void store_class_names(const char *directory, const char *title, const struct fmnn_names *names)
{
    char *path = path_in(directory, "classes.txt", "");
    if (access(path, F_OK) == 0) {
        if (names_differ(path, names))
            warn("%s: kept, although it does not contain the class names of %s", path, title);
    } else {
        struct output *output = output_open(path, false);
        for (size_t i = 0; i < names->count; i++)
            fprintf(output_stream(output), "%s\n", names->name[i]);
        output_commit(output);
    }
    free(path);
}

struct fmnn_names *find_class_names(const struct fmnn_dataset *set, const char *from)
{
    if (set->class_count)
        return copy_names(set->classes, set->class_count);
    return from ? names_beside(from, set->name, set->first_label) : NULL;
}

void write_class_names(const char *directory, const struct fmnn_dataset *set,
                       const struct fmnn_names *names)
{
    if (names)
        store_class_names(directory, set->title, names);
    else
        note("%s: the class names are not known; write them to classes.txt there, one per line",
             directory);
}

/* ---- 2. Staged files ---- */

struct stage {
    const char *directory;
    const struct fmnn_dataset *set;
    size_t file;
    struct fmnn_shape expected;
    char *path; /* NAME.gz */
    struct output *output;
    uint64_t size;
};

static struct stage *open_as(const char *directory, const struct fmnn_dataset *set, size_t file,
                             const char *prefix)
{
    struct stage *stage = xcalloc(1, sizeof *stage);
    char *name = text_format("%s%s", prefix, set->files[file].name);
    stage->directory = directory;
    stage->set = set;
    stage->file = file;
    stage->path = path_in(directory, name, ".gz");
    stage->output = output_open(stage->path, true);
    free(name);
    return stage;
}

struct stage *stage_open(const char *directory, const struct fmnn_dataset *set, size_t file)
{
    return open_as(directory, set, file, "");
}

struct stage *stage_open_hidden(const char *directory, const struct fmnn_dataset *set, size_t file)
{
    return open_as(directory, set, file, ".");
}

void stage_expect(struct stage *stage, struct fmnn_shape shape)
{
    stage->expected = shape;
}

void stage_write(struct stage *stage, const void *bytes, size_t size)
{
    if (fwrite(bytes, 1, size, output_stream(stage->output)) != size)
        die_errno("%s", stage->path);
    stage->size += size;
}

static void flush(struct stage *stage)
{
    if (fflush(output_stream(stage->output)) != 0)
        die_errno("%s", stage->path);
}

void stage_restart(struct stage *stage)
{
    FILE *stream = output_stream(stage->output);
    flush(stage);
    if (ftruncate(fileno(stream), 0) != 0 || fseeko(stream, 0, SEEK_SET) != 0)
        die_errno("%s", stage->path);
    stage->size = 0;
}

uint64_t stage_size(const struct stage *stage)
{
    return stage->size;
}

/* Reads the temporary file back, because its content is what counts. */
void stage_verify(struct stage *stage, struct finding *finding)
{
    flush(stage);
    verify_stream(fileno(output_stream(stage->output)), stage->set, stage->file, finding);
    verify_shape(stage->expected, finding);
}

const char *stage_path(const struct stage *stage)
{
    return output_temporary(stage->output);
}

static void stage_free(struct stage *stage)
{
    free(stage->path);
    free(stage);
}

void stage_abandon(struct stage *stage)
{
    output_abandon(stage->output);
    stage_free(stage);
}

/* Appends the whole file, whatever its position. */
static void append_file(int fd, const char *path, FILE *out, const char *out_path)
{
    char buffer[65536];
    off_t offset = 0;
    ssize_t got;
    while ((got = read_at(fd, buffer, sizeof buffer, offset)) > 0) {
        if (fwrite(buffer, 1, (size_t)got, out) != (size_t)got)
            die_errno("%s", out_path);
        offset += got;
    }
    if (got < 0)
        die_errno("%s", path);
}

/* The file may have arrived uncompressed; its name must not end in .gz then. */
static void finish_plain(struct stage *stage)
{
    char *path = path_in(stage->directory, stage->set->files[stage->file].name, "");
    struct output *output = output_open(path, true);
    append_file(fileno(output_stream(stage->output)), stage->path, output_stream(output), path);
    output_abandon(stage->output);
    stage->output = output;
    free(path);
}

/* The converted file is another temporary. */
static void finish_converted(struct stage *stage, bool gzip)
{
    char *path = path_in(stage->directory, stage->set->files[stage->file].name, gzip ? ".gz" : "");
    struct output *output = output_open(path, true);
    flush(stage);
    convert(fileno(output_stream(stage->output)), path, stage->set, stage->file, gzip,
            output_stream(output));
    output_abandon(stage->output);
    stage->output = output;
    free(path);
}

void stage_finish(struct stage *stage, bool gzip)
{
    stage->expected = (struct fmnn_shape){0}; /* images may be transposed */
    if (converts(stage->set, stage->file))
        finish_converted(stage, gzip);
    else if (!gzip)
        finish_plain(stage);
}

void stage_commit(struct stage *stage)
{
    output_commit(stage->output);
    stage_free(stage);
}

/* ---- 3. Copies ---- */

/* NAME, NAME.gz, and both with a dot before "idx", as some sites have them:
   "train-images.idx3-ubyte". */
static char *local_path(const char *from, const struct source *source, size_t file, unsigned which)
{
    char *name = file_name_variant(source, file, which / 4);
    char *path = name ? path_in(from, name, which & 1 ? ".gz" : "") : NULL;
    if (path && which & 2) {
        char *idx = strstr(path + strlen(path) - strlen(name), "-idx");
        if (idx)
            *idx = '.';
    }
    free(name);
    return path;
}

char *local_file(const char *from, const struct source *source, size_t file)
{
    char *path;
    for (unsigned which = 0; (path = local_path(from, source, file, which)); which++) {
        if (access(path, F_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

/* 1: copied. 0: there is no such file. -1: not good, with a finding. */
static int try_copy(const char *path, struct stage *stage, struct finding *finding)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0 || fstat(fd, &st) != 0)
        die_errno("%s", path);
    if (!S_ISREG(st.st_mode))
        die("%s: not a regular file", path);
    verify_stream(fd, stage->set, stage->file, finding);
    verify_shape(stage->expected, finding);
    if (finding->state == FILE_GOOD) {
        append_file(fd, path, output_stream(stage->output), stage->path);
        stage_verify(stage, finding); /* the source may have changed in the meantime */
    }
    close(fd);
    return finding->state == FILE_GOOD ? 1 : -1;
}

struct stage *stage_copy(const char *from, const char *directory, const struct source *source,
                         size_t file, struct fmnn_shape expected, struct finding *finding)
{
    const char *name = source->set->files[file].name;
    char wrong[1024] = "", *path;
    struct stage *stage = stage_open(directory, source->set, file);
    stage_expect(stage, expected);
    for (unsigned which = 0; (path = local_path(from, source, file, which)); which++) {
        int got = try_copy(path, stage, finding);
        if (got < 0 && !wrong[0])
            snprintf(wrong, sizeof wrong, "%s: %s", path, finding->why);
        free(path);
        if (got > 0) {
            stage_finish(stage, finding->gzip);
            return stage;
        }
    }
    if (wrong[0])
        die("%s", wrong);
    const char *set = source->set->name;
    die("%s: contains neither %s nor %s.gz%s%s%s", from, name, name,
        source->own_names ? ", nor these names after " : "", source->own_names ? set : "",
        source->own_names ? "-" : "");
}
