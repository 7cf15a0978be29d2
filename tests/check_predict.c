/* check_predict.c -- what is prepared for predictions, and predictions as the mean over several
   nets. */
#include "engine.h"

#include "data/samples.h"
#include "runner.h"

#include <fenv.h>
#include <math.h>

enum { HEIGHT = 9, WIDTH = 11, CLASSES = 7, NETS_AT_ONCE = 3, N = 70 };

static const char *const texts[NETS_AT_ONCE] = {
    "conv 3 3x3 bn relu | maxpool 2 | dense classes", "dense 20 tanh | dense classes",
    "conv 4 3x3 relu | conv 3 3x3 relu | avgpool all | dense classes"};

struct ensemble {
    struct fmnn_net *net[NETS_AT_ONCE];
    struct fmnn_data *data;
};

static struct ensemble make_ensemble(void)
{
    struct ensemble e = {.data = NULL};
    for (size_t i = 0; i < NETS_AT_ONCE; i++)
        e.net[i] = make_net_of(texts[i], HEIGHT, WIDTH, CLASSES, (unsigned)i + 1);
    e.data = make_data(e.net[0], N, 4);
    return e;
}

static void free_ensemble(struct ensemble *e)
{
    for (size_t i = 0; i < NETS_AT_ONCE; i++)
        fmnn_net_free(e->net[i]);
    fmnn_data_free(e->data);
}

static struct fmnn_predictor *predictor_of_all(const struct ensemble *e,
                                               const struct fmnn_prediction *prediction)
{
    struct fmnn_error err;
    struct fmnn_predictor *predictor = fmnn_predictor_new(e->net[0], prediction, &err);
    ck_assert_msg(predictor != NULL, "%s", err.message);
    for (size_t i = 1; i < NETS_AT_ONCE; i++)
        ck_assert_msg(fmnn_predictor_add(predictor, e->net[i], &err) == 0, "%s", err.message);
    return predictor;
}

/* Of each net alone, added in double in the order of the nets. */
static void mean_of_each(const struct ensemble *e, const struct fmnn_prediction *prediction,
                         float *mean)
{
    double sum[N * CLASSES] = {0};
    float p[N * CLASSES];
    for (size_t i = 0; i < NETS_AT_ONCE; i++) {
        struct fmnn_predictor *predictor = fmnn_predictor_new(e->net[i], prediction, NULL);
        fmnn_predictor_run(predictor, e->data->pixels, N, p);
        for (size_t k = 0; k < N * CLASSES; k++)
            sum[k] += (double)p[k];
        fmnn_predictor_free(predictor);
    }
    for (size_t k = 0; k < N * CLASSES; k++)
        mean[k] = (float)(sum[k] / NETS_AT_ONCE);
}

START_TEST(rounding_of_the_caller_does_not_matter)
{
    static const int modes[] = {FE_TONEAREST, FE_UPWARD};
    const struct fmnn_prediction prediction = {.threads = 1};
    struct ensemble e = make_ensemble();
    static float p[2][N * CLASSES];
    for (size_t i = 0; i < 2; i++) {
        struct fmnn_predictor *predictor = predictor_of_all(&e, &prediction);
        fesetround(modes[i]);
        fmnn_predictor_run(predictor, e.data->pixels, N, p[i]);
        ck_assert_int_eq(fegetround(), modes[i]);
        fesetround(FE_TONEAREST);
        fmnn_predictor_free(predictor);
    }
    ck_assert_mem_eq(p[0], p[1], sizeof *p);
    free_ensemble(&e);
}
END_TEST

/* The logarithm of the ratio of the two probabilities is the mean of the pixels. */
START_TEST(mean_of_a_large_map)
{
    enum { SIDE = 1024, LEVEL = 158 };
    static const float weights[2] = {1, 0};
    const struct fmnn_prediction prediction = {.threads = 1, .batch = 1};
    struct fmnn_net *net = make_net_of("avgpool all | dense classes nobias", SIDE, SIDE, 2, 1);
    fmnn_net_set(net, 0, weights);
    struct fmnn_predictor *predictor = fmnn_predictor_new(net, &prediction, NULL);
    uint8_t *pixels = malloc(SIDE * SIDE);
    float p[2];
    fmnn_predictor_run(predictor, memset(pixels, LEVEL, SIDE * SIDE), 1, p);
    ck_assert_double_eq_tol(log((double)p[0] / (double)p[1]), LEVEL / 255.0, 1e-4);
    free(pixels);
    fmnn_predictor_free(predictor);
    fmnn_net_free(net);
}
END_TEST

