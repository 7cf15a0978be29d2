/* safetensors.c -- the container of weights and checkpoints, written and read strictly.

   The JSON is jansson's business, but what it is lenient about is refused before it sees the text:
   numbers other than plain integers, deep nesting, padding other than spaces. The file is read, not
   mapped: a mapped file that somebody truncates kills the reader. Neither is it held: tensors are
   read piece by piece and handed on, so that weights need not be in memory twice. */
#include "base/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "files/safetensors.h"

#define FORMAT_KEY "format"
#define FORMAT "fmnn"
#define DIGEST_KEY "fmnn.xxh128"
#define DIGEST_FIELD "\"" DIGEST_KEY "\":\""
#define NO_DIGEST "00000000000000000000000000000000"
#define METADATA "__metadata__"
/* What offsets in files and sizes in memory can be, with room to add. */
#define MAX_BYTES ((uint64_t)(SIZE_MAX < INT64_MAX ? SIZE_MAX : INT64_MAX) / 2)
enum { DIGITS = sizeof NO_DIGEST - 1, PREFIX = 8, ALIGNMENT = 64, MAX_DEPTH = 3 };

static const struct {
    char name[4];
    unsigned bytes;
} dtypes[] = {[FM_F32] = {"F32", 4}, [FM_U64] = {"U64", 8}};

/* Returns false where the product, in bytes, is more than files can hold. */
static bool tensor_bytes(const struct fm_tensor *entry, uint64_t *bytes)
{
    *bytes = dtypes[entry->dtype].bytes;
    for (unsigned i = 0; i < entry->rank; i++)
        if (__builtin_mul_overflow(*bytes, entry->size[i], bytes))
            return false;
    return *bytes <= MAX_BYTES;
}

static void put_little(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get_little(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << 8 * i;
    return value;
}

static bool little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

/* no test: from the byte order of a big-endian host to the file's, and back */
static void reverse_each(uint8_t *p, size_t bytes, unsigned width)
{
    for (; bytes >= width; p += width, bytes -= width)
        for (unsigned i = 0; i < width / 2; i++) {
            uint8_t other = p[width - 1 - i];
            p[width - 1 - i] = p[i];
            p[i] = other;
        }
}

static void digest_text(XXH3_state_t *hash, char digits[DIGITS + 1])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(hash));
    for (unsigned i = 0; i < sizeof canonical.digest; i++)
        snprintf(digits + (size_t)2 * i, 3, "%02x", canonical.digest[i]);
}

/* Where the digest's digits are in the text of a header; NULL unless there is just one such place.
   A quote within a JSON string is always escaped, so no value can look like it. */
static char *find_digits(char *header)
{
    char *field = strstr(header, DIGEST_FIELD);
    if (!field || strstr(field + 1, DIGEST_FIELD))
        return NULL;
    return field + sizeof DIGEST_FIELD - 1;
}

/* So many rows at once as fit into some megabytes; a multiple of what those who take them like best
   where that fits. */
static size_t rows_at_once(size_t rows, size_t row_bytes)
{
    enum { PIECE = 8 << 20, GOOD = 16 };
    size_t fit = row_bytes ? PIECE / row_bytes : rows;
    if (fit < 1)
        fit = 1;
    if (fit > GOOD)
        fit -= fit % GOOD;
    return fit < rows ? fit : rows;
}

/* ==== writing
 * ====================================================================================== */

/* The digest stands before what it is taken of, and the stream may be a pipe: so everything is gone
   through twice, into the hash first, then into the stream. */
struct sink {
    XXH3_state_t *hash;
    FILE *stream;
    float *piece; /* of a tensor that is given by pieces */
};

static bool put(const struct sink *sink, const void *bytes, size_t count)
{
    if (count == 0)
        return true;
    if (sink->stream)
        return fwrite(bytes, 1, count, sink->stream) == count;
    return XXH3_128bits_update(sink->hash, bytes, count) == XXH_OK;
}

