/* mkidx.c -- writes a small data set with things to learn, always the same one:

     mkidx DIR ROWS TEST_ROWS CLASSES HEIGHT WIDTH [gz]

   The four files have Fashion-MNIST's names. Each class has a pattern of 4 x 4 blocks, over which
   noise lies; the first rows go through the classes, so that each occurs, and the others take them
   at random. With TEST_ROWS 0 there is no test pair. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct set {
    const char *directory;
    unsigned classes, height, width;
    bool gzip;
};

/* SplitMix64 (Steele, Lea and Flood, 2014): a number from its state alone. */
static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void give_up(const char *what)
{
    perror(what);
    exit(2);
}

static gzFile create(const struct set *set, const char *name, unsigned rank, unsigned rows)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s%s", set->directory, name, set->gzip ? ".gz" : "");
    gzFile file = gzopen(path, set->gzip ? "wb" : "wbT");
    if (!file)
        give_up(path);
    unsigned sizes[3] = {rows, set->height, set->width};
    uint8_t header[16] = {0, 0, 8, (uint8_t)rank};
    for (unsigned i = 0; i < 4 * rank; i++)
        header[4 + i] = (uint8_t)(sizes[i / 4] >> (24 - 8 * (i % 4)));
    gzwrite(file, header, 4 + 4 * rank);
    return file;
}

static void finish(gzFile file)
{
    if (gzclose(file) != Z_OK)
        give_up("mkidx");
}

static uint8_t pixel(const struct set *set, unsigned label, unsigned y, unsigned x, uint64_t random)
{
    unsigned block = y * 4 / set->height * 4 + x * 4 / set->width;
    unsigned level = mix(label + 1000) >> block & 1 ? 160 : 64;
    return (uint8_t)(level + random % 96 - 48);
}

static void write_pair(const struct set *set, const char *part, unsigned rows, uint64_t stream)
{
    char name[64];
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", part);
    gzFile images = create(set, name, 3, rows);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", part);
    gzFile labels = create(set, name, 1, rows);
    for (unsigned row = 0; row < rows; row++) {
        uint64_t state = mix(stream << 32 | row);
        unsigned label = row < set->classes ? row : (unsigned)(state % set->classes);
        gzputc(labels, (int)label);
        for (unsigned y = 0; y < set->height; y++)
            for (unsigned x = 0; x < set->width; x++)
                gzputc(images, pixel(set, label, y, x, mix(state + y * set->width + x)));
    }
    finish(images);
    finish(labels);
}

static unsigned number(const char *text, unsigned long max)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end || value > max) {
        fprintf(stderr, "mkidx: %s is not a number up to %lu\n", text, max);
        exit(2);
    }
    return (unsigned)value;
}

int main(int argc, char **argv)
{
    if (argc < 7 || argc > 8 || (argc == 8 && strcmp(argv[7], "gz") != 0)) {
        fprintf(stderr, "Usage: mkidx DIR ROWS TEST_ROWS CLASSES HEIGHT WIDTH [gz]\n");
        return 2;
    }
    struct set set = {argv[1], number(argv[4], 256), number(argv[5], 4096), number(argv[6], 4096),
                      argc == 8};
    unsigned rows = number(argv[2], 10000000), test_rows = number(argv[3], 10000000);
    if (!rows || !set.classes || !set.height || !set.width) {
        fprintf(stderr, "mkidx: only TEST_ROWS may be 0\n");
        return 2;
    }
    write_pair(&set, "train", rows, 1);
    if (test_rows)
        write_pair(&set, "t10k", test_rows, 2);
    return 0;
}
