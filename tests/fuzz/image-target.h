/* image-target.h -- the body of the targets of image formats other than PNG: a file is decoded, and
   made the input of a net in a way that its length chooses. */
#ifndef IMAGE_TARGET_H
#define IMAGE_TARGET_H

#include "fuzz.h"

#include "base/internal.h"

static inline int image_target(const uint8_t *bytes, size_t count)
{
    static uint8_t pixels[3 * 9 * 8];
    struct fmnn_loaded loaded;
    struct fmnn_input input = {.shape = {count % 2 ? 1 : 3, 9, 8},
                               .fit = (enum fmnn_fit)(1 + count / 2 % 4),
                               .filter = (enum fmnn_filter)(count / 8 % 3),
                               .invert = count / 24 % 2};
    size_t size = input.shape.channels * 9 * 8, sum = 0;
    if (fmnn_image_load(bytes, count, "input", &input, pixels, &loaded) != 0) {
        HOLDS(loaded.error.status != FMNN_OK && !strncmp(loaded.error.message, "input: ", 7));
        return 0;
    }
    fuzz_accepted++;
    HOLDS(loaded.error.status == FMNN_OK && loaded.file);
    HOLDS(loaded.shape.height >= 1 && loaded.shape.width >= 1);
    HOLDS(loaded.shape.height * loaded.shape.width <= 100000000);
    for (size_t i = 0; i < size; i++)
        sum += pixels[i]; /* so that the sanitizer checks them */
    HOLDS(sum <= size * 255);
    return 0;
}

/* Large sizes take time, and say little. */
static inline uint32_t image_side(uint64_t *state)
{
    static const uint32_t odd[] = {0, 4096, 9999, 16383, 65535};
    return fuzz_below(state, 512) ? 1 + (uint32_t)fuzz_below(state, 40)
                                  : odd[fuzz_below(state, FM_COUNT(odd))];
}

#endif
