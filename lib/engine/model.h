/* model.h -- a model's text, taken apart. */
#ifndef FM_MODEL_H
#define FM_MODEL_H

#include "engine/layer.h"
#include "engine/optim/recipe.h"

enum { FM_MAX_LAYERS = 1024, FM_MAX_MODEL_TEXT = 65536, FM_MAX_DEPTH = 8 };

/* A residual: its input is added to what its layers make of it. */
struct fm_block {
    size_t first, end;       /* model->layer[first .. end - 1], never empty */
    unsigned line, end_line; /* of the text: where it begins, of its '}' */
    bool project;            /* the input goes through a 1x1 convolution and bn */
    enum fm_activation activation;
};

/* The statements in the order of the text, 'repeat' expanded. */
struct fmnn_model {
    char *name; /* for errors */
    struct fmnn_recipe recipe;
    struct fm_layer *layer;
    size_t layer_count, layer_capacity;
    struct fm_block *block; /* one that contains others stands before them */
    size_t block_count, block_capacity;
};

/* The canonical text of the layers: one line. classes: the number in place of the word. */
char *fm_model_text(const struct fmnn_model *model, size_t classes, struct fmnn_error *err);
/* The canonical text of one layer. */
char *fm_layer_text(const struct fm_layer *layer, struct fmnn_error *err);

#endif
