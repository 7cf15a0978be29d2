/* fm-train.h -- what the parts of fm-train share. */
#ifndef FM_TRAIN_H
#define FM_TRAIN_H

#include "common/common.h"

/* ---- train-options.c: the command line */

enum { MAX_SETTINGS = 32 };

/* Options of the recipe that were given, to be set over the model's. */
struct settings {
    size_t count;
    struct setting {
        const char *name, *value;
    } setting[MAX_SETTINGS];
};

struct arguments {
    const char *model, *init, *output, *history, *data, *root, *classes, *only, *checkpoint,
        *resume;
    const char *table; /* NULL: standard input */
    bool summary, freeze, skip_bad;
    struct fmnn_shape size; /* of the input; zeros: not given */
    unsigned channels;      /* 0: not given */
    struct fitting fitting;
    struct settings settings;
    struct fmnn_training training; /* its recipe comes from make_recipe() */
};

const struct program *fm_train(void);
struct arguments parse_arguments(int argc, char **argv);

/* ---- train-model.c: models and recipes */

/* The model that --model gives: a text, a file or a preset. If it is not given, and init, the net
   of --init, is not NULL: the layers of that net, with an output for each class. */
struct fmnn_model *find_model(const struct arguments *a, const struct fmnn_net *init);
/* Whether it is a regular file with a model. */
bool is_model_file(const char *path);
/* The names of the presets that are built into this program; the list ends in NULL. */
const char *const *preset_names(void);
/* The model's recipe with the settings over it. */
struct fmnn_recipe *make_recipe(const struct fmnn_model *model, const struct settings *settings);

/* ---- train-data.c: the images that the table names */

struct input {
    struct fmnn_input how; /* images become the input of the net */
    size_t classes;
    struct fmnn_names *names; /* of the classes; or NULL */
    struct fmnn_data *train, *valid;
    size_t rows; /* for --summary: those of the training set; 0: there is no table */
    int status;  /* EXIT_NEGATIVE if images were skipped */
};

/* init: how images become the input of the net of --init, which files of images follow; or NULL. */
struct input read_input(const struct arguments *a, const struct fmnn_input *init);
/* For --summary: reads no images, and needs no table. */
struct input read_shape(const struct arguments *a, const struct fmnn_input *init);
void free_input(struct input *input);

/* ---- train-tables.c: the tables of --summary and --profile */

/* exact: as if the training did without Winograd's algorithm. */
void print_summary(const struct fmnn_net *net, bool exact);
/* On standard error. each: a row for each job of a phase. */
void print_profile(const struct fmnn_trainer *trainer, bool each);

/* ---- train-history.c: what is shown epoch by epoch */

void print_history_header(FILE *history);
void print_epoch(FILE *history, const struct fmnn_epoch *epoch);

/* A line on the terminal that is redrawn at most ten times a second. */
struct progress {
    bool wanted;
    double last;
};
void show_training(struct progress *p, struct fmnn_trainer *trainer, unsigned epochs);

/* At the end of a complete training: a note if its loss still falls. */
void note_falling_loss(const struct fmnn_trainer *trainer);
/* With --verbose or on a terminal: which epoch `output` contains the weights of, which was the
   best, and whether there is overfitting. */
void report_result(const struct fmnn_trainer *trainer, const char *output);

/* ---- train-run.c: training */

/* Trains the net and writes history, weights and checkpoints. If a signal interrupts the training,
   writes them early. */
void train(const struct arguments *a, struct fmnn_net *net, const struct input *input);
/* If a signal interrupted the training, dies by it. */
void die_if_interrupted(void);

#endif
