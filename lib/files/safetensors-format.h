/* safetensors-format.h -- what reading and writing share: sizes, byte order, the digest. */
#ifndef FM_SAFETENSORS_FORMAT_H
#define FM_SAFETENSORS_FORMAT_H

#include "files/safetensors.h"

#include <xxhash.h>

#define FORMAT_KEY "format"
#define FORMAT "fmnn"
#define DIGEST_KEY "fmnn.xxh128"
#define DIGEST_FIELD "\"" DIGEST_KEY "\":\""
#define NO_DIGEST "00000000000000000000000000000000"
#define METADATA "__metadata__"
/* The maximum offset in a file and size in memory; twice this does not overflow. */
#define MAX_BYTES ((uint64_t)(SIZE_MAX < INT64_MAX ? SIZE_MAX : INT64_MAX) / 2)
enum { DIGITS = sizeof NO_DIGEST - 1, PREFIX = 8, ALIGNMENT = 64, FM_DTYPES = 3 };

struct fm_dtype_row {
    char name[4];
    unsigned bytes;
};
extern const struct fm_dtype_row fm_dtypes[FM_DTYPES]; /* by enum fm_dtype */

/* The bytes of a tensor's data; false if they are more than MAX_BYTES. */
bool fm_tensor_bytes(const struct fm_tensor *tensor, uint64_t *bytes);
/* The number of rows that are read or written at once: some megabytes, a multiple of 16 if
   possible. */
size_t fm_rows_at_once(size_t rows, size_t row_bytes);

void fm_put_little(uint8_t *p, uint64_t value, unsigned bytes);
uint64_t fm_get_little(const uint8_t *p, unsigned bytes);
bool fm_little_endian(void); /* the host */
/* Reverses the bytes of each number of the given width. */
void fm_reverse_each(uint8_t *p, size_t bytes, unsigned width);

void fm_digest_text(XXH3_state_t *hash, char digits[DIGITS + 1]);
/* The digits of the digest in a header; NULL unless they occur exactly once. A quote in a JSON
   string is always escaped, so no value can look like the field. */
char *fm_find_digits(char *header);

#endif
