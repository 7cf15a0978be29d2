/* mkcorpus.c -- writes files that are good, bad or unsupported, and lists them:

     mkcorpus               writes into the directories weights, idx, png, photos and tables
     mkcorpus KIND FILE N   writes N damaged copies of FILE: truncated, or with a bit flipped

   It prints a tab-separated line for each file: its kind, which says what programs read it; its
   path; the expected verdict; a part of the expected message; a description. */
#include "corpus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "mkcorpus: %s: %s\n", what, strerror(errno));
    exit(2);
}

void put(struct buffer *buffer, const void *bytes, size_t count)
{
    if (buffer->room - buffer->used < count) {
        buffer->room = 2 * (buffer->used + count);
        buffer->bytes = realloc(buffer->bytes, buffer->room);
        if (!buffer->bytes)
            give_up("memory");
    }
    if (count)
        memcpy(buffer->bytes + buffer->used, bytes, count);
    buffer->used += count;
}

void put_text(struct buffer *buffer, const char *text)
{
    put(buffer, text, strlen(text));
}

void put_zeros(struct buffer *buffer, size_t count)
{
    static const uint8_t zeros[4096];
    for (; count > sizeof zeros; count -= sizeof zeros)
        put(buffer, zeros, sizeof zeros);
    put(buffer, zeros, count);
}

void put_big(struct buffer *buffer, uint32_t value)
{
    put(buffer,
        (uint8_t[]){(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                    (uint8_t)value},
        4);
}

void put_little(struct buffer *buffer, uint32_t value)
{
    put(buffer,
        (uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                    (uint8_t)(value >> 24)},
        4);
}

void save(const char *path, const struct buffer *buffer)
{
    FILE *stream = fopen(path, "wb");
    size_t used = buffer->used;
    if (!stream || (used && fwrite(buffer->bytes, 1, used, stream) != used) || fclose(stream) != 0)
        give_up(path);
}

void make_directory(const char *path)
{
    if (mkdir(path, 0777) != 0)
        give_up(path);
}

char *text(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *made = malloc((size_t)length + 1);
    if (!made)
        give_up("memory");
    va_start(args, format);
    vsnprintf(made, (size_t)length + 1, format, args);
    va_end(args);
    return made;
}

void list(const char *kind, const char *path, const char *verdict, const char *message,
          const char *what)
{
    /* The shell that reads the list would skip an empty field. Every message contains a colon. */
    printf("%s\t%s\t%s\t%s\t%s\n", kind, path, verdict, *message ? message : ":", what);
}

uint8_t pixel(unsigned y, unsigned x)
{
    return (x * 3 + y * y) % 5 < 2 ? 255 : 0;
}

static void load(const char *path, struct buffer *buffer)
{
    uint8_t block[4096];
    size_t n;
    FILE *stream = fopen(path, "rb");
    if (!stream)
        give_up(path);
    while ((n = fread(block, 1, sizeof block, stream)))
        put(buffer, block, n);
    if (ferror(stream) || fclose(stream) != 0)
        give_up(path);
}

static void make_damage(const char *kind, const char *path, unsigned long count)
{
    struct buffer file = {0};
    load(path, &file);
    size_t bits = 8 * file.used;
    for (unsigned long i = 0; i < count && file.used; i++) {
        char *name = text("%s.%lu", path, i);
        if (i % 4 == 0) {
            struct buffer part = {file.bytes, file.used * i / count, 0};
            save(name, &part);
            list(kind, name, BAD, "", text("%s, truncated after %zu bytes", path, part.used));
        } else {
            size_t bit = bits * i / count + i % 8;
            file.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            save(name, &file);
            file.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            list(kind, name, BAD, "", text("%s, bit %zu flipped", path, bit));
        }
        free(name);
    }
}

int main(int argc, char **argv)
{
    if (argc == 4) {
        make_damage(argv[1], argv[2], strtoul(argv[3], NULL, 10));
    } else if (argc == 1) {
        make_weights();
        make_idx();
        make_png();
        make_photos();
        make_tables();
    } else {
        fputs("Usage: mkcorpus [KIND FILE N]\n", stderr);
        return 2;
    }
    if (fflush(stdout) != 0)
        give_up("standard output");
    return 0;
}
