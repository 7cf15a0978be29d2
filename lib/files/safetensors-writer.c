/* safetensors-writer.c -- writes the container of weights and checkpoints. */
#include "base/internal.h"

#include <jansson.h>

#include "files/safetensors-format.h"

/* The digest precedes the data, and the stream may be a pipe. Therefore everything is put twice:
   into the hash, then into the stream. */
struct sink {
    XXH3_state_t *hash;
    FILE *stream;
    float *piece; /* room for some rows of a tensor that is given row by row */
};

static bool put(const struct sink *sink, const void *bytes, size_t count)
{
    if (count == 0)
        return true;
    if (sink->stream)
        return fwrite(bytes, 1, count, sink->stream) == count;
    return XXH3_128bits_update(sink->hash, bytes, count) == XXH_OK;
}

/* no test: big-endian hosts only */
static bool put_reversed(const struct sink *sink, enum fm_dtype dtype, const void *values,
                         size_t bytes)
{
    enum { CHUNK = 1 << 14 };
    uint8_t chunk[CHUNK];
    for (const uint8_t *data = values; bytes;) {
        size_t count = bytes < CHUNK ? bytes : CHUNK;
        memcpy(chunk, data, count);
        fm_reverse_each(chunk, count, fm_dtypes[dtype].bytes);
        if (!put(sink, chunk, count))
            return false;
        data += count;
        bytes -= count;
    }
    return true;
}

/* Puts values in the file's byte order. */
static bool put_values(const struct sink *sink, enum fm_dtype dtype, const void *values,
                       size_t bytes)
{
    if (fm_little_endian())
        return put(sink, values, bytes);
    return put_reversed(sink, dtype, values, bytes); /* no test: big-endian */
}

static bool put_given(const struct sink *sink, const struct fm_tensor *tensor, size_t bytes)
{
    size_t rows = tensor->rank ? tensor->size[0] : 1, row_bytes = rows ? bytes / rows : 0;
    size_t max = fm_rows_at_once(rows, row_bytes);
    for (size_t row = 0; row < rows; row += max) {
        size_t n = rows - row < max ? rows - row : max;
        tensor->give(tensor, row, n, sink->piece);
        if (!put_values(sink, tensor->dtype, sink->piece, n * row_bytes))
            return false;
    }
    return true;
}

static bool put_data(const struct sink *sink, const struct fm_tensor *tensor)
{
    uint64_t bytes;
    if (!fm_tensor_bytes(tensor, &bytes))
        return false; /* no test: add_tensor() has checked it */
    return tensor->give ? put_given(sink, tensor, (size_t)bytes)
                        : put_values(sink, tensor->dtype, tensor->data, (size_t)bytes);
}

/* Allocates room for the largest piece; *piece is NULL if no tensor is given row by row. */
static int make_piece(const struct fm_tensor *tensors, size_t count, float **piece,
                      struct fmnn_error *err)
{
    size_t max = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes;
        size_t rows = tensors[i].rank ? tensors[i].size[0] : 1;
        if (!tensors[i].give || rows == 0 || !fm_tensor_bytes(&tensors[i], &bytes))
            continue;
        size_t row_bytes = (size_t)bytes / rows,
               need = fm_rows_at_once(rows, row_bytes) * row_bytes;
        max = need > max ? need : max;
    }
    *piece = max ? fm_alloc_bare(max, 1, err) : NULL;
    return max && !*piece ? -1 : 0;
}

static bool put_file(const struct sink *sink, const char *header, size_t header_bytes,
                     const struct fm_tensor *tensors, size_t count)
{
    uint8_t prefix[PREFIX];
    fm_put_little(prefix, header_bytes, PREFIX);
    bool good = put(sink, prefix, PREFIX) && put(sink, header, header_bytes);
    for (size_t i = 0; good && i < count; i++)
        good = tensors[i].dtype != FM_U64 || put_data(sink, &tensors[i]);
    for (size_t i = 0; good && i < count; i++)
        good = tensors[i].dtype != FM_F32 || put_data(sink, &tensors[i]);
    return good;
}

char *fm_json_text(const json_t *json, size_t flags, struct fmnn_error *err)
{
    size_t size = json ? json_dumpb(json, NULL, 0, flags) : 0;
    char *text = size ? fm_alloc(size + 1, 1, NULL) : NULL;
    if (text && json_dumpb(json, text, size, flags) == size)
        return text;
    free(text);
    fm_fail(err, FMNN_MEMORY, "out of memory");
    return NULL;
}

static int compare_metadata(const void *a, const void *b)
{
    const struct fm_metadata *p = a, *q = b;
    return strcmp(p->key, q->key);
}

static int add_text(json_t *object, const char *key, const char *value, struct fmnn_error *err)
{
    if (json_object_get(object, key))
        return fm_fail(err, FMNN_USAGE, "metadata '%s' given twice", key);
    if (!fm_is_utf8(key) || !fm_is_utf8(value))
        return fm_fail(err, FMNN_USAGE, "metadata '%s' is not UTF-8", key);
    json_t *text = json_string(value);
    if (!text || json_object_set_new(object, key, text) < 0)
        return fm_fail(err, FMNN_MEMORY, "out of memory");
    return 0;
}

