/* safetensors-reader.c -- reads the container of weights and checkpoints, strictly. jansson parses
   the JSON, but accepts more than the profile: numbers other than plain integers, deep nesting, and
   padding other than spaces are refused before it sees the text. The file is read, not mapped,
   because a mapped file that another process truncates kills the reader. Tensors are read piece by
   piece and passed on, so that weights are not in memory twice. */
#include "base/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/safetensors-format.h"

enum { MAX_DEPTH = 3 };

struct placed_tensor {
    struct fm_tensor tensor;
    uint64_t begin, end; /* in the data */
};

struct input {
    const char *name;
    int fd;
    bool owned;    /* fd must be closed */
    bool sized;    /* a regular file, whose size is known */
    uint64_t left; /* bytes, if sized */
};

struct fm_safetensors {
    char *name;
    struct input input;
    char *header;
    size_t header_bytes;
    json_t *root; /* owns the names and the metadata */
    const json_t *metadata;
    struct placed_tensor *tensors; /* in the order of their data */
    const struct placed_tensor **by_name;
    size_t count;
    size_t data_bytes;
    bool any, foreign; /* the format may be another; it is another */
    char digest[DIGITS + 1];
};

/* ---- bytes */

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
    return fm_fail(err, FMNN_DATA, "%s: truncated: it ends inside its header", input->name);
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
    if (!memcmp(prefix, "PK\3\4", 4))
        return fm_fail(err, FMNN_DATA,
                       "%s: not a weights file: a zip archive, as torch.save() writes; write "
                       "safetensors with save_file()",
                       input->name);
    uint64_t length = fm_get_little(prefix, PREFIX);
    if (length > FM_MAX_HEADER)
        return fm_fail(err, FMNN_DATA,
                       "%s: not a weights file: its header would have %" PRIu64
                       " bytes; the maximum is %d",
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
                       "%s: too long: data follow the %" PRIu64 " bytes of its tensors",
                       input->name, wanted);
    return fm_fail(err, FMNN_DATA,
                   "%s: truncated: %" PRIu64 " bytes of tensors, but its header announces %" PRIu64,
                   input->name, got, wanted);
}

/* ---- the header */

