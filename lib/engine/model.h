/* model.h -- a model's text, taken apart. */
#ifndef FM_MODEL_H
#define FM_MODEL_H

#include "engine/layer.h"
#include "engine/optim/recipe.h"

enum { FM_MAX_LAYERS = 1024, FM_MAX_MODEL_TEXT = 65536 };

struct fmnn_model {
    char *name; /* for errors */
    struct fmnn_recipe recipe;
    struct fm_layer *layer;
    size_t layer_count, layer_capacity;
};

#endif
