/* rng.h -- random numbers by position: each depends on its index, not on those drawn before. */
#ifndef FM_RNG_H
#define FM_RNG_H

#include "base/internal.h"

/* What a number is for; two purposes never share a stream. The values are part of the promise "same
   seed, same bits": append, never renumber. */
enum fm_purpose {
    FM_RNG_INIT = 1,    /* initial weights: epoch 0, index = tensor << 40 | element */
    FM_RNG_SHUFFLE = 2, /* the order of the images in an epoch */
    FM_RNG_SPLIT = 3,   /* the choice of the validation set */
    FM_RNG_FOLD = 4,    /* the assignment of rows to folds */
    FM_RNG_FLIP = 5,    /* augmentation: epoch, index = row of the table */
    FM_RNG_SHIFT = 6,
    FM_RNG_CUTOUT = 7,
    FM_RNG_ERASE = 8,
    FM_RNG_MIX = 9,
    FM_RNG_DROPOUT = 16, /* and on, one a layer: epoch, index = row << 32 | group of values */
};

/* 64 random bits that depend on the four arguments only. Philox4x32-10: Salmon, Moraes, Dror and
   Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). */
uint64_t fm_random(uint64_t seed, enum fm_purpose purpose, uint32_t epoch, uint64_t index);

/* A number in 0 .. n-1 from 64 random bits; 0 < n < 2^32. */
uint64_t fm_random_below(uint64_t bits, uint64_t n);

/* For tests, which compare fm_random_normals() with it: a normal deviate from 64 random bits:
   truncated at two deviations, then scaled to unit variance, as Keras' TruncatedNormal and
   he_normal are. */
double fm_random_truncated_normal(uint64_t bits);

/* out[i] = deviation * fm_random_truncated_normal(fm_random(seed, purpose, 0, index + i)), for n
   values. */
void fm_random_normals(float *out, size_t n, double deviation, uint64_t seed,
                       enum fm_purpose purpose, uint64_t index);

/* Shuffles order[0..n-1] (Fisher and Yates, Durstenfeld's form) by the stream of one epoch. */
void fm_random_shuffle(uint32_t *order, size_t n, uint64_t seed, enum fm_purpose purpose,
                       uint32_t epoch);

#endif
