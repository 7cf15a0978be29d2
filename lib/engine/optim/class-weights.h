/* class-weights.h -- the weights of classes in the loss of a training. */
#ifndef FM_CLASS_WEIGHTS_H
#define FM_CLASS_WEIGHTS_H

#include "engine/optim/recipe.h"

/* Reads "none", "balanced" or "1,0.5,2", and writes it in canonical form. */
int fm_class_weights_read(const char *text, char value[FM_MAX_LIST], struct fmnn_error *err);
/* The weights of the classes for n labels: a list has one for each class; balanced ones are
   n / (classes * labels of the class), and 0 for a class without labels. *weights is NULL if there
   are none, else malloc'ed. */
int fm_class_weights_make(const char *text, const uint16_t *labels, size_t n, size_t classes,
                          float **weights, struct fmnn_error *err);

#endif
