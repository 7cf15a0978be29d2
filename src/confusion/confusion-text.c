/* confusion-text.c -- the judgement for people: plain text, and Markdown.

   Contents: 1. Parts  2. The matrix  3. The report and the pairs
     4. Confidence and comparison  5. Text  6. Markdown */
#include "confusion/fm-confusion.h"

#include <inttypes.h>
#include <math.h>

enum { CELL = 64 };

/* ---- 1. Parts ---- */

/* In characters; continuation bytes of UTF-8 are 10xxxxxx. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* How many bytes the first so many characters have. */
static int bytes_of(const char *text, int max)
{
    int bytes = 0;
    for (; text[bytes]; bytes++)
        if (((unsigned char)text[bytes] & 0xc0) != 0x80 && max-- == 0)
            break;
    return bytes;
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

/* What a cell says: a count, or a share in per cent; a zero beside the diagonal is a dot, so that
   the confusions stand out. */
static void write_number(const struct judgement *j, size_t truth, size_t predicted, char text[CELL])
{
    uint64_t count = fmnn_confusion_count(j->matrix, truth, predicted);
    if (count == 0 && truth != predicted)
        snprintf(text, CELL, ".");
    else if (j->share)
        snprintf(text, CELL, "%.1f", 100 * j->share[truth * j->classes + predicted]);
    else
        snprintf(text, CELL, "%" PRIu64, count);
}

static void write_label(const struct judgement *j, size_t i, char text[CELL])
{
    snprintf(text, CELL, "%zu", fmnn_confusion_label(j->matrix, i));
}

static const char *what_cells_are(const struct judgement *j)
{
    return !strcmp(j->normalize, "true") ? "Cells are per cent of their row, the true class."
           : !strcmp(j->normalize, "pred")
               ? "Cells are per cent of their column, the predicted class."
               : "Cells are per cent of all rows.";
}

/* ---- 2. The matrix ---- */

struct layout {
    int label, head; /* widths of the rows' labels, and of those with the names */
    int cell;        /* of a cell, with room for the brackets that mark the diagonal */
    int total;
};

static struct layout lay_out(const struct judgement *j)
{
    char text[CELL];
    struct layout w = {.head = (int)strlen("predicted"), .total = (int)strlen("total")};
    int longest = 0;
    w.cell = j->named ? 6 : 0; /* room for five letters of a name */
    for (size_t i = 0; i < j->classes; i++) {
        write_label(j, i, text);
        w.label = larger(w.label, width_of(text));
        longest = larger(longest, width_of(j->name[i]));
        snprintf(text, sizeof text, "%" PRIu64, j->report->score[i].support);
        w.total = larger(w.total, width_of(text));
        for (size_t k = 0; k < j->classes; k++) {
            write_number(j, i, k, text);
            w.cell = larger(w.cell, width_of(text) + 2);
        }
    }
    w.cell = larger(w.cell, w.label + 2);
    w.head = larger(w.head, j->named ? w.label + 1 + longest : w.label);
    return w;
}

/* Two lines: the columns' labels, and what of their names there is room for. */
static void put_heads(const struct judgement *j, const struct layout *w)
{
    char text[CELL];
    put_left("predicted", w->head + 1);
    for (size_t i = 0; i < j->classes; i++) {
        write_label(j, i, text);
        printf("%*s%s", w->cell - 1, text, i + 1 < j->classes ? " " : "\n");
    }
    put_left("truth", w->head + 1);
    for (size_t i = 0; i < j->classes; i++) {
        const char *name = j->named ? j->name[i] : "";
        int width = width_of(name), room = w->cell - 1;
        int shown = width < room ? width : room;
        printf("%*s%.*s", w->cell - shown - (width < room), "", bytes_of(name, shown), name);
        fputs(width < room ? " " : "", stdout);
    }
    printf("  %*s  recall\n", w->total, "total");
}

static void put_row(const struct judgement *j, const struct layout *w, size_t i)
{
    char text[CELL], cell[CELL + 2];
    const struct fmnn_score *score = &j->report->score[i];
    write_label(j, i, text);
    if (j->named) {
        printf("%*s ", w->label, text);
        put_left(j->name[i], w->head - w->label);
    } else {
        printf("%*s%*s", w->label, text, w->head + 1 - w->label, "");
    }
    for (size_t k = 0; k < j->classes; k++) {
        write_number(j, i, k, text);
        snprintf(cell, sizeof cell, i == k ? "[%s]" : "%s ", text);
        printf("%*s", w->cell, cell);
    }
    printf("  %*" PRIu64, w->total, score->support);
    if (score->support)
        printf(" %5.1f %%\n", 100 * score->recall);
    else
        printf("       -\n");
}

static void put_matrix(const struct judgement *j)
{
    struct layout w = lay_out(j);
    if (j->share)
        printf("%s\n\n", what_cells_are(j));
    put_heads(j, &w);
    for (size_t i = 0; i < j->classes; i++)
        put_row(j, &w, i);
}

/* ---- 3. The report and the pairs ---- */

static void report_line(const char *name, int width, int digits, const struct fmnn_score *score)
{
    put_right(name, width);
    printf("  %9.*f %9.*f %9.*f %9" PRIu64 "\n", digits, score->precision, digits, score->recall,
           digits, score->f1, score->support);
}

/* To the letter what scikit-learn's classification_report(labels=..., target_names=...) is. */
static void print_report(const struct judgement *j)
{
    const struct fmnn_report *report = j->report;
    int width = larger((int)strlen("weighted avg"), j->digits);
    for (size_t i = 0; i < j->classes; i++)
        width = larger(width, width_of(j->name[i]));
    printf("%*s  %9s %9s %9s %9s\n\n", width, "", "precision", "recall", "f1-score", "support");
    for (size_t i = 0; i < j->classes; i++)
        report_line(j->name[i], width, j->digits, &report->score[i]);
    printf("\n%*s  %9s %9s %9.*f %9" PRIu64 "\n", width, "accuracy", "", "", j->digits,
           report->accuracy, report->macro.support);
    report_line("macro avg", width, j->digits, &report->macro);
    report_line("weighted avg", width, j->digits, &report->weighted);
}

static double share_of_truth(const struct judgement *j, const struct fmnn_pair *pair)
{
    return (double)pair->count / (double)j->report->score[pair->truth].support;
}

static void print_pairs(const struct judgement *j)
{
    if (!j->pairs) {
        printf("Nothing was confused.\n");
        return;
    }
    int width = snprintf(NULL, 0, "%" PRIu64, j->pair[0].count); /* the first is the largest */
    printf("Most confused, truth -> prediction:\n");
    for (size_t i = 0; i < j->pairs; i++) {
        const struct fmnn_pair *pair = &j->pair[i];
        const char *truth = j->name[pair->truth];
        printf("  %*" PRIu64 "  %s -> %s (%.1f %% of %s)\n", width, pair->count, truth,
               j->name[pair->predicted], 100 * share_of_truth(j, pair), truth);
    }
}

/* ---- 4. Confidence and comparison ---- */

static void print_reliability(const struct judgement *j)
{
    struct fmnn_bin whole = fmnn_calibration_total(j->calibration);
    int width = larger((int)strlen("rows"), snprintf(NULL, 0, "%" PRIu64, whole.rows));
    printf("   confidence  %*s  mean conf.  accuracy  95 %% interval\n", width, "rows");
    for (size_t i = 0; i < fmnn_calibration_bins(j->calibration); i++) {
        struct fmnn_bin bin = fmnn_calibration_bin(j->calibration, i);
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

static const char *meaning_of(const struct verdict *v)
{
    return v->test.exact < 0.05 ? "below 0.05: hardly chance" : "not below 0.05: it may be chance";
}

static void print_comparison(const struct judgement *j)
{
    const struct comparison *c = j->comparison;
    struct verdict v = verdict_of(c);
    int width = snprintf(NULL, 0, "%" PRIu64, v.rows);
    printf("Against %s, %" PRIu64 " rows of both:\n", j->other, v.rows);
    printf("  %*" PRIu64 "  right in both\n", width, c->rows[BOTH_RIGHT]);
    printf("  %*" PRIu64 "  right here only\n", width, c->rows[FIRST_RIGHT]);
    printf("  %*" PRIu64 "  right there only\n", width, c->rows[SECOND_RIGHT]);
    printf("  %*" PRIu64 "  right in neither\n", width, c->rows[NEITHER_RIGHT]);
    printf("accuracy here  %.2f %%, there %.2f %%, difference %+.2f\n", 100 * v.here, 100 * v.there,
           100 * (v.here - v.there));
    printf("McNemar        p = %.3g by the exact test, %s\n", v.test.exact, meaning_of(&v));
}

void print_extras(const struct judgement *j)
{
    if (j->report_wanted) {
        putchar('\n');
        print_report(j);
    }
    if (j->pairs_wanted) {
        putchar('\n');
        print_pairs(j);
    }
    if (j->reliability_wanted) {
        putchar('\n');
        print_reliability(j);
    }
    if (j->comparison) {
        putchar('\n');
        print_comparison(j);
    }
}

/* ---- 5. Text ---- */

/* Name and value, in columns or as a list for Markdown. */
static void figure_name(const char *name, bool markdown)
{
    if (markdown)
        printf("- %s: ", name);
    else
        put_left(name, (int)strlen("cross-entropy  "));
}

static void print_figures(const struct judgement *j, bool markdown)
{
    uint64_t correct = fmnn_confusion_correct(j->matrix), rows = fmnn_confusion_total(j->matrix);
    struct fmnn_interval in = fmnn_wilson(correct, rows);
    figure_name("accuracy", markdown);
    printf("%.2f %%\n", 100 * j->report->accuracy);
    figure_name("95 % interval", markdown);
    printf("%.2f .. %.2f %%\n", 100 * in.low, 100 * in.high);
    if (j->top) {
        char name[32];
        snprintf(name, sizeof name, "top %zu", j->top);
        figure_name(name, markdown);
        printf("%.2f %%\n", 100 * top_share(j));
    }
    if (!isnan(j->cross_entropy)) {
        figure_name("cross-entropy", markdown);
        printf("%.5f\n", j->cross_entropy);
    }
    if (j->calibration) {
        figure_name("calibration", markdown);
        printf("%.5f (ECE of %zu bins)\n", fmnn_calibration_error(j->calibration),
               fmnn_calibration_bins(j->calibration));
    }
    figure_name("rows", markdown);
    printf("%" PRIu64 ", %" PRIu64 " right\n", rows, correct);
    if (j->skipped) {
        figure_name("skipped", markdown);
        printf("%" PRIu64 " without label\n", j->skipped);
    }
}

void print_text(const struct judgement *j)
{
    put_matrix(j);
    putchar('\n');
    print_figures(j, false);
    print_extras(j);
}

/* ---- 6. Markdown ---- */

/* Names may hold what Markdown takes for markup. */
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

static void markdown_matrix(const struct judgement *j)
{
    char text[CELL];
    if (j->share)
        printf("%s\n\n", what_cells_are(j));
    fputs("| truth \\\\ predicted |", stdout);
    for (size_t i = 0; i < j->classes; i++) {
        putchar(' ');
        put_escaped(j->name[i]);
        fputs(" |", stdout);
    }
    markdown_rule(j->classes);
    for (size_t i = 0; i < j->classes; i++) {
        fputs("| ", stdout);
        put_escaped(j->name[i]);
        fputs(" |", stdout);
        for (size_t k = 0; k < j->classes; k++) {
            write_number(j, i, k, text);
            printf(i == k ? " **%s** |" : " %s |", text);
        }
        putchar('\n');
    }
}

static void markdown_score(const struct judgement *j, const char *name,
                           const struct fmnn_score *score)
{
    fputs("| ", stdout);
    put_escaped(name);
    printf(" | %.*f | %.*f | %.*f | %" PRIu64 " |\n", j->digits, score->precision, j->digits,
           score->recall, j->digits, score->f1, score->support);
}

static void markdown_report(const struct judgement *j)
{
    fputs("\n| class | precision | recall | f1-score | support |", stdout);
    markdown_rule(4);
    for (size_t i = 0; i < j->classes; i++)
        markdown_score(j, j->name[i], &j->report->score[i]);
    printf("| *accuracy* | | | %.*f | %" PRIu64 " |\n", j->digits, j->report->accuracy,
           j->report->macro.support);
    markdown_score(j, "macro avg", &j->report->macro);
    markdown_score(j, "weighted avg", &j->report->weighted);
}

static void markdown_pairs(const struct judgement *j)
{
    fputs("\n| truth | predicted | count | of the truth |\n|:---|:---|---:|---:|\n", stdout);
    for (size_t i = 0; i < j->pairs; i++) {
        fputs("| ", stdout);
        put_escaped(j->name[j->pair[i].truth]);
        fputs(" | ", stdout);
        put_escaped(j->name[j->pair[i].predicted]);
        printf(" | %" PRIu64 " | %.1f %% |\n", j->pair[i].count,
               100 * share_of_truth(j, &j->pair[i]));
    }
}

static void markdown_reliability(const struct judgement *j)
{
    fputs("\n| confidence | rows | mean confidence | accuracy | 95 % interval |", stdout);
    markdown_rule(4);
    for (size_t i = 0; i < fmnn_calibration_bins(j->calibration); i++) {
        struct fmnn_bin bin = fmnn_calibration_bin(j->calibration, i);
        struct fmnn_interval in = fmnn_wilson(bin.correct, bin.rows);
        printf("| %.3f .. %.3f | %" PRIu64, bin.from, bin.to, bin.rows);
        if (bin.rows)
            printf(" | %.4f | %.4f | %.4f .. %.4f |\n", bin.confidence, bin.accuracy, in.low,
                   in.high);
        else
            fputs(" | | | |\n", stdout);
    }
}

static void markdown_comparison(const struct judgement *j)
{
    const uint64_t *rows = j->comparison->rows;
    struct verdict v = verdict_of(j->comparison);
    fputs("\nAgainst ", stdout);
    put_escaped(j->other);
    printf(", %" PRIu64 " rows of both:\n\n| | right there | wrong there |", v.rows);
    markdown_rule(2);
    printf("| right here | %" PRIu64 " | %" PRIu64 " |\n", rows[BOTH_RIGHT], rows[FIRST_RIGHT]);
    printf("| wrong here | %" PRIu64 " | %" PRIu64 " |\n", rows[SECOND_RIGHT], rows[NEITHER_RIGHT]);
    printf("\n- accuracy here: %.2f %%, there: %.2f %%, difference: %+.2f\n", 100 * v.here,
           100 * v.there, 100 * (v.here - v.there));
    printf("- McNemar: p = %.3g by the exact test, %s\n", v.test.exact, meaning_of(&v));
}

void print_markdown(const struct judgement *j)
{
    markdown_matrix(j);
    putchar('\n');
    print_figures(j, true);
    if (j->report_wanted)
        markdown_report(j);
    if (j->pairs_wanted)
        markdown_pairs(j);
    if (j->reliability_wanted)
        markdown_reliability(j);
    if (j->comparison)
        markdown_comparison(j);
}
