/* confusion-numpy.c -- a matrix as Python prints a numpy array, never abridged.

   numpy's rules with its default print options: all numbers of an array have the same form and
   width. Fractions have at most eight digits, without trailing zeros. Shorter fractions are padded
   with blanks in positional form, and with zeros in scientific form. The form is scientific if a
   number other than zero is below 1e-4 or if the largest exceeds 1000 times the smallest. */
#include "confusion/fm-confusion.h"

#include <inttypes.h>

enum { LINE = 75, MAX_DIGITS = 8, INDENT = 2, MAX_NUMBER = 32 };

struct style {
    const double *fraction; /* (classes,classes); NULL: whole numbers */
    bool scientific;
    int digits; /* maximum number after the point */
    int width;  /* of whole numbers */
};

/* Writes a number without trailing zeros; *digits is how many follow the point. */
static void write_trimmed(char text[MAX_NUMBER], double x, bool scientific, int *digits)
{
    snprintf(text, MAX_NUMBER, scientific ? "%.*e" : "%.*f", MAX_DIGITS, x);
    char *point = strchr(text, '.');
    for (*digits = MAX_DIGITS; *digits > 0 && point[*digits] == '0';)
        --*digits;
    point[*digits + 1] = 0;
}

static void choose_form(struct style *style, size_t cells)
{
    double min = 0, max = 0;
    for (size_t i = 0; i < cells; i++) {
        double x = style->fraction[i];
        if (x > 0 && (min == 0 || x < min))
            min = x;
        if (x > max)
            max = x;
    }
    style->scientific = max > 0 && (min < 0.0001 || max / min > 1000);
    for (size_t i = 0; i < cells; i++) {
        char text[MAX_NUMBER];
        int digits;
        write_trimmed(text, style->fraction[i], style->scientific, &digits);
        if (digits > style->digits)
            style->digits = digits;
    }
}

static struct style choose_style(const struct evaluation *e)
{
    struct style style = {.fraction = e->fraction};
    if (e->fraction) {
        choose_form(&style, e->classes * e->classes);
        return style;
    }
    for (size_t i = 0; i < e->classes * e->classes; i++) {
        uint64_t count = fmnn_confusion_count(e->matrix, i / e->classes, i % e->classes);
        int width = snprintf(NULL, 0, "%" PRIu64, count);
        if (width > style.width)
            style.width = width;
    }
    return style;
}

static void write_cell(const struct evaluation *e, const struct style *style, size_t row,
                       size_t column, char text[MAX_NUMBER])
{
    int digits;
    if (!style->fraction) {
        snprintf(text, MAX_NUMBER, "%*" PRIu64, style->width,
                 fmnn_confusion_count(e->matrix, row, column));
        return;
    }
    double x = style->fraction[row * e->classes + column];
    if (style->scientific) { /* '#' keeps the point even if no digit follows */
        snprintf(text, MAX_NUMBER, "%#.*e", style->digits, x);
        return;
    }
    write_trimmed(text, x, false, &digits);
    for (size_t end = strlen(text); digits < style->digits; digits++) {
        text[end++] = ' ';
        text[end] = 0;
    }
}

/* Prints a row of the array without its brackets. Lines have at most 73 characters including the
   indent, so that two brackets can follow, and no blanks at the end. */
static void print_row(const struct evaluation *e, const struct style *style, size_t row)
{
    char word[MAX_NUMBER];
    size_t line = INDENT; /* its length without pending blanks */
    int blanks = 0;
    for (size_t i = 0; i < e->classes; i++) {
        write_cell(e, style, row, i, word);
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
        blanks = (int)(length - solid) + (i + 1 < e->classes);
    }
    printf("%*s", blanks, "");
}

void print_numpy(const struct evaluation *e)
{
    struct style style = choose_style(e);
    for (size_t i = 0; i < e->classes; i++) {
        fputs(i ? " [" : "[[", stdout);
        print_row(e, &style, i);
        fputs(i + 1 < e->classes ? "]\n" : "]]\n", stdout);
    }
    if (e->top)
        printf("\ntop %zu: %.2f %%\n", e->top, 100 * top_accuracy(e));
    print_extras(e);
}
