/* seeds.c -- valid files to start with, for every target. */
#include "fuzz.h"

#include <png.h>
#ifdef HAVE_JPEG
#include <jpeglib.h>
#endif
#ifdef HAVE_WEBP
#include <webp/encode.h>
#endif
#include <zlib.h>

#include "files/safetensors.h"
#include "trainer.h"

const char *const fuzz_targets[] = {"weights", "idx",    "gzip",    "png",    "jpeg", "webp",
                                    "pnm",     "tables", "imports", "models", NULL};

/* A literal and its length, without the NUL at its end. */
#define BYTES(literal) literal, sizeof(literal) - 1

struct taker {
    fuzz_give *give;
    void *state;
};

static void give(const struct taker *taker, const char *name, const void *bytes, size_t count)
{
    taker->give(taker->state, name, bytes, count);
}

/* A stream whose bytes are passed on when it is closed. */
struct memory {
    FILE *stream;
    char *bytes;
    size_t count;
};

static FILE *begin(struct memory *memory)
{
    memory->stream = open_memstream(&memory->bytes, &memory->count);
    HOLDS(memory->stream);
    return memory->stream;
}

static void end(struct memory *memory, const struct taker *taker, const char *name)
{
    HOLDS(fclose(memory->stream) == 0);
    give(taker, name, memory->bytes, memory->count);
    free(memory->bytes);
}

/* ---- weights */

static void one_net(const struct taker *taker, const char *name, const char *text, size_t side,
                    size_t classes, bool named)
{
    static const char *const names[] = {"a", "\xc3\xa9t\xc3\xa9", "\"c\\", "d", "e"};
    struct memory memory;
    struct fmnn_model *model = fmnn_model_parse(text, "seed", NULL);
    struct fmnn_net *net = fmnn_net_new(model, (struct fmnn_shape){1, side, side}, classes, NULL);
    HOLDS(net && classes <= sizeof names / sizeof *names);
    fmnn_net_initialise(net, 1, 1);
    struct fmnn_names *list = fmnn_names_copy(names, classes, NULL);
    HOLDS(list && (!named || fmnn_net_set_names(net, list, NULL) == 0));
    HOLDS(fmnn_net_write(net, begin(&memory), NULL) == 0);
    end(&memory, taker, name);
    fmnn_names_free(list);
    fmnn_net_free(net);
    fmnn_model_free(model);
}

static void checkpoints(const struct taker *taker)
{
    struct memory memory;
    static struct fmnn_trainer *trainer; /* with what it borrows: kept, so no leak */
    trainer = small_trainer();
    HOLDS(fmnn_trainer_save(trainer, begin(&memory), NULL) == 0);
    end(&memory, taker, "checkpoint-begin");
    while (!fmnn_trainer_epoch(trainer, 2))
        HOLDS(fmnn_trainer_advance(trainer, NULL) >= 0);
    HOLDS(fmnn_trainer_save(trainer, begin(&memory), NULL) == 0);
    end(&memory, taker, "checkpoint-epoch");
}

static void container(const struct taker *taker)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    static const uint64_t state[2] = {7, 8};
    static const struct fm_tensor entries[] = {
        {.name = "0.weight", .dtype = FM_F32, .rank = 2, .size = {3, 2}, .data = values},
        {.name = "\xc3\xa9", .dtype = FM_F32, .rank = 0, .data = values},
        {.name = "none", .dtype = FM_F32, .rank = 2, .size = {0, 5}},
        {.name = "state", .dtype = FM_U64, .rank = 1, .size = {2}, .data = state}};
    static const struct fm_metadata pairs[] = {{"fmnn.classes", "[\"a\",\"b\"]"}};
    struct memory memory;
    HOLDS(fm_safetensors_write(begin(&memory), pairs, 1, entries, 4, NULL) == 0);
    end(&memory, taker, "container");
}

static void weights(const struct taker *taker)
{
    one_net(taker, "dense", "dense classes", 2, 2, false);
    one_net(taker, "names", "dense 2 relu | dense classes", 2, 3, true);
    one_net(taker, "conv", "conv 2 3x3 stride 2 tanh | maxpool 2 | dense classes", 4, 2, false);
    checkpoints(taker);
    container(taker);
}

