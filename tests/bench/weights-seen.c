/* weights-seen.c -- what the reader of weight files sees in the files that it is given, for
   tests/bench/weights-oracle:

     weights-seen <FILES >ANSWERS

   A file is its length (32 bits, little-endian) and its bytes. Where a digest of zeros stands in
   it, the right one is put in its place: what is wrong with a header is not to hide behind it. An
   answer is a length and what was read, nothing where the file was refused: a byte, then for each
   tensor its name, its dtype and its sizes in words, and its data, each with its length before it.
   Linux only, which has files in memory. */
#include "base/internal.h"

#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "files/safetensors.h"

enum { MAX_FILE = 1 << 24 };

/* The path is the same each time: the bytes replace those of the last call. */
static const char *as_file(const uint8_t *bytes, size_t count)
{
    static int fd = -1;
    static char path[32];
    if (fd < 0)
        fd = memfd_create("weights", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, bytes, count, 0) != (ssize_t)count)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

static void put_length(size_t length, FILE *stream)
{
    for (unsigned i = 0; i < 4; i++)
        putc((int)(length >> 8 * i & 255), stream);
}

static void put_bytes(const void *bytes, size_t count, FILE *stream)
{
    put_length(count, stream);
    if (count)
        fwrite(bytes, 1, count, stream);
}

static void put_tensor(const struct fm_tensor *entry, FILE *stream)
{
    char sizes[FM_MAX_RANK * 24] = "";
    for (unsigned i = 0; i < entry->rank; i++)
        snprintf(sizes + strlen(sizes), sizeof sizes - strlen(sizes), "%s%zu", i ? "," : "",
                 entry->size[i]);
    put_bytes(entry->name, strlen(entry->name), stream);
    put_bytes(entry->dtype == FM_F32 ? "F32" : "U64", 3, stream);
    put_bytes(sizes, strlen(sizes), stream);
    put_bytes(entry->data, entry->bytes, stream);
}

static void answer(const uint8_t *bytes, size_t count)
{
    char *text = NULL;
    size_t size = 0;
    struct fmnn_error err;
    struct fm_safetensors *file = fm_safetensors_read(as_file(bytes, count), &err);
    FILE *stream = file ? open_memstream(&text, &size) : NULL;
    if (stream) {
        putc('+', stream);
        for (size_t i = 0; fm_safetensors_at(file, i); i++)
            put_tensor(fm_safetensors_at(file, i), stream);
        if (fclose(stream) != 0)
            abort();
    }
    put_bytes(text, size, stdout);
    free(text);
    fm_safetensors_free(file);
}

static void seal(uint8_t *bytes, size_t count)
{
    static const char zeros[] = "\"00000000000000000000000000000000\"";
    uint8_t *place = memmem(bytes, count, zeros, sizeof zeros - 1);
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(bytes, count));
    for (size_t i = 0; place && i < sizeof digest.digest; i++) {
        static const char hex[] = "0123456789abcdef";
        place[1 + 2 * i] = (uint8_t)hex[digest.digest[i] >> 4];
        place[2 + 2 * i] = (uint8_t)hex[digest.digest[i] & 15];
    }
}

int main(void)
{
    static uint8_t bytes[MAX_FILE];
    uint8_t length[4];
    while (fread(length, 1, sizeof length, stdin) == sizeof length) {
        size_t count =
            length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
        if (count > sizeof bytes || fread(bytes, 1, count, stdin) != count) {
            fputs("weights-seen: a file that is too long, or ends early\n", stderr);
            return 2;
        }
        seal(bytes, count);
        answer(bytes, count);
    }
    return fflush(stdout) == 0 ? 0 : 2;
}
