/* fuzz_weights.c -- weight files and checkpoints. What the container accepts comes back from being
   written and read again; of what is read as a net and as a checkpoint, the file that is written is
   the same, bit for bit, when that is read and written once more. */
#include "fuzz.h"

#include <math.h>
#include <xxhash.h>

#include "base/internal.h"
#include "files/safetensors.h"
#include "trainer.h"

const char fuzz_target[] = "weights";

enum { MAX_SIZE = 1 << 16 };

/* ---- reading */

struct text {
    char *bytes;
    size_t count;
};

static bool good_error(const struct fmnn_error *err)
{
    return err->status != FMNN_OK && err->message[0];
}

static void same_tensors(const struct fm_safetensors *file, const uint8_t *bytes, size_t count)
{
    static struct fm_tensor entries[FM_MAX_TENSORS];
    size_t tensors = 0;
    for (const struct fm_tensor *entry; (entry = fm_safetensors_at(file, tensors)); tensors++) {
        HOLDS(fm_safetensors_find(file, entry->name) == entry);
        entries[tensors] = *entry;
    }
    struct text text = {0};
    FILE *stream = open_memstream(&text.bytes, &text.count);
    HOLDS(stream && fm_safetensors_write(stream, NULL, 0, entries, tensors, NULL) == 0);
    HOLDS(fclose(stream) == 0);
    fuzz_file((uint8_t *)text.bytes, text.count);
    struct fm_safetensors *copy = fm_safetensors_read(FUZZ_PATH, NULL);
    HOLDS(copy);
    for (size_t i = 0; i < tensors; i++) {
        const struct fm_tensor *entry = fm_safetensors_find(copy, entries[i].name);
        HOLDS(entry && entry->dtype == entries[i].dtype && entry->rank == entries[i].rank);
        HOLDS(memcmp(entry->size, entries[i].size, sizeof entry->size) == 0);
        HOLDS(entry->bytes == entries[i].bytes);
        HOLDS(memcmp(entry->data, entries[i].data, entry->bytes) == 0);
    }
    fm_safetensors_free(copy);
    free(text.bytes);
    fuzz_file(bytes, count);
}

static struct text written(const struct fmnn_net *net, const struct fmnn_trainer *trainer)
{
    struct text text = {0};
    FILE *stream = open_memstream(&text.bytes, &text.count);
    HOLDS(stream);
    HOLDS((net ? fmnn_net_write(net, stream, NULL) : fmnn_trainer_save(trainer, stream, NULL)) ==
          0);
    HOLDS(fclose(stream) == 0);
    return text;
}

static void same_bytes(const struct text *a, const struct text *b)
{
    HOLDS(a->count == b->count && memcmp(a->bytes, b->bytes, a->count) == 0);
}

/* A written file has the tensors that were read, and as many rows of history, whose flags may be
   any number. */
static void keeps_tensors(const uint8_t *bytes, size_t count, const struct text *written)
{
    fuzz_file(bytes, count);
    struct fm_safetensors *from = fm_safetensors_read(FUZZ_PATH, NULL);
    fuzz_file((uint8_t *)written->bytes, written->count);
    struct fm_safetensors *to = fm_safetensors_read(FUZZ_PATH, NULL);
    HOLDS(from && to);
    const struct fm_tensor *entry, *same;
    for (size_t i = 0; (entry = fm_safetensors_at(to, i)) != NULL; i++) {
        same = fm_safetensors_find(from, entry->name);
        HOLDS(same && same->bytes == entry->bytes);
        HOLDS(!strcmp(entry->name, "history") || !memcmp(same->data, entry->data, entry->bytes));
    }
    fm_safetensors_free(from);
    fm_safetensors_free(to);
}