START_TEST(several_nets_predict_the_mean)
{
    static const size_t batches[] = {0, 1, 7, 64};
    struct ensemble e = make_ensemble();
    float wanted[N * CLASSES], got[N * CLASSES];
    for (enum fmnn_tta tta = FMNN_TTA_NONE; tta <= FMNN_TTA_FLIP_SHIFT; tta++)
        for (size_t b = 0; b < FM_COUNT(batches); b++) {
            struct fmnn_prediction prediction = {
                .batch = batches[b], .threads = (unsigned)b % 3 + 1, .tta = tta};
            mean_of_each(&e, &prediction, wanted);
            struct fmnn_predictor *predictor = predictor_of_all(&e, &prediction);
            memset(got, 0xff, sizeof got);
            fmnn_predictor_run(predictor, e.data->pixels, N, got);
            ck_assert_msg(!memcmp(got, wanted, sizeof got), "batch %zu, tta %d", batches[b], tta);
            memset(got, 0xff, sizeof got); /* one by one, and again */
            for (size_t n = 0; n < N; n++)
                fmnn_predictor_run(predictor, e.data->pixels + n * HEIGHT * WIDTH, 1,
                                   got + n * CLASSES);
            ck_assert(!memcmp(got, wanted, sizeof got));
            fmnn_predictor_free(predictor);
        }
    free_ensemble(&e);
}
END_TEST

/* Filters are transformed, and the factors of bn computed, before the first image and then never
   again; a run without images does not count. */
START_TEST(weights_are_prepared_once)
{
    enum { SIDE = 14, FEW = 5 };
    struct fmnn_net *net =
        make_net_of("conv 40 3x3 relu | conv 70 3x3 relu | maxpool 2 | bn relu | "
                    "conv 33 3x3 relu | maxpool all | dense classes",
                    SIDE, SIDE, CLASSES, 8);
    struct fmnn_data *data = make_data(net, FEW, 9);
    const struct fm_parameter *bn = &net->parameter[net->node[3].parameter];
    ck_assert(net->node[3].layer.type == &fm_bn);
    struct fm_plan *plan = fm_plan_new(net, 1, 1, false, FM_OPTIMIZER_adam, NULL);
    ck_assert_uint_eq(plan->once_ops, 3); /* two convolutions, bn */
    for (size_t k = 0; k < plan->op_count; k++)
        ck_assert_int_eq(plan->op[k].once, k < plan->once_ops);
    fm_plan_free(plan);
    plan = fm_plan_new(net, 1, 1, true, FM_OPTIMIZER_adam, NULL);
    ck_assert_uint_eq(plan->once_ops, 0);
    fm_plan_free(plan);
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct fmnn_predictor *predictor = predictor_of(net, 0, threads, NULL);
        struct fmnn_predictor *other = predictor_of(net, 3, threads, NULL);
        float wanted[FEW * CLASSES], got[FEW * CLASSES], kept = net->weights[bn->offset];
        fmnn_predictor_run(predictor, data->pixels, 0, NULL);
        fmnn_predictor_run(other, data->pixels, FEW, wanted);
        for (unsigned round = 0; round < 3; round++) {
            memset(got, 0xff, sizeof got);
            fmnn_predictor_run(predictor, data->pixels, FEW, got);
            ck_assert(!memcmp(got, wanted, sizeof got));
            memset(got, 0xff, sizeof got);
            for (size_t n = 0; n < FEW; n++)
                fmnn_predictor_run(predictor, data->pixels + n * SIDE * SIDE, 1, got + n * CLASSES);
            ck_assert(!memcmp(got, wanted, sizeof got));
            net->weights[bn->offset] = 7; /* is not read again */
        }
        fmnn_predictor_free(other);
        other = predictor_of(net, 0, threads, NULL);
        fmnn_predictor_run(other, data->pixels, FEW, got);
        ck_assert(memcmp(got, wanted, sizeof got));
        net->weights[bn->offset] = kept;
        fmnn_predictor_free(predictor);
        fmnn_predictor_free(other);
    }
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

