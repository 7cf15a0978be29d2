/* tiny-data.c -- makes the files of the data sets in tiny-sources.c: tiny-data SEED DIR [plain]

   600 and 100 images of 8 x 8 that hardly compress, and their labels; gzip-compressed unless
   "plain". */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SIZE = 8 };

static uint32_t state;

static unsigned char next_byte(void)
{
    state = state * 1664525 + 1013904223;
    return (unsigned char)(state >> 24);
}

static void put(gzFile out, const unsigned char *bytes, unsigned size)
{
    if (gzwrite(out, bytes, size) != (int)size)
        exit(1);
}

static void put_number(gzFile out, uint32_t number)
{
    put(out,
        (unsigned char[]){(unsigned char)(number >> 24), (unsigned char)(number >> 16),
                          (unsigned char)(number >> 8), (unsigned char)number},
        4);
}

static gzFile create(const char *directory, const char *name, int plain)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s%s", directory, name, plain ? "" : ".gz");
    gzFile out = gzopen(path, plain ? "wbT" : "wb");
    if (!out) {
        perror(path);
        exit(1);
    }
    return out;
}

static void make_images(const char *directory, const char *name, uint32_t count, int plain)
{
    gzFile out = create(directory, name, plain);
    put_number(out, 0x803);
    put_number(out, count);
    put_number(out, SIZE);
    put_number(out, SIZE);
    for (uint32_t i = 0; i < count * SIZE * SIZE; i++)
        put(out, (unsigned char[]){next_byte()}, 1);
    if (gzclose(out) != Z_OK)
        exit(1);
}

static void make_labels(const char *directory, const char *name, uint32_t count, int plain)
{
    gzFile out = create(directory, name, plain);
    put_number(out, 0x801);
    put_number(out, count);
    for (uint32_t i = 0; i < count; i++)
        put(out, (unsigned char[]){next_byte() % 3}, 1);
    if (gzclose(out) != Z_OK)
        exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    int plain = argc > 3 && !strcmp(argv[3], "plain");
    state = (uint32_t)strtoul(argv[1], NULL, 10);
    make_images(argv[2], "train-images-idx3-ubyte", 600, plain);
    make_labels(argv[2], "train-labels-idx1-ubyte", 600, plain);
    make_images(argv[2], "t10k-images-idx3-ubyte", 100, plain);
    make_labels(argv[2], "t10k-labels-idx1-ubyte", 100, plain);
    return 0;
}
