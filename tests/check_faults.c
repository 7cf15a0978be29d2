/* check_faults.c -- every system call and allocation of the library fails once: memory, reading,
   writing, and the memory of zlib, libpng and jansson. An act is a use of the library. Each call
   that it makes fails alone, then together with all later ones; the act must report the failure, or
   do without the call and give the same result. The linker redirects the calls here (--wrap). */
#include "engine.h"

#include <errno.h>
#include <jansson.h>
#include <png.h>
#ifdef HAVE_JPEG
#include <jpeglib.h>
#endif
#ifdef HAVE_WEBP
#include <webp/encode.h>
#endif
#include <poll.h>
#include <sys/stat.h>
#include <zlib.h>

#include "runner.h"
#include "scratch.h"
#include "wrapped.h"
#include "engine/train.h"
#include "files/weights.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

/* ---- 1. calls that fail */

/* Calls that open a regular file or ask about one are never interrupted by signals. */
enum kind { MEMORY = 1, READING = 2, ASKING = 4 };
enum mode { NEVER, ONCE, FROM_THEN_ON, INTERRUPTED, SHORT };

static bool armed;
static enum mode mode;
static size_t calls, failing; /* calls made so far; number of the first one to fail */
static unsigned failed;       /* kinds of the calls that failed */
static FILE *broken;

static bool fails(enum kind kind)
{
    if (!armed || mode == SHORT)
        return false;
    if (mode == INTERRUPTED && kind != READING)
        return false;
    calls++;
    bool fail = mode == FROM_THEN_ON ? calls >= failing : mode != NEVER && calls == failing;
    if (fail) {
        failed |= kind;
        errno = mode == INTERRUPTED ? EINTR : kind == MEMORY ? ENOMEM : EIO;
    }
    return fail;
}

static size_t shorter(size_t bytes)
{
    return armed && mode == SHORT && bytes > 2 ? 2 + bytes / 3 : bytes;
}

#define WRAPS(type, name, parameters, arguments, kind, failure)                                    \
    type __real_##name parameters;                                                                 \
    FMNN_API type __wrap_##name parameters;                                                        \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return fails(kind) ? (failure) : __real_##name arguments;                                  \
    }

WRAPS(void *, malloc, (size_t n), (n), MEMORY, NULL)
WRAPS(void *, calloc, (size_t n, size_t size), (n, size), MEMORY, NULL)
WRAPS(void *, realloc, (void *p, size_t n), (p, n), MEMORY, NULL)
WRAPS(void *, aligned_alloc, (size_t a, size_t n), (a, n), MEMORY, NULL)
WRAPS(int, inflateInit2_, (z_streamp z, int bits, const char *version, int size),
      (z, bits, version, size), MEMORY, Z_MEM_ERROR)
WRAPS(int, inflateReset, (z_streamp z), (z), MEMORY, Z_STREAM_ERROR)
WRAPS(int, inflate, (z_streamp z, int flush), (z, flush), MEMORY, Z_MEM_ERROR)
WRAPS(json_t *, json_object, (void), (), MEMORY, NULL)
WRAPS(json_t *, json_array, (void), (), MEMORY, NULL)
WRAPS(json_t *, json_integer, (json_int_t n), (n), MEMORY, NULL)
WRAPS(json_t *, json_string, (const char *text), (text), MEMORY, NULL)
WRAPS(size_t, json_dumpb, (const json_t *json, char *buffer, size_t size, size_t flags),
      (json, buffer, size, flags), MEMORY, 0)
WRAPS(XXH3_state_t *, XXH3_createState, (void), (), MEMORY, NULL)
WRAPS(png_infop, png_create_info_struct, (png_const_structrp png), (png), MEMORY, NULL)
WRAPS(int, fstat, (int fd, struct stat *st), (fd, st), ASKING, -1)
WRAPS(off_t, lseek, (int fd, off_t offset, int whence), (fd, offset, whence), ASKING, -1)

/* jansson's functions that take over a value, even if they fail. */
static int dropped(json_t *json)
{
    json_decref(json);
    return -1;
}
WRAPS(int, json_object_set_new, (json_t * object, const char *key, json_t *value),
      (object, key, value), MEMORY, dropped(value))
WRAPS(int, json_array_append_new, (json_t * array, json_t *value), (array, value), MEMORY,
      dropped(value))

