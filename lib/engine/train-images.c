/* train-images.c -- what a training makes of its images and labels: augmentation, smoothed labels,
   weights of classes. Validation uses none of it. */
#include "base/float.h"
#include "base/shape.h"
#include "engine/optim/class-weights.h"
#include "engine/train.h"

/* The batch's members need room for `images` images. */
static int allocate(struct fm_augment_batch *batch, const struct fmnn_data *data, size_t images,
                    struct fmnn_error *err)
{
    size_t bytes;
    if (!fm_mul(images + !images, fm_elements(data->shape), &bytes))
        return fm_fail(err, FMNN_MEMORY, "out of memory");
    bool mixes = batch->augment->mix.kind != NULL;
    batch->shape = data->shape;
    if (!(batch->pixels = fm_alloc(bytes, 1, err)) ||
        !(batch->fill = fm_alloc(data->shape.channels, 1, err)) ||
        (mixes && !(batch->partner = fm_alloc(bytes, 1, err))) ||
        (mixes && !(batch->share = fm_alloc(images + !images, sizeof *batch->share, err))))
        return -1;
    if (fm_augment_fills(batch->augment))
        fm_augment_means(data->pixels, data->count, data->shape, batch->fill);
    return 0;
}

static void free_batch(struct fm_augment_batch *batch)
{
    free(batch->pixels);
    free(batch->partner);
    free(batch->fill);
    free(batch->share);
}

static bool changes_images(const struct fm_augment *augment)
{
    return augment->count > 0 || augment->mix.kind;
}

int fm_trainer_prepare_images(struct fmnn_trainer *t, struct fmnn_error *err)
{
    size_t count = t->train->count, batch = t->recipe.batch;
    t->augmented.augment = &t->augment;
    if (fm_augment_parse(&t->augment, t->recipe.augment, err) != 0 ||
        fm_augment_check(&t->augment, t->train->shape, err) != 0)
        return -1;
    if (changes_images(&t->augment) &&
        allocate(&t->augmented, t->train, count < batch ? count : batch, err) != 0)
        return -1;
    return fm_class_weights_make(t->recipe.class_weights, t->train->labels, count, t->net->classes,
                                 &t->class_weights, err);
}

void fm_trainer_free_images(struct fmnn_trainer *t)
{
    free_batch(&t->augmented);
    free(t->class_weights);
}

void fm_trainer_use_images(const struct fmnn_trainer *t, struct fm_run *run)
{
    run->augmented = changes_images(&t->augment) ? &t->augmented : NULL;
    run->smooth = t->recipe.smooth;
    run->class_weights = t->class_weights;
}

int fmnn_data_augment(const struct fmnn_data *data, const struct fmnn_recipe *recipe, uint64_t seed,
                      unsigned epoch, size_t first, size_t n, uint8_t *pixels,
                      struct fmnn_error *err)
{
    struct fm_augment augment;
    struct fm_augment_batch batch = {.augment = &augment};
    size_t size = fm_elements(data->shape);
    if (first > data->count || n > data->count - first)
        return fm_fail(err, FMNN_USAGE, "there are no %zu rows from %zu on", n, first);
    if (fm_augment_parse(&augment, recipe->augment, err) != 0 ||
        fm_augment_check(&augment, data->shape, err) != 0)
        return -1;
    uint32_t *index = fm_alloc(n + 1, sizeof *index, err);
    const uint8_t **from = fm_alloc(n + 1, sizeof *from, err);
    int status = index && from ? allocate(&batch, data, n, err) : -1;
    for (size_t i = 0; status == 0 && i < n; i++) {
        index[i] = (uint32_t)(first + i);
        from[i] = data->pixels + (first + i) * size;
    }
    fm_float_state before = fm_float_enter();
    for (size_t i = 0; status == 0 && i < n; i++)
        fm_augment_one(&batch, seed, epoch, from, index, n, i);
    fm_float_leave(before);
    if (status == 0)
        memcpy(pixels, batch.pixels, n * size);
    free_batch(&batch);
    free(index);
    free(from);
    return status;
}