/* ---- IDX, plain and packed */

static size_t idx_file(unsigned rank, uint8_t bytes[160])
{
    static const size_t size[4] = {3, 4, 5, 2};
    uint8_t data[120];
    size_t count = 4 + (size_t)4 * rank;
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i / 3);
    for (unsigned i = 0, n = 1; i < rank; i++) {
        n *= (unsigned)size[i];
        count += i + 1 == rank ? n : 0;
    }
    FILE *stream = fmemopen(bytes, 160, "w");
    HOLDS(stream && fmnn_idx_write(stream, rank, size, data, NULL) == 0 && fclose(stream) == 0);
    return count;
}

static void idx(const struct taker *taker)
{
    uint8_t bytes[160];
    char name[16];
    for (unsigned rank = 1; rank <= 4; rank++) {
        size_t count = idx_file(rank, bytes);
        snprintf(name, sizeof name, "rank%u", rank);
        give(taker, name, bytes, count);
    }
}

static size_t packed(const uint8_t *bytes, size_t count, int level, uint8_t to[512])
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes,
                  .avail_in = (uInt)count,
                  .next_out = to,
                  .avail_out = 512};
    HOLDS(deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 1, 0) == Z_OK);
    HOLDS(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return 512 - z.avail_out;
}

static void gzip(const struct taker *taker)
{
    uint8_t bytes[160], to[1024];
    char name[16];
    for (unsigned rank = 1; rank <= 4; rank++) {
        size_t count = idx_file(rank, bytes);
        snprintf(name, sizeof name, "rank%u", rank);
        give(taker, name, to, packed(bytes, count, rank == 1 ? 0 : 9, to));
        size_t first = packed(bytes, 7, 6, to),
               second = packed(bytes + 7, count - 7, 6, to + first);
        snprintf(name, sizeof name, "members%u", rank);
        give(taker, name, to, first + second);
    }
}

/* ---- PNG */

static void append_bytes(png_structp png, png_bytep bytes, size_t count)
{
    HOLDS(fwrite(bytes, 1, count, png_get_io_ptr(png)) == count);
}

static void one_png(const struct taker *taker, int type, int depth, int interlace)
{
    struct memory memory;
    char name[32];
    snprintf(name, sizeof name, "%d-%d-%d.png", type, depth, interlace);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[256] = {{1, 2, 3}, {200, 100, 50}};
    png_byte row[5 * 8] = {0x12, 0x10, 0x05, 0x08, 0x03, 0x77, 0xf0}, alpha[2] = {0, 128};
    png_set_write_fn(png, begin(&memory), append_bytes, NULL);
    png_set_IHDR(png, info, 5, 6, depth, type, interlace, 0, 0);
    if (type == 3) {
        png_set_PLTE(png, info, palette, depth == 8 ? 20 : 1 << depth);
        png_set_tRNS(png, info, alpha, 2, NULL);
    }
    png_write_info(png, info);
    for (int pass = interlace ? png_set_interlace_handling(png) : 1; pass > 0; pass--)
        for (int y = 0; y < 6; y++)
            png_write_row(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    end(&memory, taker, name);
}

static void png(const struct taker *taker)
{
    static const struct {
        int type, depth;
    } kinds[] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1},
                 {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int interlace = 0; interlace < 2; interlace++)
            one_png(taker, kinds[i].type, kinds[i].depth, interlace);
}

/* ---- JPEG, WebP: nothing if the library is not there */

enum { PHOTO_HEIGHT = 18, PHOTO_WIDTH = 21 };

static void fill_photo(uint8_t *pixels, size_t channels)
{
    for (size_t i = 0; i < PHOTO_HEIGHT * PHOTO_WIDTH * channels; i++)
        pixels[i] =
            (uint8_t)(i / channels * 7 + i % channels * 60 + i / (PHOTO_WIDTH * channels) * 9);
}

