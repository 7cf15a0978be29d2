/* check_damage.c -- weights files and checkpoints truncated anywhere, or with any bit flipped, are
   refused, both as weights and for resuming. */
#include "engine.h"

#include <fcntl.h>
#include <unistd.h>

#include "data/samples.h"
#include "runner.h"
#include "scratch.h"
#include "engine/train.h"
#include "files/weights.h"

/* First every kind of layer, padding and activation in 4 KB, then a net for a small checkpoint. */
static const struct {
    const char *text;
    size_t height, width, classes;
} nets[] = {
    {"conv 2 3x3 relu | maxpool 2 | conv 3 2x2 stride 2 tanh | conv 3 2x2 valid sigmoid"
     " | avgpool 2 | dense 64 relu | dense classes",
     16, 16, 10},
    {"conv 2 3x3 relu | maxpool 2 | dense classes", 4, 4, 3},
};

static const struct fmnn_recipe recipe = {
    .optimizer = "adam", .lr = 0.003, .batch = 4, .epochs = 4};
static const struct fmnn_training training = {.recipe = &recipe, .threads = 1};

static struct fmnn_net *net;
static struct fmnn_data *train, *valid;
static struct fmnn_trainer *trainer;
static uint8_t bytes[1 << 14];
static size_t used;

static void start(size_t which)
{
    struct fmnn_error err = {0};
    struct fmnn_model *model = fmnn_model_parse(nets[which].text, "text", &err);
    ck_assert_msg(model != NULL, "%s", err.message);
    net = fmnn_net_new(model, (struct fmnn_shape){1, nets[which].height, nets[which].width},
                       nets[which].classes, &err);
    ck_assert_msg(net != NULL, "%s", err.message);
    fmnn_model_free(model);
    fmnn_net_initialise(net, 1, 0);
}

static void start_training(void)
{
    struct fmnn_error err = {0};
    start(1);
    train = make_data(net, 10, 2);
    valid = make_data(net, 6, 3);
    trainer = fmnn_trainer_new(net, train, valid, &training, &err);
    ck_assert_msg(trainer != NULL, "%s", err.message);
    while (fmnn_trainer_advance(trainer, &err) != FMNN_EPOCH)
        ;
    fmnn_trainer_advance(trainer, &err); /* into the second epoch, so that there is a best one */
}

static void stop(void)
{
    fmnn_trainer_free(trainer);
    fmnn_data_free(train);
    fmnn_data_free(valid);
    fmnn_net_free(net);
}

static void save(const char *path)
{
    struct fmnn_error err = {0};
    FILE *stream = fopen(path, "w+b");
    ck_assert_ptr_nonnull(stream);
    ck_assert_msg((trainer ? fmnn_trainer_save(trainer, stream, &err)
                           : fmnn_net_write(net, stream, &err)) == 0,
                  "%s", err.message);
    rewind(stream);
    used = fread(bytes, 1, sizeof bytes, stream);
    ck_assert(feof(stream) && used > 2048);
    fclose(stream);
}

static int read_as_weights(const char *path, struct fmnn_error *err)
{
    struct fmnn_net *got = fmnn_net_read(path, err);
    fmnn_net_free(got);
    return got ? 0 : -1;
}

static int resume(const char *path, struct fmnn_error *err)
{
    return fmnn_trainer_resume(trainer, path, err);
}

/* A way to read the file. Damage is always reported as an error in the file, never as other data or
   another recipe than the checkpoint's. */
typedef int reader(const char *path, struct fmnn_error *err);

static void refused(reader *read_file, const char *what, size_t at)
{
    struct fmnn_error err = {0};
    ck_assert_msg(read_file("file", &err) == -1, "%s %zu: accepted", what, at);
    ck_assert_msg(err.status == FMNN_DATA && !strncmp(err.message, "file: ", 6), "%s %zu: %d %s",
                  what, at, (int)err.status, err.message);
}

static void accepted(reader *read_file)
{
    struct fmnn_error err = {0};
    ck_assert_msg(read_file("file", &err) == 0, "%s", err.message);
}

static void truncate_anywhere(reader *read_file)
{
    save("file");
    accepted(read_file);
    for (size_t count = used; count-- > 0;) {
        ck_assert_int_eq(truncate("file", (off_t)count), 0);
        refused(read_file, "truncated to", count);
    }
}

/* Flips this bit of each byte in turn. */
static void flip_bit(reader *read_file, unsigned bit)
{
    save("file");
    int fd = open("file", O_WRONLY);
    for (size_t i = 0; i < used; i++) {
        uint8_t flipped = bytes[i] ^ (uint8_t)(1u << bit);
        ck_assert_int_eq(pwrite(fd, &flipped, 1, (off_t)i), 1);
        refused(read_file, "flipped bit", 8 * i + bit);
        ck_assert_int_eq(pwrite(fd, &bytes[i], 1, (off_t)i), 1);
    }
    close(fd);
    accepted(read_file);
}

START_TEST(truncated_weights)
{
    start(0);
    truncate_anywhere(read_as_weights);
    stop();
}
END_TEST

START_TEST(weights_with_flipped_bit)
{
    start(0);
    flip_bit(read_as_weights, (unsigned)_i);
    stop();
}
END_TEST

START_TEST(truncated_checkpoint)
{
    start_training();
    truncate_anywhere(read_as_weights);
    truncate_anywhere(resume); /* from now on the trainer has failed */
    stop();
}
END_TEST

START_TEST(checkpoint_with_flipped_bit)
{
    start_training();
    flip_bit(resume, (unsigned)_i);
    stop();
}
END_TEST

START_TEST(checkpoint_with_flipped_bit_as_weights)
{
    start_training();
    flip_bit(read_as_weights, (unsigned)_i);
    stop();
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("damage");
    tcase_add_test(tcase, truncated_weights);
    tcase_add_loop_test(tcase, weights_with_flipped_bit, 0, 8);
    tcase_add_test(tcase, truncated_checkpoint);
    tcase_add_loop_test(tcase, checkpoint_with_flipped_bit, 0, 8);
    tcase_add_loop_test(tcase, checkpoint_with_flipped_bit_as_weights, 0, 8);
    scratch_enter();
    int status = run_tests("damage", tcase);
    scratch_leave();
    return status;
}
