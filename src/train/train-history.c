/* train-history.c -- what is shown epoch by epoch: history, progress and, at the end, the
   result. */
#include "train/fm-train.h"

#include <math.h>

#include "common/overfitting.h"

/* ---- the history */

void print_history_header(FILE *history)
{
    fputs("epoch\tloss\taccuracy\tval_loss\tval_accuracy\tlr\tseconds\n", history);
}

void print_epoch(FILE *history, const struct fmnn_epoch *e)
{
    char loss[32], accuracy[32], val_loss[32] = "", val_accuracy[32] = "", lr[32], seconds[32];
    fmnn_format_number(loss, e->loss);
    fmnn_format_number(accuracy, e->accuracy);
    if (e->validated) {
        fmnn_format_number(val_loss, e->val_loss);
        fmnn_format_number(val_accuracy, e->val_accuracy);
    }
    fmnn_format_number(lr, e->lr);
    fmnn_format_number(seconds, e->seconds);
    fprintf(history, "%u\t%s\t%s\t%s\t%s\t%s\t%s\n", e->epoch, loss, accuracy, val_loss,
            val_accuracy, lr, seconds);
}

/* ---- progress */

void show_training(struct progress *p, struct fmnn_trainer *trainer, unsigned epochs)
{
    enum { WIDTH = 24 };
    static const char full[] = "########################", empty[] = "........................";
    size_t done, all;
    double now = seconds_now();
    if (!p->wanted || now - p->last < 0.1)
        return;
    p->last = now;
    const struct fmnn_epoch *running = fmnn_trainer_progress(trainer, &done, &all);
    int marks = (int)(WIDTH * done / all);
    double left = done ? running->seconds * (double)(all - done) / (double)done : 0;
    draw_progress("Epoch %u/%u [%.*s%.*s] %zu/%zu  loss %.4f  accuracy %.4f  %.0f s left",
                  running->epoch, epochs, marks, full, WIDTH - marks, empty, done, all,
                  running->loss, running->accuracy, left);
}

/* ---- the result */

/* Frees the text, which may be NULL. */
static void report(char *text)
{
    if (text && (verbose() || progress_wanted()))
        note("%s", text);
    free(text);
}

static void report_kept(const struct fmnn_trainer *trainer, unsigned kept, unsigned count,
                        const char *output)
{
    const struct fmnn_epoch *epoch = fmnn_trainer_epoch(trainer, kept);
    if (!epoch && count)
        report(
            text_format("%s contains the latest weights, from within epoch %u", output, count + 1));
    else if (!epoch)
        report(text_format("%s contains the weights from before the end of epoch 1", output));
    else if (!epoch->validated)
        report(text_format("%s contains the weights of epoch %u", output, kept));
    else
        report(text_format("%s contains the weights of epoch %u: validation accuracy %.4f, "
                           "training accuracy %.4f",
                           output, kept, epoch->val_accuracy, epoch->accuracy));
}

static void report_overfitting(const double *training, const double *validation, unsigned count,
                               unsigned kept)
{
    struct overfitting overfitting = find_overfitting(training, validation, count);
    size_t best = overfitting.best;
    if (best < count && best + 1 != kept && validation[best] > 0)
        report(text_format("the best epoch was %zu: validation accuracy %.4f", best + 1,
                           validation[best]));
    report(overfitting_text(&overfitting, (double)overfitting.onset + 1));
}

/* A rate that has sunk makes any loss fall, and a longer training would be another schedule. */
static bool rate_has_sunk(const struct fmnn_trainer *trainer, unsigned count)
{
    double max = 0;
    for (unsigned i = 1; i <= count; i++)
        max = fmax(max, fmnn_trainer_epoch(trainer, i)->lr);
    return fmnn_trainer_epoch(trainer, count)->lr < max / 10;
}

void note_falling_loss(const struct fmnn_trainer *trainer)
{
    unsigned count = 0;
    while (fmnn_trainer_epoch(trainer, count + 1))
        count++;
    const struct fmnn_epoch *last = fmnn_trainer_epoch(trainer, count);
    if (!last || rate_has_sunk(trainer, count))
        return;
    bool validated = last->validated;
    if ((validated ? last->val_accuracy : last->accuracy) >= 1)
        return; /* nothing is left to improve */
    double *loss = xcalloc(count, sizeof *loss);
    for (unsigned i = 0; i < count; i++) {
        const struct fmnn_epoch *epoch = fmnn_trainer_epoch(trainer, i + 1);
        loss[i] = validated ? epoch->val_loss : epoch->loss;
    }
    size_t epochs;
    double fall = falling_loss(loss, count, &epochs);
    if (fall > 0)
        note("the %s loss still fell by %.2g %% over the last %zu of %u epochs: more epochs or a "
             "higher --lr may give a better net",
             validated ? "validation" : "training", 100 * fall, epochs, count);
    free(loss);
}

void report_result(const struct fmnn_trainer *trainer, const char *output)
{
    unsigned kept = fmnn_trainer_kept(trainer), count = 0;
    while (fmnn_trainer_epoch(trainer, count + 1))
        count++;
    double *training = xcalloc(count, sizeof *training);
    double *validation = xcalloc(count, sizeof *validation);
    for (unsigned i = 0; i < count; i++) {
        const struct fmnn_epoch *epoch = fmnn_trainer_epoch(trainer, i + 1);
        training[i] = epoch->accuracy;
        validation[i] = epoch->validated ? epoch->val_accuracy : (double)NAN;
    }
    report_kept(trainer, kept, count, output);
    report_overfitting(training, validation, count, kept);
    free(training);
    free(validation);
}
