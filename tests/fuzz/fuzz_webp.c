/* fuzz_webp.c -- WebP images. */
#include "image-target.h"

const char fuzz_target[] = "webp";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    return image_target(bytes, count);
}

static void put_u32(uint8_t *p, size_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

/* ---- mutations: of anything, but the lengths of the file and of its only chunk are corrected */

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t max, unsigned seed)
{
    uint64_t state = seed;
    static const char names[][5] = {"VP8 ", "VP8L", "VP8X", "ALPH", "EXIF", "ANIM", "ICCP"};
    if (count > 30 && fuzz_below(&state, 8) == 0)
        memcpy(bytes + 12, names[fuzz_below(&state, FM_COUNT(names))], 4);
    else
        count = LLVMFuzzerMutate(bytes, count, max);
    if (count > 20 && fuzz_below(&state, 8)) {
        memcpy(bytes, "RIFF", 4);
        put_u32(bytes + 4, count - 8);
        memcpy(bytes + 8, "WEBP", 4);
        if (bytes[15] != 'X' && fuzz_below(&state, 4))
            put_u32(bytes + 16, count - 20);
    }
    return count;
}
