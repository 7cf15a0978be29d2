/* fuzz_png.c -- PNG images. */
#include "fuzz.h"

#include <zlib.h>

#include "base/internal.h"

const char fuzz_target[] = "png";

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct fmnn_error err = {0};
    struct fmnn_shape shape;
    size_t sum = 0;
    uint8_t *pixels;
    fuzz_file(bytes, count);
    if (fmnn_png_read(FUZZ_PATH, &shape, &pixels, &err) != 0) {
        HOLDS(err.status != FMNN_OK && err.message[0]);
    } else {
        fuzz_accepted++;
        HOLDS(count > 24 && shape.width == get_u32(bytes + 16) &&
              shape.height == get_u32(bytes + 20));
        HOLDS(shape.height >= 1 && shape.height <= 4096 && shape.width >= 1 && shape.width <= 4096);
        for (size_t i = 0; i < shape.height * shape.width; i++)
            sum += pixels[i]; /* so that the sanitizer checks them */
        HOLDS(sum <= shape.height * shape.width * 255);
        free(pixels);
    }
    fuzz_file_end(false);
    return 0;
}

/* ---- mutations: of chunks, whose lengths and checksums are corrected; of the compressed data; of
   the image's header */

enum { LIMIT = 1 << 14, MAX_CHUNKS = 64, FRAME = 12 };

struct chunk {
    size_t at, length; /* of the frame; of the data */
};

static void put_u32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static size_t find_chunks(const uint8_t *bytes, size_t count, struct chunk chunk[MAX_CHUNKS])
{
    size_t chunks = 0;
    for (size_t at = 8; at + FRAME <= count && chunks < MAX_CHUNKS;) {
        size_t length = get_u32(bytes + at);
        if (length > count - FRAME - at)
            break;
        chunk[chunks++] = (struct chunk){at, length};
        at += length + FRAME;
    }
    return chunks;
}

static void seal(uint8_t *bytes, size_t count)
{
    struct chunk chunk[MAX_CHUNKS];
    size_t chunks = find_chunks(bytes, count, chunk);
    for (size_t i = 0; i < chunks; i++) {
        uint8_t *type = bytes + chunk[i].at + 4;
        put_u32(type + 4 + chunk[i].length, (uint32_t)crc32(0, type, (uInt)chunk[i].length + 4));
    }
}

/* Gives a chunk other data. */
static size_t put_data(uint8_t *bytes, size_t count, size_t max, const struct chunk *chunk,
                       const uint8_t *data, size_t length)
{
    size_t more = fuzz_splice(bytes, count, max, chunk->at + 8, chunk->length, data, length);
    if (count - chunk->length + length <= max)
        put_u32(bytes + chunk->at, (uint32_t)length);
    return more;
}

static size_t change_data(uint8_t *bytes, size_t count, size_t max, const struct chunk *chunk)
{
    static uint8_t data[LIMIT + 64];
    memcpy(data, bytes + chunk->at + 8, chunk->length);
    size_t length = LLVMFuzzerMutate(data, chunk->length, chunk->length + 64);
    return put_data(bytes, count, max, chunk, data, length);
}

/* Rows and filters, behind deflate. */
static size_t change_rows(uint8_t *bytes, size_t count, size_t max, const struct chunk *chunk,
                          uint64_t *state)
{
    static uint8_t plain[LIMIT], packed[LIMIT];
    uLongf length = sizeof plain / 2, size = sizeof packed;
    if (uncompress(plain, &length, bytes + chunk->at + 8, chunk->length) != Z_OK)
        return change_data(bytes, count, max, chunk);
    length = LLVMFuzzerMutate(plain, length, sizeof plain / 2);
    if (compress2(packed, &size, plain, length, (int)fuzz_below(state, 10)) != Z_OK)
        return count;
    return put_data(bytes, count, max, chunk, packed, size);
}

/* Another size, depth, colour type or interlacing; small sizes mostly, for large ones take time. */
static void change_form(uint8_t *header, uint64_t *state)
{
    static const uint8_t depths[] = {1, 2, 4, 8, 16}, types[] = {0, 2, 3, 4, 6};
    static const uint32_t odd[] = {0, 4096, 4097, 0x7fffffff, 0x80000000};
    switch (fuzz_below(state, 6)) {
    case 0:
    case 1:
        put_u32(header + 4 * fuzz_below(state, 2), fuzz_below(state, 512)
                                                       ? 1 + (uint32_t)fuzz_below(state, 12)
                                                       : odd[fuzz_below(state, FM_COUNT(odd))]);
        break;
    case 2:
        header[8] = depths[fuzz_below(state, FM_COUNT(depths))];
        break;
    case 3:
        header[9] = types[fuzz_below(state, FM_COUNT(types))];
        break;
    case 4:
        header[12] = (uint8_t)fuzz_below(state, 2);
        break;
    default:
        header[8 + fuzz_below(state, 5)] = (uint8_t)fuzz_below(state, 256);
    }
}

/* A chunk of another kind, with some bytes, goes before this one; or this one goes, or comes
   again. */
static size_t change_order(uint8_t *bytes, size_t count, size_t max, const struct chunk *chunk,
                           uint64_t *state)
{
    static const char types[][5] = {"tRNS", "PLTE", "IDAT", "IEND", "IHDR", "gAMA", "tEXt",
                                    "zTXt", "iTXt", "iCCP", "sBIT", "bKGD", "hIST", "sPLT",
                                    "pHYs", "tIME", "eXIf", "acTL", "fdAT", "ABCD", "abCd"};
    static uint8_t copy[LIMIT];
    size_t length = chunk->length + FRAME, kind = fuzz_below(state, 3);
    if (kind == 0)
        return fuzz_splice(bytes, count, max, chunk->at, length, NULL, 0);
    if (kind == 1) {
        memcpy(copy, bytes + chunk->at, length);
        return fuzz_splice(bytes, count, max, chunk->at, 0, copy, length);
    }
    length = fuzz_below(state, 16);
    put_u32(copy, (uint32_t)length);
    memcpy(copy + 4, types[fuzz_below(state, FM_COUNT(types))], 4);
    for (size_t i = 0; i < length + 4; i++)
        copy[8 + i] = (uint8_t)fuzz_random(state);
    return fuzz_splice(bytes, count, max, chunk->at, 0, copy, length + FRAME);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t max, unsigned seed)
{
    uint64_t state = seed;
    struct chunk chunk[MAX_CHUNKS];
    size_t chunks = count <= LIMIT && max <= LIMIT ? find_chunks(bytes, count, chunk) : 0;
    size_t kind = fuzz_below(&state, 8);
    if (!chunks || kind == 0)
        return LLVMFuzzerMutate(bytes, count, max);
    const struct chunk *one = &chunk[fuzz_below(&state, chunks)];
    if (kind == 1)
        count = LLVMFuzzerMutate(bytes, count, max);
    else if (kind < 4)
        count = change_data(bytes, count, max, one);
    else if (kind < 6 && memcmp(bytes + one->at + 4, "IDAT", 4) == 0)
        count = change_rows(bytes, count, max, one, &state);
    else if (kind == 6)
        count = change_order(bytes, count, max, one, &state);
    else if (chunk[0].length == 13)
        change_form(bytes + chunk[0].at + 8, &state);
    seal(bytes, count);
    return count;
}
