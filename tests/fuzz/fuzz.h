/* fuzz.h -- shared by the fuzz targets. A target is a file with LLVMFuzzerTestOneInput and a
   mutator that knows the format; libFuzzer drives it (tests/fuzz/run) or, in `make check`,
   replay.c. */
#ifndef FUZZ_H
#define FUZZ_H

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The target's name, as tests/fuzz/run and fuzz_seeds() know it; each target defines it. */
extern const char fuzz_target[];

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
/* Changes bytes[count], which has room for `max`, and returns the new count. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t max, unsigned seed);
/* The driver's own mutator, which knows no format. */
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t count, size_t max);

/* The number of accepted inputs: counted by the targets, checked by replay.c. */
extern size_t fuzz_accepted;

/* An assertion that NDEBUG does not disable. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- memory-file.c: a file in memory. The linker redirects the calls of the code under test
   (open, read, fopen ...) to it; tests/local.mk has the list. */

#define FUZZ_PATH "input"

/* From now on the bytes, which the caller keeps, are the file of this name, and no other file can
   be opened for reading until fuzz_file_end(). */
void fuzz_file(const uint8_t *bytes, size_t count);
/* A read returns at most `max` bytes (0: any number), and every second poll() finds nothing to read
   yet. */
void fuzz_file_pieces(size_t max);
/* All descriptors must be closed, unless `dropped`. */
void fuzz_file_end(bool dropped);

/* ---- random numbers, for mutators */

static inline uint32_t fuzz_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(z >> 32);
}

/* 0 .. below-1, below not 0. */
static inline size_t fuzz_below(uint64_t *state, size_t below)
{
    return fuzz_random(state) % below;
}

/* Puts new[new_count] where bytes[at .. at+old-1] were; no change if there is no
   room. Returns the new count. */
static inline size_t fuzz_splice(uint8_t *bytes, size_t count, size_t max, size_t at, size_t old,
                                 const void *new, size_t new_count)
{
    if (count - old + new_count > max)
        return count;
    memmove(bytes + at + new_count, bytes + at + old, count - at - old);
    if (new_count)
        memcpy(bytes + at, new, new_count);
    return count - old + new_count;
}

/* ---- seeds.c */

/* Calls give() for each valid file that a target starts with. */
typedef void fuzz_give(void *state, const char *name, const uint8_t *bytes, size_t count);
void fuzz_seeds(const char *target, fuzz_give *give, void *state);
extern const char *const fuzz_targets[]; /* NULL after the last */

#endif