ssize_t __real_read(int fd, void *bytes, size_t count);
FMNN_API ssize_t __wrap_read(int fd, void *bytes, size_t count);
ssize_t __wrap_read(int fd, void *bytes, size_t count)
{
    return fails(READING) ? -1 : __real_read(fd, bytes, shorter(count));
}

ssize_t __real_pread(int fd, void *bytes, size_t count, off_t offset);
FMNN_API ssize_t __wrap_pread(int fd, void *bytes, size_t count, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t count, off_t offset)
{
    return fails(READING) ? -1 : __real_pread(fd, bytes, shorter(count), offset);
}

int __real_open(const char *path, int flags, ...);
FMNN_API int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    return fails(ASKING) ? -1 : __real_open(path, flags);
}

/* A stream remembers that it failed. */
size_t __real_fread(void *bytes, size_t size, size_t count, FILE *stream);
FMNN_API size_t __wrap_fread(void *bytes, size_t size, size_t count, FILE *stream);
size_t __wrap_fread(void *bytes, size_t size, size_t count, FILE *stream)
{
    if (mode == INTERRUPTED || !fails(READING))
        return __real_fread(bytes, size, count, stream);
    broken = stream;
    return 0;
}

size_t __real_fwrite(const void *bytes, size_t size, size_t count, FILE *stream);
FMNN_API size_t __wrap_fwrite(const void *bytes, size_t size, size_t count, FILE *stream);
size_t __wrap_fwrite(const void *bytes, size_t size, size_t count, FILE *stream)
{
    if (mode == INTERRUPTED || !fails(READING))
        return __real_fwrite(bytes, size, count, stream);
    broken = stream;
    return 0;
}

int __real_ferror(FILE *stream);
FMNN_API int __wrap_ferror(FILE *stream);
int __wrap_ferror(FILE *stream)
{
    return (broken && stream == broken) || __real_ferror(stream);
}

/* ---- 2. acts: they return 0, or -1 and an error; their results go into a digest */

static XXH64_hash_t digest;

static void note_bytes(const void *bytes, size_t count)
{
    digest = XXH64(bytes, count, digest);
}

static void note_text(const char *text)
{
    note_bytes(text, strlen(text) + 1);
}

enum { ROWS = 300, H = 7, W = 9, SIDE = 40 };
enum { MANY = 90 }; /* images of the large file, more than the block that is read ahead */

static int read_idx(const char *path, struct fmnn_error *err)
{
    uint8_t rows[ROWS * H * W];
    struct fmnn_idx *idx = fmnn_idx_open(path, err);
    int status = idx ? fmnn_idx_read(idx, 1, ROWS - 1, rows, err) : -1;
    if (status == 0)
        note_bytes(rows, (ROWS - 1) * H * W);
    fmnn_idx_close(idx);
    return status;
}

static int act_idx(struct fmnn_error *err)
{
    return read_idx("plain", err);
}

static int act_gzip(struct fmnn_error *err)
{
    return read_idx("packed", err);
}

static int act_shape(struct fmnn_error *err)
{
    unsigned rank;
    size_t size[4];
    static const char *const path[] = {"plain", "packed"};
    for (size_t i = 0; i < 4; i++) {
        int status = i < 2 ? fmnn_idx_shape(path[i], &rank, size, err)
                           : fmnn_idx_check(path[i - 2], &rank, size, err);
        if (status != 0)
            return -1;
        note_bytes(size, sizeof size);
    }
    return 0;
}

/* Reads back and forth, so that a compressed file is read from its start again. */
static int act_images(struct fmnn_error *err)
{
    static const char *const name[] = {"plain:3",    "plain:299", "plain:0",
                                       "packed:250", "packed:2",  "packed:290",
                                       "train:5",    "gray.png",  "gray.png"};
    uint8_t pixels[SIDE * SIDE];
    struct fmnn_images *images = fmnn_images_new("data", err);
    int status = images ? fmnn_images_set_root(images, ".", err) : -1;
    for (size_t i = 0; status == 0 && i < FM_COUNT(name); i++) {
        struct fmnn_shape shape;
        status = fmnn_images_shape(images, name[i], &shape, err);
        if (status == 0)
            status = fmnn_images_read(images, name[i], shape, pixels, err);
        if (status == 0)
            note_bytes(pixels, shape.height * shape.width);
    }
    char *directory = status == 0 ? fmnn_images_directory(images, "train:0", err) : NULL;
    if (directory)
        note_text(directory);
    free(directory);
    fmnn_images_free(images);
    return directory ? 0 : -1;
}

