/* fuzz_idx.c -- plain IDX files. What is accepted is written again as the same bytes. */
#include "idx-mutator.h"

const char fuzz_target[] = "idx";

static void same_bytes(const uint8_t *bytes, size_t count)
{
    static char copy[1 << 16];
    unsigned rank;
    size_t size[4];
    if (count >= sizeof copy || bytes[0] == 0x1f ||
        fmnn_idx_shape(FUZZ_PATH, &rank, size, NULL) != 0)
        return;
    FILE *stream = fmemopen(copy, sizeof copy, "w");
    HOLDS(stream && fmnn_idx_write(stream, rank, size, bytes + 4 + (size_t)4 * rank, NULL) == 0);
    HOLDS(ftell(stream) == (long)count && fclose(stream) == 0);
    HOLDS(memcmp(copy, bytes, count) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    fuzz_file(bytes, count);
    fuzz_file_pieces(count % 5 ? 0 : 3);
    read_idx(count >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b);
    same_bytes(bytes, count);
    fuzz_file_end(false);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t max, unsigned seed)
{
    uint64_t state = seed;
    unsigned kind = (unsigned)fuzz_below(&state, 8), rank = 1 + (unsigned)fuzz_below(&state, 4);
    if (kind != 7)
        count = LLVMFuzzerMutate(bytes, count, max);
    if (kind < 3 || count < (size_t)5 + (size_t)4 * rank)
        return count;
    if (kind < 5 && bytes[3] >= 1 && bytes[3] <= 4 && count > (size_t)4 + (size_t)4 * bytes[3])
        rank = bytes[3];
    fit_sizes(bytes, count, rank, &state);
    if (kind == 7) { /* one size is another */
        static const uint32_t sizes[] = {0, 1, 2, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff};
        put_u32(bytes + 4 + 4 * fuzz_below(&state, rank),
                sizes[fuzz_below(&state, FM_COUNT(sizes))]);
    }
    return count;
}
