/* confusion-numpy.c -- a matrix as Python prints a numpy array of it, never abridged.

   numpy's rules, with its default print options: all numbers of an array have one form and one
   width. Fractions have at most eight digits, trailing zeros left out; in positional form blanks
   make up for those, in scientific form the zeros that the longest number needs. The form is
   scientific when a number other than zero is below 1e-4 or the largest above a thousand times the
   smallest. */
#include "confusion/fm-confusion.h"

#include <inttypes.h>

enum { LINE = 75, DIGITS = 8, INDENT = 2, MAX_NUMBER = 32 };

struct style {
    const double *share; /* NULL: whole numbers */
    bool scientific;
    int fraction; /* digits after the point at most */
    int width;    /* of whole numbers */
};

/* The number with up to eight digits after the point; *fraction is how many it needs. */
static void write_trimmed(char text[MAX_NUMBER], double x, bool scientific, int *fraction)
{
    snprintf(text, MAX_NUMBER, scientific ? "%.*e" : "%.*f", DIGITS, x);
    char *point = strchr(text, '.');
    for (*fraction = DIGITS; *fraction > 0 && point[*fraction] == '0';)
        --*fraction;
    point[*fraction + 1] = 0;
}

static void choose_form(struct style *style, size_t cells)
{
    double min = 0, max = 0;
    for (size_t i = 0; i < cells; i++) {
        double x = style->share[i];
        if (x > 0 && (min == 0 || x < min))
            min = x;
        if (x > max)
            max = x;
    }
    style->scientific = max > 0 && (min < 0.0001 || max / min > 1000);
    for (size_t i = 0; i < cells; i++) {
        char text[MAX_NUMBER];
        int fraction;
        write_trimmed(text, style->share[i], style->scientific, &fraction);
        if (fraction > style->fraction)
            style->fraction = fraction;
    }
}

static struct style choose_style(const struct judgement *j)
{
    struct style style = {.share = j->share};
    if (j->share) {
        choose_form(&style, j->classes * j->classes);
        return style;
    }
    for (size_t i = 0; i < j->classes * j->classes; i++) {
        uint64_t count = fmnn_confusion_count(j->matrix, i / j->classes, i % j->classes);
        int width = snprintf(NULL, 0, "%" PRIu64, count);
        if (width > style.width)
            style.width = width;
    }
    return style;
}

static void write_cell(const struct judgement *j, const struct style *style, size_t row,
                       size_t column, char text[MAX_NUMBER])
{
    int fraction;
    if (!style->share) {
        snprintf(text, MAX_NUMBER, "%*" PRIu64, style->width,
                 fmnn_confusion_count(j->matrix, row, column));
        return;
    }
    double x = style->share[row * j->classes + column];
    if (style->scientific) { /* '#': the point stays where no digit follows it */
        snprintf(text, MAX_NUMBER, "%#.*e", style->fraction, x);
        return;
    }
    write_trimmed(text, x, false, &fraction);
    for (size_t end = strlen(text); fraction < style->fraction; fraction++) {
        text[end++] = ' ';
        text[end] = 0;
    }
}

/* A row of the array between its brackets. Lines are at most 73 long, the indent included, so that
   two brackets can follow; blanks before a line's end are left out. */
static void print_row(const struct judgement *j, const struct style *style, size_t row)
{
    char word[MAX_NUMBER];
    size_t line = INDENT; /* its length, the blanks to come not included */
    int blanks = 0;
    for (size_t i = 0; i < j->classes; i++) {
        write_cell(j, style, row, i, word);
        size_t length = strlen(word);
        if (line > INDENT && line + (size_t)blanks + length > LINE - 2) {
            printf("\n%*s", INDENT, "");
            line = INDENT;
            blanks = 0;
        }
        size_t solid = length;
        while (solid > 0 && word[solid - 1] == ' ')
            solid--;
        printf("%*s%.*s", blanks, "", (int)solid, word);
        line += (size_t)blanks + solid;
        blanks = (int)(length - solid) + (i + 1 < j->classes);
    }
    printf("%*s", blanks, "");
}

void print_numpy(const struct judgement *j)
{
    struct style style = choose_style(j);
    for (size_t i = 0; i < j->classes; i++) {
        fputs(i ? " [" : "[[", stdout);
        print_row(j, &style, i);
        fputs(i + 1 < j->classes ? "]\n" : "]]\n", stdout);
    }
    if (j->top)
        printf("\ntop %zu: %.2f %%\n", j->top, 100 * top_share(j));
    print_extras(j);
}
