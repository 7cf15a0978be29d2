/* fuzz_png.c -- PNG files: the bytes as they are, and with the checksums of all chunks put right,
   for few inputs would come beyond them otherwise. */
#include "fuzz.h"

#include <zlib.h>

#include "fmnn.h"

static void read_picture(const char *path)
{
    struct fmnn_error err = {0};
    size_t height, width, sum = 0;
    uint8_t *pixels;
    if (fmnn_png_read(path, &height, &width, &pixels, &err) != 0) {
        HOLDS(err.status != FMNN_OK && err.message[0]);
        return;
    }
    HOLDS(height >= 1 && height <= 4096 && width >= 1 && width <= 4096);
    for (size_t i = 0; i < height * width; i++)
        sum += pixels[i]; /* MemorySanitizer and AddressSanitizer look on */
    HOLDS(sum <= height * width * 255);
    free(pixels);
}

static void put_u32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    read_picture(as_file(bytes, count));
    uint8_t *copy = malloc(count + 1);
    HOLDS(copy);
    memcpy(copy, bytes, count);
    for (size_t at = 8; count >= 12 && at <= count - 12;) {
        size_t length = (size_t)copy[at] << 24 | (size_t)copy[at + 1] << 16 |
                        (size_t)copy[at + 2] << 8 | copy[at + 3];
        if (length > count - 12 - at)
            break;
        put_u32(copy + at + 8 + length, (uint32_t)crc32(0, copy + at + 4, (uInt)length + 4));
        at += length + 12;
    }
    read_picture(as_file(copy, count));
    free(copy);
    return 0;
}
