/* calibration.c -- calibration of predictions: accuracy and mean confidence in bins of
   confidence. */
#include "base/float.h"

#include <math.h>

struct bin {
    uint64_t rows, correct;
    struct fm_sum confidence;
};

struct fmnn_calibration {
    size_t bins;
    struct bin whole;
    struct bin bin[];
};

struct fmnn_calibration *fmnn_calibration_new(size_t bins, struct fmnn_error *err)
{
    if (bins < 1 || bins > FMNN_CALIBRATION_MAX_BINS) {
        fm_fail(err, FMNN_USAGE, "%zu bins of confidence: expected 1 to %d", bins,
                FMNN_CALIBRATION_MAX_BINS);
        return NULL;
    }
    struct fmnn_calibration *c = fm_alloc(1, sizeof *c + bins * sizeof *c->bin, err);
    if (c)
        c->bins = bins;
    return c;
}

void fmnn_calibration_free(struct fmnn_calibration *c)
{
    free(c);
}

static double edge(const struct fmnn_calibration *c, size_t i)
{
    return (double)i / (double)c->bins;
}

/* The bins are (0, 1/n], (1/n, 2/n], ... The product is rounded, and so are the edges: a confidence
   near an edge is moved to the bin that contains it. */
static size_t bin_of(const struct fmnn_calibration *c, double confidence)
{
    double place = ceil(confidence * (double)c->bins) - 1;
    size_t i = place > 0 ? (size_t)place : 0;
    i = i < c->bins ? i : c->bins - 1;
    while (i > 0 && confidence <= edge(c, i))
        i--;
    while (i + 1 < c->bins && confidence > edge(c, i + 1))
        i++;
    return i;
}

static void add(struct bin *bin, double confidence, bool correct, uint64_t count)
{
    fm_sum_add(&bin->confidence, confidence * (double)count);
    bin->rows += count;
    bin->correct += correct ? count : 0;
    FM_COMPUTED(bin->confidence);
}

int fmnn_calibration_add(struct fmnn_calibration *c, double confidence, bool correct,
                         uint64_t count, struct fmnn_error *err)
{
    if (!(confidence >= 0 && confidence <= 1.000001)) /* rounding may have gone beyond 1 */
        return fm_fail(err, FMNN_DATA, "the confidence is not between 0 and 1");
    if (count > INT64_MAX - c->whole.rows)
        return fm_fail(err, FMNN_DATA, "the counts add up to 2^63 or more");
    confidence = confidence < 1 ? confidence : 1;
    fm_float_state before = fm_float_enter();
    add(&c->whole, confidence, correct, count);
    add(&c->bin[bin_of(c, confidence)], confidence, correct, count);
    fm_float_leave(before);
    return 0;
}

size_t fmnn_calibration_bins(const struct fmnn_calibration *c)
{
    return c->bins;
}

static struct fmnn_bin describe(const struct bin *bin, double from, double to)
{
    struct fmnn_bin b = {from, to, bin->rows, bin->correct, (double)NAN, (double)NAN};
    if (bin->rows) {
        b.confidence = bin->confidence.value / (double)bin->rows;
        b.accuracy = (double)bin->correct / (double)bin->rows;
    }
    return b;
}

struct fmnn_bin fmnn_calibration_bin(const struct fmnn_calibration *c, size_t i)
{
    assert(i < c->bins);
    fm_float_state before = fm_float_enter();
    struct fmnn_bin bin = describe(&c->bin[i], edge(c, i), edge(c, i + 1));
    FM_COMPUTED(bin);
    fm_float_leave(before);
    return bin;
}

struct fmnn_bin fmnn_calibration_total(const struct fmnn_calibration *c)
{
    fm_float_state before = fm_float_enter();
    struct fmnn_bin whole = describe(&c->whole, 0, 1);
    FM_COMPUTED(whole);
    fm_float_leave(before);
    return whole;
}

static double gap(const struct bin *bin)
{
    return bin->rows ? fabs((double)bin->correct - bin->confidence.value) / (double)bin->rows : 0;
}

double fmnn_calibration_error(const struct fmnn_calibration *c)
{
    fm_float_state before = fm_float_enter();
    double error = 0, rows = (double)c->whole.rows;
    for (size_t i = 0; i < c->bins; i++)
        error += gap(&c->bin[i]) * ((double)c->bin[i].rows / rows);
    FM_COMPUTED(error);
    fm_float_leave(before);
    return c->whole.rows ? error : (double)NAN;
}

double fmnn_calibration_max_error(const struct fmnn_calibration *c)
{
    fm_float_state before = fm_float_enter();
    double worst = 0;
    for (size_t i = 0; i < c->bins; i++)
        worst = gap(&c->bin[i]) > worst ? gap(&c->bin[i]) : worst;
    FM_COMPUTED(worst);
    fm_float_leave(before);
    return c->whole.rows ? worst : (double)NAN;
}
