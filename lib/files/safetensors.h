/* safetensors.h -- the container of weights and checkpoints: named tensors and named strings in one
   file, with a digest. It does not know nets; fmnn-weights(5) describes their files.

   Format: N, 64 bits little-endian; N bytes of JSON, padded with spaces; the tensors' data, little-
   endian, row-major, without gaps. This is a strict profile of safetensors: any safetensors reader
   can read the files, but files that do not follow the profile exactly are refused. */
#ifndef FM_SAFETENSORS_H
#define FM_SAFETENSORS_H

#include <stdio.h>

#include "base/internal.h"

/* The header contains only names and descriptions; data of any length belong in tensors. */
enum { FM_MAX_RANK = 8, FM_MAX_TENSORS = 65536, FM_MAX_NAME = 255 };
/* The checkpoint of a net with as many layers as a model can have needs 2 MiB. */
enum { FM_MAX_HEADER = 4 << 20 };

enum fm_dtype { FM_F32, FM_U64, FM_I64 }; /* FM_I64: only in files of others */

struct fm_tensor {
    const char *name; /* UTF-8, 1 to 255 bytes */
    enum fm_dtype dtype;
    unsigned rank; /* 0: a single number */
    size_t size[FM_MAX_RANK];
    const void *data; /* float or uint64_t, in the host's byte order; may be NULL without bytes */
    size_t bytes;     /* set by the reader; the writer goes by the sizes */
    /* Instead of data, for F32: called by the writer for some rows of the first size at a time,
       twice for each row. */
    void (*give)(const struct fm_tensor *tensor, size_t row, size_t rows, float *values);
    const void *giver; /* for give */
};

struct fm_metadata {
    const char *key, *value; /* UTF-8 */
};

/* JSON as text, malloc'ed. If json is NULL, the error is FMNN_MEMORY. json_dumps() can silently
   lose a key if memory is short; this function notices. */
struct json_t;
char *fm_json_text(const struct json_t *json, size_t flags, struct fmnn_error *err);

/* Writes a file. The same arguments give the same bytes: metadata are sorted by key; tensors keep
   their order, but U64 tensors precede F32 tensors, so that all are aligned. The function adds the
   metadata `format` (fmnn) and `fmnn.xxh128`, which must not be given. The stream can be a pipe; it
   is neither flushed nor closed. */
int fm_safetensors_write(FILE *stream, const struct fm_metadata *metadata,
                         size_t metadata_count, const struct fm_tensor *tensors,
                         size_t tensor_count,
                         struct fmnn_error *err);

/* An open file, whose header has been checked, but whose data have not been read. "-" is standard
   input. */
struct fm_safetensors;
struct fm_safetensors *fm_safetensors_open(const char *path, struct fmnn_error *err);
/* The same for a file that another program may have written: it needs neither a digest nor the
   metadata of fmnn, and may hold PyTorch's counters, num_batches_tracked. If its format is fmnn, it
   is as any other. */
struct fm_safetensors *fm_safetensors_open_any(const char *path, struct fmnn_error *err);
/* Whether the file has another format than fmnn. */
bool fm_safetensors_foreign(const struct fm_safetensors *file);
/* The digest of the file, once it is loaded: of a file of another program, of all its bytes. */
const char *fm_safetensors_digest(const struct fm_safetensors *file);
/* Whether a tensor is one of PyTorch's counters, which no net needs. */
bool fm_is_counter(const struct fm_tensor *tensor);
/* Receives some rows (of the first size) of an F32 tensor. A tensor of rank 0 is one row. */
typedef int fm_take(void *state, const struct fm_tensor *tensor, size_t row, size_t rows,
                    const float *values, struct fmnn_error *err);
/* Reads all data; can be called once. F32 tensors are passed to take() row by row, in the order of
   the file; U64 tensors, or all tensors if take is NULL, are kept in memory. The data are known to
   be undamaged only when the function has returned 0. */
int fm_safetensors_load(struct fm_safetensors *file, fm_take *take, void *state,
                        struct fmnn_error *err);
/* For tests: opens a file and loads all its tensors. */
struct fm_safetensors *fm_safetensors_read(const char *path, struct fmnn_error *err);
void fm_safetensors_free(struct fm_safetensors *file);
/* The path, or "standard input", for messages. */
const char *fm_safetensors_name(const struct fm_safetensors *file);
/* The value of a metadata key; NULL if there is none. */
const char *fm_safetensors_text(const struct fm_safetensors *file, const char *key);
/* The tensors in the order of the file; NULL after the last one. Names and data are valid until the
   file is freed; data in memory are aligned to 64 bytes. */
const struct fm_tensor *fm_safetensors_at(const struct fm_safetensors *file, size_t i);
/* The tensor of that name; NULL if there is none. */
const struct fm_tensor *fm_safetensors_find(const struct fm_safetensors *file, const char *name);

#endif