/* no test: of a big-endian host */
static bool put_reversed(const struct sink *sink, enum fm_dtype dtype, const void *values,
                         size_t bytes)
{
    enum { CHUNK = 1 << 14 };
    uint8_t chunk[CHUNK];
    for (const uint8_t *data = values; bytes;) {
        size_t count = bytes < CHUNK ? bytes : CHUNK;
        memcpy(chunk, data, count);
        reverse_each(chunk, count, dtypes[dtype].bytes);
        if (!put(sink, chunk, count))
            return false;
        data += count;
        bytes -= count;
    }
    return true;
}

/* A tensor that lies in memory, in the file's byte order. */
static bool put_values(const struct sink *sink, enum fm_dtype dtype, const void *values,
                       size_t bytes)
{
    if (little_endian())
        return put(sink, values, bytes);
    return put_reversed(sink, dtype, values, bytes); /* no test: big-endian */
}

/* Piece by piece from who gives it. */
static bool put_given(const struct sink *sink, const struct fm_tensor *entry, size_t bytes)
{
    size_t rows = entry->rank ? entry->size[0] : 1, row_bytes = rows ? bytes / rows : 0;
    size_t max = rows_at_once(rows, row_bytes);
    for (size_t row = 0; row < rows; row += max) {
        size_t n = rows - row < max ? rows - row : max;
        entry->give(entry, row, n, sink->piece);
        if (!put_values(sink, entry->dtype, sink->piece, n * row_bytes))
            return false;
    }
    return true;
}

static bool put_data(const struct sink *sink, const struct fm_tensor *entry)
{
    uint64_t bytes;
    if (!tensor_bytes(entry, &bytes))
        return false; /* no test: the header's maker saw to it */
    return entry->give ? put_given(sink, entry, (size_t)bytes)
                       : put_values(sink, entry->dtype, entry->data, (size_t)bytes);
}

/* Room for the largest piece of what is given by pieces; *piece stays NULL where nothing is. */
static int make_piece(const struct fm_tensor *entries, size_t count, float **piece,
                      struct fmnn_error *err)
{
    size_t max = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes;
        size_t rows = entries[i].rank ? entries[i].size[0] : 1;
        if (!entries[i].give || rows == 0 || !tensor_bytes(&entries[i], &bytes))
            continue;
        size_t row_bytes = (size_t)bytes / rows, need = rows_at_once(rows, row_bytes) * row_bytes;
        max = need > max ? need : max;
    }
    *piece = max ? fm_alloc_bare(max, 1, err) : NULL;
    return max && !*piece ? -1 : 0;
}

