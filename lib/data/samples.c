/* samples.c -- images and labels in memory, one byte a pixel. */
#include "data/samples.h"

#include <stdio.h>
#include <xxhash.h>

#include "base/shape.h"

struct fmnn_data *fmnn_data_new(struct fmnn_shape shape, struct fmnn_error *err)
{
    if (fm_check_shape(shape, err) != 0)
        return NULL;
    struct fmnn_data *data = fm_alloc(1, sizeof *data, err);
    if (!data)
        return NULL;
    data->shape = shape;
    return data;
}

void fmnn_data_free(struct fmnn_data *data)
{
    if (!data)
        return;
    free(data->pixels);
    free(data->labels);
    free(data);
}

int fmnn_data_reserve(struct fmnn_data *data, size_t count, struct fmnn_error *err)
{
    size_t size = fm_elements(data->shape), bytes;
    void *labels = data->labels;
    if (!fm_mul(count, size, &bytes))
        return fm_fail(err, FMNN_MEMORY, "out of memory");
    if (bytes > data->pixel_capacity) { /* in huge pages, which realloc() would split */
        uint8_t *pixels = fm_alloc_bare(count, size, err);
        if (!pixels)
            return -1;
        if (data->count)
            memcpy(pixels, data->pixels, data->count * size);
        free(data->pixels);
        data->pixels = pixels;
        data->pixel_capacity = bytes;
    }
    int grown = fm_grow(&labels, &data->label_capacity, count, sizeof *data->labels, err);
    data->labels = labels;
    return grown;
}

uint8_t *fmnn_data_add(struct fmnn_data *data, unsigned label, struct fmnn_error *err)
{
    size_t size = fm_elements(data->shape), need;
    void *pixels = data->pixels, *labels = data->labels;
    if (label > UINT16_MAX || data->count >= UINT32_MAX - 1) {
        fm_fail(err, FMNN_USAGE, "label %u or row %zu is beyond what training takes", label,
                data->count);
        return NULL;
    }
    if (!fm_mul(data->count + 1, size, &need)) {
        fm_fail(err, FMNN_MEMORY, "out of memory");
        return NULL;
    }
    int grown = fm_grow(&pixels, &data->pixel_capacity, need, 1, err);
    data->pixels = pixels;
    if (grown != 0)
        return NULL;
    grown = fm_grow(&labels, &data->label_capacity, data->count + 1, sizeof *data->labels, err);
    data->labels = labels;
    if (grown != 0)
        return NULL;
    data->labels[data->count] = (uint16_t)label;
    return data->pixels + data->count++ * size;
}

size_t fmnn_data_count(const struct fmnn_data *data)
{
    return data->count;
}

void fm_data_batch(const struct fmnn_data *data, const uint32_t *order, size_t from, size_t n,
                   const uint8_t **pixels, uint16_t *labels)
{
    for (size_t i = 0; i < n; i++) {
        size_t row = order ? order[from + i] : from + i;
        pixels[i] = data->pixels + row * fm_elements(data->shape);
        labels[i] = data->labels[row];
    }
}

static void digest_rows(XXH3_state_t *state, const struct fmnn_data *data)
{
    uint64_t size[4] = {0};
    if (data) {
        size[0] = data->count;
        size[1] = data->shape.height;
        size[2] = data->shape.width;
        size[3] = data->shape.channels;
    }
    for (int i = 0; i < (size[3] > 1 ? 4 : 3); i++) { /* gray images do not say that they are */
        uint8_t bytes[8];
        for (int k = 0; k < 8; k++)
            bytes[k] = (uint8_t)(size[i] >> 8 * k);
        XXH3_128bits_update(state, bytes, sizeof bytes);
    }
    for (size_t i = 0; i < size[0]; i++) {
        uint8_t bytes[2] = {(uint8_t)data->labels[i], (uint8_t)(data->labels[i] >> 8)};
        XXH3_128bits_update(state, bytes, sizeof bytes);
    }
    if (size[0])
        XXH3_128bits_update(state, data->pixels, data->count * fm_elements(data->shape));
}

int fm_data_fingerprint(const struct fmnn_data *train, const struct fmnn_data *valid,
                        char digits[33], struct fmnn_error *err)
{
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return fm_fail(err, FMNN_MEMORY, "out of memory");
    XXH3_128bits_reset(state);
    digest_rows(state, train);
    digest_rows(state, valid);
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    snprintf(digits, 33, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    return 0;
}
