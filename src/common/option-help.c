/* option-help.c -- prints a program's --help and --version. */
#include "common/common.h"

#include <stdarg.h>

enum { TEXT_COLUMN = 31, LINE_END = 80, MAX_TEXT = 512 };

FMNN_PRINTF(2, 3)
static void append(char *text, const char *format, ...)
{
    va_list args;
    size_t used = strlen(text);
    va_start(args, format);
    vsnprintf(text + used, MAX_TEXT - used, format, args);
    va_end(args);
}

/* "a, b or c" */
static void append_words(char *text, const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        append(text, "%s%s", !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
}

/* What the row says of its value beyond the help text: words, range, default. */
static void append_value(char *text, const struct option_row *row)
{
    bool number = row->kind == OPTION_COUNT || row->kind == OPTION_REAL;
    const char *otherwise = row->initial ? row->initial : row->by_default;
    if (row->kind == OPTION_WORD && row->argument) {
        append(text, ": ");
        append_words(text, row->words);
    }
    if (number && row->max > 0)
        append(text, ", %.10g..%.10g", row->min, row->max);
    else if (number && row->min > 0)
        append(text, ", at least %.10g", row->min);
    if (otherwise)
        append(text, " [%s]", otherwise);
}

static void append_argument(char *text, const struct option_row *row)
{
    if (row->argument)
        append(text, "=%s", row->argument);
    for (size_t i = 0; row->kind == OPTION_WORD && !row->argument && row->words[i]; i++)
        append(text, "%c%s", i ? '|' : '=', row->words[i]);
}

/* Prints the text from TEXT_COLUMN on, in as many lines as it needs. */
static void print_text(const char *text)
{
    enum { WIDTH = LINE_END - TEXT_COLUMN };
    while (strlen(text) > WIDTH) {
        int length = WIDTH;
        while (length > 0 && text[length] != ' ')
            length--;
        if (length == 0)
            break; /* one long word */
        printf("%.*s\n%*s", length, text, TEXT_COLUMN, "");
        text += length + 1;
    }
    puts(text);
}

static void print_row(const struct option_row *row)
{
    char left[MAX_TEXT] = "      ", text[MAX_TEXT] = "";
    if (row->letter)
        snprintf(left, sizeof left, "  -%c, ", row->letter);
    append(left, "--%s", row->name);
    append_argument(left, row);
    append(text, "%s", row->help);
    append_value(text, row);
    if (strlen(left) > TEXT_COLUMN - 2)
        printf("%s\n%*s", left, TEXT_COLUMN, "");
    else
        printf("%-*s", TEXT_COLUMN, left);
    print_text(text);
}

static void print_rows(const struct option_row *row)
{
    for (; row->help; row++)
        if (row->name)
            print_row(row);
        else
            printf("\n%s:\n", row->help);
}

void print_help(const struct program *program, const struct option_row *common)
{
    printf("Usage: %s %s\n%s\n", program->name, program->synopsis, program->purpose);
    if (program->options->name)
        printf("\nOptions:\n");
    print_rows(program->options);
    print_rows(common);
    printf("\nExit status: 0 success; ");
    if (program->negative)
        printf("1 %s; ", program->negative);
    printf("2 trouble.\n");
    printf("Manual page: man %s; the pipeline: man 7 fmnn.\n", program->name);
}

void print_version(const struct program *program)
{
    printf("%s (fmnn) %s\n"
           "Copyright (c) 2026 The fmnn authors. MIT licence.\n"
           "There is no warranty, to the extent permitted by law.\n",
           program->name, fmnn_version());
}
