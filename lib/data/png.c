/* png.c -- reads PNG files as gray bytes.

   Uses libpng's row interface with everything unnecessary switched off: only the chunks IHDR, PLTE,
   tRNS, IDAT and IEND are read, and gamma is ignored. Faults about which libpng only warns by
   default (a wrong checksum in an ignored chunk, too much data) are errors here. */
#include "base/internal.h"

#include <errno.h>
#include <png.h>

enum { SIGNATURE = 8, TAIL = 16 /* bytes */ };

/* All state that must survive a longjmp(); decode() has no local variables. */
struct reader {
    const char *path;
    FILE *stream;
    png_structp png;
    png_infop info;
    uint8_t *pixels; /* (height,width,channels), then (height,width) */
    png_bytep *rows;
    size_t height, width, channels;
    bool begun, whole;    /* the first chunk was seen; all rows were read */
    size_t beyond;        /* bytes of IDAT chunks after the last row */
    uint8_t palette[256]; /* the gray value of each entry */
    unsigned palette_count;
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
        fm_fail(reader->err, FMNN_DATA, "%s: the image is larger than %d x %d pixels", reader->path,
                FMNN_MAX_SIDE, FMNN_MAX_SIDE);
    else if (reader->warning[0])
        fm_fail(reader->err, FMNN_DATA, "%s: damaged PNG file: %s (%s)", reader->path, text,
                reader->warning);
    else
        fm_fail(reader->err, FMNN_DATA, "%s: damaged PNG file: %s", reader->path, text);
    png_longjmp(png, 1);
}

/* Checks the length and name of a chunk, because libpng accepts an ignored chunk before IHDR, and IDAT
   chunks after the last row. If IDATs are tiny, some of them may still contain the end of the
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
    if (fread(bytes, 1, count, reader->stream) == count) {
        if (count == 8 && png_get_io_state(png) == (PNG_IO_READING | PNG_IO_CHUNK_HDR))
            check_chunk(reader, bytes);
        return;
    }
    if (ferror(reader->stream))
        fm_fail_errno(reader->err, "%s", reader->path);
    else
        fm_fail(reader->err, FMNN_DATA, "%s: truncated: the PNG file ends early", reader->path);
    png_longjmp(png, 1);
}

/* ---- one image ---- */

static void set_limits(png_structp png)
{
    png_set_user_limits(png, FMNN_MAX_SIDE, FMNN_MAX_SIDE);
    png_set_chunk_malloc_max(png, 1 << 20);
    png_set_chunk_cache_max(png, 1); /* no chunk; 0 would mean no limit */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_benign_errors(png, 0);
}

/* The luma of Rec. 601, by integers, rounded. */
static uint8_t luma(unsigned red, unsigned green, unsigned blue)
{
    return (uint8_t)((299 * red + 587 * green + 114 * blue + 500) / 1000);
}

static uint8_t over_black(unsigned gray, unsigned alpha)
{
    return (uint8_t)((gray * alpha + 127) / 255);
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
    for (int i = 0; i < count; i++)
        reader->palette[i] = over_black(luma(color[i].red, color[i].green, color[i].blue),
                                        alpha && i < alphas ? alpha[i] : 255);
    reader->palette_count = (unsigned)count;
}

/* Lets libpng deliver 8 bits a channel: gray, gray and alpha, colour, colour and alpha, or indices of
   the palette. libpng does not apply the palette, because it reads an index beyond the end as black. */
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

static void make_room(struct reader *reader)
{
    png_structp png = reader->png;
    size_t row;
    reader->height = png_get_image_height(png, reader->info);
    reader->width = png_get_image_width(png, reader->info);
    reader->channels = png_get_channels(png, reader->info);
    if (!fm_mul(reader->width, reader->channels, &row) || /* no test: libpng checks it */
        row != png_get_rowbytes(png, reader->info))       /* no test: likewise */
        png_error(png, "unexpected length of a row");     /* no test: libpng checks it */
    reader->pixels = fm_alloc(reader->height, row, reader->err);
    reader->rows = fm_alloc(reader->height, sizeof *reader->rows, reader->err);
    if (!reader->pixels || !reader->rows)
        png_longjmp(png, 1);
    for (size_t y = 0; y < reader->height; y++)
        reader->rows[y] = reader->pixels + y * row;
}

