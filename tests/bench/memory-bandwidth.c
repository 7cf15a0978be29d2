/* memory.c -- what BENCHMARKS.md says of the machine's memory: GB/s that both threads read, and
   update in place (read and written), from blocks far larger than any cache; and the nanoseconds
   that a read takes which nobody foresaw. Each is the best of several looks.

   Usage: make tests/bench/memory-bandwidth && tests/bench/memory-bandwidth [THREADS] */
#include "base/internal.h"

#include <stdio.h>

#include "engine/profile.h"
#include "base/threads.h"

/* Words of eight bytes, which any compiler reads fast enough. */
enum { WORDS = 32 << 20, LOOKS = 5, LINE = 8, JUMPS = 1 << 20 };

static uint64_t sum_of(const uint64_t *block, size_t from, size_t to)
{
    uint64_t sum[LINE] = {0};
    for (size_t i = from; i < to; i += LINE)
        for (size_t l = 0; l < LINE; l++)
            sum[l] += block[i + l];
    return sum[0];
}

static void update(uint64_t *block, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        block[i] = block[i] * 3 + 1;
}

struct look {
    uint64_t *block;
    size_t part; /* words of each thread */
    bool write;
    uint64_t sum[FM_MAX_THREADS];
};

static void look_at(void *state, unsigned thread, size_t part)
{
    struct look *look = state;
    size_t from = part * look->part, to = from + look->part;
    (void)thread;
    if (look->write)
        update(look->block, from, to);
    else
        look->sum[part] = sum_of(look->block, from, to);
}

/* Seconds of one look, each thread at its own part. */
static double look(uint64_t *block, unsigned threads, bool write, uint64_t *nothing)
{
    static struct look look;
    look = (struct look){.block = block, .part = WORDS / threads / LINE * LINE, .write = write};
    double start = fm_now();
    fm_team_do(look_at, &look, threads, threads);
    double seconds = fm_now() - start;
    for (unsigned i = 0; i < threads; i++)
        *nothing += look.sum[i];
    return seconds;
}

/* A walk from line to line in an order that jumps: a generator of full period. */
static double latency(uint64_t *line, uint64_t *nothing)
{
    const uint64_t lines = WORDS / LINE;
    uint64_t at = 0;
    for (uint64_t i = 0; i < lines; i++)
        line[i * LINE] = (i * 1664525 + 1013904223) % lines;
    double start = fm_now();
    for (int i = 0; i < JUMPS; i++)
        at = line[at * LINE];
    *nothing += at;
    return (fm_now() - start) / JUMPS;
}

int main(int argc, char **argv)
{
    unsigned threads = fm_threads(argc > 1 ? (unsigned)atoi(argv[1]) : 0);
    const double bytes = (double)WORDS * sizeof(uint64_t);
    double best[3] = {1e9, 1e9, 1e9};
    uint64_t nothing = 0, *block = fm_alloc_aligned(WORDS, sizeof *block, NULL);
    if (!block)
        return 2;
    for (int i = 0; i < LOOKS; i++) {
        double now[3] = {look(block, threads, false, &nothing),
                         look(block, threads, true, &nothing), latency(block, &nothing)};
        for (int k = 0; k < 3; k++)
            best[k] = now[k] < best[k] ? now[k] : best[k];
    }
    printf("read %.1f GB/s, update %.1f GB/s, an unforeseen read %.0f ns\n", bytes / best[0] / 1e9,
           2 * bytes / best[1] / 1e9, best[2] * 1e9);
    free(block);
    return nothing == 1; /* so that no read is left out */
}