#ifdef HAVE_JPEG
static void one_jpeg(const struct taker *taker, const char *name, int channels, J_COLOR_SPACE space,
                     bool progressive)
{
    static const uint8_t exif[] = "Exif\0\0MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\6\0\0";
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    uint8_t *bytes = NULL, pixels[PHOTO_HEIGHT * PHOTO_WIDTH * 4];
    unsigned long size = 0;
    fill_photo(pixels, (size_t)channels);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &size);
    jpeg.image_width = PHOTO_WIDTH;
    jpeg.image_height = PHOTO_HEIGHT;
    jpeg.input_components = channels;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg.restart_interval = channels == 3 ? 2 : 0;
    jpeg_start_compress(&jpeg, TRUE);
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, sizeof exif - 1);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = pixels + jpeg.next_scanline * PHOTO_WIDTH * (size_t)channels;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    give(taker, name, bytes, size);
    free(bytes);
}
#endif

static void jpeg(const struct taker *taker)
{
    (void)taker;
    (void)fill_photo;
#ifdef HAVE_JPEG
    one_jpeg(taker, "gray.jpg", 1, JCS_GRAYSCALE, false);
    one_jpeg(taker, "colour.jpg", 3, JCS_RGB, false);
    one_jpeg(taker, "inks.jpg", 4, JCS_CMYK, false);
    one_jpeg(taker, "progressive.jpg", 3, JCS_RGB, true);
    one_jpeg(taker, "gray-progressive.jpg", 1, JCS_GRAYSCALE, true);
#endif
}

static void webp(const struct taker *taker)
{
    (void)taker;
#ifdef HAVE_WEBP
    uint8_t rgba[PHOTO_HEIGHT * PHOTO_WIDTH * 4], *bytes;
    fill_photo(rgba, 4);
    size_t size = WebPEncodeLosslessRGBA(rgba, PHOTO_WIDTH, PHOTO_HEIGHT, PHOTO_WIDTH * 4, &bytes);
    give(taker, "lossless.webp", bytes, size);
    WebPFree(bytes);
    size = WebPEncodeRGBA(rgba, PHOTO_WIDTH, PHOTO_HEIGHT, PHOTO_WIDTH * 4, 50, &bytes);
    give(taker, "alpha.webp", bytes, size);
    WebPFree(bytes);
    size = WebPEncodeRGB(rgba, PHOTO_WIDTH, PHOTO_HEIGHT, PHOTO_WIDTH * 3, 50, &bytes);
    give(taker, "lossy.webp", bytes, size);
    WebPFree(bytes);
#endif
}

/* ---- PNM */

static void pnm(const struct taker *taker)
{
    static const struct {
        const char *name, *bytes;
        size_t count;
    } seeds[] = {{"text.pbm", BYTES("P1\n# a comment\n3 2\n1 0 1\n001\n")},
                 {"text.pgm", BYTES("P2\n3 2\n100\n0 50 100\n1 2 99\n")},
                 {"text.ppm", BYTES("P3\n1 2\n255\n1 2 3\n4 5 6\n")},
                 {"bits.pbm", BYTES("P4\n10 2\n\x80\x40\x01\x80")},
                 {"gray.pgm", BYTES("P5\n3 2\n255\nabcdef")},
                 {"wide.pgm", BYTES("P5\n2 1\n65535\nabcd")},
                 {"colour.ppm", BYTES("P6\n2 1\n255\nabcdef")}};
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        give(taker, seeds[i].name, seeds[i].bytes, seeds[i].count);
}

/* ---- tables: the first byte is the way to read them, from '@', see fuzz_tables.c */

