/* fuzz_idx.c -- IDX files: the bytes as they are (plain, or gzip if they are that), and within
 * gzip. */
#include "fuzz.h"

#include <zlib.h>

#include "internal.h"

/* Read onward, a file gives the same rows, or it fails, at the last row if not before. all is NULL
   where the file was refused. */
static void read_onward(const char *path, const uint8_t *all)
{
    struct fmnn_idx *idx = fm_idx_open_onward(path, NULL);
    size_t rows = idx ? fmnn_idx_size(idx, 0) : 0, row = idx ? fmnn_idx_row_bytes(idx) : 0;
    uint8_t *one = row <= 1 << 24 ? malloc(row + 1) : NULL;
    size_t i = 0;
    while (one && i < rows && fmnn_idx_read(idx, i, 1, one, NULL) == 0) {
        HOLDS(!all || memcmp(one, all + i * row, row) == 0);
        i++;
    }
    if (idx && one)
        HOLDS((i == rows) == (all != NULL));
    HOLDS(idx || !all);
    free(one);
    fmnn_idx_close(idx);
}

static void read_all(const char *path)
{
    struct fmnn_error err = {0};
    struct fmnn_idx *idx = fmnn_idx_open(path, &err);
    unsigned rank;
    size_t size[4];
    if (!idx) {
        HOLDS(err.status != FMNN_OK && err.message[0]);
        HOLDS(fmnn_idx_check(path, &rank, size, NULL) != 0 || strstr(err.message, "too large"));
        read_onward(path, NULL);
        return;
    }
    HOLDS(fmnn_idx_shape(path, &rank, size, NULL) == 0);
    HOLDS(rank == fmnn_idx_rank(idx) && size[0] == fmnn_idx_size(idx, 0));
    size_t rows = fmnn_idx_size(idx, 0), row = fmnn_idx_row_bytes(idx);
    uint8_t *all = malloc(rows * row), *one = malloc(row);
    HOLDS(all && one && fmnn_idx_read(idx, 0, rows, all, NULL) == 0);
    for (size_t i = 0; i < rows && i < 1000; i++) {
        size_t k = i % 3 ? i : rows - 1 - i;
        HOLDS(fmnn_idx_read(idx, k, 1, one, NULL) == 0 && memcmp(one, all + k * row, row) == 0);
    }
    HOLDS(fmnn_idx_read(idx, rows, 1, one, NULL) == -1);
    HOLDS(fmnn_idx_check(path, &rank, size, NULL) == 0);
    read_onward(path, all);
    free(all);
    free(one);
    fmnn_idx_close(idx);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static uint8_t packed[1 << 17];
    read_all(as_file(bytes, count));
    z_stream z = {0};
    if (count > sizeof packed / 2 || deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, 0) != Z_OK)
        return 0;
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)count;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    HOLDS(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    read_all(as_file(packed, sizeof packed - z.avail_out));
    return 0;
}
