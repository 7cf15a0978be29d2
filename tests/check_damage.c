/* check_damage.c -- weight files and checkpoints cut off anywhere, or with any one bit another:
   all refused, as weights and for resuming. */
#include "engine.h"

#include <fcntl.h>
#include <unistd.h>

#include "data/samples.h"
#include "runner.h"
#include "scratch.h"
#include "engine/train.h"
#include "files/weights.h"

/* Every kind of layer, of padding and of activation, in 4 KB; and what makes a small checkpoint. */
static const struct {
    const char *text;
    size_t height, width, classes;
} nets[] = {
    {"conv 2 3x3 relu | maxpool 2 | conv 3 2x2 stride 2 tanh | conv 3 2x2 valid sigmoid"
     " | avgpool 2 | dense 64 relu | dense classes",
     16, 16, 10},
    {"conv 2 3x3 relu | maxpool 2 | dense classes", 4, 4, 3},
};

static const struct fmnn_training training = {
    .recipe = {.optimizer = "adam", .lr = 0.003, .batch = 4, .epochs = 4}, .threads = 1};

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
    net = fmnn_net_new(model, nets[which].height, nets[which].width, nets[which].classes, &err);
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
    fmnn_trainer_advance(trainer, &err); /* into the second epoch: a best one is kept */
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

/* One who reads the file. Whatever was damaged, it is told as the file's fault, never as that of
   who gave other data or another recipe. */
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

static void cut_anywhere(reader *read_file)
{
    save("file");
    accepted(read_file);
    for (size_t count = used; count-- > 0;) {
        ck_assert_int_eq(truncate("file", (off_t)count), 0);
        refused(read_file, "cut to", count);
    }
}

/* This bit of every byte. */
static void flip(reader *read_file, unsigned bit)
{
    save("file");
    int fd = open("file", O_WRONLY);
    for (size_t i = 0; i < used; i++) {
        uint8_t bent = bytes[i] ^ (uint8_t)(1u << bit);
        ck_assert_int_eq(pwrite(fd, &bent, 1, (off_t)i), 1);
        refused(read_file, "flipped bit", 8 * i + bit);
        ck_assert_int_eq(pwrite(fd, &bytes[i], 1, (off_t)i), 1);
    }
    close(fd);
    accepted(read_file);
}

START_TEST(weights_cut)
{
    start(0);
    cut_anywhere(read_as_weights);
    stop();
}
END_TEST

START_TEST(weights_flipped)
{
    start(0);
    flip(read_as_weights, (unsigned)_i);
    stop();
}
END_TEST

START_TEST(checkpoint_cut)
{
    start_training();
    cut_anywhere(read_as_weights);
    cut_anywhere(resume); /* after which the trainer has failed */
    stop();
}
END_TEST

START_TEST(checkpoint_flipped)
{
    start_training();
    flip(resume, (unsigned)_i);
    stop();
}
END_TEST

START_TEST(checkpoint_flipped_as_weights)
{
    start_training();
    flip(read_as_weights, (unsigned)_i);
    stop();
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("damage");
    tcase_add_test(tcase, weights_cut);
    tcase_add_loop_test(tcase, weights_flipped, 0, 8);
    tcase_add_test(tcase, checkpoint_cut);
    tcase_add_loop_test(tcase, checkpoint_flipped, 0, 8);
    tcase_add_loop_test(tcase, checkpoint_flipped_as_weights, 0, 8);
    scratch_enter();
    int status = run_tests("damage", tcase);
    scratch_leave();
    return status;
}
