/* fuzz_jpeg.c -- JPEG images. */
#include "image-target.h"

const char fuzz_target[] = "jpeg";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    return image_target(bytes, count);
}

/* ---- mutations: of segments, of the sizes, of the compressed data */

enum { MAX_SEGMENTS = 64, LIMIT = 1 << 14 };

struct segment {
    size_t at, length; /* of the marker; of marker, length and data */
};

static size_t find_segments(const uint8_t *bytes, size_t count,
                            struct segment segment[MAX_SEGMENTS])
{
    size_t segments = 0;
    for (size_t at = 2; at + 4 <= count && segments < MAX_SEGMENTS;) {
        if (bytes[at] != 0xff || bytes[at + 1] < 0xc0 || bytes[at + 1] == 0xff) {
            at++;
            continue;
        }
        size_t length = 2 + ((size_t)bytes[at + 2] << 8 | bytes[at + 3]);
        if (length > count - at)
            length = count - at;
        segment[segments++] = (struct segment){at, length};
        at += length;
    }
    return segments;
}

static bool is_frame(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* Another size, number of bits or channels, sampling factor, or kind of coding. */
static void change_frame(uint8_t *bytes, const struct segment *segment, uint64_t *state)
{
    uint8_t *p = bytes + segment->at;
    uint32_t side = image_side(state);
    size_t kind = fuzz_below(state, 4);
    if (segment->length < 10)
        return;
    if (kind < 2) {
        p[5 + 2 * kind] = (uint8_t)(side >> 8);
        p[6 + 2 * kind] = (uint8_t)side;
    } else if (kind == 2) {
        p[1] = (uint8_t)(0xc0 + fuzz_below(state, 16));
    } else {
        p[4 + fuzz_below(state, segment->length - 4)] = (uint8_t)fuzz_below(state, 0x55);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t max, unsigned seed)
{
    static uint8_t copy[LIMIT];
    uint64_t state = seed;
    struct segment segment[MAX_SEGMENTS];
    size_t segments = count <= LIMIT ? find_segments(bytes, count, segment) : 0;
    if (!segments || fuzz_below(&state, 3) == 0)
        return LLVMFuzzerMutate(bytes, count, max);
    const struct segment *one = &segment[fuzz_below(&state, segments)];
    if (is_frame(bytes[one->at + 1]) && fuzz_below(&state, 2)) {
        change_frame(bytes, one, &state);
        return count;
    }
    switch (fuzz_below(&state, 3)) {
    case 0: /* gone */
        return fuzz_splice(bytes, count, max, one->at, one->length, NULL, 0);
    case 1: /* twice */
        memcpy(copy, bytes + one->at, one->length);
        return fuzz_splice(bytes, count, max, one->at, 0, copy, one->length);
    default:
        bytes[one->at + fuzz_below(&state, one->length)] = (uint8_t)fuzz_random(&state);
        return count;
    }
}