/* The object keeps the order of insertion, and so does the text. */
static int add_metadata(json_t *root, const struct fm_metadata *metadata, size_t count,
                        struct fmnn_error *err)
{
    json_t *object = json_object();
    struct fm_metadata *sorted = fm_alloc(count + 2, sizeof *sorted, err);
    int status = object && sorted && json_object_set(root, METADATA, object) == 0 ? 0 : -1;
    if (sorted && status < 0)
        fm_fail(err, FMNN_MEMORY, "out of memory");
    if (status == 0) {
        if (count)
            memcpy(sorted, metadata, count * sizeof *sorted);
        sorted[count++] = (struct fm_metadata){FORMAT_KEY, FORMAT};
        sorted[count++] = (struct fm_metadata){DIGEST_KEY, NO_DIGEST};
        qsort(sorted, count, sizeof *sorted, compare_metadata);
    }
    for (size_t i = 0; status == 0 && i < count; i++)
        status = add_text(object, sorted[i].key, sorted[i].value, err);
    free(sorted);
    json_decref(object);
    return status;
}

static int add_tensor(json_t *root, const struct fm_tensor *tensor, uint64_t *offset,
                      struct fmnn_error *err)
{
    size_t length = strlen(tensor->name);
    uint64_t bytes, end;
    if (length < 1 || length > FM_MAX_NAME || json_object_get(root, tensor->name))
        return fm_fail(err, FMNN_USAGE, "tensor '%s': empty name, too long, or given twice",
                       tensor->name);
    if (!fm_is_utf8(tensor->name))
        return fm_fail(err, FMNN_USAGE, "tensor '%s': its name is not UTF-8", tensor->name);
    if (tensor->rank > FM_MAX_RANK || !fm_tensor_bytes(tensor, &bytes) ||
        __builtin_add_overflow(*offset, bytes, &end) || end > MAX_BYTES)
        return fm_fail(err, FMNN_USAGE, "tensor '%s': too large", tensor->name);
    json_t *shape = json_array();
    for (unsigned i = 0; shape && i < tensor->rank; i++)
        if (json_array_append_new(shape, json_integer((json_int_t)tensor->size[i])) < 0) {
            json_decref(shape);
            shape = NULL;
        }
    json_t *object =
        shape ? json_pack("{s:s, s:o, s:[I,I]}", "dtype", fm_dtypes[tensor->dtype].name, "shape",
                          shape, "data_offsets", (json_int_t)*offset, (json_int_t)end)
              : NULL;
    if (!object || json_object_set_new(root, tensor->name, object) < 0)
        return fm_fail(err, FMNN_MEMORY, "out of memory");
    *offset = end;
    return 0;
}

static int add_tensors(json_t *root, enum fm_dtype dtype, const struct fm_tensor *tensors,
                       size_t count, uint64_t *offset, struct fmnn_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (tensors[i].dtype == dtype && add_tensor(root, &tensors[i], offset, err) < 0)
            return -1;
    return 0;
}

/* The padded text of the header, malloc'ed. */
static char *make_header(const struct fm_metadata *metadata, size_t metadata_count,
                         const struct fm_tensor *tensors, size_t count, size_t *bytes,
                         struct fmnn_error *err)
{
    char *text = NULL, *header = NULL;
    uint64_t offset = 0;
    json_t *root = json_object();
    if (!root)
        fm_fail(err, FMNN_MEMORY, "out of memory");
    else if (add_metadata(root, metadata, metadata_count, err) == 0 &&
             add_tensors(root, FM_U64, tensors, count, &offset, err) == 0 &&
             add_tensors(root, FM_F32, tensors, count, &offset, err) == 0)
        text = fm_json_text(root, JSON_COMPACT | JSON_PRESERVE_ORDER, err);
    if (text) {
        size_t length = strlen(text);
        *bytes = (PREFIX + length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT - PREFIX;
        if (*bytes > FM_MAX_HEADER)
            fm_fail(err, FMNN_USAGE,
                    "the header of the weights file would have %zu bytes; the maximum is %d",
                    *bytes, FM_MAX_HEADER);
        else
            header = fm_alloc(*bytes + 1, 1, err);
        if (header)
            memcpy(memset(header, ' ', *bytes), text, length);
    }
    free(text);
    json_decref(root);
    return header;
}

int fm_safetensors_write(FILE *stream, const struct fm_metadata *metadata, size_t metadata_count,
                         const struct fm_tensor *tensors, size_t tensor_count,
                         struct fmnn_error *err)
{
    if (tensor_count > FM_MAX_TENSORS)
        return fm_fail(err, FMNN_USAGE, "too many tensors for a weights file: %zu", tensor_count);
    size_t header_bytes;
    float *piece = NULL;
    char *header = make_header(metadata, metadata_count, tensors, tensor_count, &header_bytes, err);
    XXH3_state_t *hash = header ? XXH3_createState() : NULL;
    int status = -1;
    if (header && !hash) {
        fm_fail(err, FMNN_MEMORY, "out of memory");
    } else if (hash && make_piece(tensors, tensor_count, &piece, err) == 0) {
        char digits[DIGITS + 1], *place = fm_find_digits(header);
        assert(place);
        struct sink first = {.hash = hash, .piece = piece}, second = {NULL, stream, piece};
        XXH3_128bits_reset(hash);
        put_file(&first, header, header_bytes, tensors, tensor_count);
        fm_digest_text(hash, digits);
        memcpy(place, digits, DIGITS);
        status = put_file(&second, header, header_bytes, tensors, tensor_count)
                     ? 0
                     : fm_fail_errno(err, "cannot write the weights");
    }
    XXH3_freeState(hash);
    free(piece);
    free(header);
    return status;
}