static void tables(const struct taker *taker)
{
    static const struct {
        const char *name, *modes, *text;
    } seeds[] = {
        {"sample", "@CFLR`a",
         "image\tlabel\tsplit\ntrain:0\t9\ttrain\ntest:1\t\ttest\na/b:12\t3\tvalid\n"},
        {"headless", "@CL", "train:0\t9\ttrain\ntest:1\t2\ttest\n"},
        {"twice", "@F", "label\timage\nx\ty\nlabel\timage\nz\tw\n"},
        {"history", "ADb",
         "epoch\tloss\taccuracy\tval_loss\tval_accuracy\tlr\tseconds\n"
         "1\t0.5\t0.8\t0.6\t0.75\t1e-05\t2.5\n2\t0.4\t0.9\t0.65\t0.74\t1e-05\t2.5\n"
         "3\t0.3\t0.95\tnan\t\t1e-05\t2.5\n"},
        {"counts", "BE[Xc", "label\tpredicted\tcount\n0\t0\t5\n0\t1\t2\n1\t1\t7\n"},
        {"prediction", "@LXY[\\_cde",
         "image\tlabel\tsplit\tpredicted\tconfidence\tp0\tp1\n"
         "test:0\t1\ttest\t1\t0.75\t0.25\t0.75\ntest:1\t0\ttest\t1\t0.5\t0.5\t0.5\n"},
        {"two", "XZ]",
         "image\tlabel\tsplit\tpredicted\tpredicted_b\n"
         "test:0\t1\ttest\t1\t0\ntest:1\t0\ttest\t1\t0\n"},
        {"classes", "@L`", "image\tclass\tsplit\na.png\tcat\t\nb.png\tdog\tval\nc.png\tcat\t\n"},
        {"image", "CF", "\x89PNG\r\n\x1a\n\t"},
        {"unnamed", "AE", "\"\"\tp0\nd\t1\t0.5\n"},
        {"others", "^", "image\tsplit\ncat\tdog\ndog\tdog\n"},
    };
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        size_t length = strlen(seeds[i].text), modes = strlen(seeds[i].modes);
        uint8_t bytes[512];
        for (size_t k = 0; k < modes; k++) {
            char name[32];
            snprintf(name, sizeof name, "%s%zu", seeds[i].name, k);
            bytes[0] = (uint8_t)seeds[i].modes[k];
            memcpy(bytes + 1, seeds[i].text, length);
            give(taker, name, bytes, length + 1);
        }
    }
}

/* ---- imports: the first byte is the form of the source, from '@', see fuzz_imports.c */

static void import_tables(const struct taker *taker)
{
    static const struct {
        const char *name, *bytes;
        size_t count;
    } seeds[] = {
        {"kaggle", BYTES("@label,pixel0,pixel1,pixel2,pixel3\n3,0,255,7,8\n1,1,2,3,4\n")},
        {"last", BYTES("@0.5,0.25,0,1,0\r\n0,0,0.125,1,1\r\n")},
        {"quoted",
         BYTES("@\xef\xbb\xbf\"a\";\"b\";\"c\";\"d\";\"class\"\n\"1\";2;3;4;5\n\n6;7;8;9;1\n")},
        {"sized", BYTES("A2\t1\t2\t3\t4\t5\t6\n0\t1\t2\t3\t4\t5\t6")},
    };
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        give(taker, seeds[i].name, seeds[i].bytes, seeds[i].count);
}

static void import_idx(const struct taker *taker)
{
    static const struct {
        const char *name, *bytes;
        size_t count;
    } seeds[] = {
        {"bytes", BYTES("B\0\30\0\0\10\3\0\0\0\2\0\0\0\2\0\0\0\2abcdefgh"
                        "\0\0\10\1\0\0\0\2\1\3")},
        {"floats", BYTES("B\0\34\0\0\15\2\0\0\0\1\0\0\0\4\x3f\0\0\0\0\0\0\0\x3f\x80\0\0\0\0\0\0"
                         "\0\0\10\2\0\0\0\1\0\0\0\3\0\0\1")},
        {"colour", BYTES("C\0\46\0\0\11\4\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\3\0\1\2\3\4\5\6\7\10"
                         "\11\12\13\14\15\16\17\20\21\0\0\13\1\0\0\0\1\0\7")},
        {"qmnist", BYTES("B\0\24\0\0\10\3\0\0\0\1\0\0\0\2\0\0\0\2abcd"
                         "\0\0\14\2\0\0\0\1\0\0\0\10\0\0\0\5\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4"
                         "\0\0\0\5\0\0\0\6\0\0\0\7")},
    };
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        give(taker, seeds[i].name, seeds[i].bytes, seeds[i].count);
}

