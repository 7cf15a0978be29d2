/* import-bytes.c -- the bytes of a file that is imported, decompressed if it is gzip. */
#include "fetch/fm-fetch.h"
#include "fetch/import.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

struct bytes_in {
    char *path;
    gzFile file;
    unsigned char buffer[1 << 16];
    size_t at, have;
};

struct bytes_in *bytes_open(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        die_errno("%s", path);
    if (!S_ISREG(st.st_mode))
        die("%s: not a regular file", path);
    struct bytes_in *in = xcalloc(1, sizeof *in);
    in->path = text_format("%s", path);
    in->file = gzdopen(fd, "rb");
    if (!in->file)
        die("out of memory");
    return in;
}

void bytes_close(struct bytes_in *in)
{
    gzclose(in->file);
    free(in->path);
    free(in);
}

const char *bytes_path(const struct bytes_in *in)
{
    return in->path;
}

/* Fills the buffer; false at the end. gzread() gives what comes before damage, so the error is
   asked for at the end too. */
static bool fill(struct bytes_in *in)
{
    int code;
    int got = gzread(in->file, in->buffer, sizeof in->buffer);
    const char *why = gzerror(in->file, &code);
    if (got < 0 || (got == 0 && code != Z_OK && code != Z_STREAM_END)) {
        if (code == Z_ERRNO)
            die_errno("%s", in->path);
        die("%s: %s", in->path,
            code == Z_BUF_ERROR ? "truncated gzip data"
            : *why              ? why
                                : "damaged gzip data");
    }
    in->at = 0;
    in->have = (size_t)got;
    return got > 0;
}

size_t bytes_read(struct bytes_in *in, void *bytes, size_t size)
{
    size_t done = 0;
    while (done < size && (in->at < in->have || fill(in))) {
        size_t n = in->have - in->at < size - done ? in->have - in->at : size - done;
        memcpy((char *)bytes + done, in->buffer + in->at, n);
        in->at += n;
        done += n;
    }
    return done;
}

void bytes_need(struct bytes_in *in, void *bytes, size_t size)
{
    if (bytes_read(in, bytes, size) < size)
        die("%s: truncated: the file ends early", in->path);
}

int bytes_next(struct bytes_in *in)
{
    return in->at < in->have || fill(in) ? in->buffer[in->at++] : -1;
}

void bytes_rewind(struct bytes_in *in)
{
    if (gzrewind(in->file) != 0)
        die("%s: cannot be read again", in->path);
    in->at = in->have = 0;
}

bool bytes_are_idx(const char *path, unsigned rank, uint64_t size[3])
{
    unsigned char header[16];
    struct bytes_in *in = bytes_open(path);
    size_t wanted = 4 + 4 * (size_t)rank, got = bytes_read(in, header, wanted);
    bool good = got == wanted && !header[0] && !header[1] && header[2] == 8 && header[3] == rank;
    bytes_close(in);
    for (unsigned i = 0; good && i < rank; i++)
        size[i] = big_endian(header + 4 + 4 * i);
    return good;
}

bool bytes_are_padded(const char *path)
{
    unsigned char header[16];
    struct bytes_in *in = bytes_open(path);
    bool whole = bytes_read(in, header, 4) == 4 && header[3] >= 1 && header[3] <= 3 &&
                 bytes_read(in, header + 4, 4 * (size_t)header[3]) == 4 * (size_t)header[3];
    uint64_t left = 1;
    int byte = 0;
    for (unsigned i = 0; whole && i < header[3]; i++)
        whole = !__builtin_mul_overflow(left, big_endian(header + 4 + 4 * (size_t)i), &left);
    while (whole && left && (byte = bytes_next(in)) >= 0)
        left--;
    size_t zeros = 0;
    while (whole && !left && (byte = bytes_next(in)) == 0)
        zeros++;
    bytes_close(in);
    return zeros > 0 && byte < 0;
}

const char *bytes_foreign(const unsigned char *p, size_t size)
{
    if (size > 1 && p[0] == 0x1f && p[1] == 0x8b)
        return "compressed twice; decompress it once with gunzip";
    if (size > 3 && !memcmp(p, "PK\3\4", 4))
        return "a ZIP archive; unpack it, and name the directory";
    return fmnn_file_other(p, size);
}