/* Everything that may call longjmp() happens here. */
static int decode(struct reader *reader)
{
    if (setjmp(png_jmpbuf(reader->png)))
        return -1;
    png_set_read_fn(reader->png, reader, give_bytes);
    png_set_sig_bytes(reader->png, SIGNATURE);
    set_limits(reader->png);
    png_read_info(reader->png, reader->info);
    set_transformations(reader);
    make_room(reader);
    png_read_image(reader->png, reader->rows);
    reader->whole = true;
    png_read_end(reader->png, reader->info); /* finds damage after the last row */
    return 0;
}

/* Works in place, because no gray byte lies behind the pixel that it comes from. */
static int make_gray(struct reader *reader)
{
    uint8_t *gray = reader->pixels;
    const uint8_t *p = reader->pixels, *end = p + reader->height * reader->width * reader->channels;
    if (reader->palette_count) {
        for (; p < end; p++) {
            if (*p >= reader->palette_count)
                return fm_fail(reader->err, FMNN_DATA,
                               "%s: damaged PNG file: colour %u of a palette of %u", reader->path,
                               *p, reader->palette_count);
            *gray++ = reader->palette[*p];
        }
    } else if (reader->channels == 2) {
        for (; p < end; p += 2)
            *gray++ = over_black(p[0], p[1]);
    } else if (reader->channels == 3) {
        for (; p < end; p += 3)
            *gray++ = luma(p[0], p[1], p[2]);
    } else if (reader->channels == 4) {
        for (; p < end; p += 4)
            *gray++ = over_black(luma(p[0], p[1], p[2]), p[3]);
    }
    uint8_t *less = realloc(reader->pixels, reader->height * reader->width);
    if (less)
        reader->pixels = less;
    return 0;
}

static int check_signature(const struct reader *reader)
{
    uint8_t signature[SIGNATURE];
    size_t got = fread(signature, 1, sizeof signature, reader->stream);
    if (ferror(reader->stream))
        return fm_fail_errno(reader->err, "%s", reader->path);
    if (got < sizeof signature || png_sig_cmp(signature, 0, SIGNATURE))
        return fm_fail(reader->err, FMNN_DATA, "%s: %snot a PNG file", reader->path,
                       got ? "" : "empty, ");
    return 0;
}

static int read_stream(struct reader *reader)
{
    if (check_signature(reader) < 0)
        return -1;
    reader->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, reader, raise_error, note_warning,
                                           reader, give_memory, NULL);
    reader->info = reader->png ? png_create_info_struct(reader->png) : NULL;
    int status = reader->info ? decode(reader)
                              : fm_fail(reader->err, FMNN_MEMORY,
                                        "%s: out of memory, or libpng "
                                        "differs from the one fmnn was built with",
                                        reader->path);
    png_destroy_read_struct(&reader->png, &reader->info, NULL);
    return status < 0 ? -1 : make_gray(reader);
}

int fmnn_png_read(const char *path, struct fmnn_shape *shape, uint8_t **pixels,
                  struct fmnn_error *err)
{
    struct reader reader = {.path = path, .err = err};
    reader.stream = fopen(path, "rbe");
    if (!reader.stream)
        return fm_fail_errno(err, "%s", path);
    int status = read_stream(&reader);
    fclose(reader.stream);
    free(reader.rows);
    if (status < 0) {
        free(reader.pixels);
        return -1;
    }
    *shape = (struct fmnn_shape){1, reader.height, reader.width};
    *pixels = reader.pixels;
    return 0;
}
