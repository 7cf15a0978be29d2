/* mkidx.c -- writes a small data set that can be learnt, the same on every machine:

     mkidx DIR ROWS TEST_ROWS CLASSES HEIGHT WIDTH [gz] [colour]

   The four files have the names of Fashion-MNIST's. Each class has a pattern of 4 x 4 blocks, with
   noise added. The first rows have classes 0, 1, 2 ..., so that each class occurs, the others
   random ones. If TEST_ROWS is 0, no test pair is written. With `colour`, images have three
   channels, each with a pattern of its own, and lie in files of rank 4, (N,H,W,3). */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct dataset {
    const char *directory;
    unsigned classes, height, width, channels;
    bool gzip;
};

/* One step of SplitMix64 (Steele, Lea and Flood, 2014). */
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

static gzFile create(const struct dataset *dataset, const char *name, unsigned rank, unsigned rows)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s%s", dataset->directory, name, dataset->gzip ? ".gz" : "");
    gzFile file = gzopen(path, dataset->gzip ? "wb" : "wbT");
    if (!file)
        give_up(path);
    unsigned sizes[4] = {rows, dataset->height, dataset->width, dataset->channels};
    uint8_t header[20] = {0, 0, 8, (uint8_t)rank};
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

/* x counts the channels of all pixels of a row. */
static uint8_t pixel(const struct dataset *dataset, unsigned label, unsigned y, unsigned x,
                     uint64_t random)
{
    unsigned channel = x % dataset->channels, column = x / dataset->channels;
    unsigned block = y * 4 / dataset->height * 4 + column * 4 / dataset->width;
    unsigned level = mix(label + 1000) >> (block + 16 * channel) & 1 ? 160 : 64;
    return (uint8_t)(level + random % 96 - 48);
}

static void write_pair(const struct dataset *dataset, const char *part, unsigned rows,
                       uint64_t stream)
{
    char name[64];
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", part);
    gzFile images = create(dataset, name, dataset->channels > 1 ? 4 : 3, rows);
    unsigned width = dataset->width * dataset->channels;
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", part);
    gzFile labels = create(dataset, name, 1, rows);
    for (unsigned row = 0; row < rows; row++) {
        uint64_t state = mix(stream << 32 | row);
        unsigned label = row < dataset->classes ? row : (unsigned)(state % dataset->classes);
        gzputc(labels, (int)label);
        for (unsigned y = 0; y < dataset->height; y++)
            for (unsigned x = 0; x < width; x++)
                gzputc(images, pixel(dataset, label, y, x, mix(state + y * width + x)));
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
    bool colour = argc > 7 && !strcmp(argv[argc - 1], "colour");
    int count = argc - colour;
    if (count < 7 || count > 8 || (count == 8 && strcmp(argv[7], "gz") != 0)) {
        fprintf(stderr, "Usage: mkidx DIR ROWS TEST_ROWS CLASSES HEIGHT WIDTH [gz] [colour]\n");
        return 2;
    }
    struct dataset dataset = {.directory = argv[1],
                              .classes = number(argv[4], 256),
                              .height = number(argv[5], 4096),
                              .width = number(argv[6], 4096),
                              .channels = colour ? 3 : 1,
                              .gzip = count == 8};
    unsigned rows = number(argv[2], 10000000), test_rows = number(argv[3], 10000000);
    if (!rows || !dataset.classes || !dataset.height || !dataset.width) {
        fprintf(stderr, "mkidx: only TEST_ROWS may be 0\n");
        return 2;
    }
    write_pair(&dataset, "train", rows, 1);
    if (test_rows)
        write_pair(&dataset, "t10k", test_rows, 2);
    return 0;
}
