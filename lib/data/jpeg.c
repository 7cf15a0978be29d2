/* jpeg.c -- reads JPEG files with libjpeg-turbo.

   The accurate integer transform is used, whose results are the same with and without the library's
   vector code. What the library only warns of is damage here, apart from a few words about headers.
   The library prints nothing. */
#include "data/image-formats.h"

#ifdef HAVE_JPEG
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>

enum {
    MAX_SCANS = 500,   /* of a progressive file; each takes time for all pixels */
    MAX_PACKING = 512, /* pixels for each byte, by Huffman's code: a bit for each block of 64 */
};

/* All state that must survive a longjmp(); decode() changes no local variable after setjmp(). */
struct reader {
    struct jpeg_error_mgr errors; /* first, because libjpeg knows only its address */
    struct jpeg_decompress_struct jpeg;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    const char *path;
    const uint8_t *bytes;
    size_t size;
    struct fm_image *image;
    unsigned orientation;
    struct fmnn_error *err;
};

/* ---- callbacks of libjpeg ---- */

static void escape(struct reader *reader)
{
    longjmp(reader->escape, 1);
}

static bool is_unsupported(int code)
{
    return code == JERR_BAD_PRECISION || code == JERR_SOF_UNSUPPORTED ||
           code == JERR_ARITH_NOTIMPL || code == JERR_CONVERSION_NOTIMPL;
}

static void raise_error(j_common_ptr jpeg)
{
    struct reader *reader = (struct reader *)jpeg->err;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    if (jpeg->err->msg_code == JERR_OUT_OF_MEMORY)
        fm_fail(reader->err, FMNN_MEMORY, "%s: out of memory", reader->path);
    else if (jpeg->err->msg_code == JWRN_JPEG_EOF || jpeg->err->msg_code == JERR_INPUT_EMPTY ||
             jpeg->err->msg_code == JERR_INPUT_EOF)
        fm_fail(reader->err, FMNN_DATA, "%s: truncated: the JPEG file ends early", reader->path);
    else
        fm_fail(reader->err, FMNN_DATA, "%s: %s JPEG file: %s", reader->path,
                is_unsupported(jpeg->err->msg_code) ? "unsupported" : "damaged", text);
    escape(reader);
}

/* level -1: the data are damaged; others: what the library did. The four that are let pass are
   about bytes that do not change the pixels. */
static void note_message(j_common_ptr jpeg, int level)
{
    int code = jpeg->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_JFIF_MAJOR &&
        code != JWRN_ADOBE_XFORM && code != JWRN_NOT_SEQUENTIAL)
        raise_error(jpeg);
}

static void print_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void count_scans(j_common_ptr jpeg)
{
    struct reader *reader = (struct reader *)jpeg->err;
    if (reader->jpeg.input_scan_number <= MAX_SCANS)
        return;
    fm_fail(reader->err, FMNN_DATA, "%s: damaged JPEG file: more than %d scans", reader->path,
            MAX_SCANS);
    escape(reader);
}

/* ---- one image ---- */

static void set_up(struct reader *reader)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    jpeg->err = jpeg_std_error(&reader->errors);
    jpeg->err->error_exit = raise_error;
    jpeg->err->emit_message = note_message;
    jpeg->err->output_message = print_nothing;
}

static void find_orientation(struct reader *reader)
{
    static const char exif[6] = "Exif\0";
    for (jpeg_saved_marker_ptr m = reader->jpeg.marker_list; m; m = m->next)
        if (m->data_length > sizeof exif && !memcmp(m->data, exif, sizeof exif)) {
            reader->orientation =
                fm_exif_orientation(m->data + sizeof exif, m->data_length - sizeof exif);
            return;
        }
    reader->orientation = 1;
}

static void choose_colours(struct jpeg_decompress_struct *jpeg)
{
    switch (jpeg->jpeg_color_space) {
    case JCS_GRAYSCALE:
        jpeg->out_color_space = JCS_GRAYSCALE;
        break;
    case JCS_CMYK:
    case JCS_YCCK:
        jpeg->out_color_space = JCS_CMYK;
        break;
    default:
        jpeg->out_color_space = JCS_RGB;
    }
}

/* Before memory is taken for pixels or coefficients. */
static void check_size(struct reader *reader)
{
    const struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    size_t pixels = (size_t)jpeg->image_height * jpeg->image_width;
    if (!jpeg->arith_code && pixels / MAX_PACKING > reader->size) {
        fm_fail(reader->err, FMNN_DATA, "%s: truncated: the JPEG file ends early", reader->path);
        escape(reader);
    }
    if (fm_image_make_room(reader->image, reader->path, jpeg->image_height, jpeg->image_width,
                           jpeg->out_color_space == JCS_GRAYSCALE ? 1
                           : jpeg->out_color_space == JCS_CMYK    ? 4
                                                                  : 3,
                           reader->err) != 0)
        escape(reader);
}

static void read_rows(struct reader *reader)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    size_t row = reader->image->width * reader->image->channels;
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW rows[16];
        JDIMENSION n = jpeg->output_height - jpeg->output_scanline;
        n = n < FM_COUNT(rows) ? n : (JDIMENSION)FM_COUNT(rows);
        for (JDIMENSION i = 0; i < n; i++)
            rows[i] = reader->image->pixels + (jpeg->output_scanline + i) * row;
        jpeg_read_scanlines(jpeg, rows, n);
    }
}

/* Everything that may call longjmp() happens here. */
static int decode(struct reader *reader)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    if (setjmp(reader->escape))
        return -1;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &reader->progress;
    jpeg->progress->progress_monitor = count_scans;
    jpeg_mem_src(jpeg, reader->bytes, reader->size);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(jpeg, TRUE);
    find_orientation(reader);
    choose_colours(jpeg);
    jpeg->dct_method = JDCT_ISLOW;
    check_size(reader);
    jpeg_start_decompress(jpeg);
    read_rows(reader);
    jpeg_finish_decompress(jpeg); /* finds a missing end */
    return 0;
}

/* a * b / 255, rounded. */
static unsigned part(unsigned a, unsigned b)
{
    unsigned product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

/* Four inks become three colours, in place. As in files of Adobe's programs, and so in all, 255 is
   no ink. */
static void mix_inks(struct fm_image *image)
{
    uint8_t *to = image->pixels;
    const uint8_t *p = image->pixels, *end = p + image->height * image->width * 4;
    for (; p < end; p += 4) {
        unsigned light = p[3];
        for (int c = 0; c < 3; c++)
            *to++ = (uint8_t)(light - part(255u - p[c], light));
    }
    image->channels = 3;
}

int fm_jpeg_decode(const char *path, const uint8_t *bytes, size_t size, struct fm_image *image,
                   struct fmnn_error *err)
{
    struct reader reader = {.path = path, .bytes = bytes, .size = size, .image = image, .err = err};
    image->pixels = NULL;
    set_up(&reader);
    int status = decode(&reader);
    jpeg_destroy_decompress(&reader.jpeg);
    if (status == 0 && image->channels == 4)
        mix_inks(image);
    if (status == 0)
        status = fm_image_turn(image, reader.orientation, err);
    if (status == 0)
        return 0;
    free(image->pixels);
    image->pixels = NULL;
    return -1;
}
#endif
