/* options.h -- a program's options: one table, walked by everything that deals with options.

   A row of the table is all there is to an option: parsing, --help with ranges and defaults, and
   "did you mean" go by it. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What value an option takes, and the type of its target. */
enum option_kind {
    OPTION_FLAG,  /* none; bool, set to true */
    OPTION_COUNT, /* a whole number, min to max; unsigned, size_t or uint64_t */
    OPTION_REAL,  /* a number, min to max; double */
    OPTION_WORD,  /* one of `words`; its index as an enum, unsigned, int or bool */
    /* From here on const char *: the text itself. */
    OPTION_TEXT,
    OPTION_SUFFIX,    /* what can follow `predicted_` in a column's name */
    OPTION_SPLITS,    /* names of splits, separated by commas */
    OPTION_FILE,      /* a file's name, or one of `words` if there are any */
    OPTION_DIRECTORY, /* a directory's name */
};

struct option_row {
    int letter;           /* 0: the option has none */
    const char *name;     /* without "--"; NULL: `help` is a heading in --help */
    const char *argument; /* the value's name in --help; NULL: none, or the words: "a|b" */
    const char *help;     /* NULL ends the table */
    enum option_kind kind;
    size_t offset, size;      /* the target, by OPTION_TARGET() */
    double min, max;          /* max 0: whatever the target can hold */
    const char *const *words; /* ends in NULL */
    const char *initial;      /* the default, stored before parsing; or NULL */
    const char *by_default;   /* a default that only --help describes, in words; or NULL */
    /* Parses a value instead of what `kind` says, which still says how the value is completed;
       or NULL. */
    void (*parse)(const struct option_row *row, const char *text, void *target);
};

/* The target of an option: a member of the struct that parse_options() fills. */
#define OPTION_TARGET(type, member)                                                                \
    .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

struct program {
    const char *name;
    const char *synopsis;             /* operands: "[OPTION]... [TABLE]" */
    const char *purpose;              /* one sentence */
    const struct option_row *options; /* without the common four; ends in a row of zeros */
    const char *negative; /* when the program exits with EXIT_NEGATIVE; NULL: it never does */
    /* The words that the first operand can be, for completion; ends in NULL. NULL: any file. */
    const char *const *(*operands)(void);
};

void options_start(const struct program *program);
/* Stores the defaults and then the command line's options in *settings, and handles -h -V -q -v and
   `--`. Returns the operands, NULL after the last. An unknown option is trouble, and the message
   names the nearest known one. */
char **parse_options(int argc, char **argv, void *settings);
bool option_given(const char *name);              /* on the command line */
void limit_operands(char **operands, size_t max); /* more of them are trouble */

/* Values of options, for their parse functions: what is wrong with the text is reported with the
   option's name ("--batch") and is trouble. */
uint64_t option_unsigned(const char *option, const char *text, uint64_t min, uint64_t max);
double option_double(const char *option, const char *text, double min, double max);
/* The index of the word in the list; the message suggests the nearest. */
size_t option_word(const char *option, const char *text, const char *const *words);
/* The text, if it can follow `predicted_` in a column's name. */
const char *option_suffix(const char *option, const char *text);
/* Parses the text as the row's kind says and stores it. */
void option_store(const struct option_row *row, const char *text, void *target);

void print_help(const struct program *program, const struct option_row *common);
void print_version(const struct program *program);
/* completion.c: false if the shell is unknown. */
bool print_completion(const char *shell, const struct program *program,
                      const struct option_row *common);

#endif