static int act_png(struct fmnn_error *err)
{
    static const char *const name[] = {"gray.png", "colour.png", "palette.png"};
    for (size_t i = 0; i < FM_COUNT(name); i++) {
        struct fmnn_shape shape;
        uint8_t *pixels;
        if (fmnn_png_read(name[i], &shape, &pixels, err) != 0)
            return -1;
        note_bytes(pixels, shape.height * shape.width);
        free(pixels);
    }
    return 0;
}

/* The first error of the images is the act's. */
static int load(const struct fmnn_input *input, struct fmnn_error *err)
{
    static const char *const name[] = {"gray.png", "palette.png",
#ifdef HAVE_JPEG
                                       "turned.jpg",
#endif
#ifdef HAVE_WEBP
                                       "clear.webp",
#endif
                                       "bits.pbm"};
    enum { N = FM_COUNT(name) };
    uint8_t pixels[N * 3 * H * W];
    struct fmnn_loaded loaded[N];
    struct fmnn_images *files = fmnn_images_new(NULL, err);
    int status = files ? fmnn_images_load(files, name, N, input, 1, pixels, loaded, err) : -1;
    fmnn_images_free(files);
    for (size_t i = 0; status == 0 && i < N; i++)
        if (loaded[i].error.status != FMNN_OK) {
            if (err)
                *err = loaded[i].error;
            status = -1;
        }
    if (status == 0)
        note_bytes(pixels, N * input->shape.channels * H * W);
    return status;
}

static int act_photos(struct fmnn_error *err)
{
    for (int fit = FMNN_FIT_STRETCH; fit <= FMNN_FIT_FASHION_MNIST; fit++) {
        struct fmnn_input input = {.shape = {fit % 2 ? 3 : 1, H, W},
                                   .fit = (enum fmnn_fit)fit,
                                   .filter = FMNN_FILTER_LANCZOS,
                                   .invert = true};
        if (load(&input, err) != 0)
            return -1;
    }
    return 0;
}

static int act_digests(struct fmnn_error *err)
{
    static const char *const name[] = {"palette.png", "bits.pbm", "train:3"};
    enum { N = FM_COUNT(name) };
    struct fmnn_digest digests[N];
    struct fmnn_images *files = fmnn_images_new("data", err);
    int status = files ? fmnn_images_digest(files, name, N, 1, digests, err) : -1;
    fmnn_images_free(files);
    for (size_t i = 0; status == 0 && i < N; i++) {
        if (digests[i].error.status != FMNN_OK) {
            if (err)
                *err = digests[i].error;
            status = -1;
        }
        if (status == 0)
            note_bytes(digests[i].pixels, sizeof digests[i].pixels);
    }
    return status;
}

static int act_write_idx(struct fmnn_error *err)
{
    static uint8_t bytes[ROWS];
    const size_t size[2] = {ROWS / 2, 2};
    armed = false;
    FILE *stream = fopen("written", "wb");
    armed = true;
    int status = fmnn_idx_write(stream, 2, size, bytes, err);
    armed = false;
    fclose(stream);
    return status;
}

static int read_table(const char *path, enum fmnn_table_kind kind, const char *only,
                      struct fmnn_error *err)
{
    struct fmnn_table *table = fmnn_table_open(path, kind, err);
    int status = table ? 0 : -1;
    if (status == 0 && only)
        status = fmnn_table_only(table, only, err);
    while (status >= 0 && (status = fmnn_table_next(table, err)) == 1)
        for (size_t i = 0; i < fmnn_table_columns(table); i++)
            note_text(fmnn_table_field(table, i));
    fmnn_table_close(table);
    return status;
}

static int act_table(struct fmnn_error *err)
{
    return read_table("wide.tsv", FMNN_TABLE_ROWS, "train,other", err) == 0 &&
                   read_table("bare.tsv", FMNN_TABLE_ROWS, NULL, err) == 0 &&
                   read_table("history.tsv", FMNN_TABLE_HISTORY, NULL, err) == 0
               ? 0
               : -1;
}