/* Reads the file as a net; whether it was accepted. */
static bool read_net(const uint8_t *bytes, size_t count)
{
    struct fmnn_error err = {0};
    struct fmnn_net *net = fmnn_net_read(FUZZ_PATH, &err);
    if (!net) {
        HOLDS(good_error(&err));
        return false;
    }
    struct text first = written(net, NULL);
    keeps_tensors(bytes, count, &first);
    struct fmnn_net *copy = fmnn_net_read(FUZZ_PATH, NULL);
    HOLDS(copy);
    struct text second = written(copy, NULL);
    same_bytes(&first, &second);
    free(first.bytes);
    free(second.bytes);
    fmnn_net_free(net);
    fmnn_net_free(copy);
    return true;
}

/* The same as a file of another program, whose net only the caller knows. */
static void read_any(void)
{
    static struct fmnn_net *like;
    struct fmnn_error err = {0};
    struct fmnn_model *model = like ? NULL : fmnn_model_parse("dense classes", "like", NULL);
    if (model)
        like = fmnn_net_new(model, (struct fmnn_shape){1, 2, 2}, 2, NULL);
    fmnn_model_free(model);
    HOLDS(like);
    struct fmnn_net *net = fmnn_net_read_any(FUZZ_PATH, like, &err);
    HOLDS(net || good_error(&err));
    fmnn_net_free(net);
}

/* The same as a checkpoint. The trainer goes from input to input: what is accepted replaces all of
   its state. Then it must be possible to go on. */
static bool resume(const uint8_t *bytes, size_t count)
{
    static struct fmnn_trainer *trainer;
    struct fmnn_error err = {0};
    if (!trainer)
        trainer = small_trainer();
    if (fmnn_trainer_resume(trainer, FUZZ_PATH, &err) != 0) {
        HOLDS(good_error(&err));
        return false;
    }
    struct text first = written(NULL, trainer);
    keeps_tensors(bytes, count, &first);
    HOLDS(fmnn_trainer_resume(trainer, FUZZ_PATH, NULL) == 0);
    struct text second = written(NULL, trainer);
    same_bytes(&first, &second);
    free(first.bytes);
    free(second.bytes);
    if (fmnn_trainer_advance(trainer, &err) < 0)
        HOLDS(good_error(&err));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct fmnn_error err = {0};
    fuzz_file(bytes, count);
    read_any();
    fuzz_file(bytes, count);
    struct fm_safetensors *file = fm_safetensors_open(FUZZ_PATH, &err);
    if (!file) {
        HOLDS(good_error(&err));
        fuzz_file_end(false);
        return 0;
    }
    bool checkpoint = fm_safetensors_text(file, "fmnn.checkpoint") != NULL;
    bool net = fm_safetensors_text(file, "fmnn.model") != NULL;
    bool good = fm_safetensors_load(file, NULL, NULL, &err) == 0;
    HOLDS(good || good_error(&err));
    fuzz_accepted += good;
    if (good)
        same_tensors(file, bytes, count);
    fm_safetensors_free(file);
    if (net || !good)
        HOLDS(!read_net(bytes, count) || good);
    fuzz_file(bytes, count);
    if (checkpoint)
        HOLDS(!resume(bytes, count) || good);
    fuzz_file_end(false);
    return 0;
}

/* ---- mutations: of the header's text, its numbers, the data; lengths and digest are corrected */

struct parts {
    size_t header, data; /* bytes of each */
    uint8_t bytes[8 + MAX_SIZE];
};

static bool take_apart(struct parts *p, const uint8_t *bytes, size_t count)
{
    uint64_t header = 0;
    if (count < 8 || count > MAX_SIZE)
        return false;
    for (unsigned i = 0; i < 8; i++)
        header |= (uint64_t)bytes[i] << 8 * i;
    p->header = header < count - 8 ? (size_t)header : count - 8;
    p->data = count - 8 - p->header;
    memcpy(p->bytes, bytes, count);
    return true;
}

static void put_length(uint8_t *bytes, size_t header)
{
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)header >> 8 * i);
}

