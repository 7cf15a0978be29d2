/* predict-rate.c -- how fast libfmnn predicts images that lie in memory, for tests/bench/compare:

     predict-rate rate WEIGHTS IDX COUNT THREADS SECONDS    images over and over for so long
     predict-rate product THREADS SECONDS                   the rate of the panel product

   The kernel set is $FMNN_KERNELS, as for the programs. The first prints images a second, the
   mean of the highest probabilities and how many images each class had; the second FLOP/s of
   nets of one wide layer, which are little else than the panel product, for several widths. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <fmnn.h>

static struct fmnn_error error = {.message = "out of memory"};

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "predict-rate: %s\n", what);
    exit(2);
}

static void *need(void *object)
{
    if (!object)
        give_up(error.message);
    return object;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct fmnn_predictor *predictor_of(const struct fmnn_net *net, const char *threads)
{
    const char *kernels = getenv("FMNN_KERNELS");
    if (kernels && !*kernels)
        kernels = NULL;
    struct fmnn_prediction prediction = {.threads = (unsigned)strtoul(threads, NULL, 10),
                                         .kernels = kernels};
    return need(fmnn_predictor_new(net, &prediction, &error));
}

/* Images a second, all of them over and over for so long; once before the clock starts. */
static double rate(struct fmnn_predictor *predictor, const uint8_t *pixels, size_t count,
                   float *probabilities, double seconds)
{
    size_t done = 0;
    double start, took;
    fmnn_predictor_run(predictor, pixels, count, probabilities);
    start = now();
    do {
        fmnn_predictor_run(predictor, pixels, count, probabilities);
        done += count;
        took = now() - start;
    } while (took < seconds);
    return (double)done / took;
}

/* ---- images of a file */

static void print_result(const float *probabilities, size_t count, size_t classes)
{
    double confidence = 0;
    size_t *predicted = calloc(classes, sizeof *predicted);
    if (!predicted)
        give_up("out of memory");
    for (size_t i = 0; i < count; i++) {
        size_t best = fmnn_best_class(probabilities + i * classes, classes);
        predicted[best]++;
        confidence += (double)probabilities[i * classes + best];
    }
    printf("\t%.6f", confidence / (double)count);
    for (size_t k = 0; k < classes; k++)
        printf("\t%zu", predicted[k]);
    putchar('\n');
    free(predicted);
}

static void rate_of_file(char **argument)
{
    struct fmnn_net *net = need(fmnn_net_read(argument[0], &error));
    struct fmnn_idx *idx = need(fmnn_idx_open(argument[1], &error));
    size_t count = strtoul(argument[2], NULL, 10), classes = fmnn_net_classes(net);
    if (count == 0 || count > fmnn_idx_size(idx, 0))
        give_up("the file has fewer images");
    uint8_t *pixels = need(malloc(count * fmnn_idx_row_bytes(idx)));
    float *probabilities = need(malloc(count * classes * sizeof *probabilities));
    if (fmnn_idx_read(idx, 0, count, pixels, &error) != 0)
        give_up(error.message);
    struct fmnn_predictor *predictor = predictor_of(net, argument[3]);
    printf("%.6g", rate(predictor, pixels, count, probabilities, strtod(argument[4], NULL)));
    print_result(probabilities, count, classes);
    fmnn_predictor_free(predictor);
    fmnn_idx_close(idx);
    fmnn_net_free(net);
    free(probabilities);
    free(pixels);
}

/* ---- the product */

enum { SIDE = 28, IMAGES = 4096, CLASSES = 10 };

static double product_rate(unsigned units, const char *threads, double seconds)
{
    char text[64];
    snprintf(text, sizeof text, "dense %u relu | dense classes", units);
    struct fmnn_model *model = need(fmnn_model_parse(text, "model", &error));
    struct fmnn_net *net =
        need(fmnn_net_new(model, (struct fmnn_shape){1, SIDE, SIDE}, CLASSES, &error));
    uint8_t *pixels = need(malloc((size_t)IMAGES * SIDE * SIDE));
    float *probabilities = need(malloc(sizeof(float) * IMAGES * CLASSES));
    fmnn_net_initialise(net, 0, 0);
    for (size_t i = 0; i < (size_t)IMAGES * SIDE * SIDE; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    struct fmnn_predictor *predictor = predictor_of(net, threads);
    double images = rate(predictor, pixels, IMAGES, probabilities, seconds);
    fmnn_predictor_free(predictor);
    fmnn_net_free(net);
    fmnn_model_free(model);
    free(probabilities);
    free(pixels);
    return images * 2 * units * (SIDE * SIDE + CLASSES);
}

int main(int argc, char **argv)
{
    static const unsigned units[] = {256, 512, 1024, 2048};
    if (argc == 7 && argv[1][0] == 'r') {
        rate_of_file(argv + 2);
    } else if (argc == 4 && argv[1][0] == 'p') {
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            printf("%.6g%c", product_rate(units[i], argv[2], strtod(argv[3], NULL)),
                   i + 1 < sizeof units / sizeof *units ? '\t' : '\n');
    } else {
        fputs("usage: predict-rate rate WEIGHTS IDX COUNT THREADS SECONDS\n"
              "       predict-rate product THREADS SECONDS\n",
              stderr);
        return 2;
    }
    return 0;
}
