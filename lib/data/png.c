/* png.c -- reads PNG files.

   Uses libpng's row interface with everything unnecessary switched off: libpng reads only the
   chunks IHDR, PLTE, tRNS, IDAT and IEND; find_orientation() reads eXIf; gamma is ignored. Faults
   about which libpng only warns by default (a wrong checksum in an ignored chunk, too much data)
   are errors here. */
#include "data/image-formats.h"

#include <png.h>
#include <stdio.h>

enum {
    SIGNATURE = 8, /* bytes */
    TAIL = 16,
    MAX_PACKING = 1032, /* bytes for each byte, by deflate */
};

/* All state that must survive a longjmp(); decode() has no local variables. */
struct reader {
    const char *path;
    const uint8_t *bytes; /* of the file */
    size_t size, at;
    unsigned max_side;
    png_structp png;
    png_infop info;
    struct fm_image *image;
    png_bytep *rows;
    bool begun, whole;       /* the first chunk was seen; all rows were read */
    size_t beyond;           /* bytes of IDAT chunks after the last row */
    uint8_t palette[256][4]; /* red, green, blue, alpha */
    unsigned palette_count;
    bool palette_alpha;
    struct fmnn_error *err;
    char warning[128];
    bool starved; /* an allocation failed, which libpng reports as damage */
};

/* ---- callbacks of libpng ---- */

static png_voidp give_memory(png_structp png, png_alloc_size_t size)
{
    struct reader *reader = png_get_mem_ptr(png);
    void *p = malloc(size);
    reader->starved |= !p;
    return p;
}

static void note_warning(png_structp png, png_const_charp text)
{
    struct reader *reader = png_get_error_ptr(png);
    snprintf(reader->warning, sizeof reader->warning, "%s", text);
}

/* The error may say only "Invalid IHDR data"; libpng's warning before it has the reason. */
static void raise_error(png_structp png, png_const_charp text)
{
    const struct reader *reader = png_get_error_ptr(png);
    if (reader->starved)
        fm_fail(reader->err, FMNN_MEMORY, "%s: out of memory", reader->path);
    else if (strstr(reader->warning, "exceeds user limit"))
        fm_fail(reader->err, FMNN_DATA, "%s: the image is larger than %u x %u pixels", reader->path,
                reader->max_side, reader->max_side);
    else if (reader->warning[0])
        fm_fail(reader->err, FMNN_DATA, "%s: damaged PNG file: %s (%s)", reader->path, text,
                reader->warning);
    else
        fm_fail(reader->err, FMNN_DATA, "%s: damaged PNG file: %s", reader->path, text);
    png_longjmp(png, 1);
}

/* Checks the length and name of a chunk, because libpng accepts an ignored chunk before IHDR, and
   IDAT chunks after the last row. If IDATs are tiny, some of them may still contain the end of the
   compressed data and its checksum, TAIL bytes at most. */
static void check_chunk(struct reader *reader, const uint8_t head[8])
{
    if (!reader->begun && head[4] & 0x20)
        png_error(reader->png, "the first chunk is not IHDR");
    if (reader->whole && !memcmp(head + 4, "IDAT", 4))
        reader->beyond += png_get_uint_32(head);
    if (reader->beyond > TAIL)
        png_error(reader->png, "more IDAT after the last row");
    reader->begun = true;
}

static void give_bytes(png_structp png, png_bytep bytes, size_t count)
{
    struct reader *reader = png_get_io_ptr(png);
    if (count > reader->size - reader->at) {
        fm_fail(reader->err, FMNN_DATA, "%s: truncated: the PNG file ends early", reader->path);
        png_longjmp(png, 1);
    }
    memcpy(bytes, reader->bytes + reader->at, count);
    reader->at += count;
    if (count == 8 && png_get_io_state(png) == (PNG_IO_READING | PNG_IO_CHUNK_HDR))
        check_chunk(reader, bytes);
}

/* ---- one image ---- */

