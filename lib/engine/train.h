/* train.h -- the state of a training. */
#ifndef FM_TRAIN_H
#define FM_TRAIN_H

#include "data/samples.h"
#include "engine/augment/augment.h"
#include "engine/kernels.h"
#include "engine/optim/average.h"

/* Sums over the images of an epoch so far, in the order of training. */
struct fm_totals {
    double loss;
    uint64_t correct, images;
};

struct fmnn_trainer {
    struct fmnn_net *net;
    const struct fmnn_data *train, *valid; /* valid NULL: no validation set */
    struct fmnn_training options;          /* except its recipe: */
    struct fmnn_recipe recipe;
    struct fmnn_epoch running; /* as fmnn_trainer_progress() told it last */
    const struct fm_optimizer *optimizer;
    const struct fm_kernels *kernels;
    struct fm_plan *plan;
    struct fm_profile *profile; /* or NULL */
    char fingerprint[33];       /* of the data */
    struct fm_augment augment;
    struct fm_augment_batch augmented;
    float *class_weights; /* [classes], or NULL */
    struct fm_schedule schedule;
    struct fm_average average;
    size_t epoch_steps;       /* batches of an epoch */
    unsigned schedule_epochs; /* the schedule's length: the recipe's, unless a training runs on */

    /* What a checkpoint keeps. */
    float *slots[FM_MAX_SLOTS];
    double power[FM_POWERS];
    uint64_t step;  /* batches trained since the start */
    size_t trained; /* images trained in the current epoch */
    struct fm_totals training;
    double seconds;           /* of the current epoch */
    struct fmnn_epoch *epoch; /* the epochs that have ended */
    size_t epoch_count, epoch_capacity;
    float *averaged; /* the average of all parameters; NULL: there is none */
    unsigned kept;   /* the best epoch, from 1; 0: none yet, or the last is kept */
    float *best;     /* its weights */

    /* What it does not keep. */
    float *good;        /* if the last epoch is kept: the weights at the end of the last one */
    uint64_t good_step; /* 0: there are none yet */
    bool failed;        /* a loss or weight is no longer finite */
    bool replaced;      /* finish has put others than the latest weights into the net */
    uint32_t *order;    /* of the images in the current epoch */
    size_t measured;    /* images of which statistics were measured after it */
    size_t validated;   /* images validated after that */
    struct fm_totals validation;
    enum fm_sink sink;      /* FM_SINK_UPDATE; tests store gradients to compare */
    float *gradients;       /* for the other sinks */
    double *squares;        /* of their blocks, and the factor that clips them; or NULL */
    double slice_seconds;   /* a call of advance starts no batch after this time */
    const uint8_t **pixels; /* [2 * batch]: of this batch and the next */
    uint16_t *labels;
    double *loss;
    uint8_t *correct;
};

/* The rate of a step, from 1. */
struct fm_rate fm_trainer_rate(const struct fmnn_trainer *trainer, uint64_t step);
/* Whether the number of epochs decides what is trained in each. */
bool fm_trainer_needs_epochs(const struct fmnn_trainer *trainer);
/* Puts the images into the order of the current epoch. */
void fm_trainer_shuffle(struct fmnn_trainer *trainer);
/* Makes what augmentation, label smoothing and class weights need; frees it; gives it to a run of
   training. */
int fm_trainer_prepare_images(struct fmnn_trainer *trainer, struct fmnn_error *err);
void fm_trainer_free_images(struct fmnn_trainer *trainer);
void fm_trainer_use_images(const struct fmnn_trainer *trainer, struct fm_run *run);
/* The average of the weights: makes it, gives it to a run of training, moves it at the end of an
   epoch. Whether there is one yet; the weights that are validated and written: its, or the
   net's. */
int fm_trainer_prepare_average(struct fmnn_trainer *trainer, struct fmnn_error *err);
void fm_trainer_use_average(const struct fmnn_trainer *trainer, struct fm_run *run);
void fm_trainer_average_epoch(struct fmnn_trainer *trainer);
bool fm_trainer_averages(const struct fmnn_trainer *trainer);
float *fm_trainer_weights(const struct fmnn_trainer *trainer);
/* Whether the epoch ends by measuring statistics of the average; prepares a batch of that. */
bool fm_trainer_measures(const struct fmnn_trainer *trainer);
void fm_trainer_measure(struct fmnn_trainer *trainer, struct fm_run *run);
/* At the end of an epoch: saves the weights for a training that fails later. */
void fm_trainer_note_good(struct fmnn_trainer *trainer);
/* Fails if a weight or a slot is not finite: no reader would accept the file. */
int fm_trainer_check_finite(const struct fmnn_trainer *trainer, struct fmnn_error *err);
/* The error of a loss that is not finite, naming the layer. run: the one that gave it. Returns
   -1. */
int fm_trainer_fail_loss(const struct fmnn_trainer *trainer, const struct fm_run *run,
                         struct fmnn_error *err);
/* The record of a training for a file's metadata: JSON: what determines the
   weights, and their metrics; no times, no threads. last:
   describes the weights after the last step, else the weights that were kept. malloc'ed. */
char *fm_training_record(const struct fmnn_trainer *trainer, bool last);

#endif
