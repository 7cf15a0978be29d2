/* train-tables.c -- the tables of --summary and --profile. */
#include "train/fm-train.h"

/* ---- --summary */

static void indent(unsigned depth)
{
    printf("%*s", 2 * (int)depth, "");
}

static void print_layer(const struct fmnn_layer *layer, unsigned depth_before)
{
    if (layer->opens) {
        indent(depth_before);
        printf("%s\t\t\t\t\n", layer->opens);
    }
    indent(layer->depth);
    printf("%s%s\t%zux%zux%zu\t%llu\t%llu\t%d\n", layer->depth < depth_before ? "} " : "",
           layer->text, layer->shape.channels, layer->shape.height, layer->shape.width,
           (unsigned long long)layer->parameters, (unsigned long long)layer->multiply_adds,
           layer->winograd);
}

void print_summary(const struct fmnn_net *net, bool exact)
{
    struct fmnn_layer layer;
    uint64_t parameters = 0, multiply_adds = 0, winograd = 0;
    unsigned depth = 0;
    printf("layer\toutput\tparameters\tmultiply_adds\twinograd\n");
    struct fmnn_shape shape = fmnn_net_shape(net);
    printf("input\t%zux%zux%zu\t0\t0\t0\n", shape.channels, shape.height, shape.width);
    for (size_t i = 0; fmnn_net_layer(net, i, &layer); i++) {
        layer.winograd &= !exact;
        print_layer(&layer, depth);
        parameters += layer.parameters;
        multiply_adds += layer.multiply_adds;
        winograd += layer.winograd ? layer.multiply_adds : 0;
        depth = layer.depth;
    }
    printf("total\t\t%llu\t%llu\t%.4g\n", (unsigned long long)parameters,
           (unsigned long long)multiply_adds,
           multiply_adds ? (double)winograd / (double)multiply_adds : 0);
}

/* ---- --profile */

/* The field is empty if there is nothing to report. */
static void print_rate(double rate, int digits)
{
    if (rate > 0)
        fprintf(stderr, "%.*f", digits, rate);
}

static void print_profile_row(const struct fmnn_profile_row *row, const char *job, double all,
                              double peak)
{
    double seconds = row->seconds > 0 ? row->seconds : 1;
    if (row->layer)
        fprintf(stderr, "%zu", row->layer);
    fprintf(stderr, "\t%s\t%s\t", row->text, row->phase);
    if (row->runs)
        fprintf(stderr, "%llu", (unsigned long long)row->runs);
    fprintf(stderr, "\t%.6f\t%.2f\t", row->seconds, all > 0 ? 100 * row->seconds / all : 0);
    print_rate(row->flops / seconds / 1e9, 1);
    fputc('\t', stderr);
    print_rate(peak > 0 ? 100 * row->flops_done / seconds / peak : 0, 1);
    fputc('\t', stderr);
    print_rate(row->bytes / seconds / 1e9, 1);
    fprintf(stderr, "\t%s\n", job);
}

static bool same_phase(const struct fmnn_profile_row *a, const struct fmnn_profile_row *b)
{
    return a->layer && a->layer == b->layer && !strcmp(a->phase, b->phase);
}

/* Adds up the consecutive rows of one layer and phase, unless each job has a row of its own.
   Returns the number of the next row. */
static size_t add_up_phase(const struct fmnn_trainer *trainer, size_t i, bool each,
                           struct fmnn_profile_row *row, char *job, size_t size)
{
    struct fmnn_profile_row next;
    snprintf(job, size, "%s", row->job);
    while (!each && fmnn_trainer_profile(trainer, ++i, &next) && same_phase(row, &next)) {
        size_t used = strlen(job);
        snprintf(job + used, size - used, "+%s", next.job);
        row->seconds += next.seconds;
        row->flops += next.flops;
        row->flops_done += next.flops_done;
        row->bytes += next.bytes;
    }
    return each ? i + 1 : i;
}

void print_profile(const struct fmnn_trainer *trainer, bool each)
{
    struct fmnn_profile_row row, total = {.text = "", .phase = "total"};
    for (size_t i = 0; fmnn_trainer_profile(trainer, i, &row); i++) {
        total.seconds += row.seconds;
        total.flops += row.flops;
        total.flops_done += row.flops_done;
        total.bytes += row.bytes;
    }
    double peak = fmnn_trainer_peak(trainer);
    fputs("number\tlayer\tphase\tcalls\tseconds\tpercent\tgflops\tpeak_percent\tgbytes\tjob\n",
          stderr);
    for (size_t i = 0; fmnn_trainer_profile(trainer, i, &row);) {
        char job[256];
        i = add_up_phase(trainer, i, each, &row, job, sizeof job);
        print_profile_row(&row, job, total.seconds, peak);
    }
    print_profile_row(&total, "", total.seconds, peak);
    fprintf(stderr, "\t\tpeak\t\t\t\t%.1f\t100.0\t\t\n", peak / 1e9);
}
