/* training.h -- shared by the tests of whole trainings: a net, its data, and a recipe. */
#ifndef TRAINING_H
#define TRAINING_H

#include "engine.h"

struct set {
    struct fmnn_net *net;
    struct fmnn_data *train, *valid;
    struct fmnn_training training;
    struct fmnn_recipe recipe;
};

static inline void free_set(struct set *set)
{
    fmnn_net_free(set->net);
    fmnn_data_free(set->train);
    fmnn_data_free(set->valid);
}

static inline void set_option(struct set *set, const char *name, const char *value)
{
    struct fmnn_error err;
    ck_assert_msg(fmnn_recipe_set(&set->recipe, name, value, &err) == 0, "%s", err.message);
}

static inline struct fmnn_trainer *make_trainer(struct set *set)
{
    struct fmnn_error err;
    set->training.recipe = &set->recipe;
    struct fmnn_trainer *trainer =
        fmnn_trainer_new(set->net, set->train, set->valid, &set->training, &err);
    ck_assert_msg(trainer != NULL, "%s", err.message);
    return trainer;
}

static inline void run_to_end(struct fmnn_trainer *trainer)
{
    struct fmnn_error err;
    int status;
    while ((status = fmnn_trainer_advance(trainer, &err)) != FMNN_DONE)
        ck_assert_msg(status >= 0, "%s", err.message);
}

#endif
