/* embed.c -- a classifier inside another program.

     embed WEIGHTS             trains a net on generated images and writes its weights
     embed WEIGHTS IMAGE...    predicts the class of each image: FILE.png, or FILE:N, row N of
                               an IDX file

   cc embed.c $(pkg-config --cflags --libs fmnn) -o embed */
#include <fmnn.h>
#include <stdlib.h>

static struct fmnn_error error;

static void need(bool good)
{
    if (good)
        return;
    fprintf(stderr, "embed: %s\n", error.message);
    exit(EXIT_FAILURE);
}

enum { SIDE = 8 };

/* Horizontal (class 0) or vertical (class 1) stripes with noise. */
static void make_images(struct fmnn_data *data, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned label = i % 2;
        uint8_t *pixels = fmnn_data_add(data, label, &error);
        need(pixels != NULL);
        for (unsigned y = 0; y < SIDE; y++)
            for (unsigned x = 0; x < SIDE; x++) {
                unsigned bright = ((label ? x : y) + i / 2) / 2 % 2;
                pixels[y * SIDE + x] = (uint8_t)(bright * 150 + (unsigned)rand() % 100);
            }
    }
}

static void train(const char *path)
{
    static const char text[] = "set lr 0.01; set batch 8; set epochs 5\n"
                               "conv 4 3x3 relu | maxpool 2 | dense classes";
    static const char *const words[] = {"lying", "standing"};
    const struct fmnn_shape shape = {.channels = 1, .height = SIDE, .width = SIDE};
    struct fmnn_model *model = fmnn_model_parse(text, "model", &error);
    need(model != NULL);
    struct fmnn_net *net = fmnn_net_new(model, shape, 2, &error);
    struct fmnn_names *names = net ? fmnn_names_copy(words, 2, &error) : NULL;
    need(names && fmnn_net_set_names(net, names, &error) == 0);
    struct fmnn_data *data = fmnn_data_new(shape, &error);
    need(data != NULL);
    make_images(data, 400);

    struct fmnn_training training = {.recipe = fmnn_model_recipe(model), .seed = 1};
    fmnn_net_initialise(net, training.seed, training.threads);
    struct fmnn_trainer *trainer = fmnn_trainer_new(net, data, NULL, &training, &error);
    need(trainer != NULL);
    int progress;
    for (unsigned epoch = 1; (progress = fmnn_trainer_advance(trainer, &error)) != FMNN_DONE;) {
        need(progress >= 0);
        if (progress != FMNN_EPOCH)
            continue;
        printf("epoch %u: accuracy %.2f\n", epoch, fmnn_trainer_epoch(trainer, epoch)->accuracy);
        epoch++;
    }
    need(fmnn_trainer_finish(trainer, &error) == 0);
    FILE *file = fopen(path, "wb");
    if (!file || fmnn_net_write(net, file, &error) != 0 || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    fmnn_trainer_free(trainer);
    fmnn_data_free(data);
    fmnn_names_free(names);
    fmnn_net_free(net);
    fmnn_model_free(model);
}

static void predict(const char *weights, char **image)
{
    struct fmnn_net *net = fmnn_net_read(weights, &error);
    need(net != NULL);
    struct fmnn_predictor *predictor = fmnn_predictor_new(net, NULL, &error);
    need(predictor != NULL);
    struct fmnn_images *images = fmnn_images_new(NULL, &error);
    need(images != NULL);
    struct fmnn_shape shape = fmnn_net_shape(net);
    size_t classes = fmnn_net_classes(net);
    const struct fmnn_names *names = fmnn_net_names(net);
    uint8_t *pixels = malloc(shape.channels * shape.height * shape.width);
    float *probabilities = malloc(classes * sizeof *probabilities);
    if (!pixels || !probabilities)
        abort();
    for (; *image; image++) {
        need(fmnn_images_read(images, *image, shape, pixels, &error) == 0);
        fmnn_predictor_run(predictor, pixels, 1, probabilities);
        size_t best = fmnn_best_class(probabilities, classes);
        printf("%s: class %zu (%s), probability %.3f\n", *image, best,
               names ? names->name[best] : "no name", (double)probabilities[best]);
    }
    free(probabilities);
    free(pixels);
    fmnn_images_free(images);
    fmnn_predictor_free(predictor);
    fmnn_net_free(net);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "Usage: embed WEIGHTS [IMAGE...]\n");
        return EXIT_FAILURE;
    }
    if (argc == 2)
        train(argv[1]);
    else
        predict(argv[1], argv + 2);
    return EXIT_SUCCESS;
}