/* Why a character outside strings is not allowed, or NULL. */
static const char *refuse_character(char c, unsigned *depth)
{
    switch (c) {
    case '{':
    case '[':
        return ++*depth > MAX_DEPTH ? "is nested too deeply" : NULL;
    case '}':
    case ']':
        return (*depth)-- == 0 ? "has an unmatched bracket" : NULL;
    case '-':
    case '+':
    case '.':
    case 'e':
    case 'E':
        return "contains something other than strings and whole numbers";
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

/* Why a file of another format is not read. */
static int refuse_format(const struct fm_safetensors *file, const char *format,
                         struct fmnn_error *err)
{
    if (!format)
        return fm_fail(err, FMNN_DATA,
                       "%s: not written by fmnn (no fmnn. metadata); fm-train --init can take its "
                       "weights",
                       file->name);
    return fm_fail(err, FMNN_DATA,
                   "%s: not written by fmnn: its format is '%.100s', not 'fmnn'; fm-train --init "
                   "can take its weights",
                   file->name, format);
}

static int check_metadata(struct fm_safetensors *file, struct fmnn_error *err)
{
    const char *key;
    json_t *value;
    json_t *metadata = json_object_get(file->root, METADATA);
    const char *format = json_string_value(json_object_get(metadata, FORMAT_KEY));
    file->foreign = !format || strcmp(format, FORMAT) != 0;
    if (file->foreign && !file->any)
        return refuse_format(file, format, err);
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
    return true;
}

/* What is wrong with the members, or NULL. */
static const char *get_members(const json_t *object, struct placed_tensor *placed,
                               const char **dtype)
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
    placed->tensor.rank = (unsigned)json_array_size(shape);
    for (unsigned i = 0; i < placed->tensor.rank; i++) {
        uint64_t size;
        if (!get_size(json_array_get(shape, i), &size))
            return "a size in its shape is out of range";
        if (size > SIZE_MAX) /* no test: 32-bit hosts only */
            return "its shape is too large";
        placed->tensor.size[i] = (size_t)size;
    }
    if (json_array_size(offsets) != 2 || !get_size(json_array_get(offsets, 0), &placed->begin) ||
        !get_size(json_array_get(offsets, 1), &placed->end))
        return "no pair of data_offsets";
    return json_object_size(object) == 3 ? NULL : "unknown members";
}

static int get_tensor(const struct fm_safetensors *file, const char *name, const json_t *object,
                      struct placed_tensor *placed, struct fmnn_error *err)
{
    const char *dtype;
    size_t length = strlen(name);
    if (length < 1 || length > FM_MAX_NAME)
        return fm_fail(err, FMNN_DATA, "%s: a tensor's name has %zu bytes; expected 1 to %d",
                       file->name, length, FM_MAX_NAME);
    if (!json_is_object(object))
        return bad_tensor(file, name, "not an object", err);
    const char *why = get_members(object, placed, &dtype);
    if (why)
        return bad_tensor(file, name, why, err);
    size_t type = 0;
    while (type < FM_COUNT(fm_dtypes) && strcmp(dtype, fm_dtypes[type].name) != 0)
        type++;
    placed->tensor.name = name;
    placed->tensor.dtype = (enum fm_dtype)type;
    if (type == FM_COUNT(fm_dtypes) ||
        (type == FM_I64 && !(file->foreign && fm_is_counter(&placed->tensor))))
        return fm_fail(err, FMNN_DATA, "%s: tensor '%s': unsupported dtype %s; expected F32 or U64",
                       file->name, name, dtype);
    uint64_t bytes;
    if (!fm_tensor_bytes(&placed->tensor, &bytes))
        return bad_tensor(file, name, "its shape is too large", err);
    if (placed->begin > placed->end || placed->end - placed->begin != bytes)
        return bad_tensor(file, name, "its data_offsets do not agree with its shape", err);
    placed->tensor.bytes = (size_t)bytes;
    return 0;
}

static int compare_places(const void *a, const void *b)
{
    const struct placed_tensor *p = a, *q = b;
    if (p->begin != q->begin)
        return p->begin < q->begin ? -1 : 1;
    if (p->end != q->end)
        return p->end < q->end ? -1 : 1;
    return strcmp(p->tensor.name, q->tensor.name); /* empty ones: the same order everywhere */
}

/* Data must follow each other from 0, without gaps and overlaps. */
static int check_places(struct fm_safetensors *file, struct fmnn_error *err)
{
    uint64_t end = 0;
    for (size_t i = 0; i < file->count; i++) {
        const struct placed_tensor *placed = &file->tensors[i];
        if (placed->begin != end)
            return bad_tensor(file, placed->tensor.name,
                              placed->begin > end ? "a gap before its data"
                                                  : "its data overlap those of another tensor",
                              err);
        if (placed->begin % fm_dtypes[placed->tensor.dtype].bytes)
            return bad_tensor(file, placed->tensor.name, "its data are not aligned", err);
        end = placed->end;
    }
    if (end > MAX_BYTES)
        return fm_fail(err, FMNN_DATA, "%s: its tensors are too large", file->name);
    file->data_bytes = (size_t)end;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct placed_tensor *const *p = a, *const *q = b;
    return strcmp((*p)->tensor.name, (*q)->tensor.name);
}

static int get_tensors(struct fm_safetensors *file, struct fmnn_error *err)
{
    const char *name;
    json_t *object;
    size_t max = json_object_size(file->root) - (json_object_get(file->root, METADATA) != NULL);
    if (max > FM_MAX_TENSORS)
        return fm_fail(err, FMNN_DATA, "%s: %zu tensors; the maximum is %d", file->name, max,
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

/* ---- the data */

/* One pass over the data. */
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

static void to_host(const struct fm_tensor *tensor, uint8_t *data, size_t bytes)
{
    if (!fm_little_endian())
        fm_reverse_each(data, bytes, fm_dtypes[tensor->dtype].bytes); /* no test: big-endian */
}

/* Reads a tensor into memory of its own. For a pipe, the memory grows with the data: the header
   alone is not trusted. */
static int hold(struct pass *pass, struct fm_tensor *tensor, struct fmnn_error *err)
{
    const size_t piece = 1 << 20;
    size_t have = 0, room = tensor->bytes;
    if (!pass->file->input.sized && room > piece)
        room = piece;
    for (;;) {
        uint8_t *data = fm_alloc_bare(room, 1, err), *old = (uint8_t *)(uintptr_t)tensor->data;
        if (!data)
            return -1;
        if (have)
            memcpy(data, old, have);
        free(old);
        tensor->data = data;
        if (read_piece(pass, data + have, room - have, err) < 0)
            return -1;
        have = room;
        if (room == tensor->bytes)
            break;
        room = room < tensor->bytes / 2 ? room * 2 : tensor->bytes;
    }
    to_host(tensor, (uint8_t *)(uintptr_t)tensor->data, tensor->bytes);
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

static int hand_on(struct pass *pass, const struct fm_tensor *tensor, struct fmnn_error *err)
{
    size_t rows = tensor->rank ? tensor->size[0] : 1;
    size_t row_bytes = rows ? tensor->bytes / rows : 0, max = fm_rows_at_once(rows, row_bytes);
    if (make_room(pass, max * row_bytes, err) != 0)
        return -1;
    for (size_t row = 0; row < rows; row += max) {
        size_t n = rows - row < max ? rows - row : max;
        if (read_piece(pass, pass->piece, n * row_bytes, err) != 0)
            return -1;
        to_host(tensor, pass->piece, n * row_bytes);
        if (pass->take(pass->state, tensor, row, n, (const float *)(const void *)pass->piece,
                       err) != 0)
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
    for (size_t i = 0; i < file->count; i++) {
        struct fm_tensor *tensor = &file->tensors[i].tensor;
        bool handed_on = pass->take && tensor->dtype == FM_F32;
        if ((handed_on ? hand_on(pass, tensor, err) : hold(pass, tensor, err)) != 0)
            return -1;
    }
    if (read_bytes(input, &more, 1, &got, err) < 0)
        return -1;
    return got ? wrong_length(input, file->data_bytes, (uint64_t)file->data_bytes + 1, err) : 0;
}

/* ---- the digest */

static void hash_header(struct pass *pass)
{
    uint8_t prefix[PREFIX];
    fm_put_little(prefix, pass->file->header_bytes, PREFIX);
    XXH3_128bits_reset(pass->hash);
    XXH3_128bits_update(pass->hash, prefix, PREFIX);
    XXH3_128bits_update(pass->hash, pass->file->header, pass->file->header_bytes);
}

/* Returns the digest in the metadata. The header is hashed with zeros in its place. */
static const char *begin_digest(struct pass *pass, struct fmnn_error *err)
{
    struct fm_safetensors *file = pass->file;
    if (file->foreign) {
        hash_header(pass);
        return "";
    }
    const char *said = fm_safetensors_text(file, DIGEST_KEY);
    char *digits = fm_find_digits(file->header);
    if (!said || !digits) {
        fm_fail(err, FMNN_DATA, "%s: it has no checksum (metadata " DIGEST_KEY ")", file->name);
        return NULL;
    }
    if (strlen(said) != DIGITS || strspn(said, "0123456789abcdef") != DIGITS ||
        memcmp(said, digits, DIGITS) != 0) {
        fm_fail(err, FMNN_DATA, "%s: damaged: its checksum is malformed", file->name);
        return NULL;
    }
    memcpy(digits, NO_DIGEST, DIGITS);
    hash_header(pass);
    memcpy(digits, said, DIGITS);
    return said;
}

static int check_digest(const struct pass *pass, const char *said, struct fmnn_error *err)
{
    char *found = pass->file->digest;
    fm_digest_text(pass->hash, found);
    if (!pass->file->foreign && strcmp(found, said) != 0)
        return fm_fail(err, FMNN_DATA,
                       "%s: damaged: checksum %s, but it should be %s (if another program changed "
                       "the weights, it must give the file another format than fmnn)",
                       pass->file->name, found, said);
    return 0;
}

/* ---- the whole */

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

/* A file whose length is known is refused before anyone makes room for what its header
   announces. */
static int load_header(struct fm_safetensors *file, struct fmnn_error *err)
{
    const struct input *input = &file->input;
    int status = read_header(&file->input, &file->header, &file->header_bytes, err);
    if (status == 0)
        status = parse_header(file, file->header, file->header_bytes, err);
    if (status == 0)
        status = check_metadata(file, err);
    if (status == 0)
        status = get_tensors(file, err);
    if (status == 0 && input->sized && input->left != file->data_bytes)
        return wrong_length(input, file->data_bytes, input->left, err);
    return status;
}

static struct fm_safetensors *open_file(const char *path, bool any, struct fmnn_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    struct fm_safetensors *file = fm_alloc(1, sizeof *file, err);
    if (!file || !(file->name = fm_strdup(standard ? "standard input" : path, err))) {
        free(file);
        return NULL;
    }
    file->any = any;
    file->input = (struct input){.name = file->name, .fd = -1};
    if (open_input(&file->input, path, err) == 0 && load_header(file, err) == 0)
        return file;
    fm_safetensors_free(file);
    return NULL;
}

struct fm_safetensors *fm_safetensors_open(const char *path, struct fmnn_error *err)
{
    return open_file(path, false, err);
}

struct fm_safetensors *fm_safetensors_open_any(const char *path, struct fmnn_error *err)
{
    return open_file(path, true, err);
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
        free((void *)(uintptr_t)file->tensors[i].tensor.data);
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

bool fm_safetensors_foreign(const struct fm_safetensors *file)
{
    return file->foreign;
}

const char *fm_safetensors_digest(const struct fm_safetensors *file)
{
    return file->digest;
}

bool fm_is_counter(const struct fm_tensor *tensor)
{
    static const char counter[] = ".num_batches_tracked";
    size_t length = strlen(tensor->name), end = sizeof counter - 1;
    return tensor->dtype == FM_I64 && length > end && !strcmp(tensor->name + length - end, counter);
}

const char *fm_safetensors_text(const struct fm_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(file->metadata, key));
}

const struct fm_tensor *fm_safetensors_at(const struct fm_safetensors *file, size_t i)
{
    return i < file->count ? &file->tensors[i].tensor : NULL;
}

const struct fm_tensor *fm_safetensors_find(const struct fm_safetensors *file, const char *name)
{
    size_t low = 0, high = file->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, file->by_name[middle]->tensor.name);
        if (order == 0)
            return &file->by_name[middle]->tensor;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
