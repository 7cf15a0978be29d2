/* loading.c -- images on their way into a net. */
#include "common/common.h"
#include "common/loading.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/inputs.h"
#include "common/messages.h"
#include "common/roots.h"
#include "common/xalloc.h"

/* As fmnn_fit_name() and fmnn_filter_name() have them; a table of options needs constant
   addresses. */
const char *const fit_words[] = {"none", "stretch", "pad", "crop", "fashion-mnist", NULL};
const char *const filter_words[] = {"bilinear", "box", "lanczos", NULL};

void parse_fit(const struct option_row *row, const char *text, void *target)
{
    enum fmnn_fit *fit = target;
    (void)row;
    *fit = (enum fmnn_fit)(option_word("--fit", text, fit_words + 1) + 1);
}

/* A number of digits alone; 0 if there is none or it is too large. *text moves behind it. */
static size_t take_side(const char **text)
{
    size_t side = 0;
    for (; **text >= '0' && **text <= '9'; ++*text)
        side = side > FMNN_MAX_SIDE ? side : side * 10 + (size_t)(**text - '0');
    return side > FMNN_MAX_SIDE ? 0 : side;
}

void parse_image_size(const struct option_row *row, const char *text, void *target)
{
    struct fmnn_shape *shape = target;
    const char *end = text;
    size_t height = take_side(&end), width = height;
    if (*end == 'x' || *end == 'X') {
        end++;
        width = take_side(&end);
    }
    if (*end || !height || !width)
        usage_error("--%s: '%s' is not HEIGHTxWIDTH, such as 32x32, with sides of 1 to %d",
                    row->name, text, FMNN_MAX_SIDE);
    shape->height = height;
    shape->width = width;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)((at - digits) % 16) : -1;
}

static bool parse_colour(const char *text, uint8_t colour[3])
{
    bool digits = text[0] && strlen(text) <= 3 && strspn(text, "0123456789") == strlen(text);
    int level = digits                   ? atoi(text)
                : !strcmp(text, "black") ? 0
                : !strcmp(text, "white") ? 255
                                         : -1;
    if (level >= 0 && level < 256)
        memset(colour, level, 3);
    if (level >= 0)
        return level < 256;
    if (text[0] != '#' || strlen(text) != 7)
        return false;
    for (int i = 0; i < 3; i++) {
        int high = hex_digit(text[1 + 2 * i]), low = hex_digit(text[2 + 2 * i]);
        if (high < 0 || low < 0)
            return false;
        colour[i] = (uint8_t)(16 * high + low);
    }
    return true;
}

void parse_background(const struct option_row *row, const char *text, void *target)
{
    struct background *background = target;
    if (!parse_colour(text, background->colour))
        usage_error("--%s: '%s' is not a colour: #rrggbb, black, white, or a gray level of 0 to "
                    "255",
                    row->name, text);
    background->given = true;
}

void fitting_apply(const struct fitting *f, struct fmnn_input *input)
{
    if (f->fit != FMNN_FIT_NONE)
        input->fit = f->fit;
    if (option_given("filter"))
        input->filter = f->filter;
    if (f->background.given)
        memcpy(input->background, f->background.colour, sizeof input->background);
    else if (f->fit == FMNN_FIT_FASHION_MNIST)
        memset(input->background, 255, sizeof input->background);
    input->invert ^= f->invert;
}

/* ---- operands */

