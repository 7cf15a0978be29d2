/* trainer.h -- the training whose checkpoints the target reads and the generator of seeds writes:
   as small as possible, to keep the checkpoint's header short. */
#ifndef TRAINER_H
#define TRAINER_H

#include <fmnn.h>
#include "fuzz.h"

enum { IMAGES = 12, SIDE = 2 };

static inline struct fmnn_data *small_data(unsigned seed)
{
    struct fmnn_data *data = fmnn_data_new((struct fmnn_shape){1, SIDE, SIDE}, NULL);
    for (unsigned i = 0; i < IMAGES; i++) {
        uint8_t *pixels = fmnn_data_add(data, i % 2, NULL);
        HOLDS(pixels);
        for (unsigned k = 0; k < SIDE * SIDE; k++)
            pixels[k] = (uint8_t)(i * 37 + k * 11 + seed);
    }
    return data;
}

/* Of weights, not threads, for a minute's run has some million of them. */
static inline struct fmnn_trainer *small_trainer(void)
{
    static const char text[] = "set optimizer sgd; set lr 0.01; set momentum 0.5\n"
                               "set batch 4; set epochs 4; dense classes";
    struct fmnn_model *model = fmnn_model_parse(text, "model", NULL);
    struct fmnn_training training = {
        .recipe = fmnn_model_recipe(model), .threads = 1, .kernels = "generic"};
    struct fmnn_net *net = fmnn_net_new(model, (struct fmnn_shape){1, SIDE, SIDE}, 2, NULL);
    HOLDS(net);
    fmnn_net_initialise(net, 1, 1);
    struct fmnn_trainer *trainer =
        fmnn_trainer_new(net, small_data(0), small_data(5), &training, NULL);
    HOLDS(trainer);
    fmnn_model_free(model);
    return trainer;
}

#endif
