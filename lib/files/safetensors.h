/* safetensors.h -- the container of weights and checkpoints: named tensors and named strings in one
   file, with a digest. It knows nothing of nets; see fmnn-weights(5) for what they put into it.

   Format: N, 64 bits little-endian; N bytes of JSON, padded with spaces; the tensors' data, little-
   endian, row-major, without gaps. This is a strict profile of safetensors: what is written is read
   by any safetensors reader; what is read has to be right in every respect. */
#ifndef FM_SAFETENSORS_H
#define FM_SAFETENSORS_H

#include <stdio.h>

#include "base/internal.h"

/* The header's limit is for names and descriptions: what grows with use belongs into a tensor. */
enum { FM_MAX_RANK = 8, FM_MAX_TENSORS = 65536, FM_MAX_NAME = 255, FM_MAX_HEADER = 1 << 20 };

enum fm_dtype { FM_F32, FM_U64 };

struct fm_tensor {
    const char *name; /* UTF-8, 1 to 255 bytes */
    enum fm_dtype dtype;
    unsigned rank; /* 0: a single number */
    size_t size[FM_MAX_RANK];
    const void *data; /* float or uint64_t, in the host's byte order; may be NULL without bytes */
    size_t bytes;     /* set by the reader; the writer goes by the sizes */
    /* Or, where the writer is to be given F32 a few rows of the first size at a time, and twice: */
    void (*give)(const struct fm_tensor *entry, size_t row, size_t rows, float *values);
    const void *giver; /* for give */
};

struct fm_metadata {
    const char *key, *value; /* UTF-8 */
};

/* JSON as text, malloc'ed, or NULL; json NULL is want of memory, too. json_dumps() can lose a key
   and not tell, where there is no memory to copy it; here every failure is seen. */
struct json_t;
char *fm_json_text(const struct json_t *json, size_t flags, struct fmnn_error *err);

/* Writes a file. The same arguments give the same bytes: the metadata are sorted by key, the
   tensors stand in the order given, but those of U64 before those of F32 (so that all are aligned).
   The writer adds the metadata `format` (fmnn) and `fmnn.xxh128`; the pairs must not hold these.
   The stream may be a pipe; it is neither flushed nor closed. Nothing is copied whole. */
int fm_safetensors_write(FILE *stream, const struct fm_metadata *pairs, size_t pair_count,
                         const struct fm_tensor *entries, size_t entry_count,
                         struct fmnn_error *err);

/* A file whose header and, where it is not a pipe, length have been found right; its data have not
   been read yet. "-" is standard input. */
struct fm_safetensors;
struct fm_safetensors *fm_safetensors_open(const char *path, struct fmnn_error *err);
/* Takes some rows of a tensor of F32: of its first size; a tensor of rank 0 is one row. */
typedef int fm_take(void *state, const struct fm_tensor *entry, size_t row, size_t rows,
                    const float *values, struct fmnn_error *err);
/* Reads all data, once. Tensors of F32 are handed to take() row by row, in the order of the file;
   those of U64 are held. Only when it returns 0 is it known that the data are those that were
   written. take NULL: all tensors are held. */
int fm_safetensors_load(struct fm_safetensors *file, fm_take *take, void *state,
                        struct fmnn_error *err);
/* Both: a file read whole and found right. */
struct fm_safetensors *fm_safetensors_read(const char *path, struct fmnn_error *err);
void fm_safetensors_free(struct fm_safetensors *file);
/* The path, or "standard input": for messages. */
const char *fm_safetensors_name(const struct fm_safetensors *file);
/* The value of a metadata key; NULL: not there. */
const char *fm_safetensors_text(const struct fm_safetensors *file, const char *key);
/* The tensors in the order of the file; NULL beyond the last. Names and data live as long as the
   file; data that are held are aligned to 64 bytes. */
const struct fm_tensor *fm_safetensors_at(const struct fm_safetensors *file, size_t i);
/* The tensor of that name; NULL: not there. */
const struct fm_tensor *fm_safetensors_find(const struct fm_safetensors *file, const char *name);

#endif
