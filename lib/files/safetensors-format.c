/* safetensors-format.c -- what reading and writing share: sizes, byte order, the digest. */
#include "base/internal.h"

#include "files/safetensors-format.h"

const struct fm_dtype_row fm_dtypes[FM_DTYPES] = {
    [FM_F32] = {"F32", 4}, [FM_U64] = {"U64", 8}, [FM_I64] = {"I64", 8}};

bool fm_tensor_bytes(const struct fm_tensor *tensor, uint64_t *bytes)
{
    *bytes = fm_dtypes[tensor->dtype].bytes;
    for (unsigned i = 0; i < tensor->rank; i++)
        if (__builtin_mul_overflow(*bytes, tensor->size[i], bytes))
            return false;
    return *bytes <= MAX_BYTES;
}

void fm_put_little(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

uint64_t fm_get_little(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << 8 * i;
    return value;
}

bool fm_little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

/* no test: big-endian hosts only */
void fm_reverse_each(uint8_t *p, size_t bytes, unsigned width)
{
    for (; bytes >= width; p += width, bytes -= width)
        for (unsigned i = 0; i < width / 2; i++) {
            uint8_t other = p[width - 1 - i];
            p[width - 1 - i] = p[i];
            p[i] = other;
        }
}

void fm_digest_text(XXH3_state_t *hash, char digits[DIGITS + 1])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(hash));
    for (unsigned i = 0; i < sizeof canonical.digest; i++)
        snprintf(digits + (size_t)2 * i, 3, "%02x", canonical.digest[i]);
}

char *fm_find_digits(char *header)
{
    char *field = strstr(header, DIGEST_FIELD);
    if (!field || strstr(field + 1, DIGEST_FIELD))
        return NULL;
    return field + sizeof DIGEST_FIELD - 1;
}

size_t fm_rows_at_once(size_t rows, size_t row_bytes)
{
    enum { PIECE = 8 << 20, GOOD = 16 };
    size_t fit = row_bytes ? PIECE / row_bytes : rows;
    if (fit < 1)
        fit = 1;
    if (fit > GOOD)
        fit -= fit % GOOD;
    return fit < rows ? fit : rows;
}