static int act_split(struct fmnn_error *err)
{
    static const struct fmnn_split splits[] = {{.valid = 30, .shuffle = true},
                                               {.percent = 20, .stratify = true},
                                               {.folds = 3, .fold = 2, .shuffle = true},
                                               {.folds = 3, .fold = 1, .stratify = true},
                                               {.valid = 5}};
    uint16_t labels[ROWS];
    uint8_t validates[ROWS];
    for (size_t i = 0; i < ROWS; i++)
        labels[i] = (uint16_t)(i % 7);
    for (size_t i = 0; i < FM_COUNT(splits); i++) {
        if (fmnn_split_choose(&splits[i], labels, ROWS, validates, err) != 0)
            return -1;
        note_bytes(validates, ROWS);
    }
    return 0;
}

static int act_model(struct fmnn_error *err)
{
    struct fmnn_model *model = fmnn_model_parse("set lr 0.5; set epochs 3 # so\n"
                                                "conv 3 3x3 relu | maxpool 2\n| dense 4 | dense 3",
                                                "text", err);
    struct fmnn_net *net = model ? fmnn_net_new(model, (struct fmnn_shape){1, H, W}, 3, err) : NULL;
    if (net)
        note_text(fmnn_net_text(net));
    fmnn_model_free(model);
    fmnn_net_free(net);
    return net ? 0 : -1;
}

static int act_names(struct fmnn_error *err)
{
    struct fmnn_names *names[3] = {fmnn_names_read("data/classes.txt", err)};
    int status = names[0] ? fmnn_names_of_directory("data", &names[1], err) : -1;
    if (status == 0)
        status = fmnn_names_of_directory("fashion-mnist", &names[2], err);
    for (size_t i = 0; i < FM_COUNT(names); i++) {
        for (size_t k = 0; names[i] && k < names[i]->count; k++)
            note_text(names[i]->name[k]);
        fmnn_names_free(names[i]);
    }
    return status;
}

/* Made before calls fail. */
static struct fmnn_net *net;
static struct fmnn_data *images;
static const struct fmnn_recipe recipe = {.optimizer = "adam",
                                          .lr = 0.001,
                                          .batch = 8,
                                          .epochs = 3,
                                          .augment = "cutout 2 cutmix 1",
                                          .smooth = 0.1,
                                          .class_weights = "balanced"};
static struct fmnn_training training = {.recipe = &recipe, .threads = 1};
static struct fmnn_trainer *trainer;

static int write_by(int (*write)(FILE *stream, struct fmnn_error *err), struct fmnn_error *err)
{
    armed = false;
    FILE *stream = fopen("written", "wb");
    armed = true;
    int status = write(stream, err);
    armed = false;
    fclose(stream);
    if (status == 0) {
        static uint8_t bytes[1 << 16];
        stream = fopen("written", "rb");
        note_bytes(bytes, fread(bytes, 1, sizeof bytes, stream));
        fclose(stream);
    }
    return status;
}

static int write_net(FILE *stream, struct fmnn_error *err)
{
    return fmnn_net_write(net, stream, err);
}

static int write_checkpoint(FILE *stream, struct fmnn_error *err)
{
    return fmnn_trainer_save(trainer, stream, err);
}

static int act_write_net(struct fmnn_error *err)
{
    return write_by(write_net, err);
}

static int act_write_checkpoint(struct fmnn_error *err)
{
    return write_by(write_checkpoint, err);
}

static int act_read_net(struct fmnn_error *err)
{
    struct fmnn_net *other = fmnn_net_read("weights", err);
    if (!other)
        return -1;
    note_bytes(other->weights, other->stored * sizeof *other->weights);
    note_text(fmnn_net_names(other)->name[1]);
    struct fmnn_predictor *predictor = fmnn_predictor_new(
        other, &(struct fmnn_prediction){.batch = 12, .threads = 1, .tta = FMNN_TTA_FLIP_SHIFT},
        err);
    int status = predictor ? fmnn_predictor_add(predictor, other, err) : -1;
    fmnn_predictor_free(predictor);
    fmnn_net_free(other);
    return status;
}

static int act_read_any(struct fmnn_error *err)
{
    static const char *const file[] = {"other", "bare"};
    for (size_t i = 0; i < 2; i++) {
        struct fmnn_net *other = fmnn_net_read_any(file[i], net, err);
        if (!other)
            return -1;
        note_bytes(other->weights, other->stored * sizeof *other->weights);
        fmnn_net_free(other);
    }
    return 0;
}

