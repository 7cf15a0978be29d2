/* fetch-verify.c -- decides what a file is: good, damaged, an older revision, another data set's.

   The uncompressed bytes decide, because several gzip versions of the same data are in circulation.
   Files may be hostile: no more than the expected number of bytes is decompressed, and only a
   buffer is kept in memory.

   Contents: 1. Bytes  2. The header  3. The content */
#include "fetch/fm-fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <md5.h>
#include <sha2.h>
#include <unistd.h>
#include <zlib.h>

enum { BUFFER = 65536 };

/* ---- 1. Bytes ---- */

/* Reads the uncompressed bytes of a file in order. */
struct bytes {
    int fd;
    off_t offset;
    bool gzip, member_ended, padded, ended;
    z_stream z;
    unsigned char input[BUFFER];
};

/* Returns -1, so that callers can write "return found(...)". */
FMNN_PRINTF(3, 4)
static int found(struct finding *finding, enum file_state state, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    finding->state = state;
    vsnprintf(finding->why, sizeof finding->why, format, args);
    va_end(args);
    return -1;
}

ssize_t read_at(int fd, void *bytes, size_t size, off_t offset)
{
    ssize_t got;
    do
        got = pread(fd, bytes, size, offset);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Up to `size` bytes, as many as one read returns. */
static ssize_t read_raw(struct bytes *b, void *out, size_t size)
{
    ssize_t got = read_at(b->fd, out, size, b->offset);
    if (got > 0)
        b->offset += got;
    return got;
}

/* `size` bytes; fewer only at the end of the file. */
static ssize_t read_plain(struct bytes *b, unsigned char *out, size_t size, struct finding *finding)
{
    size_t have = 0;
    while (have < size) {
        ssize_t got = read_raw(b, out + have, size - have);
        if (got < 0)
            return found(finding, FILE_UNREADABLE, "%s", strerror(errno));
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static int refill(struct bytes *b, struct finding *finding)
{
    if (b->z.avail_in)
        return 0;
    ssize_t got = read_raw(b, b->input, BUFFER);
    if (got < 0)
        return found(finding, FILE_UNREADABLE, "%s", strerror(errno));
    b->z.next_in = b->input;
    b->z.avail_in = (uInt)got;
    b->ended = got == 0;
    return 0;
}

/* Calls inflate() once. A gzip file may have several members, one after another. */
static int inflate_some(struct bytes *b, struct finding *finding)
{
    if (refill(b, finding) != 0)
        return -1;
    if (b->ended)
        return b->member_ended ? 0 : found(finding, FILE_SHORT, "truncated gzip data");
    if (b->member_ended) {
        if (b->z.next_in[0] == 0) { /* zeros may pad the file */
            b->z.next_in++;
            b->z.avail_in--;
            b->padded = true;
            return 0;
        }
        if (b->z.next_in[0] != 0x1f || b->padded)
            return found(finding, FILE_DAMAGED, "unexpected data after the gzip data");
        inflateReset(&b->z);
        b->member_ended = false;
    }
    int status = inflate(&b->z, Z_NO_FLUSH);
    b->member_ended = status == Z_STREAM_END;
    if (status == Z_MEM_ERROR)
        die("out of memory");
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        return found(finding, FILE_DAMAGED, "damaged gzip data (%s)",
                     b->z.msg ? b->z.msg : zError(status));
    return 0;
}

/* Fills `out`; less only at the end of the file. -1 with a finding. */
static ssize_t next_bytes(struct bytes *b, unsigned char *out, size_t size, struct finding *finding)
{
    if (b->gzip) {
        b->z.next_out = out;
        b->z.avail_out = (uInt)size;
        while (b->z.avail_out && !b->ended)
            if (inflate_some(b, finding) != 0)
                return -1;
        return (ssize_t)(size - b->z.avail_out);
    }
    return read_plain(b, out, size, finding);
}

/* ---- 2. The header ---- */

uint64_t big_endian(const unsigned char *p)
{
    return (uint64_t)p[0] << 24 | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 8 | p[3];
}

static bool holds_images(size_t file)
{
    return file % 2 == 0;
}

/* The number of images or labels in the file; 0: any. */
static uint64_t expected_rows(const struct fmnn_dataset *set, size_t file)
{
    uint64_t bytes = set->files[file | 1].bytes;
    return bytes ? bytes - 8 : 0; /* a header and a byte for each label */
}

static int check_magic(const unsigned char *p, size_t size, size_t file, bool gzip,
                       struct finding *finding)
{
    if (size == 0)
        return found(finding, FILE_SHORT, gzip ? "gzip file without content" : "empty");
    if (gzip && size > 1 && p[0] == 0x1f && p[1] == 0x8b)
        return found(finding, FILE_DAMAGED, "compressed twice; decompress it once with gunzip");
    const char *other = fmnn_file_other(p, size);
    if (other)
        return found(finding, FILE_DAMAGED, "%s, not data", other);
    if (size < 4)
        return found(finding, FILE_SHORT, "ends after %zu bytes", size);
    if (p[0] || p[1] || p[2] != 8 || p[3] < 1 || p[3] > 8)
        return found(finding, FILE_DAMAGED, "%s IDX data (it begins with %02x %02x %02x %02x)",
                     gzip ? "not" : "neither gzip nor", p[0], p[1], p[2], p[3]);
    if (p[3] != (holds_images(file) ? 3 : 1) && !(holds_images(file) && p[3] == 4))
        return found(finding, FILE_FOREIGN, "an IDX file with %d dimension%s, but %s", p[3],
                     p[3] == 1 ? "" : "s", holds_images(file) ? "images have 3" : "labels have 1");
    return 0;
}

/* Refuses sizes that no program of fmnn accepts. */
static int check_limits(uint64_t count, uint64_t height, uint64_t width, uint64_t channels,
                        struct finding *finding)
{
    const uint64_t max_side = FMNN_MAX_SIDE, max_bytes = UINT64_C(1) << 32;
    if (!count || !height || !width)
        return found(finding, FILE_DAMAGED, "an IDX file with a dimension of size 0");
    if (height > max_side || width > max_side)
        return found(finding, FILE_FOREIGN, "an IDX file with images larger than %llu x %llu",
                     (unsigned long long)max_side, (unsigned long long)max_side);
    if (channels != 1 && channels != 3)
        return found(finding, FILE_FOREIGN,
                     "an IDX file of images with %llu channels; expected 1 "
                     "or 3",
                     (unsigned long long)channels);
    if (count * height * width * channels >= max_bytes)
        return found(finding, FILE_FOREIGN, "an IDX file larger than 4 GiB");
    return 0;
}

static int check_labels(const unsigned char *p, uint64_t n, const struct fmnn_dataset *set,
                        struct finding *finding)
{
    finding->rows = big_endian(p + 4);
    finding->pixels = 1;
    if (n && finding->rows != n)
        return found(finding, FILE_FOREIGN, "an IDX file of %llu labels, but %s has %llu",
                     (unsigned long long)finding->rows, set->title, (unsigned long long)n);
    return check_limits(finding->rows, 1, 1, 1, finding);
}

/* bytes: the size of the file; 0: any. */
static int check_images(const unsigned char *p, uint64_t n, uint64_t bytes,
                        const struct fmnn_dataset *set, struct finding *finding)
{
    uint64_t count = big_endian(p + 4), height = big_endian(p + 8), width = big_endian(p + 12);
    uint64_t channels = p[3] == 4 ? big_endian(p + 16) : 1, pixels = bytes ? (bytes - 16) / n : 0;
    if (n && count != n && !bytes)
        return found(finding, FILE_FOREIGN, "an IDX file of %llu images, but %s has %llu labels",
                     (unsigned long long)count, set->title, (unsigned long long)n);
    if (pixels && (count != n || height * width * channels != pixels))
        return found(finding, FILE_FOREIGN,
                     "an IDX file of %llu images of %llu x %llu, but %s has %llu of %llu pixels",
                     (unsigned long long)count, (unsigned long long)height,
                     (unsigned long long)width, set->title, (unsigned long long)n,
                     (unsigned long long)pixels);
    finding->rows = count;
    finding->pixels = height * width * channels;
    finding->shape = (struct fmnn_shape){(size_t)channels, (size_t)height, (size_t)width};
    return check_limits(count, height, width, channels, finding);
}

/* A file of the wrong shape may be whole and useful to somebody: it is foreign, not damaged. */
static int check_shape(const unsigned char *p, size_t size, const struct fmnn_dataset *set,
                       size_t file, struct finding *finding)
{
    uint64_t n = expected_rows(set, file);
    if (size < 4 + 4 * (size_t)p[3])
        return found(finding, FILE_SHORT, "ends inside its header");
    if (holds_images(file))
        return check_images(p, n, set->files[file].bytes, set, finding);
    return check_labels(p, n, set, finding);
}

/* ---- 3. The content ---- */

struct digests {
    char sha256[SHA256_DIGEST_STRING_LENGTH];
    char md5[MD5_DIGEST_STRING_LENGTH]; /* of labels; of images it is that of nothing */
};

/* Checks the header in the first bytes, and returns the size that it promises; 0 with a finding. */
static uint64_t size_promised(const unsigned char *p, size_t size, const struct fmnn_dataset *set,
                              size_t file, bool gzip, struct finding *finding)
{
    if (check_magic(p, size, file, gzip, finding) != 0 ||
        check_shape(p, size, set, file, finding) != 0)
        return 0;
    return 4 + 4 * (uint64_t)p[3] + finding->rows * finding->pixels;
}

/* first: the bytes begin with the header of the file. */
static void find_max_label(const unsigned char *bytes, size_t count, bool first,
                           struct finding *finding)
{
    for (size_t i = first ? 8 : 0; i < count; i++)
        finding->max_label = bytes[i] > finding->max_label ? bytes[i] : finding->max_label;
}

static int digest(struct bytes *b, const struct fmnn_dataset *set, size_t file,
                  struct digests *digests, struct finding *finding)
{
    SHA2_CTX sha256;
    MD5_CTX md5;
    uint64_t total = 0, promised = 0;
    unsigned char buffer[BUFFER];
    ssize_t got;
    SHA256Init(&sha256);
    MD5Init(&md5);
    while ((got = next_bytes(b, buffer, sizeof buffer, finding)) > 0 || (got == 0 && !total)) {
        if (!total && !(promised = size_promised(buffer, (size_t)got, set, file, b->gzip, finding)))
            return -1;
        total += (uint64_t)got;
        if (total > promised)
            return found(finding, FILE_DAMAGED, "longer than the expected %llu bytes",
                         (unsigned long long)promised);
        SHA256Update(&sha256, buffer, (size_t)got);
        if (!holds_images(file)) {
            MD5Update(&md5, buffer, (size_t)got);
            find_max_label(buffer, (size_t)got, total == (uint64_t)got, finding);
        }
    }
    if (got < 0)
        return -1;
    if (total < promised)
        return found(finding, FILE_SHORT, "ends after %llu of %llu bytes",
                     (unsigned long long)total, (unsigned long long)promised);
    SHA256End(&sha256, digests->sha256);
    MD5End(&md5, digests->md5);
    return 0;
}

/* Archives, and labels of QMNIST, are verified when they are imported. */
static bool is_bytes(const struct fmnn_dataset *set, size_t file)
{
    const char *name = set->files[file].name; /* NULL in tests */
    return !name || !(strstr(name, ".tar") || strstr(name, "-int"));
}

/* Reads gzip data of any kind to the end, where the checksum is. */
static int read_through(struct bytes *b, struct finding *finding)
{
    unsigned char buffer[BUFFER];
    ssize_t got = next_bytes(b, buffer, sizeof buffer, finding);
    const char *other = got > 0 ? fmnn_file_other(buffer, (size_t)got) : NULL;
    if (other)
        return found(finding, FILE_DAMAGED, "%s, not data", other);
    if (!b->gzip)
        return found(finding, FILE_DAMAGED, "not gzip data");
    while (got > 0)
        got = next_bytes(b, buffer, sizeof buffer, finding);
    return got < 0 ? -1 : 0;
}

bool dataset_pinned(const struct fmnn_dataset *set)
{
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++)
        if (!set->files[i].sha256)
            return false;
    return true;
}

static int compare_datasets(const struct digests *digests, const struct fmnn_dataset *set,
                            struct finding *finding)
{
    struct source other;
    for (size_t i = 0; source_at(i, &other); i++)
        for (size_t j = 0; strcmp(other.set->name, set->name) && j < FMNN_DATASET_FILES; j++) {
            const char *sha256 = other.set->files[j].sha256;
            if (sha256 && !strcmp(sha256, digests->sha256))
                return found(finding, FILE_FOREIGN, "this is %s", other.set->title);
        }
    return 0;
}

static int compare_revisions(const struct digests *digests, const struct fmnn_dataset *set,
                             struct finding *finding)
{
    for (const struct revision *old = revisions; old->set; old++)
        if (!strcmp(old->md5, digests->md5))
            return found(finding, strcmp(old->set, set->name) ? FILE_FOREIGN : FILE_OUTDATED, "%s",
                         old->what);
    return 0;
}

/* The SHA-256 and MD5 of the content decide, if the header is good. */
static void compare_digests(const struct digests *digests, const struct fmnn_dataset *set,
                            size_t file, struct finding *finding)
{
    const char *wanted = set->files[file].sha256;
    memcpy(finding->sha256, digests->sha256, sizeof digests->sha256);
    if (wanted && !strcmp(wanted, digests->sha256))
        return;
    if (compare_datasets(digests, set, finding) != 0 ||
        compare_revisions(digests, set, finding) != 0)
        return;
    if (wanted)
        found(finding, FILE_UNKNOWN, "not a file of %s: its SHA-256 is %s, expected %s", set->title,
              digests->sha256, wanted);
}

void verify_stream(int fd, const struct fmnn_dataset *set, size_t file, struct finding *finding)
{
    static struct bytes b;
    struct digests digests;
    unsigned char head[2];
    memset(&b, 0, sizeof b);
    memset(finding, 0, sizeof *finding);
    b.fd = fd;
    ssize_t got = read_plain(&b, head, 2, finding);
    if (got < 0)
        return;
    b.gzip = got == 2 && head[0] == 0x1f && head[1] == 0x8b;
    b.offset = 0;
    finding->gzip = b.gzip;
    if (b.gzip && inflateInit2(&b.z, 16 + MAX_WBITS) != Z_OK)
        die("out of memory");
    int status =
        is_bytes(set, file) ? digest(&b, set, file, &digests, finding) : read_through(&b, finding);
    if (b.gzip)
        inflateEnd(&b.z);
    if (status == 0 && is_bytes(set, file))
        compare_digests(&digests, set, file, finding);
}

void verify_shape(struct fmnn_shape wanted, struct finding *finding)
{
    char is[FMNN_SHAPE_TEXT], should[FMNN_SHAPE_TEXT];
    fmnn_format_shape(is, finding->shape);
    fmnn_format_shape(should, wanted);
    if (finding->state == FILE_GOOD && wanted.height && strcmp(is, should) != 0)
        found(finding, FILE_FOREIGN, "an IDX file of images of %s, but the training images are %s",
              is, should);
}

/* What a file's name promises must be true, because readers rely on it. */
static void check_suffix(const char *path, struct finding *finding)
{
    size_t length = strlen(path);
    bool named_gz = length > 3 && !strcmp(path + length - 3, ".gz");
    if (finding->state == FILE_GOOD && finding->gzip != named_gz)
        found(finding, FILE_DAMAGED,
              named_gz ? "not gzip data, although its name ends in .gz"
                       : "gzip data, although its name does not end in .gz");
}

void verify_path(const char *path, const struct fmnn_dataset *set, size_t file,
                 struct finding *finding)
{
    memset(finding, 0, sizeof *finding);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* must not block on a pipe */
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR;
        found(finding, missing ? FILE_MISSING : FILE_UNREADABLE, "%s",
              missing ? "missing" : strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        found(finding, FILE_UNREADABLE, "not a regular file");
    } else {
        verify_stream(fd, set, file, finding);
        check_suffix(path, finding);
    }
    if (fd >= 0)
        close(fd);
}
