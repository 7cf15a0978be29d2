/* confusion-text.c -- an evaluation for people: plain text and Markdown.

   Contents: 1. Parts  2. The matrix  3. The report and the pairs
     4. Confidence and comparison  5. Text  6. Markdown */
#include "confusion/fm-confusion.h"

#include <inttypes.h>
#include <math.h>

enum { CELL = 64 };

/* ---- 1. Parts ---- */

/* Width on a terminal. */
static int width_of(const char *text)
{
    return (int)text_cells(text);
}

/* The number of characters, which is the width for Python. Continuation bytes of UTF-8 are
   10xxxxxx. */
static int characters_of(const char *text)
{
    int characters = 0;
    for (; *text; text++)
        characters += ((unsigned char)*text & 0xc0) != 0x80;
    return characters;
}

static void put_left(const char *text, int width)
{
    printf("%s%*s", text, width > width_of(text) ? width - width_of(text) : 0, "");
}

static void put_right(const char *text, int width)
{
    printf("%*s%s", width > width_of(text) ? width - width_of(text) : 0, "", text);
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* A cell: a count or a percentage. Zeros off the diagonal are dots, so that confusions stand
   out. */
static void write_number(const struct evaluation *e, size_t truth, size_t predicted,
                         char text[CELL])
{
    uint64_t count = fmnn_confusion_count(e->matrix, truth, predicted);
    if (count == 0 && truth != predicted)
        snprintf(text, CELL, ".");
    else if (e->fraction)
        snprintf(text, CELL, "%.1f", 100 * e->fraction[truth * e->classes + predicted]);
    else
        snprintf(text, CELL, "%" PRIu64, count);
}

static void write_label(const struct evaluation *e, size_t i, char text[CELL])
{
    snprintf(text, CELL, "%zu", fmnn_confusion_label(e->matrix, i));
}

static const char *unit_of_cells(const struct evaluation *e)
{
    return !strcmp(e->normalize, "true") ? "Cells are percentages of their row, the true class."
           : !strcmp(e->normalize, "pred")
               ? "Cells are percentages of their column, the predicted class."
               : "Cells are percentages of all rows.";
}

/* ---- 2. The matrix ---- */

struct layout {
    int label, head; /* widths of the rows' labels, without and with names */
    int cell;        /* width of a cell, with room for the brackets that mark the diagonal */
    int total;       /* width of the row totals */
};

static struct layout lay_out(const struct evaluation *e)
{
    char text[CELL];
    struct layout w = {.head = (int)strlen("predicted"), .total = (int)strlen("total")};
    int longest = 0;
    w.cell = e->named ? 6 : 0; /* room for five letters of a name */
    for (size_t i = 0; i < e->classes; i++) {
        write_label(e, i, text);
        w.label = larger(w.label, width_of(text));
        longest = larger(longest, width_of(e->name[i]));
        snprintf(text, sizeof text, "%" PRIu64, e->report->score[i].support);
        w.total = larger(w.total, width_of(text));
        for (size_t k = 0; k < e->classes; k++) {
            write_number(e, i, k, text);
            w.cell = larger(w.cell, width_of(text) + 2);
        }
    }
    w.cell = larger(w.cell, w.label + 2);
    w.head = larger(w.head, e->named ? w.label + 1 + longest : w.label);
    return w;
}

/* Two lines: the labels of the columns, and their names, cut to the width of a cell. */
static void put_heads(const struct evaluation *e, const struct layout *w)
{
    char text[CELL];
    put_left("predicted", w->head + 1);
    for (size_t i = 0; i < e->classes; i++) {
        write_label(e, i, text);
        printf("%*s%s", w->cell - 1, text, i + 1 < e->classes ? " " : "\n");
    }
    put_left("truth", w->head + 1);
    for (size_t i = 0; i < e->classes; i++) {
        const char *name = e->named ? e->name[i] : "";
        bool fits = width_of(name) < w->cell - 1;
        char *shown = text_format("%.*s", (int)text_within(name, (size_t)w->cell - 1), name);
        put_right(shown, w->cell - fits);
        fputs(fits ? " " : "", stdout);
        free(shown);
    }
    printf("  %*s  recall\n", w->total, "total");
}

static void put_row(const struct evaluation *e, const struct layout *w, size_t i)
{
    char text[CELL], cell[CELL + 2];
    const struct fmnn_score *score = &e->report->score[i];
    write_label(e, i, text);
    if (e->named) {
        printf("%*s ", w->label, text);
        put_left(e->name[i], w->head - w->label);
    } else {
        printf("%*s%*s", w->label, text, w->head + 1 - w->label, "");
    }
    for (size_t k = 0; k < e->classes; k++) {
        write_number(e, i, k, text);
        snprintf(cell, sizeof cell, i == k ? "[%s]" : "%s ", text);
        printf("%*s", w->cell, cell);
    }
    printf("  %*" PRIu64, w->total, score->support);
    if (score->support)
        printf(" %5.1f %%\n", 100 * score->recall);
    else
        printf("       -\n");
}

static void put_matrix(const struct evaluation *e)
{
    struct layout w = lay_out(e);
    if (e->fraction)
        printf("%s\n\n", unit_of_cells(e));
    put_heads(e, &w);
    for (size_t i = 0; i < e->classes; i++)
        put_row(e, &w, i);
}

/* ---- 3. The report and the pairs ---- */

static void report_line(const char *name, int width, int digits, const struct fmnn_score *score)
{
    int characters = characters_of(name);
    printf("%*s%s", width > characters ? width - characters : 0, "", name);
    printf("  %9.*f %9.*f %9.*f %9" PRIu64 "\n", digits, score->precision, digits, score->recall,
           digits, score->f1, score->support);
}

/* Identical to scikit-learn's classification_report(labels=..., target_names=...). */
static void print_report(const struct evaluation *e)
{
    const struct fmnn_report *report = e->report;
    int width = larger((int)strlen("weighted avg"), e->digits);
    for (size_t i = 0; i < e->classes; i++)
        width = larger(width, characters_of(e->name[i]));
    printf("%*s  %9s %9s %9s %9s\n\n", width, "", "precision", "recall", "f1-score", "support");
    for (size_t i = 0; i < e->classes; i++)
        report_line(e->name[i], width, e->digits, &report->score[i]);
    printf("\n%*s  %9s %9s %9.*f %9" PRIu64 "\n", width, "accuracy", "", "", e->digits,
           report->accuracy, report->macro.support);
    report_line("macro avg", width, e->digits, &report->macro);
    report_line("weighted avg", width, e->digits, &report->weighted);
}

/* A value of 0..1 to the report's digits and two more, or a dash. */
static void write_area(const struct evaluation *e, double area, char text[CELL])
{
    if (isnan(area))
        snprintf(text, CELL, "-");
    else
        snprintf(text, CELL, "%.*f", e->digits + 2, area);
}

static void ranking_line(const struct evaluation *e, const char *name, int width,
                         struct fmnn_ranking_score score)
{
    char auc[CELL], precision[CELL];
    write_area(e, score.roc_auc, auc);
    write_area(e, score.average_precision, precision);
    put_right(name, width);
    printf("  %9s %18s\n", auc, precision);
}

static void print_ranking(const struct evaluation *e)
{
    int width = (int)strlen("weighted avg");
    for (size_t i = 0; i < e->classes; i++)
        width = larger(width, width_of(e->name[i]));
    printf("%*s  %9s %18s\n\n", width, "", "ROC AUC", "average precision");
    for (size_t i = 0; i < e->classes; i++)
        ranking_line(e, e->name[i], width, rank_of_class(e, i));
    putchar('\n');
    ranking_line(e, "macro avg", width, e->ranking->macro);
    ranking_line(e, "weighted avg", width, e->ranking->weighted);
    ranking_line(e, "micro avg", width, e->ranking->micro);
}

static double fraction_of_truth(const struct evaluation *e, const struct fmnn_pair *pair)
{
    return (double)pair->count / (double)e->report->score[pair->truth].support;
}

static void print_pairs(const struct evaluation *e)
{
    if (!e->pairs) {
        printf("No classes were confused.\n");
        return;
    }
    int width = snprintf(NULL, 0, "%" PRIu64, e->pair[0].count); /* the first is the largest */
    printf("Most confused, truth -> prediction:\n");
    for (size_t i = 0; i < e->pairs; i++) {
        const struct fmnn_pair *pair = &e->pair[i];
        const char *truth = e->name[pair->truth];
        printf("  %*" PRIu64 "  %s -> %s (%.1f %% of %s)\n", width, pair->count, truth,
               e->name[pair->predicted], 100 * fraction_of_truth(e, pair), truth);
    }
}

/* ---- 4. Confidence and comparison ---- */

static void print_reliability(const struct evaluation *e)
{
    struct fmnn_bin whole = fmnn_calibration_total(e->calibration);
    int width = larger((int)strlen("rows"), snprintf(NULL, 0, "%" PRIu64, whole.rows));
    printf("   confidence  %*s  mean conf.  accuracy  95 %% interval\n", width, "rows");
    for (size_t i = 0; i < fmnn_calibration_bins(e->calibration); i++) {
        struct fmnn_bin bin = fmnn_calibration_bin(e->calibration, i);
        struct fmnn_interval in = fmnn_wilson(bin.correct, bin.rows);
        printf("%5.3f .. %5.3f  %*" PRIu64, bin.from, bin.to, width, bin.rows);
        if (bin.rows)
            printf("  %10.4f  %8.4f  %.4f .. %.4f\n", bin.confidence, bin.accuracy, in.low,
                   in.high);
        else
            printf("  %10s  %8s\n", "-", "-");
    }
    printf("all            %*" PRIu64 "  %10.4f  %8.4f\n", width, whole.rows, whole.confidence,
           whole.accuracy);
}

static const char *meaning_of(const struct fmnn_mcnemar *test)
{
    return test->exact < 0.05 ? "below 0.05: unlikely to be chance"
                              : "not below 0.05: may be chance";
}

static void print_comparison(const struct evaluation *e)
{
    const struct comparison_counts *c = e->comparison;
    struct comparison_metrics m = comparison_metrics(c);
    int width = snprintf(NULL, 0, "%" PRIu64, m.rows);
    char *other = text_clean(e->other);
    printf("Compared with %s, %" PRIu64 " rows in both:\n", other, m.rows);
    free(other);
    printf("  %*" PRIu64 "  correct in both\n", width, c->rows[BOTH_CORRECT]);
    printf("  %*" PRIu64 "  correct only here\n", width, c->rows[FIRST_CORRECT]);
    printf("  %*" PRIu64 "  correct only there\n", width, c->rows[SECOND_CORRECT]);
    printf("  %*" PRIu64 "  correct in neither\n", width, c->rows[NEITHER_CORRECT]);
    printf("accuracy here  %.2f %%, there %.2f %%, difference %+.2f\n", 100 * m.accuracy,
           100 * m.accuracy_against, 100 * (m.accuracy - m.accuracy_against));
    printf("McNemar        p = %.3g by the exact test, %s\n", m.test.exact, meaning_of(&m.test));
}

void print_extras(const struct evaluation *e)
{
    if (e->report_wanted) {
        putchar('\n');
        print_report(e);
    }
    if (e->ranking) {
        putchar('\n');
        print_ranking(e);
    }
    if (e->pairs_wanted) {
        putchar('\n');
        print_pairs(e);
    }
    if (e->reliability_wanted) {
        putchar('\n');
        print_reliability(e);
    }
    if (e->comparison) {
        putchar('\n');
        print_comparison(e);
    }
}

/* ---- 5. Text ---- */

/* A name, to be followed by its value: in columns, or as an item of a Markdown list. */
static void metric_name(const char *name, bool markdown)
{
    if (markdown)
        printf("- %s: ", name);
    else
        put_left(name, (int)strlen("cross-entropy  "));
}

static void print_agreement(const struct evaluation *e, bool markdown)
{
    char text[CELL];
    metric_name("balanced acc.", markdown);
    printf("%.2f %%\n", 100 * e->report->balanced_accuracy);
    metric_name("Cohen's kappa", markdown);
    if (isnan(e->report->kappa))
        puts("- (there is only one class)");
    else
        printf("%.4f\n", e->report->kappa);
    metric_name("Matthews", markdown);
    printf("%.4f (correlation)\n", e->report->mcc);
    if (!e->ranking)
        return;
    metric_name("ROC AUC", markdown);
    write_area(e, e->ranking->macro.roc_auc, text);
    printf("%s (mean of the classes)\n", text);
    metric_name("avg precision", markdown);
    write_area(e, e->ranking->macro.average_precision, text);
    printf("%s (mean of the classes)\n", text);
}

static void print_metrics(const struct evaluation *e, bool markdown)
{
    uint64_t correct = fmnn_confusion_correct(e->matrix), rows = fmnn_confusion_total(e->matrix);
    struct fmnn_interval in = fmnn_wilson(correct, rows);
    metric_name("accuracy", markdown);
    printf("%.2f %%\n", 100 * e->report->accuracy);
    metric_name("95 % interval", markdown);
    printf("%.2f .. %.2f %%\n", 100 * in.low, 100 * in.high);
    if (e->top) {
        char name[32];
        snprintf(name, sizeof name, "top %zu", e->top);
        metric_name(name, markdown);
        printf("%.2f %%\n", 100 * top_accuracy(e));
    }
    if (!isnan(e->cross_entropy)) {
        metric_name("cross-entropy", markdown);
        printf("%.5f\n", e->cross_entropy);
    }
    if (e->calibration) {
        metric_name("calibration", markdown);
        printf("%.5f (ECE of %zu bins)\n", fmnn_calibration_error(e->calibration),
               fmnn_calibration_bins(e->calibration));
    }
    if (e->report_wanted)
        print_agreement(e, markdown);
    metric_name("rows", markdown);
    printf("%" PRIu64 ", %" PRIu64 " correct\n", rows, correct);
    if (e->skipped) {
        metric_name("skipped", markdown);
        printf("%" PRIu64 " without a label\n", e->skipped);
    }
}

void print_text(const struct evaluation *e)
{
    put_matrix(e);
    putchar('\n');
    print_metrics(e, false);
    print_extras(e);
}

/* ---- 6. Markdown ---- */

/* Escapes what Markdown would take for markup. */
static void put_escaped(const char *text)
{
    for (; *text; text++) {
        if (strchr("\\`*_[]<>|~#&", *text))
            putchar('\\');
        putchar(*text);
    }
}

static void markdown_rule(size_t columns)
{
    fputs("\n|:---|", stdout);
    while (columns-- > 0)
        fputs("---:|", stdout);
    putchar('\n');
}

static void markdown_matrix(const struct evaluation *e)
{
    char text[CELL];
    if (e->fraction)
        printf("%s\n\n", unit_of_cells(e));
    fputs("| truth \\\\ predicted |", stdout);
    for (size_t i = 0; i < e->classes; i++) {
        putchar(' ');
        put_escaped(e->name[i]);
        fputs(" |", stdout);
    }
    markdown_rule(e->classes);
    for (size_t i = 0; i < e->classes; i++) {
        fputs("| ", stdout);
        put_escaped(e->name[i]);
        fputs(" |", stdout);
        for (size_t k = 0; k < e->classes; k++) {
            write_number(e, i, k, text);
            printf(i == k ? " **%s** |" : " %s |", text);
        }
        putchar('\n');
    }
}

static void markdown_score(const struct evaluation *e, const char *name,
                           const struct fmnn_score *score)
{
    fputs("| ", stdout);
    put_escaped(name);
    printf(" | %.*f | %.*f | %.*f | %" PRIu64 " |\n", e->digits, score->precision, e->digits,
           score->recall, e->digits, score->f1, score->support);
}

static void markdown_report(const struct evaluation *e)
{
    fputs("\n| class | precision | recall | f1-score | support |", stdout);
    markdown_rule(4);
    for (size_t i = 0; i < e->classes; i++)
        markdown_score(e, e->name[i], &e->report->score[i]);
    printf("| *accuracy* | | | %.*f | %" PRIu64 " |\n", e->digits, e->report->accuracy,
           e->report->macro.support);
    markdown_score(e, "macro avg", &e->report->macro);
    markdown_score(e, "weighted avg", &e->report->weighted);
}

static void markdown_rank(const struct evaluation *e, const char *name,
                          struct fmnn_ranking_score score)
{
    char auc[CELL], precision[CELL];
    write_area(e, score.roc_auc, auc);
    write_area(e, score.average_precision, precision);
    fputs("| ", stdout);
    put_escaped(name);
    printf(" | %s | %s |\n", auc, precision);
}

static void markdown_ranking(const struct evaluation *e)
{
    fputs("\n| class | ROC AUC | average precision |", stdout);
    markdown_rule(2);
    for (size_t i = 0; i < e->classes; i++)
        markdown_rank(e, e->name[i], rank_of_class(e, i));
    markdown_rank(e, "macro avg", e->ranking->macro);
    markdown_rank(e, "weighted avg", e->ranking->weighted);
    markdown_rank(e, "micro avg", e->ranking->micro);
}

static void markdown_pairs(const struct evaluation *e)
{
    fputs("\n| truth | predicted | count | of the true class |\n|:---|:---|---:|---:|\n", stdout);
    for (size_t i = 0; i < e->pairs; i++) {
        fputs("| ", stdout);
        put_escaped(e->name[e->pair[i].truth]);
        fputs(" | ", stdout);
        put_escaped(e->name[e->pair[i].predicted]);
        printf(" | %" PRIu64 " | %.1f %% |\n", e->pair[i].count,
               100 * fraction_of_truth(e, &e->pair[i]));
    }
}

static void markdown_reliability(const struct evaluation *e)
{
    fputs("\n| confidence | rows | mean confidence | accuracy | 95 % interval |", stdout);
    markdown_rule(4);
    for (size_t i = 0; i < fmnn_calibration_bins(e->calibration); i++) {
        struct fmnn_bin bin = fmnn_calibration_bin(e->calibration, i);
        struct fmnn_interval in = fmnn_wilson(bin.correct, bin.rows);
        printf("| %.3f .. %.3f | %" PRIu64, bin.from, bin.to, bin.rows);
        if (bin.rows)
            printf(" | %.4f | %.4f | %.4f .. %.4f |\n", bin.confidence, bin.accuracy, in.low,
                   in.high);
        else
            fputs(" | | | |\n", stdout);
    }
}

static void markdown_comparison(const struct evaluation *e)
{
    const uint64_t *rows = e->comparison->rows;
    struct comparison_metrics m = comparison_metrics(e->comparison);
    char *other = text_clean(e->other);
    fputs("\nCompared with ", stdout);
    put_escaped(other);
    free(other);
    printf(", %" PRIu64 " rows in both:\n\n| | correct there | incorrect there |", m.rows);
    markdown_rule(2);
    printf("| correct here | %" PRIu64 " | %" PRIu64 " |\n", rows[BOTH_CORRECT],
           rows[FIRST_CORRECT]);
    printf("| incorrect here | %" PRIu64 " | %" PRIu64 " |\n", rows[SECOND_CORRECT],
           rows[NEITHER_CORRECT]);
    printf("\n- accuracy here: %.2f %%, there: %.2f %%, difference: %+.2f\n", 100 * m.accuracy,
           100 * m.accuracy_against, 100 * (m.accuracy - m.accuracy_against));
    printf("- McNemar: p = %.3g by the exact test, %s\n", m.test.exact, meaning_of(&m.test));
}

void print_markdown(const struct evaluation *e)
{
    markdown_matrix(e);
    putchar('\n');
    print_metrics(e, true);
    if (e->report_wanted)
        markdown_report(e);
    if (e->ranking)
        markdown_ranking(e);
    if (e->pairs_wanted)
        markdown_pairs(e);
    if (e->reliability_wanted)
        markdown_reliability(e);
    if (e->comparison)
        markdown_comparison(e);
}