static int rank_classes(struct fmnn_ranking *ranking, struct fmnn_error *err)
{
    static const double p[4][2] = {{.9, .1}, {.2, .8}, {.6, .4}, {.3, .7}};
    struct fmnn_point *point;
    size_t count;
    for (size_t i = 0; i < 40; i++)
        if (fmnn_ranking_add(ranking, i % 4 / 2, p[i % 4], err) != 0)
            return -1;
    struct fmnn_ranking_report *report = fmnn_ranking_report(ranking, err);
    if (!report)
        return -1;
    note_bytes(&report->micro, sizeof report->micro);
    free(report);
    for (int curve = 0; curve < 2; curve++) {
        if (fmnn_ranking_curve(ranking, 1, (enum fmnn_curve)curve, &point, &count, err) != 0)
            return -1;
        note_bytes(point, count * sizeof *point);
        free(point);
    }
    return 0;
}

static int act_rank(struct fmnn_error *err)
{
    struct fmnn_ranking *ranking = fmnn_ranking_new(2, err);
    int status = ranking ? rank_classes(ranking, err) : -1;
    fmnn_ranking_free(ranking);
    return status;
}

static int act_issues(struct fmnn_error *err)
{
    static const double p[] = {.9, .1, .8, .2, .1, .9, .3, .7, .2, .8, .1, .9};
    static const uint32_t label[] = {0, 0, 0, 1, 1, 1};
    struct fmnn_label_issue *issue;
    size_t count;
    if (fmnn_label_issues(p, label, 6, 2, &issue, &count, err) != 0)
        return -1;
    note_bytes(&issue->image, sizeof issue->image);
    free(issue);
    return 0;
}

static int act_resume(struct fmnn_error *err)
{
    struct fmnn_trainer *other = fmnn_trainer_new(net, images, images, &training, err);
    int status = other ? fmnn_trainer_resume(other, "checkpoint", err) : -1;
    if (status == 0)
        note_bytes(&fmnn_trainer_epoch(other, 1)->loss, sizeof(double));
    if (status == 0)
        status = fmnn_trainer_finish(other, err);
    fmnn_trainer_free(other);
    return status;
}

static int act_data(struct fmnn_error *err)
{
    struct fmnn_data *data = fmnn_data_new((struct fmnn_shape){1, H, W}, err);
    int status = data ? 0 : -1;
    for (unsigned i = 0; status == 0 && i < 40; i++) {
        uint8_t *pixels =
            i == 20 && fmnn_data_reserve(data, 100, err) != 0 ? NULL : fmnn_data_add(data, i, err);
        status = pixels ? 0 : -1;
        if (pixels)
            memset(pixels, (int)i, (size_t)H * W);
    }
    fmnn_data_free(data);
    return status;
}

static const struct {
    const char *name;
    int (*run)(struct fmnn_error *err);
} acts[] = {
    {"an IDX file", act_idx},
    {"a gzip IDX file", act_gzip},
    {"shapes", act_shape},
    {"images by name", act_images},
    {"PNG files", act_png},
    {"photos", act_photos},
    {"digests of images", act_digests},
    {"writing IDX", act_write_idx},
    {"tables", act_table},
    {"splits", act_split},
    {"a model", act_model},
    {"class names", act_names},
    {"data", act_data},
    {"writing weights", act_write_net},
    {"writing a checkpoint", act_write_checkpoint},
    {"weights", act_read_net},
    {"weights of others", act_read_any},
    {"resuming", act_resume},
    {"ROC curves", act_rank},
    {"label issues", act_issues},
};

/* ---- 3. the files */

static void make_idx(const char *path, bool packed)
{
    const uint8_t head[16] = {0, 0, 8, 3, 0, 0, ROWS >> 8, ROWS & 255, 0, 0, 0, H, 0, 0, 0, W};
    static uint8_t rows[ROWS * H * W];
    for (size_t i = 0; i < sizeof rows; i++)
        rows[i] = (uint8_t)(i * i / 7 + i % 251);
    gzFile file = gzopen(path, packed ? "wb" : "wbT");
    gzwrite(file, head, sizeof head);
    gzwrite(file, rows, ROWS / 2 * H * W);
    gzclose(file);
    file = gzopen(path, packed ? "ab" : "abT"); /* a second gzip member */
    gzwrite(file, rows + ROWS / 2 * H * W, (ROWS - ROWS / 2) * H * W);
    gzclose(file);
}

