/* idx.c -- IDX files of unsigned bytes, plain or gzip.

   A plain file stays on disk, and rows are read on demand. A gzip file cannot be read from the
   middle, so it is inflated whole. Its memory grows with the data that is really there, and never
   beyond the size in the header. If the file is opened to be read forward, it is inflated as rows
   are read, and whole only when an earlier row is read again.

   gzread() is not used: it returns data that is not gzip as it is, and ignores garbage after the
   end. */
#include "data/idx.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    TYPE_U8 = 0x08,
    MAX_RANK = 4,
    MAX_HEADER = 4 + 4 * MAX_RANK,
    BLOCK = 1 << 16,     /* read ahead; also zlib's input */
    MAX_AHEAD = 1 << 24, /* the largest row inflated by itself: the header may lie */
};
#define MAX_INFLATED (UINT64_C(4) << 30)

struct shape {
    unsigned rank;
    size_t size[MAX_RANK];
    uint64_t row_bytes, data_bytes;
};

struct fmnn_idx {
    char *path;
    int fd; /* -1 when the data are in memory */
    struct shape shape;
    struct source *source; /* a gzip file that is read forward; NULL: plain, or in memory */
    uint8_t *data;         /* inflated */
    uint8_t *ahead;        /* rows read ahead: ahead_count from ahead_first */
    size_t ahead_first, ahead_count;
    size_t next; /* plain: the row after the last one read; gzip: the next row to inflate */
};

/* ---- bytes of a plain or a gzip file ---- */

struct source {
    const char *path;
    int fd;
    bool gzip, ended;
    uint64_t file_bytes;
    z_stream z;
    uint8_t input[BLOCK];
};

static ssize_t read_some(int fd, void *bytes, size_t count)
{
    ssize_t n;
    do
        n = read(fd, bytes, count);
    while (n < 0 && errno == EINTR);
    return n;
}

/* Makes sure that zlib has input; 0 at the end of the file. */
static int refill(struct source *source, struct fmnn_error *err)
{
    if (source->z.avail_in)
        return 1;
    ssize_t n = read_some(source->fd, source->input, sizeof source->input);
    if (n < 0)
        return fm_fail_errno(err, "%s", source->path);
    source->z.next_in = source->input;
    source->z.avail_in = (uInt)n;
    return n > 0;
}

/* Skips zeros to the end of the file; stops at another byte. */
static int skip_zeros(struct source *source, struct fmnn_error *err)
{
    int more;
    while ((more = refill(source, err)) > 0 && *source->z.next_in == 0) {
        source->z.next_in++;
        source->z.avail_in--;
    }
    return more;
}

/* After a gzip member comes the end of the file, which tapes and some devices pad with zeros, or
   another member, as gzip(1) defines it. */
static int next_member(struct source *source, struct fmnn_error *err)
{
    int more = refill(source, err);
    if (more > 0 && *source->z.next_in == 0) {
        more = skip_zeros(source, err);
        if (more > 0)
            return fm_fail(err, FMNN_DATA, "%s: garbage after the gzip data", source->path);
    }
    if (more < 0)
        return -1;
    source->ended = !more;
    if (more && *source->z.next_in != 0x1f)
        return fm_fail(err, FMNN_DATA, "%s: garbage after the gzip data", source->path);
    if (more && inflateReset(&source->z) != Z_OK)
        return fm_fail(err, FMNN_MEMORY, "out of memory");
    return 0;
}

static int inflate_failed(const struct source *source, int code, struct fmnn_error *err)
{
    if (code == Z_MEM_ERROR)
        return fm_fail(err, FMNN_MEMORY, "out of memory");
    return fm_fail(err, FMNN_DATA, "%s: damaged gzip data: %s", source->path,
                   source->z.msg ? source->z.msg : "it requires a dictionary");
}

