/* leaks.c -- uses the library while an allocation fails, or it and all later ones, and checks that
   each call that fails returns an error and frees its memory.

     leaks DIR   (faultlib.so preloaded; DIR: made by mkidx, with image.png, table, weights) */
#include <fmnn.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "faultlib.h"

#pragma weak fault_arm
#pragma weak fault_counts
#pragma weak fault_malloc

static struct fmnn_error error;
static const char *directory;
static char path[4096];
static bool kept; /* the checkpoint is there */

static const char *in(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* jansson's parser may end with an assertion if it has no memory: it always gets some. */
static bool parsing;

static void *json_memory(size_t size)
{
    return parsing ? fault_malloc(size) : malloc(size);
}

/* ---- trials: each returns 0, or -1 with the error set, and has freed its memory */

static struct fmnn_net *make_net(struct fmnn_recipe **recipe)
{
    static const char *const words[] = {"coat", "bag", "boot"};
    struct fmnn_model *model =
        fmnn_model_parse("set batch 4; conv 2 3x3 relu | dense 4 relu | dense 3", "model", &error);
    struct fmnn_net *net =
        model ? fmnn_net_new(model, (struct fmnn_shape){1, 6, 6}, 3, &error) : NULL;
    struct fmnn_names *names = net ? fmnn_names_copy(words, 3, &error) : NULL;
    bool good = names && fmnn_net_set_names(net, names, &error) == 0;
    *recipe = good ? fmnn_recipe_new(fmnn_model_recipe(model), &error) : NULL;
    fmnn_names_free(names);
    fmnn_model_free(model);
    if (*recipe)
        return net;
    fmnn_net_free(net);
    return NULL;
}

static int write_net(void)
{
    struct fmnn_recipe *recipe;
    struct fmnn_net *net = make_net(&recipe);
    if (!net)
        return -1;
    fmnn_recipe_free(recipe);
    fmnn_net_initialise(net, 1, 1);
    FILE *stream = fopen("/dev/null", "wb");
    int status = stream ? fmnn_net_write(net, stream, &error) : -1;
    if (!stream)
        error.status = FMNN_SYSTEM;
    else
        fclose(stream);
    fmnn_net_free(net);
    return status;
}

static struct fmnn_data *read_images(struct fmnn_images *images)
{
    char name[32];
    struct fmnn_data *data = fmnn_data_new((struct fmnn_shape){1, 6, 6}, &error);
    for (unsigned i = 0; data && i < 10; i++) {
        uint8_t *pixels = fmnn_data_add(data, i % 3, &error);
        snprintf(name, sizeof name, "train:%u", i);
        if (!pixels ||
            fmnn_images_read(images, name, (struct fmnn_shape){1, 6, 6}, pixels, &error) != 0) {
            fmnn_data_free(data);
            return NULL;
        }
    }
    return data;
}

/* Three epochs, starting from the checkpoint if there is one. */
static int advance(struct fmnn_trainer *trainer, const char *checkpoint)
{
    int status;
    if (checkpoint && fmnn_trainer_resume(trainer, checkpoint, &error) != 0)
        return -1;
    while ((status = fmnn_trainer_advance(trainer, &error)) >= 0 && status != FMNN_DONE)
        ;
    return status < 0 ? -1 : 0;
}

static int save(struct fmnn_trainer *trainer)
{
    FILE *stream = fopen(kept ? "/dev/null" : in("checkpoint"), "wb");
    if (!stream) {
        error.status = FMNN_SYSTEM;
        return -1;
    }
    int status = fmnn_trainer_save(trainer, stream, &error);
    fclose(stream);
    return status == 0 ? fmnn_trainer_finish(trainer, &error) : -1;
}

static int train(const char *checkpoint)
{
    struct fmnn_recipe *recipe;
    struct fmnn_net *net = make_net(&recipe);
    struct fmnn_training training = {.recipe = recipe, .seed = 1, .threads = 1};
    struct fmnn_images *images = net ? fmnn_images_new(directory, &error) : NULL;
    struct fmnn_data *data = images ? read_images(images) : NULL;
    if (recipe)
        fmnn_recipe_set(recipe, "epochs", "3", NULL);
    if (data)
        fmnn_net_initialise(net, 1, 1);
    struct fmnn_trainer *trainer =
        data ? fmnn_trainer_new(net, data, data, &training, &error) : NULL;
    int status = trainer ? advance(trainer, checkpoint) : -1;
    if (status == 0)
        status = save(trainer);
    fmnn_trainer_free(trainer);
    fmnn_data_free(data);
    fmnn_images_free(images);
    fmnn_net_free(net);
    fmnn_recipe_free(recipe);
    return status;
}

static int train_anew(void)
{
    return train(NULL);
}

static int resume(void)
{
    parsing = true;
    int status = train(in("checkpoint"));
    parsing = false;
    return status;
}

static int predict(void)
{
    float probabilities[3];
    uint8_t pixels[36] = {0};
    parsing = true;
    struct fmnn_net *net = fmnn_net_read(in("weights"), &error);
    parsing = false;
    struct fmnn_predictor *predictor =
        net ? fmnn_predictor_new(net, &(struct fmnn_prediction){.threads = 1, .tta = FMNN_TTA_FLIP},
                                 &error)
            : NULL;
    int status = predictor ? fmnn_predictor_add(predictor, net, &error) : -1;
    if (predictor)
        fmnn_predictor_run(predictor, pixels, 1, probabilities);
    fmnn_predictor_free(predictor);
    fmnn_net_free(net);
    return status;
}

static int read_table(void)
{
    struct fmnn_table *table = fmnn_table_open(in("table"), FMNN_TABLE_ROWS, &error);
    int status = table ? fmnn_table_only(table, "train,valid", &error) : -1;
    if (status == 0)
        while ((status = fmnn_table_next(table, &error)) > 0)
            ;
    fmnn_table_close(table);
    return status;
}

static int read_files(void)
{
    struct fmnn_shape shape;
    uint8_t *pixels;
    struct fmnn_names *names;
    if (fmnn_png_read(in("image.png"), &shape, &pixels, &error) != 0)
        return -1;
    free(pixels);
    struct fmnn_idx *idx = fmnn_idx_open(in("train-labels-idx1-ubyte"), &error);
    fmnn_idx_close(idx);
    if (!idx || fmnn_names_of_directory("fashion-mnist", &names, &error) != 0)
        return -1;
    fmnn_names_free(names);
    struct fmnn_images *images = fmnn_images_new(NULL, &error);
    char *where = images ? fmnn_images_directory(images, in("image.png"), &error) : NULL;
    free(where);
    fmnn_images_free(images);
    return where ? 0 : -1;
}

static const struct trial {
    const char *name;
    int (*run)(void);
} trials[] = {
    {"write a net", write_net}, {"train", train_anew},        {"resume", resume},
    {"predict", predict},       {"read a table", read_table}, {"read files", read_files},
};

/* ---- all points */

static unsigned long failed;

static void complain(const struct trial *trial, unsigned long n, int on, const char *what)
{
    if (failed++ < 20)
        printf("# %s, point %lu%s: %s\n", trial->name, n, on ? " and all later ones" : "", what);
}

static unsigned long try_all(const struct trial *trial, int on)
{
    for (unsigned long n = 1;; n++) {
        memset(&error, 0, sizeof error);
        long before = fault_counts()->live;
        fault_arm(n, on);
        int status = trial->run();
        unsigned long refused = fault_counts()->refused;
        fault_arm(0, 0);
        if (fault_counts()->live != before)
            complain(trial, n, on,
                     fault_counts()->live - before > 1 ? "MUCH memory is not freed"
                     : fault_counts()->live < before   ? "less"
                                                       : "memory is not freed");
        if (status < 0 && error.status == FMNN_DATA)
            complain(trial, n, on, error.message);
        if (!refused) {
            if (status != 0)
                complain(trial, n, on, "it fails without a reason");
            return n - 1;
        }
    }
}

int main(int argc, char **argv)
{
    unsigned long points = 0;
    if (argc != 2 || !fault_arm) {
        fputs("usage: LD_PRELOAD=faultlib.so leaks DIR\n", stderr);
        return 99;
    }
    directory = argv[1];
    json_set_alloc_funcs(json_memory, free);
    fault_arm(0, 0);
    /* After this, stdio and threads have allocated the memory that they keep. */
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        if (trials[i].run() != 0) {
            fprintf(stderr, "leaks: %s: %s\n", trials[i].name, error.message);
            return 99;
        }
        kept |= trials[i].run == train_anew;
    }
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++)
        for (int on = 0; on < 2; on++)
            points += try_all(&trials[i], on);
    printf("# leaks: %lu points, %lu wrong\n", points, failed);
    return failed ? 1 : 0;
}
