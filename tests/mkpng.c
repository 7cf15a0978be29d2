/* mkpng.c -- writes an image of an IDX file as a PNG file of the given kind:

     mkpng FILE ROW gray|gray16|gray-alpha|rgb|rgba|rgb16 >PNG

   The pixels are gray in every kind, so that a reader that converts to gray gets the bytes of the
   IDX file. */
#include <fmnn.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

static const struct kind {
    const char *name;
    int type, depth;
    unsigned colours, alpha; /* samples a pixel */
} kinds[] = {
    {"gray", PNG_COLOR_TYPE_GRAY, 8, 1, 0},     {"gray16", PNG_COLOR_TYPE_GRAY, 16, 1, 0},
    {"gray-alpha", PNG_COLOR_TYPE_GA, 8, 1, 1}, {"rgb", PNG_COLOR_TYPE_RGB, 8, 3, 0},
    {"rgba", PNG_COLOR_TYPE_RGBA, 8, 3, 1},     {"rgb16", PNG_COLOR_TYPE_RGB, 16, 3, 0},
};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    return NULL;
}

static void fill_row(const struct kind *kind, const uint8_t *pixels, size_t width, png_byte *row)
{
    size_t bytes = (size_t)kind->depth / 8;
    for (size_t x = 0; x < width; x++) {
        for (size_t i = 0; i < kind->colours * bytes; i++)
            *row++ = pixels[x];
        if (kind->alpha)
            *row++ = 255;
    }
}

static bool write_png(const struct kind *kind, const uint8_t *pixels, size_t height, size_t width)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    png_byte *row = malloc(width * 8);
    if (!info || !row || setjmp(png_jmpbuf(png)))
        return false;
    png_init_io(png, stdout);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, kind->depth, kind->type,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t y = 0; y < height; y++) {
        fill_row(kind, pixels + y * width, width, row);
        png_write_row(png, row);
    }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    free(row);
    return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    struct fmnn_error error;
    const struct kind *kind = argc == 4 ? find_kind(argv[3]) : NULL;
    if (!kind) {
        fprintf(stderr, "Usage: mkpng FILE ROW gray|gray16|gray-alpha|rgb|rgba|rgb16 >PNG\n");
        return 2;
    }
    struct fmnn_shape shape;
    char name[4096];
    snprintf(name, sizeof name, "%s:%s", argv[1], argv[2]);
    struct fmnn_images *images = fmnn_images_new(NULL, &error);
    uint8_t *pixels = NULL;
    int status = -1;
    if (images && fmnn_images_shape(images, name, &shape, &error) == 0 &&
        (pixels = malloc(shape.height * shape.width)) != NULL)
        status = fmnn_images_read(images, name, shape, pixels, &error);
    bool good = status == 0 && write_png(kind, pixels, shape.height, shape.width);
    if (!good)
        fprintf(stderr, "mkpng: %s\n", status ? error.message : "cannot write");
    free(pixels);
    fmnn_images_free(images);
    return good ? 0 : 2;
}