static int inflate_bytes(struct source *source, uint8_t *bytes, size_t count, size_t *got,
                         struct fmnn_error *err)
{
    z_stream *z = &source->z;
    *got = 0;
    while (*got < count && !source->ended) {
        int more = refill(source, err);
        if (more < 0)
            return -1;
        if (!more)
            return fm_fail(err, FMNN_DATA, "%s: truncated: the gzip data ends early", source->path);
        size_t room = count - *got < (1u << 30) ? count - *got : 1u << 30;
        z->next_out = bytes + *got;
        z->avail_out = (uInt)room;
        int code = inflate(z, Z_NO_FLUSH);
        *got += room - z->avail_out;
        if (code == Z_STREAM_END) {
            if (next_member(source, err) < 0)
                return -1;
        } else if (code != Z_OK && code != Z_BUF_ERROR) {
            return inflate_failed(source, code, err);
        }
    }
    return 0;
}

/* Reads count bytes, or fewer at the end of the data; *got says how many. */
static int take(struct source *source, uint8_t *bytes, size_t count, size_t *got,
                struct fmnn_error *err)
{
    if (source->gzip)
        return inflate_bytes(source, bytes, count, got, err);
    for (*got = 0; *got < count;) {
        ssize_t n = read_some(source->fd, bytes + *got, count - *got);
        if (n < 0)
            return fm_fail_errno(err, "%s", source->path);
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return 0;
}

/* ---- opening ---- */

/* Opens path or, if it does not exist, path.gz. *opened is the name of the file opened,
   malloc'ed. */
static int open_either(const char *path, char **opened, struct fmnn_error *err)
{
    /* O_NONBLOCK: a FIFO is refused rather than waited for. */
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    *opened = fm_strdup(path, err);
    int fd = *opened ? open(path, flags) : -1;
    if (fd >= 0 || !*opened)
        return fd;
    if (errno != ENOENT)
        return fm_fail_errno(err, "%s", path);
    free(*opened);
    *opened = fm_format(err, "%s.gz", path);
    fd = *opened ? open(*opened, flags) : -1;
    if (fd >= 0 || !*opened)
        return fd;
    return errno == ENOENT ? fm_fail_errno(err, "%s[.gz]", path)
                           : fm_fail_errno(err, "%s", *opened);
}

static int source_start(struct source *source, const char *path, int fd, struct fmnn_error *err)
{
    struct stat st;
    uint8_t magic[2];
    source->path = path;
    source->fd = fd;
    if (fstat(fd, &st) < 0)
        return fm_fail_errno(err, "%s", path);
    if (S_ISDIR(st.st_mode))
        return fm_fail(err, FMNN_DATA, "%s: a directory, not an IDX file", path);
    if (!S_ISREG(st.st_mode))
        return fm_fail(err, FMNN_DATA,
                       "%s: not a regular file; an IDX file cannot be read from a pipe or device",
                       path);
    if (st.st_size == 0)
        return fm_fail(err, FMNN_DATA, "%s: empty, not an IDX file", path);
    source->file_bytes = (uint64_t)st.st_size;
    ssize_t n;
    do
        n = pread(fd, magic, sizeof magic, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return fm_fail_errno(err, "%s", path);
    if (n == 2 && magic[0] == 0x1f && magic[1] == 0x8b) {
        if (inflateInit2(&source->z, 15 + 16) != Z_OK)
            return fm_fail(err, FMNN_MEMORY, "out of memory");
        source->gzip = true;
    }
    return 0;
}

static void source_end(struct source *source)
{
    if (source->gzip)
        inflateEnd(&source->z);
}

/* ---- the header ---- */

static const char *type_name(unsigned type)
{
    switch (type) {
    case 0x09:
        return "signed bytes";
    case 0x0b:
        return "16-bit integers";
    case 0x0c:
        return "32-bit integers";
    case 0x0d:
        return "floats";
    case 0x0e:
        return "doubles";
    }
    return NULL;
}

/* What a file is that is no IDX file, if its first bytes tell; or NULL. */
static const char *foreign(const uint8_t magic[4])
{
    if (magic[0] == 0x1f && magic[1] == 0x8b)
        return "compressed twice: decompress it once with gunzip";
    if (!magic[2] && !magic[3] && (magic[1] == TYPE_U8 || type_name(magic[1])))
        return "the header is little-endian, but IDX is big-endian";
    return fmnn_file_other(magic, 4);
}

static int check_magic(const char *path, const uint8_t magic[4], struct fmnn_error *err)
{
    const char *is = magic[0] || magic[1] ? foreign(magic) : NULL;
    if (is)
        return fm_fail(err, FMNN_DATA, "%s: not an IDX file: %s", path, is);
    if (magic[0] || magic[1])
        return fm_fail(err, FMNN_DATA, "%s: not an IDX file: begins with the bytes %02x %02x", path,
                       magic[0], magic[1]);
    if (magic[2] != TYPE_U8) {
        const char *name = type_name(magic[2]);
        if (name)
            return fm_fail(
                err, FMNN_DATA,
                "%s: unsupported IDX data type: %s (%02x); expected unsigned bytes (08): "
                "fm-fetch --from DIR -d NEW converts a data set",
                path, name, magic[2]);
        return fm_fail(err, FMNN_DATA, "%s: not an IDX file: unknown data type %02x", path,
                       magic[2]);
    }
    if (magic[3] < 1 || magic[3] > MAX_RANK)
        return fm_fail(err, FMNN_DATA, "%s: unsupported IDX rank %u; expected 1 to %d", path,
                       magic[3], MAX_RANK);
    return 0;
}

static int check_sizes(const char *path, const uint8_t *sizes, struct shape *shape,
                       struct fmnn_error *err)
{
    shape->row_bytes = 1;
    for (unsigned i = 0; i < shape->rank; i++) {
        const uint8_t *p = sizes + (size_t)4 * i;
        uint32_t size = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        if (size == 0)
            return fm_fail(err, FMNN_DATA, "%s: the IDX header gives size 0 in dimension %u", path,
                           i);
        shape->size[i] = size;
        if (i && __builtin_mul_overflow(shape->row_bytes, size, &shape->row_bytes))
            shape->row_bytes = UINT64_MAX;
    }
    /* Half the range: the header's bytes are added later, and file offsets are signed. */
    if (__builtin_mul_overflow(shape->row_bytes, shape->size[0], &shape->data_bytes) ||
        shape->data_bytes > INT64_MAX / 2 || shape->row_bytes > SIZE_MAX / 2)
        return fm_fail(err, FMNN_DATA, "%s: the sizes in the IDX header are too large", path);
    return 0;
}

static uint64_t header_bytes(const struct shape *shape)
{
    return 4 + (uint64_t)4 * shape->rank;
}

/* Reads and checks the header, and a plain file's size against it. */
static int read_header(struct source *source, struct shape *shape, struct fmnn_error *err)
{
    uint8_t header[MAX_HEADER];
    size_t got;
    if (take(source, header, 4, &got, err) < 0)
        return -1;
    if (got == 4 && check_magic(source->path, header, err) < 0)
        return -1;
    shape->rank = got == 4 ? header[3] : 1;
    if (got == 4 && take(source, header + 4, (size_t)4 * shape->rank, &got, err) < 0)
        return -1;
    if (got < (size_t)4 * shape->rank)
        return fm_fail(err, FMNN_DATA, "%s: truncated: the file ends within the IDX header",
                       source->path);
    if (check_sizes(source->path, header + 4, shape, err) < 0)
        return -1;
    uint64_t wanted = header_bytes(shape) + shape->data_bytes;
    if (!source->gzip && source->file_bytes != wanted)
        return fm_fail(err, FMNN_DATA,
                       "%s: %s: %" PRIu64 " bytes, but the IDX header requires %" PRIu64,
                       source->path, source->file_bytes < wanted ? "truncated" : "too long",
                       source->file_bytes, wanted);
    return 0;
}

/* ---- inflating ---- */

static int wrong_length(const struct source *source, const struct shape *shape, uint64_t got,
                        struct fmnn_error *err)
{
    if (got > shape->data_bytes)
        return fm_fail(err, FMNN_DATA,
                       "%s: too long: more than the %" PRIu64
                       " bytes of data that the IDX header requires",
                       source->path, shape->data_bytes);
    return fm_fail(err, FMNN_DATA,
                   "%s: truncated: %" PRIu64 " bytes of data, but the IDX header requires %" PRIu64,
                   source->path, got, shape->data_bytes);
}

/* Reads on to the end of the stream, where the checksum is. */
static int check_end(struct source *source, const struct shape *shape, struct fmnn_error *err)
{
    uint8_t more;
    size_t got;
    if (inflate_bytes(source, &more, 1, &got, err) < 0)
        return -1;
    return got ? wrong_length(source, shape, shape->data_bytes + 1, err) : 0;
}

static int inflate_data(struct fmnn_idx *idx, struct source *source, struct fmnn_error *err)
{
    const uint64_t wanted = idx->shape.data_bytes;
    size_t capacity = 0, have = 0, got;
    if (wanted > MAX_INFLATED || wanted > SIZE_MAX / 2)
        return fm_fail(err, FMNN_DATA,
                       "%s: too large to decompress in memory (%" PRIu64
                       " bytes); decompress it with gunzip first",
                       source->path, wanted);
    do {
        capacity = capacity ? capacity * 2 : BLOCK;
        if (capacity > wanted)
            capacity = (size_t)wanted;
        uint8_t *data = realloc(idx->data, capacity);
        if (!data)
            return fm_fail(err, FMNN_MEMORY, "out of memory (%zu bytes)", capacity);
        idx->data = data;
        if (inflate_bytes(source, data + have, capacity - have, &got, err) < 0)
            return -1;
        have += got;
    } while (have == capacity && have < wanted);
    if (have < wanted)
        return wrong_length(source, &idx->shape, have, err);
    return check_end(source, &idx->shape, err);
}

/* Inflates the rest of the data and discards it. */
static int inflate_rest(struct source *source, const struct shape *shape, uint8_t block[BLOCK],
                        struct fmnn_error *err)
{
    size_t got;
    for (uint64_t have = 0; have < shape->data_bytes; have += got) {
        uint64_t left = shape->data_bytes - have;
        if (inflate_bytes(source, block, left < BLOCK ? (size_t)left : BLOCK, &got, err) < 0)
            return -1;
        if (got == 0)
            return wrong_length(source, shape, have, err);
    }
    return check_end(source, shape, err);
}

/* ---- the interface ---- */

static void drop_source(struct fmnn_idx *idx)
{
    source_end(idx->source);
    free(idx->source);
    idx->source = NULL;
    close(idx->fd);
    idx->fd = -1;
}

/* Inflates the whole file into memory, where its rows are read from now on. */
static int load_whole(struct fmnn_idx *idx, struct fmnn_error *err)
{
    int status = inflate_data(idx, idx->source, err);
    drop_source(idx);
    if (status != 0) {
        free(idx->data);
        idx->data = NULL;
    }
    return status;
}

static int load(struct fmnn_idx *idx, bool forward, struct fmnn_error *err)
{
    struct source *source = idx->source;
    if (source_start(source, idx->path, idx->fd, err) < 0 ||
        read_header(source, &idx->shape, err) < 0)
        return -1;
    if (source->gzip)
        return forward ? 0 : load_whole(idx, err);
    free(source);
    idx->source = NULL;
    idx->ahead = fm_alloc(BLOCK, 1, err);
    return idx->ahead ? 0 : -1;
}

static struct fmnn_idx *open_idx(const char *path, bool forward, struct fmnn_error *err)
{
    struct fmnn_idx *idx = fm_alloc(1, sizeof *idx, err);
    if (!idx)
        return NULL;
    idx->fd = -1;
    idx->source = fm_alloc(1, sizeof *idx->source, err);
    if (idx->source)
        idx->fd = open_either(path, &idx->path, err);
    if (idx->fd >= 0 && load(idx, forward, err) == 0)
        return idx;
    fmnn_idx_close(idx);
    return NULL;
}

struct fmnn_idx *fmnn_idx_open(const char *path, struct fmnn_error *err)
{
    return open_idx(path, false, err);
}

struct fmnn_idx *fm_idx_open_forward(const char *path, struct fmnn_error *err)
{
    return open_idx(path, true, err);
}

void fmnn_idx_close(struct fmnn_idx *idx)
{
    if (!idx)
        return;
    if (idx->source)
        source_end(idx->source);
    if (idx->fd >= 0)
        close(idx->fd);
    free(idx->source);
    free(idx->path);
    free(idx->data);
    free(idx->ahead);
    free(idx);
}

static int inspect(const char *path, bool whole, unsigned *rank, size_t size[4],
                   struct fmnn_error *err)
{
    struct shape shape = {0};
    char *opened = NULL;
    struct source *source = fm_alloc(1, sizeof *source, err);
    uint8_t *block = fm_alloc(BLOCK, 1, err);
    int fd = source && block ? open_either(path, &opened, err) : -1, status = -1;
    if (fd >= 0) {
        status = source_start(source, opened, fd, err);
        if (status == 0)
            status = read_header(source, &shape, err);
        if (status == 0 && whole && source->gzip)
            status = inflate_rest(source, &shape, block, err);
        source_end(source);
        close(fd);
    }
    free(block);
    free(source);
    free(opened);
    if (status == 0) {
        *rank = shape.rank;
        memcpy(size, shape.size, sizeof shape.size);
    }
    return status;
}

int fmnn_idx_shape(const char *path, unsigned *rank, size_t size[4], struct fmnn_error *err)
{
    return inspect(path, false, rank, size, err);
}

int fmnn_idx_check(const char *path, unsigned *rank, size_t size[4], struct fmnn_error *err)
{
    return inspect(path, true, rank, size, err);
}

const char *fmnn_idx_path(const struct fmnn_idx *idx)
{
    return idx->path;
}

unsigned fmnn_idx_rank(const struct fmnn_idx *idx)
{
    return idx->shape.rank;
}

size_t fmnn_idx_size(const struct fmnn_idx *idx, unsigned dimension)
{
    return dimension < idx->shape.rank ? idx->shape.size[dimension] : 0;
}

size_t fmnn_idx_row_bytes(const struct fmnn_idx *idx)
{
    return (size_t)idx->shape.row_bytes;
}

static int read_rows(const struct fmnn_idx *idx, size_t first, size_t count, uint8_t *bytes,
                     struct fmnn_error *err)
{
    uint64_t offset = header_bytes(&idx->shape) + first * idx->shape.row_bytes;
    size_t left = count * (size_t)idx->shape.row_bytes;
    while (left) {
        ssize_t n = pread(idx->fd, bytes, left, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fm_fail_errno(err, "%s", idx->path);
        if (n == 0)
            return fm_fail(err, FMNN_DATA, "%s: the file shrank while it was being read",
                           idx->path);
        bytes += n;
        offset += (uint64_t)n;
        left -= (size_t)n;
    }
    return 0;
}

/* Reads a block ahead if rows are read in sequence; after a jump, only the rows asked for. */
static int read_plain(struct fmnn_idx *idx, size_t first, size_t count, uint8_t *bytes,
                      struct fmnn_error *err)
{
    size_t row = (size_t)idx->shape.row_bytes, fit = BLOCK / row;
    bool in_sequence = first == idx->next;
    idx->next = first + count;
    if (first >= idx->ahead_first && first - idx->ahead_first < idx->ahead_count &&
        count <= idx->ahead_count - (first - idx->ahead_first)) {
        memcpy(bytes, idx->ahead + (first - idx->ahead_first) * row, count * row);
        return 0;
    }
    if (!in_sequence || count >= fit)
        return read_rows(idx, first, count, bytes, err);
    size_t left = idx->shape.size[0] - first, rows = fit < left ? fit : left;
    idx->ahead_count = 0;
    if (read_rows(idx, first, rows, idx->ahead, err) < 0)
        return -1;
    idx->ahead_first = first;
    idx->ahead_count = rows;
    memcpy(bytes, idx->ahead, count * row);
    return 0;
}

/* Inflates as many of the next rows as fit. The last row is not given out before the checksum,
   which follows it, has been verified. */
static int inflate_ahead(struct fmnn_idx *idx, struct fmnn_error *err)
{
    size_t row = (size_t)idx->shape.row_bytes, left = idx->shape.size[0] - idx->next;
    size_t fit = row < BLOCK ? BLOCK / row : 1, rows = fit < left ? fit : left, got;
    idx->ahead_count = 0;
    if (!idx->ahead && !(idx->ahead = fm_alloc(fit, row, err)))
        return -1;
    if (inflate_bytes(idx->source, idx->ahead, rows * row, &got, err) < 0)
        return -1;
    if (got < rows * row)
        return wrong_length(idx->source, &idx->shape, idx->next * idx->shape.row_bytes + got, err);
    if (rows == left && check_end(idx->source, &idx->shape, err) < 0)
        return -1;
    idx->ahead_first = idx->next;
    idx->ahead_count = rows;
    idx->next += rows;
    return 0;
}

/* Called when an earlier row is read. Keeps the whole file in memory, as more of them may
   follow. */
static int start_again(struct fmnn_idx *idx, struct fmnn_error *err)
{
    struct source *source = idx->source;
    struct shape shape = {0};
    idx->ahead_count = 0;
    if (lseek(idx->fd, 0, SEEK_SET) < 0)
        return fm_fail_errno(err, "%s", idx->path); /* no test: a regular file can seek */
    source->z.avail_in = 0;
    source->ended = false;
    if (inflateReset(&source->z) != Z_OK)
        return fm_fail(err, FMNN_MEMORY,
                       "out of memory"); /* no test: inflateInit2() has succeeded */
    if (read_header(source, &shape, err) < 0)
        return -1;
    if (shape.rank != idx->shape.rank ||
        memcmp(shape.size, idx->shape.size, sizeof shape.size) != 0)
        return fm_fail(err, FMNN_DATA, "%s: the file changed while it was being read", idx->path);
    return load_whole(idx, err);
}

static int read_forward(struct fmnn_idx *idx, size_t first, size_t count, uint8_t *bytes,
                        struct fmnn_error *err)
{
    size_t row = (size_t)idx->shape.row_bytes;
    if (row > MAX_AHEAD) /* only now, since the caller may refuse the shape and read nothing */
        return load_whole(idx, err) == 0 ? fmnn_idx_read(idx, first, count, bytes, err) : -1;
    for (; count; first++, count--, bytes += row) {
        if (first < idx->next - idx->ahead_count)
            return start_again(idx, err) == 0 ? fmnn_idx_read(idx, first, count, bytes, err) : -1;
        while (first >= idx->next)
            if (inflate_ahead(idx, err) < 0)
                return -1;
        memcpy(bytes, idx->ahead + (first - idx->ahead_first) * row, row);
    }
    return 0;
}

int fmnn_idx_read(struct fmnn_idx *idx, size_t first, size_t count, uint8_t *bytes,
                  struct fmnn_error *err)
{
    size_t rows = idx->shape.size[0], row = (size_t)idx->shape.row_bytes;
    if (first > rows || count > rows - first)
        return fm_fail(err, FMNN_DATA, "%s: no row %zu: the rows are 0 to %zu", idx->path,
                       first > rows ? first : first + count - 1, rows - 1);
    if (count == 0)
        return 0;
    if (idx->source) {
        int status = read_forward(idx, first, count, bytes, err);
        if (status != 0 && idx->source)
            drop_source(idx); /* which row comes next in it is not known any more */
        return status;
    }
    if (idx->fd >= 0)
        return read_plain(idx, first, count, bytes, err);
    if (!idx->data)
        return fm_fail(err, FMNN_DATA, "%s: an earlier read of the file failed", idx->path);
    memcpy(bytes, idx->data + first * row, count * row);
    return 0;
}

int fmnn_idx_write(FILE *stream, unsigned rank, const size_t *size, const uint8_t *bytes,
                   struct fmnn_error *err)
{
    uint8_t header[MAX_HEADER] = {0, 0, TYPE_U8, (uint8_t)rank};
    size_t data_bytes = 1;
    if (rank < 1 || rank > MAX_RANK)
        return fm_fail(err, FMNN_USAGE, "unsupported IDX rank %u; expected 1 to %d", rank,
                       MAX_RANK);
    for (unsigned i = 0; i < rank; i++) {
        if (size[i] == 0 || size[i] > UINT32_MAX || !fm_mul(data_bytes, size[i], &data_bytes))
            return fm_fail(err, FMNN_USAGE, "an IDX file cannot have size %zu in dimension %u",
                           size[i], i);
        for (unsigned k = 0; k < 4; k++)
            header[4 + 4 * i + k] = (uint8_t)(size[i] >> (24 - 8 * k));
    }
    size_t length = 4 + (size_t)4 * rank;
    if (fwrite(header, 1, length, stream) != length ||
        fwrite(bytes, 1, data_bytes, stream) != data_bytes)
        return fm_fail_errno(err, "cannot write the IDX data");
    return 0;
}
