/* fuzz_safetensors.c -- the container of weight files: the bytes as they are, and made into a file:
   what is before the first byte 255 becomes the header, what is behind it the data, with the right
   length and digest. What is accepted has to survive being written and read again. */
#include "fuzz.h"

#include <xxhash.h>

#include "safetensors.h"

static void same_again(const struct fm_safetensors *file)
{
    static struct fm_entry entries[FM_MOST_TENSORS];
    size_t count = 0, size;
    for (const struct fm_entry *entry; (entry = fm_safetensors_at(file, count)); count++) {
        HOLDS(fm_safetensors_find(file, entry->name) == entry);
        entries[count] = *entry;
    }
    char *text = NULL;
    FILE *stream = open_memstream(&text, &size);
    HOLDS(stream && fm_safetensors_write(stream, NULL, 0, entries, count, NULL) == 0);
    HOLDS(fclose(stream) == 0);
    struct fm_safetensors *copy = fm_safetensors_read(as_file((uint8_t *)text, size), NULL);
    HOLDS(copy);
    for (size_t i = 0; i < count; i++) {
        const struct fm_entry *entry = fm_safetensors_find(copy, entries[i].name);
        HOLDS(entry && entry->dtype == entries[i].dtype && entry->rank == entries[i].rank);
        HOLDS(memcmp(entry->size, entries[i].size, sizeof entry->size) == 0);
        HOLDS(entry->bytes == entries[i].bytes);
        HOLDS(memcmp(entry->data, entries[i].data, entry->bytes) == 0);
    }
    fm_safetensors_free(copy);
    free(text);
}

static void read_weights(const uint8_t *bytes, size_t count)
{
    struct fmnn_error err = {0};
    struct fm_safetensors *file = fm_safetensors_read(as_file(bytes, count), &err);
    if (file)
        same_again(file);
    else
        HOLDS(err.status != FMNN_OK && err.message[0]);
    fm_safetensors_free(file);
}

/* A place for the digest: 32 zeros in quotes. */
static void seal(uint8_t *bytes, size_t count)
{
    static const char zeros[] = "\"00000000000000000000000000000000\"";
    uint8_t *place = memmem(bytes, count, zeros, sizeof zeros - 1);
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(bytes, count));
    for (size_t i = 0; place && i < 16; i++) {
        static const char hex[] = "0123456789abcdef";
        place[1 + 2 * i] = (uint8_t)hex[digest.digest[i] >> 4];
        place[2 + 2 * i] = (uint8_t)hex[digest.digest[i] & 15];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    read_weights(bytes, count);
    const uint8_t *mark = count ? memchr(bytes, 255, count) : NULL;
    size_t header = mark ? (size_t)(mark - bytes) : count, data = mark ? count - header - 1 : 0;
    uint8_t *made = calloc(8 + header + data + 1, 1);
    HOLDS(made);
    for (unsigned i = 0; i < 8; i++)
        made[i] = (uint8_t)((uint64_t)header >> 8 * i);
    if (header)
        memcpy(made + 8, bytes, header);
    if (data)
        memcpy(made + 8 + header, mark + 1, data);
    seal(made, 8 + header + data);
    read_weights(made, 8 + header + data);
    free(made);
    return 0;
}