static void make_large(void)
{
    const uint8_t head[16] = {0, 0, 8, 3, 0, 0, 0, MANY, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    static uint8_t row[SIDE * SIDE];
    gzFile file = gzopen("large", "wb");
    gzwrite(file, head, sizeof head);
    for (unsigned i = 0; i < MANY; i++) {
        for (unsigned k = 0; k < sizeof row; k++)
            row[k] = (uint8_t)((i * 977 + k) * 2654435761u >> 13);
        gzwrite(file, row, sizeof row);
    }
    gzclose(file);
}

static void make_png(const char *path, unsigned format)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = SIDE, .height = SIDE, .format = format};
    static uint8_t pixels[4 * SIDE * SIDE], colours[4 * 256];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i % 16);
    image.colormap_entries = 16;
    for (size_t i = 0; i < sizeof colours; i++)
        colours[i] = (uint8_t)i;
    ck_assert(png_image_write_to_file(&image, path, 0, pixels, 0, colours));
}

static void put_text(const char *name, const char *text)
{
    put_file(name, text, strlen(text));
}

#ifdef HAVE_JPEG
/* A JPEG image that lies on its side, as EXIF says. */
static void make_jpeg(const char *path)
{
    static const uint8_t exif[] = "Exif\0\0MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\6\0\0\0\0\0\0";
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    uint8_t row[SIDE * 3];
    FILE *stream = fopen(path, "wb");
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, stream);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, sizeof exif - 1);
    for (size_t i = 0; i < sizeof row; i++)
        row[i] = (uint8_t)(2 * i);
    while (jpeg.next_scanline < SIDE)
        jpeg_write_scanlines(&jpeg, (JSAMPROW[]){row}, 1);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    fclose(stream);
}
#endif

#ifdef HAVE_WEBP
static void make_webp(const char *path)
{
    static uint8_t pixels[SIDE * SIDE * 4];
    uint8_t *bytes;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i % 251);
    size_t size = WebPEncodeLosslessRGBA(pixels, SIDE, SIDE, 4 * SIDE, &bytes);
    put_file(path, bytes, size);
    WebPFree(bytes);
}
#endif

static void make_photos(void)
{
    put_file("bits.pbm", "P4\n10 2\n\x80\x40\x01\x80", 12);
#ifdef HAVE_JPEG
    make_jpeg("turned.jpg");
#endif
#ifdef HAVE_WEBP
    make_webp("clear.webp");
#endif
}

static void make_tables(void)
{
    FILE *stream = fopen("wide.tsv", "w");
    fputs("image\tlabel\tsplit", stream);
    for (int i = 0; i < 40; i++)
        fprintf(stream, "\tcolumn%d", i);
    for (int row = 0; row < 5; row++) {
        fprintf(stream, "\ntrain:%d\t3\t%s", row, row % 2 ? "valid" : "train");
        for (int i = 0; i < 40; i++)
            fprintf(stream, "\t%.*s", i * row % 90,
                    "a field that is long enough to make each line "
                    "longer than the buffer of the line before");
    }
    fputs("\n", stream);
    fclose(stream);
    put_text("bare.tsv", "train:1\t3\ttrain\ntrain:2\t4\tvalid\n");
    put_text("history.tsv", "epoch\tloss\taccuracy\n1\t0.5\t0.75\n");
}

static void save(const char *path, int (*write)(FILE *stream, struct fmnn_error *err))
{
    FILE *stream = fopen(path, "wb");
    ck_assert_int_eq(write(stream, NULL), 0);
    fclose(stream);
}

/* A copy of the weights with a word replaced by another of the same length. */
static void put_other(const char *name, const char *from, const char *word, const char *by)
{
    static char bytes[1 << 16];
    FILE *stream = fopen(from, "rb");
    size_t length = strlen(word), count = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    for (size_t i = 0; i + length <= count; i++)
        if (!memcmp(bytes + i, word, length)) {
            memcpy(bytes + i, by, length);
            break;
        }
    put_file(name, bytes, count);
}