enum { TAR_RECORD = 512, FINE_RECORD = 3074 };

/* An entry of an archive: its header, a record of CIFAR-100, and zeros. */
static size_t tar_entry(uint8_t *to, const char *name)
{
    unsigned sum = 0;
    size_t size = TAR_RECORD + (FINE_RECORD + TAR_RECORD - 1) / TAR_RECORD * TAR_RECORD;
    memset(to, 0, size);
    snprintf((char *)to, 100, "cifar-100-binary/%s", name);
    snprintf((char *)to + 124, 12, "%011o", (unsigned)FINE_RECORD);
    memset(to + 148, ' ', 8);
    to[156] = '0';
    for (size_t i = 0; i < TAR_RECORD; i++)
        sum += to[i];
    snprintf((char *)to + 148, 8, "%06o", sum);
    for (size_t i = 0; i < FINE_RECORD; i++)
        to[TAR_RECORD + i] = (uint8_t)(i % 97);
    return size;
}

static void imports(const struct taker *taker)
{
    static uint8_t bytes[12 * 1024];
    import_tables(taker);
    import_idx(taker);
    bytes[0] = 'D';
    size_t size = 1 + tar_entry(bytes + 1, "train.bin");
    size += tar_entry(bytes + size, "test.bin");
    memset(bytes + size, 0, TAR_RECORD);
    give(taker, "archive", bytes, size + TAR_RECORD);
    bytes[0] = 'E'; /* a record of CIFAR-10 is one byte shorter */
    give(taker, "cifar10", bytes, FINE_RECORD);
    bytes[0] = 'F';
    give(taker, "cifar100", bytes, 1 + FINE_RECORD);
}

/* ---- models */

static void models(const struct taker *taker)
{
    static const char *const texts[] = {
        "dense 128 relu | dense 32 relu | dense classes",
        "set lr 1e-4; set epochs 10\nconv 6 5x5 relu | avgpool 2 # pool\n| conv 32 3x3\n"
        "| dense classes",
        "set optimizer sgd; set momentum 0.9; set batch 64\n"
        "conv 4 3x3 stride 2 valid tanh | maxpool 2\n\ndense 7 sigmoid | dense classes",
        "dense 3 | dense classes",
        "set augment flip random shift 2 cutout 8 erase 0.5 cutmix 1\nset smooth 0.1\n"
        "set class-weights 1,0.5,2 | dense classes",
        "conv 2 1x1 linear | dense classes",
        "set optimizer adamw; set decay 0.1; set decay-norms on; set clip 0.5; set init dirac\n"
        "set schedule linear 0.2 0.1 0.05; set average ema 0.9 2; set bn 0.2; set min-steps 9\n"
        "conv 2 3x3 bn relu | dense classes",
        "set lr 0.001;dense classes;",
        "conv 2 3x3 bn relu\nresidual { conv 2 3x3 bn relu | conv 2 3x3 bn } relu\n"
        "residual project { conv 3 3x3 stride 2 bn silu | conv 3 3x3 bn } gelu\n"
        "avgpool all | dropout 0.25 | dense classes nobias",
        "repeat 2 { residual { conv 1 3x3 nobias | bn tanh } }\nresidual project # skip\n"
        "{ repeat 3 { dense 4 relu } dropout 0 } | maxpool all | dense classes",
        "residual { residual { residual { conv 1 1x1 } relu } } dense classes",
        "123456.789e-3"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char name[16];
        snprintf(name, sizeof name, "model%zu", i);
        give(taker, name, texts[i], strlen(texts[i]));
    }
}

void fuzz_seeds(const char *target, fuzz_give *take, void *state)
{
    static void (*const makers[])(const struct taker *) = {weights, idx, gzip,   png,     jpeg,
                                                           webp,    pnm, tables, imports, models};
    struct taker taker = {take, state};
    for (size_t i = 0; fuzz_targets[i]; i++)
        if (!strcmp(fuzz_targets[i], target))
            makers[i](&taker);
}
