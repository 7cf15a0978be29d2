/* recipe.h -- the recipe of a training: one table of its settings.

   Everything that knows settings by name walks the table: `set` lines of models, fmnn_recipe_set(),
   the record in weights files, the identity of checkpoints, and the options of fm-train. A new
   setting is a member of struct fmnn_recipe and a row in recipe.c. */
#ifndef FM_RECIPE_H
#define FM_RECIPE_H

#include "base/internal.h"

/* Bytes of a value as text; of the longest one, a list with a number for each of a thousand
   classes; and of all values of a recipe. */
enum { FM_MAX_VALUE = 128, FM_MAX_LIST = 16384, FM_MAX_RECORD = 20480 };

struct fmnn_recipe {
    char optimizer[16];
    double lr;    /* 0: the optimizer's default */
    double decay; /* below 0: the optimizer's default */
    double momentum;
    unsigned batch, epochs;
    char augment[FM_MAX_VALUE]; /* "": none */
    double smooth;
    char class_weights[FM_MAX_LIST]; /* "": none */
    double bn;                       /* weight of a batch in running statistics */
    char init[8];                    /* "he" or "dirac"; "": he */
    char schedule[FM_MAX_VALUE];     /* "": constant */
    unsigned min_steps;
    double clip;                      /* 0: do not */
    char average[FM_MAX_VALUE];       /* "": none */
    char nesterov[4], decay_norms[4]; /* "on"; "off" or "" */
    char keep[5];                     /* "last"; "best" or "" */
};

struct fm_setting {
    struct fmnn_setting shown;
    size_t offset, size; /* of its member in struct fmnn_recipe */
    /* Of a FMNN_SETTING_TEXT: reads the text, and writes it in canonical form into value, the
       setting's member. */
    int (*read_text)(const char *text, char *value, struct fmnn_error *err);
    const char *absent; /* what a record without it says; NULL: the default */
    bool above_min;     /* the minimum itself is not allowed */
    bool below_max;     /* the maximum itself is not allowed */
    bool depends;       /* its default depends on other settings: see fm_recipe_resolve() */
    bool may_change;    /* when a training is resumed */
    bool only_if_set;   /* records leave it out while it has its default value */
    bool apart;         /* the trainer records it itself */
};

const struct fm_setting *fm_setting_find(const char *name); /* NULL: not known */
/* The value of the setting in a record that does not have it; NULL: unknown. */
const char *fm_setting_absent(const struct fm_setting *setting);

/* All settings at their defaults. */
void fm_recipe_init(struct fmnn_recipe *recipe);
/* Replaces defaults that depend on other settings by their values. */
void fm_recipe_resolve(struct fmnn_recipe *recipe);
/* For a training on this number of images: the steps of an epoch, and the number of epochs, which
   min-steps can raise. */
size_t fm_recipe_epoch_steps(const struct fmnn_recipe *recipe, size_t images);
unsigned fm_recipe_epochs(const struct fmnn_recipe *recipe, size_t images);
/* The members of a JSON object, without braces: the settings that have an effect. */
void fm_recipe_json(const struct fmnn_recipe *recipe, char json[FM_MAX_RECORD]);
/* Lines "NAME VALUE\n": the settings that must not change when a training is resumed. */
void fm_recipe_identity(const struct fmnn_recipe *recipe, char lines[FM_MAX_RECORD]);

#endif