static void make_files(void)
{
    static const char *const name[] = {"boot", "\"coat\"", "bag"};
    mkdir("data", 0777);
    make_idx("plain", false);
    make_idx("packed", true);
    make_large();
    make_idx("data/train-images-idx3-ubyte", false);
    make_png("gray.png", PNG_FORMAT_GRAY);
    make_png("colour.png", PNG_FORMAT_RGBA);
    make_png("palette.png", PNG_FORMAT_RGB_COLORMAP);
    make_photos();
    put_text("data/classes.txt", "boot\ncoat\nbag\n");
    make_tables();
    net = make_net(1, 1);
    struct fmnn_names *names = fmnn_names_copy(name, 3, NULL);
    ck_assert_int_eq(fmnn_net_set_names(net, names, NULL), 0);
    fmnn_names_free(names);
    images = make_data(net, 20, 2);
    training.exact = true;
    trainer = fmnn_trainer_new(net, images, images, &training, NULL);
    while (fmnn_trainer_advance(trainer, NULL) != FMNN_EPOCH)
        continue;
    net->training = strdup("{}");
    save("weights", write_net);
    put_other("other", "weights", "\"format\":\"fmnn\"", "\"format\":\"pt\"  ");
    put_other("bare", "other", "fmnn.model", "fmnn.mudel");
    save("checkpoint", write_checkpoint);
}

static void remove_files(void)
{
    fmnn_trainer_free(trainer);
    fmnn_data_free(images);
    fmnn_net_free(net);
    unlink("data/train-images-idx3-ubyte");
    unlink("data/classes.txt");
}

/* ---- 4. the tests */

static int run_act(size_t act, enum mode how, size_t n, struct fmnn_error *err)
{
    *err = (struct fmnn_error){.status = FMNN_OK};
    mode = how;
    failing = n;
    calls = 0;
    failed = 0;
    broken = NULL;
    digest = 0;
    armed = true;
    int status = acts[act].run(err);
    armed = false;
    return status;
}

/* The act did without the call and gave the same result, or it reports the right kind of
   failure. */
static void check_outcome(size_t act, int status, XXH64_hash_t wanted, const struct fmnn_error *err)
{
    if (status == 0) {
        ck_assert_msg(digest == wanted, "%s: call %zu failed, and the result differs",
                      acts[act].name, failing);
        return;
    }
    bool reported = (err->status == FMNN_MEMORY && failed & MEMORY) ||
                    (err->status == FMNN_SYSTEM && failed & (READING | ASKING));
    ck_assert_msg(reported && err->message[0], "%s: call %zu failed, reported as status %d: \"%s\"",
                  acts[act].name, failing, err->status, err->message);
}

START_TEST(failures_are_reported)
{
    struct fmnn_error err;
    size_t act = (size_t)_i;
    ck_assert_msg(run_act(act, NEVER, 0, &err) == 0, "%s: %s", acts[act].name, err.message);
    XXH64_hash_t wanted = digest;
    size_t all = calls;
    ck_assert_uint_gt(all, 0);
    for (enum mode how = ONCE; how <= FROM_THEN_ON; how++)
        for (size_t n = 1; n <= all; n++)
            check_outcome(act, run_act(act, how, n, &err), wanted, &err);
}
END_TEST

START_TEST(interruptions_and_short_reads_are_harmless)
{
    struct fmnn_error err;
    size_t act = (size_t)_i;
    ck_assert_int_eq(run_act(act, NEVER, 0, &err), 0);
    XXH64_hash_t wanted = digest;
    ck_assert_int_eq(run_act(act, SHORT, 0, &err), 0);
    ck_assert(digest == wanted);
    ck_assert_int_eq(run_act(act, INTERRUPTED, SIZE_MAX, &err), 0);
    size_t all = calls;
    for (size_t n = 1; n <= all; n++) {
        int status = run_act(act, INTERRUPTED, n, &err);
        ck_assert_msg(status == 0 && digest == wanted, "%s: call %zu interrupted: %s",
                      acts[act].name, n, err.message);
    }
}
END_TEST

/* err may be NULL. */
START_TEST(failures_without_error_argument)
{
    struct fmnn_error err;
    size_t act = (size_t)_i;
    run_act(act, NEVER, 0, &err);
    for (size_t n = 1, all = calls; n <= all; n++) {
        run_act(act, NEVER, 0, &err);
        mode = ONCE;
        failing = n;
        calls = 0;
        failed = 0;
        broken = NULL;
        armed = true;
        acts[act].run(NULL);
        armed = false;
    }
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("faults");
    scratch_enter();
    tcase_add_unchecked_fixture(tcase, make_files, remove_files);
    tcase_add_loop_test(tcase, failures_are_reported, 0, FM_COUNT(acts));
    tcase_add_loop_test(tcase, interruptions_and_short_reads_are_harmless, 0, FM_COUNT(acts));
    tcase_add_loop_test(tcase, failures_without_error_argument, 0, FM_COUNT(acts));
    int status = run_tests("faults", tcase);
    scratch_leave();
    return status;
}