static void set_limits(png_structp png, unsigned max_side)
{
    png_set_user_limits(png, max_side, max_side);
    /* A limit would hold for the lengths of chunks, too, that are skipped, such as a large text. */
    png_set_chunk_malloc_max(png, 0);
    png_set_chunk_cache_max(png, 1); /* no chunk; 0 would mean no limit */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_benign_errors(png, 0);
}

static void read_palette(struct reader *reader)
{
    png_colorp color = NULL;
    png_bytep alpha = NULL;
    int count = 0, alphas = 0;
    bool some = png_get_PLTE(reader->png, reader->info, &color, &count) != 0;
    if (!some || count < 1 || count > 256)    /* no test: libpng checks it */
        png_error(reader->png, "no palette"); /* no test: likewise */
    png_get_tRNS(reader->png, reader->info, &alpha, &alphas, NULL);
    for (int i = 0; i < count; i++) {
        reader->palette[i][0] = color[i].red;
        reader->palette[i][1] = color[i].green;
        reader->palette[i][2] = color[i].blue;
        reader->palette[i][3] = alpha && i < alphas ? alpha[i] : 255;
    }
    reader->palette_count = (unsigned)count;
    reader->palette_alpha = alphas > 0;
}

/* Lets libpng deliver 8 bits a channel: gray, gray and alpha, colour, colour and alpha, or indices
   of the palette. libpng does not apply the palette, because it reads an index beyond the end as
   black. */
static void set_transformations(struct reader *reader)
{
    png_structp png = reader->png;
    png_byte type = png_get_color_type(png, reader->info);
    png_byte depth = png_get_bit_depth(png, reader->info);
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_set_packing(png);
        read_palette(reader);
    } else {
        if (type == PNG_COLOR_TYPE_GRAY && depth < 8)
            png_set_expand_gray_1_2_4_to_8(png);
        if (png_get_valid(png, reader->info, PNG_INFO_tRNS))
            png_set_tRNS_to_alpha(png);
        if (depth == 16)
            png_set_scale_16(png);
    }
    png_set_interlace_handling(png);
    png_read_update_info(png, reader->info);
}

/* Before memory is taken for pixels. */
static void check_size(struct reader *reader, size_t height)
{
    if (height * png_get_rowbytes(reader->png, reader->info) / MAX_PACKING <= reader->size)
        return;
    fm_fail(reader->err, FMNN_DATA, "%s: truncated: the PNG file ends early", reader->path);
    png_longjmp(reader->png, 1);
}

static void make_room(struct reader *reader)
{
    png_structp png = reader->png;
    size_t height = png_get_image_height(png, reader->info);
    size_t width = png_get_image_width(png, reader->info);
    size_t channels = png_get_channels(png, reader->info), row = width * channels;
    if (fm_image_make_room(reader->image, reader->path, height, width, channels, reader->err) != 0)
        png_longjmp(png, 1);
    if (row != png_get_rowbytes(png, reader->info))   /* no test: libpng checks it */
        png_error(png, "unexpected length of a row"); /* no test: likewise */
    reader->rows = fm_alloc(height, sizeof *reader->rows, reader->err);
    if (!reader->rows)
        png_longjmp(png, 1);
    for (size_t y = 0; y < height; y++)
        reader->rows[y] = reader->image->pixels + y * row;
}

/* Everything that may call longjmp() happens here. */
static int decode(struct reader *reader)
{
    if (setjmp(png_jmpbuf(reader->png)))
        return -1;
    png_set_read_fn(reader->png, reader, give_bytes);
    png_set_sig_bytes(reader->png, SIGNATURE);
    set_limits(reader->png, reader->max_side);
    png_read_info(reader->png, reader->info);
    check_size(reader, png_get_image_height(reader->png, reader->info));
    set_transformations(reader);
    make_room(reader);
    png_read_image(reader->png, reader->rows);
    reader->whole = true;
    png_read_end(reader->png, reader->info); /* finds damage after the last row */
    return 0;
}

