/* train.h -- the state of a training under way. */
#ifndef FM_TRAIN_H
#define FM_TRAIN_H

#include "data/samples.h"
#include "engine/kernels.h"

/* Sums over the images of an epoch so far, in the order in which they were seen. */
struct fm_totals {
    double loss;
    uint64_t correct, images;
};

struct fmnn_trainer {
    struct fmnn_net *net;
    const struct fmnn_data *train, *valid; /* valid NULL: nothing is validated */
    struct fmnn_training options;          /* except its recipe: */
    struct fmnn_recipe recipe;
    struct fmnn_epoch running; /* as fmnn_trainer_progress() told it last */
    const struct fm_optimizer *optimizer;
    const struct fm_kernels *kernels;
    struct fm_plan *plan;
    struct fm_profile *profile; /* or NULL */
    char fingerprint[33];       /* of the data */

    /* What a checkpoint keeps. */
    float *slots[FM_MAX_SLOTS];
    double power[FM_POWERS];
    uint64_t step;  /* batches trained in all */
    size_t trained; /* images trained in the epoch under way */
    struct fm_totals training;
    double seconds;           /* of the epoch under way */
    struct fmnn_epoch *epoch; /* those that have ended */
    size_t epoch_count, epoch_capacity;
    unsigned kept; /* the best epoch, from 1; 0: none yet, or not asked for */
    float *best;   /* its weights */

    /* What it does not. */
    float *good;        /* where the last epoch is kept: the weights at its end */
    uint64_t good_step; /* 0: there are none yet */
    bool failed;        /* for what is not finite any more */
    uint32_t *order;    /* of the epoch under way */
    size_t validated;   /* images validated after it */
    struct fm_totals validation;
    enum fm_sink sink;      /* FM_SINK_UPDATE; tests store gradients to compare */
    float *gradients;       /* for the other sinks */
    double slice_seconds;   /* seconds that one call of advance may take, but for its last batch */
    const uint8_t **pixels; /* [2 * batch]: those of the next batch, too */
    uint16_t *labels;
    double *loss;
    uint8_t *correct;
};

/* Puts trainer->order into the order of the epoch under way. */
void fm_trainer_shuffle(struct fmnn_trainer *trainer);
/* At the end of an epoch: what a training that fails later can fall back on. */
void fm_trainer_note_good(struct fmnn_trainer *trainer);
/* No file could be read that holds values which are not finite. */
int fm_trainer_check_finite(const struct fmnn_trainer *trainer, struct fmnn_error *err);
/* The record of a training, for the file's metadata: JSON of only what determines the weights.
   last: of the weights after the last step; else of those that were kept. malloc'ed. */
char *fm_training_record(const struct fmnn_trainer *trainer, bool last);

#endif