/* Over the whole file with zeros for its digits, as fmnn-weights(5) has it. */
static void seal(uint8_t *bytes, size_t count)
{
    static const char field[] = "\"fmnn.xxh128\":\"";
    uint8_t *place = memmem(bytes, count, field, sizeof field - 1);
    place = place ? place + sizeof field - 1 : NULL;
    if (!place || place + 32 > bytes + count)
        return;
    memset(place, '0', 32);
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(bytes, count));
    for (size_t i = 0; i < 32; i++)
        place[i] = (uint8_t) "0123456789abcdef"[digest.digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
}

/* A number somewhere in the header becomes another. */
static size_t change_number(uint8_t *text, size_t count, size_t max, uint64_t *state)
{
    static const char *const numbers[] = {"0",
                                          "1",
                                          "2",
                                          "4",
                                          "8",
                                          "9",
                                          "16",
                                          "65536",
                                          "1073741824",
                                          "4294967295",
                                          "4294967296",
                                          "9007199254740993",
                                          "4611686018427387904",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551615",
                                          "01",
                                          "-1",
                                          "1.0",
                                          "1e3"};
    size_t at = fuzz_below(state, count), end;
    for (size_t i = 0; i < count && (text[at] < '0' || text[at] > '9'); i++)
        at = (at + 1) % count;
    for (end = at; end < count && text[end] >= '0' && text[end] <= '9';)
        end++;
    while (at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9')
        at--;
    if (end == at || end - at > 24)
        return count;
    const char *new = numbers[fuzz_below(state, FM_COUNT(numbers))];
    return fuzz_splice(text, count, max, at, end - at, new, strlen(new));
}

/* The text between two quotes becomes that between two others, or a new one. */
static size_t change_string(uint8_t *text, size_t count, size_t max, uint64_t *state)
{
    uint8_t copy[512];
    size_t from[2], length[2];
    for (int i = 0; i < 2; i++) {
        size_t at = fuzz_below(state, count);
        uint8_t *open = memchr(text + at, '"', count - at);
        uint8_t *end = open ? memchr(open + 1, '"', (size_t)(text + count - open - 1)) : NULL;
        if (!end || (size_t)(end - open) > sizeof copy / 2)
            return count;
        from[i] = (size_t)(open + 1 - text);
        length[i] = (size_t)(end - open - 1);
    }
    memcpy(copy, text + from[1], length[1]);
    if (fuzz_below(state, 2))
        length[1] = LLVMFuzzerMutate(copy, length[1], sizeof copy);
    return fuzz_splice(text, count, max, from[0], length[0], copy, length[1]);
}

static void change_header(struct parts *p, size_t max, uint64_t *state)
{
    static uint8_t data[MAX_SIZE];
    uint8_t *text = p->bytes + 8;
    size_t room = max - 8 - p->data;
    if (room == 0)
        return;
    memcpy(data, text + p->header, p->data);
    unsigned kind = (unsigned)fuzz_below(state, 3);
    if (kind == 0 || p->header == 0)
        p->header = LLVMFuzzerMutate(text, p->header, room);
    else if (kind == 1)
        p->header = change_number(text, p->header, room, state);
    else
        p->header = change_string(text, p->header, room, state);
    while (fuzz_below(state, 2) && p->header % 64 != 56 && p->header < room)
        text[p->header++] = ' ';
    memcpy(text + p->header, data, p->data);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t max, unsigned seed)
{
    static struct parts p;
    uint64_t state = seed;
    unsigned kind = (unsigned)fuzz_below(&state, 16);
    if (kind == 0 || max > MAX_SIZE || !take_apart(&p, bytes, count))
        return LLVMFuzzerMutate(bytes, count, max);
    if (kind < 4 && max - 8 > p.header)
        p.data = LLVMFuzzerMutate(p.bytes + 8 + p.header, p.data, max - 8 - p.header);
    for (unsigned i = kind < 4 ? 0 : 1 + kind % 3; i > 0; i--)
        change_header(&p, max, &state);
    put_length(p.bytes, p.header);
    count = 8 + p.header + p.data;
    if (kind != 15)
        seal(p.bytes, count);
    memcpy(bytes, p.bytes, count);
    return count;
}
