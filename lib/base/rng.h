/* rng.h -- random numbers by position, not by history. */
#ifndef FM_RNG_H
#define FM_RNG_H

#include "base/internal.h"

/* What a number is for: two purposes never share a stream. Values are part of the promise of
   "same seed, same bits": append, never renumber. */
enum fm_purpose {
    FM_RNG_INIT = 1,    /* initial weights: epoch 0, index = tensor << 40 | element */
    FM_RNG_SHUFFLE = 2, /* the order of the images in an epoch */
    FM_RNG_SPLIT = 3,   /* which rows validate */
    FM_RNG_FOLD = 4,    /* which fold a row is in */
};

/* 64 random bits that depend on the four arguments alone (Philox4x32-10: Salmon, Moraes, Dror and
   Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011). */
uint64_t fm_random(uint64_t seed, enum fm_purpose purpose, uint32_t epoch, uint64_t index);

/* A number in 0 .. n-1 from 64 random bits; 0 < n < 2^32. */
uint64_t fm_random_below(uint64_t bits, uint64_t n);

/* A normal deviate of unit variance, truncated at two deviations before it is scaled up again, as
   Keras' TruncatedNormal and he_normal are, from 64 random bits. */
double fm_random_truncated_normal(uint64_t bits);

/* deviation times the deviates from fm_random(seed, purpose, 0, index + i), i = 0 .. n-1. */
void fm_random_normals(float *out, size_t n, double deviation, uint64_t seed,
                       enum fm_purpose purpose, uint64_t index);

/* Shuffles order[0..n-1] (Fisher and Yates, Durstenfeld's form) with the numbers of one epoch. */
void fm_random_shuffle(uint32_t *order, size_t n, uint64_t seed, enum fm_purpose purpose,
                       uint32_t epoch);

#endif
