/* fuzz_gzip.c -- IDX files within gzip. */
#include "idx-mutator.h"

#include <zlib.h>

const char fuzz_target[] = "gzip";

enum { LIMIT = 1 << 14 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    fuzz_file(bytes, count);
    fuzz_file_pieces(count % 5 ? 0 : 3);
    read_idx(true);
    fuzz_file_end(false);
    return 0;
}

/* ---- mutations: of the plain bytes, which are then compressed, and of the compressed bytes, whose
   checksum is corrected */

/* Inflates the first member as far as possible. *used: the end of its deflate data; 0 if they have
   no end. */
static size_t unpack(const uint8_t *bytes, size_t count, uint8_t *plain, size_t *used)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes,
                  .avail_in = (uInt)count,
                  .next_out = plain,
                  .avail_out = LIMIT};
    size_t header = 10;
    *used = 0;
    if (count < 18 || inflateInit2(&z, -15) != Z_OK)
        return 0;
    if (bytes[3] & 8) /* a name */
        while (header < count && bytes[header++])
            ;
    z.next_in += header;
    z.avail_in -= (uInt)header;
    if (inflate(&z, Z_SYNC_FLUSH) == Z_STREAM_END)
        *used = count - z.avail_in;
    inflateEnd(&z);
    return LIMIT - z.avail_out;
}

static size_t pack(uint8_t *bytes, size_t max, const uint8_t *plain, size_t count, uint64_t *state)
{
    static char name[] = "name";
    gz_header header = {.name = (Bytef *)name, .hcrc = (int)fuzz_below(state, 2)};
    z_stream z = {.next_in = (Bytef *)(uintptr_t)plain,
                  .avail_in = (uInt)count,
                  .next_out = bytes,
                  .avail_out = (uInt)max};
    if (deflateInit2(&z, (int)fuzz_below(state, 10), Z_DEFLATED, 15 + 16,
                     1 + (int)fuzz_below(state, 2), (int)fuzz_below(state, 5)) != Z_OK)
        return 0;
    if (fuzz_below(state, 4) == 0)
        deflateSetHeader(&z, &header);
    bool whole = deflate(&z, Z_FINISH) == Z_STREAM_END;
    deflateEnd(&z);
    return whole ? max - z.avail_out : 0;
}

/* Appends the checksum and length of the plain bytes to the deflate data. */
static size_t end_member(uint8_t *bytes, size_t used, size_t max, const uint8_t *plain,
                         size_t count)
{
    uint32_t crc = (uint32_t)crc32(0, plain, (uInt)count);
    if (used + 8 > max)
        return used;
    for (unsigned i = 0; i < 4; i++) {
        bytes[used + i] = (uint8_t)(crc >> 8 * i);
        bytes[used + 4 + i] = (uint8_t)(count >> 8 * i);
    }
    return used + 8;
}

static size_t new_plain(uint8_t *plain, size_t count, uint64_t *state)
{
    unsigned rank = 1 + (unsigned)fuzz_below(state, 4);
    count = LLVMFuzzerMutate(plain, count, LIMIT / 2);
    if (fuzz_below(state, 2) && count > (size_t)4 + (size_t)4 * rank)
        fit_sizes(plain, count, rank, state);
    return count;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t max, unsigned seed)
{
    static uint8_t plain[LIMIT], packed[LIMIT];
    uint64_t state = seed;
    size_t used, length, kind = fuzz_below(&state, 8);
    if (max > LIMIT || kind == 0)
        return LLVMFuzzerMutate(bytes, count, max);
    if (kind < 4) { /* the compressed bytes, and their end */
        count = LLVMFuzzerMutate(bytes, count, max);
        length = unpack(bytes, count, plain, &used);
        return used ? end_member(bytes, used, max, plain, length) : count;
    }
    length = unpack(bytes, count, plain, &used);
    length = new_plain(plain, length, &state);
    size_t first = kind == 7 ? fuzz_below(&state, length + 1) : length; /* two members */
    size_t size = pack(packed, max, plain, first, &state), second = 0;
    if (first < length && size)
        second = pack(packed + size, max - size, plain + first, length - first, &state);
    if (!size || (first < length && !second))
        return LLVMFuzzerMutate(bytes, count, max);
    memcpy(bytes, packed, size + second);
    return size + second;
}