/* More images than are added up at a time: 2^18 probabilities. */
START_TEST(many_images_are_predicted_in_parts)
{
    enum { MANY = 3 * ((1 << 18) / 4096), K = 4096 };
    struct fmnn_net *net = make_net_of("dense classes", 1, 2, K, 5);
    struct fmnn_data *data = make_data(net, MANY + 5, 6);
    struct fmnn_predictor *one = predictor_of(net, 8, 1, NULL),
                          *twice = predictor_of(net, 8, 1, NULL);
    ck_assert_int_eq(fmnn_predictor_add(twice, net, NULL), 0);
    size_t bytes = (MANY + 5) * K * sizeof(float);
    float *p = malloc(bytes), *q = malloc(bytes);
    fmnn_predictor_run(one, data->pixels, MANY + 5, p);
    fmnn_predictor_run(twice, data->pixels, MANY + 5, q);
    ck_assert(!memcmp(p, q, bytes)); /* (p + p) / 2 */
    free(p);
    free(q);
    fmnn_predictor_free(one);
    fmnn_predictor_free(twice);
    fmnn_data_free(data);
    fmnn_net_free(net);
}
END_TEST

START_TEST(batch_is_the_largest_of_the_nets)
{
    struct fmnn_net *small = make_net_of("dense classes", HEIGHT, WIDTH, CLASSES, 1);
    struct fmnn_net *large =
        make_net_of("conv 4000 3x3 relu | avgpool all | dense classes", HEIGHT, WIDTH, CLASSES, 1);
    struct fmnn_predictor *predictor = predictor_of(large, 0, 1, NULL);
    size_t before = fmnn_predictor_batch(predictor);
    ck_assert_int_eq(fmnn_predictor_add(predictor, small, NULL), 0);
    ck_assert_uint_lt(before, 256);
    ck_assert_uint_eq(fmnn_predictor_batch(predictor), 256);
    fmnn_predictor_free(predictor);
    fmnn_net_free(small);
    fmnn_net_free(large);
}
END_TEST

/* The predictor is as before. With names of classes, the first net is one that is folded. */
START_TEST(nets_that_do_not_agree_are_refused)
{
    struct ensemble e = make_ensemble();
    const struct fmnn_prediction prediction = {.threads = 1};
    static const char *const letters[CLASSES] = {"a", "b", "c", "d", "e", "f", "g"};
    struct fmnn_names *names = fmnn_names_copy(letters, CLASSES, NULL);
    struct fmnn_net *other[] = {make_net_of("dense classes", HEIGHT, WIDTH + 1, CLASSES, 1),
                                make_net_of("dense classes", HEIGHT, WIDTH, CLASSES + 1, 1)};
    float before[N * CLASSES], after[N * CLASSES];
    struct fmnn_error err;
    for (int named = 0; named < 2; named++) {
        for (size_t i = 0; named && i < NETS_AT_ONCE; i++)
            ck_assert_int_eq(fmnn_net_set_names(e.net[i], names, NULL), 0);
        struct fmnn_predictor *predictor = predictor_of_all(&e, &prediction);
        fmnn_predictor_run(predictor, e.data->pixels, N, before);
        for (size_t i = 0; i < FM_COUNT(other); i++) {
            ck_assert_int_eq(fmnn_predictor_add(predictor, other[i], &err), -1);
            ck_assert_int_eq(err.status, FMNN_USAGE);
            ck_assert_str_eq(err.message, i ? "8 classes, not 7" : "images of 9x12, not 9x11");
        }
        fmnn_predictor_run(predictor, e.data->pixels, N, after);
        ck_assert(!memcmp(before, after, sizeof before));
        fmnn_predictor_free(predictor);
    }
    for (size_t i = 0; i < FM_COUNT(other); i++)
        fmnn_net_free(other[i]);
    fmnn_names_free(names);
    free_ensemble(&e);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("predict");
    tcase_add_test(tcase, rounding_of_the_caller_does_not_matter);
    tcase_add_test(tcase, mean_of_a_large_map);
    tcase_add_test(tcase, several_nets_predict_the_mean);
    tcase_add_test(tcase, weights_are_prepared_once);
    tcase_add_test(tcase, many_images_are_predicted_in_parts);
    tcase_add_test(tcase, batch_is_the_largest_of_the_nets);
    tcase_add_test(tcase, nets_that_do_not_agree_are_refused);
    return run_tests("predict", tcase);
}