static bool put_file(const struct sink *sink, const char *header, size_t header_bytes,
                     const struct fm_tensor *entries, size_t count)
{
    uint8_t prefix[PREFIX];
    put_little(prefix, header_bytes, PREFIX);
    bool good = put(sink, prefix, PREFIX) && put(sink, header, header_bytes);
    for (size_t i = 0; good && i < count; i++)
        good = entries[i].dtype != FM_U64 || put_data(sink, &entries[i]);
    for (size_t i = 0; good && i < count; i++)
        good = entries[i].dtype != FM_F32 || put_data(sink, &entries[i]);
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

static int compare_pairs(const void *a, const void *b)
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

/* Into an object that keeps its order of insertion, as the text does. */
static int add_metadata(json_t *root, const struct fm_metadata *pairs, size_t count,
                        struct fmnn_error *err)
{
    json_t *metadata = json_object();
    struct fm_metadata *sorted = fm_alloc(count + 2, sizeof *sorted, err);
    int status = metadata && sorted && json_object_set(root, METADATA, metadata) == 0 ? 0 : -1;
    if (sorted && status < 0)
        fm_fail(err, FMNN_MEMORY, "out of memory");
    if (status == 0) {
        if (count)
            memcpy(sorted, pairs, count * sizeof *sorted);
        sorted[count++] = (struct fm_metadata){FORMAT_KEY, FORMAT};
        sorted[count++] = (struct fm_metadata){DIGEST_KEY, NO_DIGEST};
        qsort(sorted, count, sizeof *sorted, compare_pairs);
    }
    for (size_t i = 0; status == 0 && i < count; i++)
        status = add_text(metadata, sorted[i].key, sorted[i].value, err);
    free(sorted);
    json_decref(metadata);
    return status;
}

static int add_tensor(json_t *root, const struct fm_tensor *entry, uint64_t *offset,
                      struct fmnn_error *err)
{
    size_t length = strlen(entry->name);
    uint64_t bytes, end;
    if (length < 1 || length > FM_MAX_NAME || json_object_get(root, entry->name))
        return fm_fail(err, FMNN_USAGE, "tensor '%s': empty name, too long, or given twice",
                       entry->name);
    if (!fm_is_utf8(entry->name))
        return fm_fail(err, FMNN_USAGE, "tensor '%s': its name is not UTF-8", entry->name);
    if (entry->rank > FM_MAX_RANK || !tensor_bytes(entry, &bytes) ||
        __builtin_add_overflow(*offset, bytes, &end) || end > MAX_BYTES)
        return fm_fail(err, FMNN_USAGE, "tensor '%s': too large", entry->name);
    json_t *shape = json_array();
    for (unsigned i = 0; shape && i < entry->rank; i++)
        if (json_array_append_new(shape, json_integer((json_int_t)entry->size[i])) < 0) {
            json_decref(shape);
            shape = NULL;
        }
    json_t *tensor =
        shape ? json_pack("{s:s, s:o, s:[I,I]}", "dtype", dtypes[entry->dtype].name, "shape", shape,
                          "data_offsets", (json_int_t)*offset, (json_int_t)end)
              : NULL;
    if (!tensor || json_object_set_new(root, entry->name, tensor) < 0)
        return fm_fail(err, FMNN_MEMORY, "out of memory");
    *offset = end;
    return 0;
}

static int add_tensors(json_t *root, enum fm_dtype dtype, const struct fm_tensor *entries,
                       size_t count, uint64_t *offset, struct fmnn_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (entries[i].dtype == dtype && add_tensor(root, &entries[i], offset, err) < 0)
            return -1;
    return 0;
}

/* The text of the header, padded, malloc'ed. */
static char *make_header(const struct fm_metadata *pairs, size_t pair_count,
                         const struct fm_tensor *entries, size_t count, size_t *bytes,
                         struct fmnn_error *err)
{
    char *text = NULL, *header = NULL;
    uint64_t offset = 0;
    json_t *root = json_object();
    if (!root)
        fm_fail(err, FMNN_MEMORY, "out of memory");
    else if (add_metadata(root, pairs, pair_count, err) == 0 &&
             add_tensors(root, FM_U64, entries, count, &offset, err) == 0 &&
             add_tensors(root, FM_F32, entries, count, &offset, err) == 0)
        text = fm_json_text(root, JSON_COMPACT | JSON_PRESERVE_ORDER, err);
    if (text) {
        size_t length = strlen(text);
        *bytes = (PREFIX + length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT - PREFIX;
        if (*bytes > FM_MAX_HEADER)
            fm_fail(err, FMNN_USAGE,
                    "too much for the header of a weights file: %zu bytes, %d are "
                    "the most",
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

int fm_safetensors_write(FILE *stream, const struct fm_metadata *pairs, size_t pair_count,
                         const struct fm_tensor *entries, size_t entry_count,
                         struct fmnn_error *err)
{
    if (entry_count > FM_MAX_TENSORS)
        return fm_fail(err, FMNN_USAGE, "too many tensors for a weights file: %zu", entry_count);
    size_t header_bytes;
    float *piece = NULL;
    char *header = make_header(pairs, pair_count, entries, entry_count, &header_bytes, err);
    XXH3_state_t *hash = header ? XXH3_createState() : NULL;
    int status = -1;
    if (header && !hash) {
        fm_fail(err, FMNN_MEMORY, "out of memory");
    } else if (hash && make_piece(entries, entry_count, &piece, err) == 0) {
        char digits[DIGITS + 1], *place = find_digits(header);
        assert(place);
        struct sink first = {.hash = hash, .piece = piece}, second = {NULL, stream, piece};
        XXH3_128bits_reset(hash);
        put_file(&first, header, header_bytes, entries, entry_count);
        digest_text(hash, digits);
        memcpy(place, digits, DIGITS);
        status = put_file(&second, header, header_bytes, entries, entry_count)
                     ? 0
                     : fm_fail_errno(err, "cannot write the weights");
    }
    XXH3_freeState(hash);
    free(piece);
    free(header);
    return status;
}

/* ==== reading
 * ====================================================================================== */

struct tensor {
    struct fm_tensor entry;
    uint64_t begin, end; /* in the data */
};

struct input {
    const char *name;
    int fd;
    bool owned; /* fd is ours to close */
    bool sized; /* a regular file, which has so many bytes left: */
    uint64_t left;
};

struct fm_safetensors {
    char *name;
    struct input input;
    char *header;
    size_t header_bytes;
    json_t *root; /* owns the names and the metadata */
    const json_t *metadata;
    struct tensor *tensors; /* in the order of their data */
    const struct tensor **by_name;
    size_t count;
    size_t data_bytes;
};

/* ---- bytes
 * ---------------------------------------------------------------------------------------- */

static int read_bytes(struct input *input, void *bytes, size_t count, size_t *got,
                      struct fmnn_error *err)
{
    for (*got = 0; *got < count;) {
        ssize_t n = read(input->fd, (uint8_t *)bytes + *got, count - *got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fm_fail_errno(err, "%s", input->name);
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    input->left -= *got < input->left ? *got : input->left;
    return 0;
}

static int truncated(const struct input *input, struct fmnn_error *err)
{
    return fm_fail(err, FMNN_DATA, "%s: truncated: it ends within its header", input->name);
}

/* Reads the header's text into *header, malloc'ed and terminated. */
static int read_header(struct input *input, char **header, size_t *bytes, struct fmnn_error *err)
{
    uint8_t prefix[PREFIX];
    size_t got;
    if (read_bytes(input, prefix, PREFIX, &got, err) < 0)
        return -1;
    if (got == 0)
        return fm_fail(err, FMNN_DATA, "%s: empty, not a weights file", input->name);
    if (got < PREFIX)
        return truncated(input, err);
    uint64_t length = get_little(prefix, PREFIX);
    if (length > FM_MAX_HEADER)
        return fm_fail(err, FMNN_DATA,
                       "%s: not a weights file: its header would have %" PRIu64
                       " bytes, %d are the most",
                       input->name, length, FM_MAX_HEADER);
    if (input->sized && input->left < length)
        return truncated(input, err);
    *bytes = (size_t)length;
    *header = fm_alloc(*bytes + 1, 1, err);
    if (!*header || read_bytes(input, *header, *bytes, &got, err) < 0)
        return -1;
    return got < *bytes ? truncated(input, err) : 0;
}

static int wrong_length(const struct input *input, uint64_t wanted, uint64_t got,
                        struct fmnn_error *err)
{
    if (got > wanted)
        return fm_fail(err, FMNN_DATA,
                       "%s: too long: it goes on after the %" PRIu64 " bytes of its tensors",
                       input->name, wanted);
    return fm_fail(err, FMNN_DATA,
                   "%s: truncated: %" PRIu64 " bytes of tensors, but its header means %" PRIu64,
                   input->name, got, wanted);
}

/* ---- the header
 * ----------------------------------------------------------------------------------- */

/* Of a character outside strings: a word why it cannot be, or NULL. */
static const char *refuse_character(char c, unsigned *depth)
{
    switch (c) {
    case '{':
    case '[':
        return ++*depth > MAX_DEPTH ? "is nested too deeply" : NULL;
    case '}':
    case ']':
        return (*depth)-- == 0 ? "has a bracket too many" : NULL;
    case '-':
    case '+':
    case '.':
    case 'e':
    case 'E':
        return "has something other than strings and whole numbers in it";
    }
    return c && strchr("0123456789:, \t\r\n", c) ? NULL : "is not JSON of strings and numbers";
}

static const char *refuse_text(const char *text, size_t bytes)
{
    bool string = false;
    unsigned depth = 0;
    if (bytes == 0 || text[0] != '{')
        return "does not begin with '{'";
    while (text[bytes - 1] == ' ')
        bytes--;
    if (text[bytes - 1] != '}')
        return "does not end with '}' and spaces";
    for (size_t i = 0; i < bytes; i++) {
        const char *why = NULL;
        if (string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            string = !string;
        else if (!string)
            why = refuse_character(text[i], &depth);
        if (why)
            return why;
    }
    return NULL;
}

static int parse_header(struct fm_safetensors *file, const char *text, size_t bytes,
                        struct fmnn_error *err)
{
    json_error_t why;
    const char *refused = refuse_text(text, bytes);
    if (refused)
        return fm_fail(err, FMNN_DATA, "%s: not a weights file: its header %s", file->name,
                       refused);
    file->root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &why);
    if (!file->root)
        return fm_fail(err, FMNN_DATA, "%s: damaged header: %s", file->name, why.text);
    return 0;
}

static int check_metadata(struct fm_safetensors *file, struct fmnn_error *err)
{
    const char *key;
    json_t *value;
    json_t *metadata = json_object_get(file->root, METADATA);
    const char *format = json_string_value(json_object_get(metadata, FORMAT_KEY));
    if (!format || strcmp(format, FORMAT) != 0)
        return fm_fail(err, FMNN_DATA, "%s: not written by fmnn (no fmnn. metadata)", file->name);
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return fm_fail(err, FMNN_DATA, "%s: metadata '%s' is not a string", file->name, key);
    }
    file->metadata = metadata;
    return 0;
}

static int bad_tensor(const struct fm_safetensors *file, const char *name, const char *why,
                      struct fmnn_error *err)
{
    return fm_fail(err, FMNN_DATA, "%s: tensor '%s': %s", file->name, name, why);
}

static bool get_size(const json_t *number, uint64_t *size)
{
    if (!json_is_integer(number))
        return false;
    assert(json_integer_value(number) >= 0); /* no sign has passed the look at the text */
    *size = (uint64_t)json_integer_value(number);
    return *size <= SIZE_MAX;
}

/* The one of the three members that is not there rightly, or NULL. */
static const char *get_members(const json_t *object, struct tensor *tensor, const char **dtype)
{
    const json_t *shape = json_object_get(object, "shape");
    const json_t *offsets = json_object_get(object, "data_offsets");
    *dtype = json_string_value(json_object_get(object, "dtype"));
    if (!*dtype)
        return "no dtype";
    if (!json_is_array(shape))
        return "no shape";
    if (json_array_size(shape) > FM_MAX_RANK)
        return "unsupported shape: more than 8 sizes";
    tensor->entry.rank = (unsigned)json_array_size(shape);
    for (unsigned i = 0; i < tensor->entry.rank; i++) {
        uint64_t size;
        if (!get_size(json_array_get(shape, i), &size))
            return "a size in its shape is not a number that can be";
        tensor->entry.size[i] = (size_t)size;
    }
    if (json_array_size(offsets) != 2 || !get_size(json_array_get(offsets, 0), &tensor->begin) ||
        !get_size(json_array_get(offsets, 1), &tensor->end))
        return "no two data_offsets";
    return json_object_size(object) == 3 ? NULL : "members that are unknown";
}

static int get_tensor(const struct fm_safetensors *file, const char *name, const json_t *object,
                      struct tensor *tensor, struct fmnn_error *err)
{
    const char *dtype;
    size_t length = strlen(name);
    if (length < 1 || length > FM_MAX_NAME)
        return fm_fail(err, FMNN_DATA, "%s: a tensor's name of %zu bytes: it may have 1 to %d",
                       file->name, length, FM_MAX_NAME);
    if (!json_is_object(object))
        return bad_tensor(file, name, "not an object", err);
    const char *why = get_members(object, tensor, &dtype);
    if (why)
        return bad_tensor(file, name, why, err);
    size_t type = 0;
    while (type < FM_COUNT(dtypes) && strcmp(dtype, dtypes[type].name) != 0)
        type++;
    if (type == FM_COUNT(dtypes))
        return fm_fail(err, FMNN_DATA,
                       "%s: tensor '%s': unsupported dtype %s: it may be F32 or U64", file->name,
                       name, dtype);
    tensor->entry.name = name;
    tensor->entry.dtype = (enum fm_dtype)type;
    uint64_t bytes;
    if (!tensor_bytes(&tensor->entry, &bytes))
        return bad_tensor(file, name, "its shape is too large", err);
    if (tensor->begin > tensor->end || tensor->end - tensor->begin != bytes)
        return bad_tensor(file, name, "its data_offsets do not agree with its shape", err);
    tensor->entry.bytes = (size_t)bytes;
    return 0;
}

static int compare_places(const void *a, const void *b)
{
    const struct tensor *p = a, *q = b;
    if (p->begin != q->begin)
        return p->begin < q->begin ? -1 : 1;
    if (p->end != q->end)
        return p->end < q->end ? -1 : 1;
    return strcmp(p->entry.name, q->entry.name); /* empty ones: the same order everywhere */
}

/* One after the other from 0, without holes and overlaps. */
static int check_places(struct fm_safetensors *file, struct fmnn_error *err)
{
    uint64_t end = 0;
    for (size_t i = 0; i < file->count; i++) {
        const struct tensor *tensor = &file->tensors[i];
        if (tensor->begin != end)
            return bad_tensor(
                file, tensor->entry.name,
                tensor->begin > end ? "a hole before its data" : "its data overlap another's", err);
        if (tensor->begin % dtypes[tensor->entry.dtype].bytes)
            return bad_tensor(file, tensor->entry.name, "its data are not aligned", err);
        end = tensor->end;
    }
    if (end > MAX_BYTES)
        return fm_fail(err, FMNN_DATA, "%s: its tensors are too large", file->name);
    file->data_bytes = (size_t)end;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct tensor *const *p = a, *const *q = b;
    return strcmp((*p)->entry.name, (*q)->entry.name);
}

static int get_tensors(struct fm_safetensors *file, struct fmnn_error *err)
{
    const char *name;
    json_t *object;
    size_t max = json_object_size(file->root) - 1; /* the metadata are there */
    if (max > FM_MAX_TENSORS)
        return fm_fail(err, FMNN_DATA, "%s: %zu tensors, %d are the most", file->name, max,
                       FM_MAX_TENSORS);
    file->tensors = fm_alloc(max, sizeof *file->tensors, err);
    file->by_name = fm_alloc(max, sizeof *file->by_name, err);
    if (!file->tensors || !file->by_name)
        return -1;
    json_object_foreach(file->root, name, object)
    {
        if (strcmp(name, METADATA) == 0)
            continue;
        if (get_tensor(file, name, object, &file->tensors[file->count], err) < 0)
            return -1;
        file->count++;
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, compare_places);
    for (size_t i = 0; i < file->count; i++)
        file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, file->count, sizeof *file->by_name, compare_names);
    return check_places(file, err);
}

/* ---- the data
 * ---------------------------------------------------------------------------------------- */

/* What goes through the data once: the digest of all, and who takes the tensors. */
struct pass {
    struct fm_safetensors *file;
    XXH3_state_t *hash;
    uint64_t have;  /* bytes read so far */
    uint8_t *piece; /* room for a piece of a tensor */
    size_t room;
    fm_take *take; /* NULL: all tensors are held */
    void *state;
};

static int read_piece(struct pass *pass, uint8_t *bytes, size_t count, struct fmnn_error *err)
{
    size_t got;
    struct input *input = &pass->file->input;
    if (read_bytes(input, bytes, count, &got, err) < 0)
        return -1;
    pass->have += got;
    if (got < count)
        return wrong_length(input, pass->file->data_bytes, pass->have, err);
    if (count)
        XXH3_128bits_update(pass->hash, bytes, count);
    return 0;
}

static void to_host(const struct fm_tensor *entry, uint8_t *data, size_t bytes)
{
    if (!little_endian())
        reverse_each(data, bytes, dtypes[entry->dtype].bytes); /* no test: big-endian */
}

/* Reads a tensor into memory of its own. What comes through a pipe is given memory as it comes, not
   as the header promises. */
static int hold(struct pass *pass, struct fm_tensor *entry, struct fmnn_error *err)
{
    size_t have = 0, room = entry->bytes;
    if (!pass->file->input.sized && room > FM_MAX_HEADER)
        room = FM_MAX_HEADER;
    for (;;) {
        uint8_t *data = fm_alloc_bare(room, 1, err), *old = (uint8_t *)(uintptr_t)entry->data;
        if (!data)
            return -1;
        if (have)
            memcpy(data, old, have);
        free(old);
        entry->data = data;
        if (read_piece(pass, data + have, room - have, err) < 0)
            return -1;
        have = room;
        if (room == entry->bytes)
            break;
        room = room < entry->bytes / 2 ? room * 2 : entry->bytes;
    }
    to_host(entry, (uint8_t *)(uintptr_t)entry->data, entry->bytes);
    return 0;
}

static int make_room(struct pass *pass, size_t bytes, struct fmnn_error *err)
{
    if (bytes <= pass->room)
        return 0;
    free(pass->piece);
    pass->room = 0;
    pass->piece = fm_alloc_bare(bytes, 1, err);
    if (!pass->piece)
        return -1;
    pass->room = bytes;
    return 0;
}

static int hand_on(struct pass *pass, const struct fm_tensor *entry, struct fmnn_error *err)
{
    size_t rows = entry->rank ? entry->size[0] : 1;
    size_t row_bytes = rows ? entry->bytes / rows : 0, max = rows_at_once(rows, row_bytes);
    if (make_room(pass, max * row_bytes, err) != 0)
        return -1;
    for (size_t row = 0; row < rows; row += max) {
        size_t n = rows - row < max ? rows - row : max;
        if (read_piece(pass, pass->piece, n * row_bytes, err) != 0)
            return -1;
        to_host(entry, pass->piece, n * row_bytes);
        if (pass->take(pass->state, entry, row, n, (const float *)(const void *)pass->piece, err) !=
            0)
            return -1;
    }
    return 0;
}

static int read_tensors(struct pass *pass, struct fmnn_error *err)
{
    struct fm_safetensors *file = pass->file;
    struct input *input = &file->input;
    uint8_t more;
    size_t got;
    if (input->sized && input->left != file->data_bytes)
        return wrong_length(input, file->data_bytes, input->left, err);
    for (size_t i = 0; i < file->count; i++) {
        struct fm_tensor *entry = &file->tensors[i].entry;
        bool handed_on = pass->take && entry->dtype == FM_F32;
        if ((handed_on ? hand_on(pass, entry, err) : hold(pass, entry, err)) != 0)
            return -1;
    }
    if (read_bytes(input, &more, 1, &got, err) < 0)
        return -1;
    return got ? wrong_length(input, file->data_bytes, (uint64_t)file->data_bytes + 1, err) : 0;
}

/* ---- the digest
 * ----------------------------------------------------------------------------------- */

/* The digest that the file should have, by the metadata; the header is hashed with zeros there. */
static const char *begin_digest(struct pass *pass, struct fmnn_error *err)
{
    struct fm_safetensors *file = pass->file;
    const char *said = fm_safetensors_text(file, DIGEST_KEY);
    char *digits = find_digits(file->header);
    if (!said || !digits) {
        fm_fail(err, FMNN_DATA, "%s: no checksum in it (metadata " DIGEST_KEY ")", file->name);
        return NULL;
    }
    if (strlen(said) != DIGITS || strspn(said, "0123456789abcdef") != DIGITS ||
        memcmp(said, digits, DIGITS) != 0) {
        fm_fail(err, FMNN_DATA, "%s: damaged: its checksum is not one", file->name);
        return NULL;
    }
    uint8_t prefix[PREFIX];
    put_little(prefix, file->header_bytes, PREFIX);
    memcpy(digits, NO_DIGEST, DIGITS);
    XXH3_128bits_reset(pass->hash);
    XXH3_128bits_update(pass->hash, prefix, PREFIX);
    XXH3_128bits_update(pass->hash, file->header, file->header_bytes);
    memcpy(digits, said, DIGITS);
    return said;
}

static int check_digest(const struct pass *pass, const char *said, struct fmnn_error *err)
{
    char found[DIGITS + 1];
    digest_text(pass->hash, found);
    if (strcmp(found, said) != 0)
        return fm_fail(err, FMNN_DATA, "%s: damaged: checksum %s, but it should be %s",
                       pass->file->name, found, said);
    return 0;
}

/* ---- the whole
 * ------------------------------------------------------------------------------------ */

static void close_input(struct input *input)
{
    if (input->owned && input->fd >= 0)
        close(input->fd);
    input->fd = -1;
}

int fm_safetensors_load(struct fm_safetensors *file, fm_take *take, void *state,
                        struct fmnn_error *err)
{
    struct pass pass = {.file = file, .take = take, .state = state};
    assert(file->input.fd >= 0);
    pass.hash = XXH3_createState();
    if (!pass.hash)
        return fm_fail(err, FMNN_MEMORY, "out of memory");
    const char *said = begin_digest(&pass, err);
    int status = said ? read_tensors(&pass, err) : -1;
    if (status == 0)
        status = check_digest(&pass, said, err);
    close_input(&file->input);
    XXH3_freeState(pass.hash);
    free(pass.piece);
    return status;
}

static int open_input(struct input *input, const char *path, struct fmnn_error *err)
{
    struct stat st;
    off_t at = 0;
    bool standard = strcmp(path, "-") == 0;
    input->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    input->owned = !standard;
    if (input->fd < 0 || fstat(input->fd, &st) < 0)
        return fm_fail_errno(err, "%s", input->name);
    input->sized = S_ISREG(st.st_mode);
    if (input->sized && standard)
        at = lseek(input->fd, 0, SEEK_CUR);
    input->left = input->sized && st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
    return 0;
}

static int load_header(struct fm_safetensors *file, struct fmnn_error *err)
{
    int status = read_header(&file->input, &file->header, &file->header_bytes, err);
    if (status == 0)
        status = parse_header(file, file->header, file->header_bytes, err);
    if (status == 0)
        status = check_metadata(file, err);
    return status == 0 ? get_tensors(file, err) : -1;
}

struct fm_safetensors *fm_safetensors_open(const char *path, struct fmnn_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    struct fm_safetensors *file = fm_alloc(1, sizeof *file, err);
    if (!file || !(file->name = fm_strdup(standard ? "standard input" : path, err))) {
        free(file);
        return NULL;
    }
    file->input = (struct input){.name = file->name, .fd = -1};
    if (open_input(&file->input, path, err) == 0 && load_header(file, err) == 0)
        return file;
    fm_safetensors_free(file);
    return NULL;
}

struct fm_safetensors *fm_safetensors_read(const char *path, struct fmnn_error *err)
{
    struct fm_safetensors *file = fm_safetensors_open(path, err);
    if (!file || fm_safetensors_load(file, NULL, NULL, err) == 0)
        return file;
    fm_safetensors_free(file);
    return NULL;
}

void fm_safetensors_free(struct fm_safetensors *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->count; i++)
        free((void *)(uintptr_t)file->tensors[i].entry.data);
    close_input(&file->input);
    json_decref(file->root);
    free(file->tensors);
    free(file->by_name);
    free(file->header);
    free(file->name);
    free(file);
}

const char *fm_safetensors_name(const struct fm_safetensors *file)
{
    return file->name;
}

const char *fm_safetensors_text(const struct fm_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(file->metadata, key));
}

const struct fm_tensor *fm_safetensors_at(const struct fm_safetensors *file, size_t i)
{
    return i < file->count ? &file->tensors[i].entry : NULL;
}

const struct fm_tensor *fm_safetensors_find(const struct fm_safetensors *file, const char *name)
{
    size_t low = 0, high = file->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, file->by_name[middle]->entry.name);
        if (order == 0)
            return &file->by_name[middle]->entry;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
