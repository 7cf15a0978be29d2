/* fuzz_pnm.c -- PNM images. */
#include "image-target.h"

const char fuzz_target[] = "pnm";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    return image_target(bytes, count);
}

/* ---- mutations: of numbers, and of anything */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t max, unsigned seed)
{
    uint64_t state = seed;
    char number[16];
    size_t at = count > 4 ? 2 + fuzz_below(&state, count - 3) : count, end;
    if (count > 2 && fuzz_below(&state, 16) == 0)
        bytes[1] = (uint8_t)('1' + fuzz_below(&state, 6));
    while (at < count && !is_digit(bytes[at]))
        at++;
    for (end = at; end < count && is_digit(bytes[end]);)
        end++;
    if (at >= count || fuzz_below(&state, 2))
        return LLVMFuzzerMutate(bytes, count, max);
    int length = snprintf(number, sizeof number, "%u", image_side(&state));
    return fuzz_splice(bytes, count, max, at, end - at, number, (size_t)length);
}