/* Indices become colours. */
static int apply_palette(struct reader *reader)
{
    struct fm_image *image = reader->image;
    size_t n = reader->palette_alpha ? 4 : 3, count = image->height * image->width;
    if (!reader->palette_count)
        return 0;
    uint8_t *colours = fm_alloc(count, n, reader->err);
    if (!colours)
        return -1;
    for (size_t i = 0; i < count; i++) {
        unsigned index = image->pixels[i];
        if (index >= reader->palette_count) {
            free(colours);
            return fm_fail(reader->err, FMNN_DATA,
                           "%s: damaged PNG file: colour %u of a palette of %u", reader->path,
                           index, reader->palette_count);
        }
        memcpy(colours + i * n, reader->palette[index], n);
    }
    free(image->pixels);
    image->pixels = colours;
    image->channels = n;
    return 0;
}

/* libpng has found all chunks whole. */
static unsigned find_orientation(const struct reader *reader)
{
    enum { FRAME = 12 };
    for (size_t at = SIGNATURE; at + FRAME <= reader->size;) {
        const uint8_t *head = reader->bytes + at;
        size_t length = png_get_uint_32(head);
        if (length > reader->size - at - FRAME || !memcmp(head + 4, "IEND", 4))
            return 1;
        if (!memcmp(head + 4, "eXIf", 4))
            return fm_exif_orientation(head + 8, length);
        at += length + FRAME;
    }
    return 1;
}

static int read_image(struct reader *reader)
{
    if (reader->size < SIGNATURE || png_sig_cmp(reader->bytes, 0, SIGNATURE))
        return fm_fail(reader->err, FMNN_DATA, "%s: %snot a PNG file", reader->path,
                       reader->size ? "" : "empty, ");
    reader->at = SIGNATURE;
    reader->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, reader, raise_error, note_warning,
                                           reader, give_memory, NULL);
    reader->info = reader->png ? png_create_info_struct(reader->png) : NULL;
    int status = reader->info ? decode(reader)
                              : fm_fail(reader->err, FMNN_MEMORY,
                                        "%s: out of memory, or libpng "
                                        "differs from the one fmnn was built with",
                                        reader->path);
    png_destroy_read_struct(&reader->png, &reader->info, NULL);
    free(reader->rows);
    if (status == 0)
        status = apply_palette(reader);
    return status == 0 ? fm_image_turn(reader->image, find_orientation(reader), reader->err) : -1;
}

static int read_bytes(const char *path, const uint8_t *bytes, size_t size, unsigned max_side,
                      struct fm_image *image, struct fmnn_error *err)
{
    struct reader reader = {.path = path,
                            .bytes = bytes,
                            .size = size,
                            .max_side = max_side,
                            .image = image,
                            .err = err};
    image->pixels = NULL;
    if (read_image(&reader) == 0)
        return 0;
    free(image->pixels);
    image->pixels = NULL;
    return -1;
}

int fm_png_decode(const char *path, const uint8_t *bytes, size_t size, struct fm_image *image,
                  struct fmnn_error *err)
{
    return read_bytes(path, bytes, size, FM_MAX_IMAGE_SIDE, image, err);
}

int fmnn_png_read(const char *path, struct fmnn_shape *shape, uint8_t **pixels,
                  struct fmnn_error *err)
{
    uint8_t *bytes;
    size_t size;
    struct fm_image image;
    if (fm_read_file(path, &bytes, &size, err) != 0)
        return -1;
    int status = read_bytes(path, bytes, size, FMNN_MAX_SIDE, &image, err);
    free(bytes);
    if (status != 0)
        return -1;
    fm_image_gray(&image, 0, image.pixels); /* in place: no gray byte lies behind its pixel */
    uint8_t *less = realloc(image.pixels, image.height * image.width);
    *pixels = less ? less : image.pixels;
    *shape = (struct fmnn_shape){1, image.height, image.width};
    return 0;
}
