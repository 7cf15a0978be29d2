/* replay.c -- drives a target without libFuzzer, for `make check`: all seeds, then mutants of each,
   the same ones every time.

     replay_TARGET [FILE...]    only these inputs: what tests/fuzz/run has found */
#include "fuzz.h"

enum { LIMIT = 1 << 14, MUTANTS = 30000 };

static uint64_t state = 1;

/* Some of libFuzzer's mutations. */
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t count, size_t max)
{
    static const uint8_t odd[] = {0, 1, 8, 0x0a, 0x20, 0x22, 0x7f, 0x80, 0xff};
    size_t at = count ? fuzz_below(&state, count) : 0,
           other = count ? fuzz_below(&state, count) : 0;
    uint8_t byte = (uint8_t)fuzz_random(&state), copy[32];
    size_t length = fuzz_below(&state, sizeof copy);
    length = length < count - other ? length : count - other;
    switch (count ? fuzz_below(&state, 6) : 4) {
    case 0:
        bytes[at] ^= (uint8_t)(1 << byte % 8);
        return count;
    case 1:
        bytes[at] = odd[byte % sizeof odd];
        return count;
    case 2:
        return fuzz_splice(bytes, count, max, other, length, NULL, 0);
    case 3:
        memcpy(copy, bytes + other, length);
        return fuzz_splice(bytes, count, max, at, 0, copy, length);
    default:
        return fuzz_splice(bytes, count, max, at, 0, &byte, 1);
    }
}

struct seed {
    uint8_t *bytes;
    size_t count;
};

struct list {
    struct seed seed[64];
    size_t count;
};

static void keep(void *list, const char *name, const uint8_t *bytes, size_t count)
{
    struct list *seeds = list;
    (void)name;
    HOLDS(seeds->count < sizeof seeds->seed / sizeof *seeds->seed && count <= LIMIT);
    struct seed *seed = &seeds->seed[seeds->count++];
    seed->bytes = malloc(count + 1);
    HOLDS(seed->bytes);
    memcpy(seed->bytes, bytes, count);
    seed->count = count;
}

/* In exactly as much memory as there are bytes, like libFuzzer. */
static void try(const uint8_t *bytes, size_t count)
{
    uint8_t *copy = malloc(count ? count : 1);
    HOLDS(copy);
    if (count)
        memcpy(copy, bytes, count);
    LLVMFuzzerTestOneInput(copy, count);
    free(copy);
}

static void mutate(const struct seed *seed, unsigned mutants)
{
    static uint8_t bytes[LIMIT];
    for (unsigned i = 0; i < mutants; i++) {
        size_t count = seed->count;
        memcpy(bytes, seed->bytes, count);
        for (unsigned n = 1 + i % 4; n > 0; n--)
            count = LLVMFuzzerCustomMutator(bytes, count, LIMIT, fuzz_random(&state));
        HOLDS(count <= LIMIT);
        try(bytes, count);
    }
}

static int try_files(char **paths)
{
    for (; *paths; paths++) {
        static uint8_t bytes[1 << 20];
        FILE *stream = fopen(*paths, "rb");
        if (!stream) {
            perror(*paths);
            return 2;
        }
        size_t count = fread(bytes, 1, sizeof bytes, stream);
        fclose(stream);
        try(bytes, count);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct list seeds = {0};
    if (argc > 1)
        return try_files(argv + 1);
    fuzz_seeds(fuzz_target, keep, &seeds);
    HOLDS(seeds.count);
    for (size_t i = 0; i < seeds.count; i++)
        try(seeds.seed[i].bytes, seeds.seed[i].count);
    size_t good = fuzz_accepted;
    HOLDS(good * 2 >= seeds.count); /* each model is tried with one size of image */
    for (size_t i = 0; i < seeds.count; i++) {
        mutate(&seeds.seed[i], MUTANTS / (unsigned)seeds.count);
        free(seeds.seed[i].bytes);
    }
    good = fuzz_accepted - good;
    HOLDS(good > MUTANTS / 100 && good < MUTANTS);
    printf("1..1\nok 1 - %s: %zu seeds and %d mutants, of which %zu are accepted\n", fuzz_target,
           seeds.count, MUTANTS, good);
    return 0;
}
