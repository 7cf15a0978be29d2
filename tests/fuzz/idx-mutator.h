/* idx-mutator.h -- shared by the two targets that read IDX files. */
#ifndef IDX_H
#define IDX_H

#include "data/idx.h"
#include "fuzz.h"

/* Opened to be read forward, a file gives the same rows as `all`. If all is NULL, the file was
   refused, and reading it must fail at the last row at the latest. */
static inline void read_forward(const uint8_t *all)
{
    struct fmnn_idx *idx = fm_idx_open_forward(FUZZ_PATH, NULL);
    size_t rows = idx ? fmnn_idx_size(idx, 0) : 0, row = idx ? fmnn_idx_row_bytes(idx) : 0;
    uint8_t *one = row <= 1 << 16 ? malloc(row + 1) : NULL;
    size_t i = 0;
    while (one && i < rows && fmnn_idx_read(idx, i, 1, one, NULL) == 0) {
        HOLDS(!all || memcmp(one, all + i * row, row) == 0);
        i++;
    }
    if (idx && one)
        HOLDS((i == rows) == (all != NULL));
    if (all && i == rows && rows > 1) /* back again */
        HOLDS(fmnn_idx_read(idx, 0, 1, one, NULL) == 0 && memcmp(one, all, row) == 0);
    HOLDS(idx || !all);
    free(one);
    fmnn_idx_close(idx);
}

static inline void look_at_rows(struct fmnn_idx *idx)
{
    unsigned rank;
    size_t size[4], rows = fmnn_idx_size(idx, 0), row = fmnn_idx_row_bytes(idx);
    HOLDS(fmnn_idx_shape(FUZZ_PATH, &rank, size, NULL) == 0);
    HOLDS(rank == fmnn_idx_rank(idx) && size[0] == rows && rows && row);
    HOLDS(fmnn_idx_check(FUZZ_PATH, &rank, size, NULL) == 0);
    uint8_t *all = malloc(rows * row), *one = malloc(row);
    HOLDS(all && one && fmnn_idx_read(idx, 0, rows, all, NULL) == 0);
    for (size_t i = 0; i < rows && i < 20; i++) {
        size_t k = i % 3 ? i : rows - 1 - i;
        HOLDS(fmnn_idx_read(idx, k, 1, one, NULL) == 0 && memcmp(one, all + k * row, row) == 0);
    }
    HOLDS(fmnn_idx_read(idx, rows, 1, one, NULL) == -1);
    HOLDS(fmnn_idx_read(idx, 0, SIZE_MAX, one, NULL) == -1);
    read_forward(all);
    free(all);
    free(one);
}

/* gzip: a file that is rejected when read as a whole is also rejected when read in parts. */
static inline void read_idx(bool gzip)
{
    struct fmnn_error err = {0};
    struct fmnn_idx *idx = fmnn_idx_open(FUZZ_PATH, &err);
    if (idx) {
        fuzz_accepted++;
        look_at_rows(idx);
    } else {
        unsigned rank;
        size_t size[4];
        HOLDS(err.status == FMNN_DATA && err.message[0]);
        HOLDS(fmnn_idx_check(FUZZ_PATH, &rank, size, NULL) != 0 ||
              strstr(err.message, "too large"));
        if (gzip)
            read_forward(NULL);
    }
    fmnn_idx_close(idx);
}

static inline void put_u32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Makes the sizes of an IDX file of that rank fit its bytes, as far as possible. */
static inline void fit_sizes(uint8_t *bytes, size_t count, unsigned rank, uint64_t *state)
{
    size_t left = count - 4 - (size_t)4 * rank;
    put_u32(bytes, 0x0800 + rank);
    for (unsigned i = 0; i < rank; i++) {
        size_t size = i + 1 < rank ? 1 + fuzz_below(state, 5) : left;
        while (i + 1 < rank && size > 1 && left % size)
            size--;
        put_u32(bytes + 4 + (size_t)4 * i, (uint32_t)size);
        left /= size ? size : 1;
    }
}

#endif
