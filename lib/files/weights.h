/* weights.h -- nets to and from weight files; what checkpoints add to them. */
#ifndef FM_WEIGHTS_H
#define FM_WEIGHTS_H

#include "engine/net.h"
#include "files/safetensors.h"

/* Collects the tensors and metadata of a file to write, and owns them. */
struct fm_writer {
    struct fm_tensor *tensor;
    size_t tensor_count, tensor_capacity;
    struct fm_metadata metadata[16];
    size_t metadata_count;
};
int fm_writer_text(struct fm_writer *writer, const char *key,
                   char *value); /* takes value; -1 if it is NULL */
/* The net's metadata; training (JSON) may be NULL. */
int fm_writer_net(struct fm_writer *writer, const struct fmnn_net *net, const char *training,
                  struct fmnn_error *err);
/* The parameters, all or only the trained ones, as tensors PREFIX NAME; block is laid out like
   net->weights. */
int fm_writer_parameters(struct fm_writer *writer, const struct fmnn_net *net, const char *prefix,
                         bool trained, const float *block, struct fmnn_error *err);
/* A copy of U64 numbers as a tensor (rows, columns). */
int fm_writer_numbers(struct fm_writer *writer, const char *name, const uint64_t *numbers,
                      size_t rows, size_t columns, struct fmnn_error *err);
int fm_writer_write(const struct fm_writer *writer, FILE *stream, struct fmnn_error *err);
void fm_writer_free(struct fm_writer *writer);

/* How images become the input of the net in the file. */
int fm_read_input(const struct fm_safetensors *file, struct fmnn_input *input,
                  struct fmnn_error *err);
/* Whether the net of an open file is exact. */
int fm_read_exact(const struct fm_safetensors *file, bool *exact, struct fmnn_error *err);
/* Reads the data of an open file: all tensors PREFIX NAME of each part into its block, which is
   laid out like net->weights. The spare lanes of a block are not written. */
struct fm_part {
    const char *prefix;
    float *block;
    bool trained; /* the trained parameters only */
};
int fm_read_parameters(struct fm_safetensors *file, const struct fmnn_net *net,
                       const struct fm_part *part, size_t parts, struct fmnn_error *err);
/* Called if the header of an open file is wrong, with the reason in *err: reads the data, and if
   the file is damaged, sets that error instead. Returns -1. */
int fm_damage_first(struct fm_safetensors *file, struct fmnn_error *err);

#endif
