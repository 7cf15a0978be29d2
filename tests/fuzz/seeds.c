/* seeds.c -- good files to begin with: seeds DIRECTORY, which holds the directories idx, png and
   safetensors. */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "fmnn.h"
#include "safetensors.h"

static const char *directory;

static FILE *create(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *stream = fopen(path, "wb");
    if (!stream) {
        perror(path);
        exit(2);
    }
    return stream;
}

static void finish(FILE *stream)
{
    if (ferror(stream) || fclose(stream) != 0) {
        perror(directory);
        exit(2);
    }
}

static void make_idx(void)
{
    static const size_t size[4] = {3, 4, 5, 2};
    uint8_t bytes[120];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (unsigned rank = 1; rank <= 4; rank++) {
        char name[32];
        snprintf(name, sizeof name, "idx/rank%u", rank);
        FILE *stream = create(name);
        fmnn_idx_write(stream, rank, size, bytes, NULL);
        finish(stream);
    }
    char path[4096];
    static const uint8_t header[8] = {0, 0, 8, 1, 0, 0, 0, 120};
    snprintf(path, sizeof path, "%s/idx/rank1.gz", directory);
    gzFile gz = gzopen(path, "wb");
    if (!gz || gzwrite(gz, header, 8) != 8 || gzwrite(gz, bytes, 120) != 120 || gzclose(gz)) {
        perror(path);
        exit(2);
    }
}

static void make_png(int type, int depth, int interlace)
{
    char name[32];
    snprintf(name, sizeof name, "png/%d-%d-%d.png", type, depth, interlace);
    FILE *stream = create(name);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[256] = {{1, 2, 3}, {200, 100, 50}};
    png_byte row[5 * 8] = {0x12, 0x34, 0x56, 0x78, 0x9a}, alpha[2] = {0, 128};
    png_init_io(png, stream);
    png_set_IHDR(png, info, 5, 6, depth, type, interlace, 0, 0);
    if (type == 3) {
        png_set_PLTE(png, info, palette, 1 << depth);
        png_set_tRNS(png, info, alpha, 2, NULL);
    }
    png_write_info(png, info);
    for (int pass = interlace ? png_set_interlace_handling(png) : 1; pass > 0; pass--)
        for (int y = 0; y < 6; y++)
            png_write_row(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    finish(stream);
}

static void make_safetensors(void)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    static const uint64_t state[2] = {7, 8};
    static const struct fm_entry entries[] = {
        {.name = "0.weight", .dtype = FM_F32, .rank = 2, .size = {3, 2}, .data = values},
        {.name = "0.bias", .dtype = FM_F32, .rank = 1, .size = {3}, .data = values},
        {.name = "state", .dtype = FM_U64, .rank = 1, .size = {2}, .data = state}};
    static const struct fm_pair pairs[] = {{"fmnn.classes", "[\"a\",\"b\"]"}};
    FILE *stream = create("safetensors/whole");
    fm_safetensors_write(stream, pairs, 1, entries, 3, NULL);
    finish(stream);
    stream = create("safetensors/parts"); /* as the target makes a file of it */
    fputs("{\"__metadata__\":{\"format\":\"fmnn\",\"fmnn.xxh128\":"
          "\"00000000000000000000000000000000\"},"
          "\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
          "\"\\u00e9\":{\"dtype\":\"U64\",\"shape\":[],\"data_offsets\":[8,16]}}  \xff"
          "0123456789abcdef",
          stream);
    finish(stream);
}

int main(int argc, char **argv)
{
    static const struct {
        int type, depth;
    } kinds[] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1},
                 {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};
    if (argc != 2)
        return 2;
    directory = argv[1];
    make_idx();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int interlace = 0; interlace < 2; interlace++)
            make_png(kinds[i].type, kinds[i].depth, interlace);
    make_safetensors();
    return 0;
}