static size_t read_some(const struct operand *source, uint8_t *bytes, size_t size)
{
    ssize_t got;
    do
        got = read(source->fd, bytes, size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        die_errno("%s", !strcmp(source->path, "-") ? "standard input" : source->path);
    return (size_t)got;
}

/* Reads up to 12 bytes, but not beyond the first line of a table, whose writer may be waiting. */
static void read_head(struct operand *source)
{
    enum { ENOUGH = 12 };
    size_t got;
    while (source->count < ENOUGH &&
           (got = read_some(source, source->head + source->count, ENOUGH - source->count)) > 0) {
        source->count += got;
        if (source->head[0] != 'P' && source->head[source->count - 1] == '\n')
            return;
    }
}

static bool is_image(const struct operand *source)
{
    return fmnn_image_kind(source->head, source->count) ||
           fmnn_image_other(source->head, source->count) || fmnn_image_format(source->path);
}

struct operand operand_open(const char *path)
{
    struct operand source = {.path = path ? path : "-", .fd = STDIN_FILENO};
    struct stat st;
    bool standard = !strcmp(source.path, "-");
    if (standard && isatty(STDIN_FILENO))
        usage_error(
            "standard input is a terminal; redirect a table of images or an image to it, or "
            "name a file");
    if (!standard) {
        bool there = stat(source.path, &st) == 0;
        source.fd = there && !S_ISDIR(st.st_mode) ? open(source.path, O_RDONLY | O_CLOEXEC) : -1;
        if (source.fd < 0) { /* whoever opens it again tells why it cannot be opened */
            source.error = there && S_ISDIR(st.st_mode) ? EISDIR : errno;
            source.image = fmnn_image_format(source.path) != NULL;
            return source;
        }
    }
    read_head(&source);
    source.image = is_image(&source);
    if (!standard && S_ISREG(st.st_mode)) {
        close(source.fd);
        source.fd = -1;
        source.count = 0;
    }
    return source;
}

uint8_t *operand_read(struct operand *source, size_t *size)
{
    enum { CHUNK = 1 << 16 };
    void *bytes = NULL;
    size_t capacity = 0, got;
    xgrow(&bytes, &capacity, CHUNK, 1);
    memcpy(bytes, source->head, source->count);
    for (*size = source->count;
         (got = read_some(source, (uint8_t *)bytes + *size, capacity - *size)) > 0;) {
        *size += got;
        if (*size > FMNN_MAX_IMAGE_FILE)
            die("%s: larger than %d MiB, too large for an image", source->path,
                FMNN_MAX_IMAGE_FILE >> 20);
        xgrow(&bytes, &capacity, *size + CHUNK, 1);
    }
    return bytes;
}

struct fmnn_table *operand_table(const struct operand *source, enum fmnn_table_kind kind,
                                 const char *only)
{
    struct fmnn_error error;
    if (source->fd < 0)
        return open_table(source->path, kind, only);
    struct fmnn_table *table =
        fmnn_table_open_read(source->path, source->fd, source->head, source->count, kind, &error);
    if (!table || (only && fmnn_table_only(table, only, &error) != 0))
        die_error(&error);
    return table;
}

/* ---- images */

char *image_trouble(const struct origin *origin, const struct fmnn_error *why)
{
    char *root = find_root(origin->table, origin->root, origin->image);
    char *text = root ? text_format("%s; --root %s would find it", why->message, root)
                      : text_format("%s", why->message);
    free(root);
    return text;
}

struct fmnn_error error_of_image(const struct origin *origin, const struct fmnn_error *why)
{
    struct fmnn_error error = {.status = why->status};
    char *trouble = image_trouble(origin, why);
    char *text = text_format("%s:%zu: %s", origin->table, origin->line, trouble);
    snprintf(error.message, sizeof error.message, "%s", text);
    free(text);
    free(trouble);
    return error;
}

void bad_image(struct bad_images *bad, const struct fmnn_error *error)
{
    if (!bad->skip || error->status == FMNN_MEMORY || error->status == FMNN_USAGE)
        die_error(error);
    warn("%s: skipped", error->message);
    bad->count++;
}

int bad_images_status(const struct bad_images *bad)
{
    if (!bad->count)
        return 0;
    warn("%zu image%s could not be read and %s skipped", bad->count, bad->count == 1 ? "" : "s",
         bad->count == 1 ? "was" : "were");
    return EXIT_NEGATIVE;
}

void show_reading(size_t done, size_t all)
{
    if (done == all)
        clear_progress();
    else if (progress_wanted())
        draw_progress("Reading images %zu/%zu", done, all);
}

void note_flat_image(const char *name, const struct fmnn_loaded *loaded)
{
    static bool told, told_transparent;
    bool *once = loaded->transparent ? &told_transparent : &told;
    if (!loaded->flat || *once)
        return;
    if (loaded->transparent)
        note("%s: all its pixels are equal, because its transparent parts have the colour of the "
             "rest; --background white or black may show the image",
             name);
    else
        note("%s: all its pixels are equal, so nothing is to be seen", name);
    *once = true;
}
