/* common.h -- what all programs share: messages, options, memory, inputs, output files. */
#ifndef COMMON_H
#define COMMON_H

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fmnn.h>

/* ---- messages: four verbs, all to standard error, "PROGRAM: what: why" */

enum { EXIT_NEGATIVE = 1, EXIT_TROUBLE = 2 };

void info(const char *format, ...) FMNN_PRINTF(1, 2);          /* with --verbose */
void note(const char *format, ...) FMNN_PRINTF(1, 2);          /* but with --quiet */
bool verbose(void);                                            /* --verbose is given */
void warn(const char *format, ...) FMNN_PRINTF(1, 2);          /* always */
_Noreturn void die(const char *format, ...) FMNN_PRINTF(1, 2); /* and exits with EXIT_TROUBLE */
_Noreturn void die_errno(const char *format, ...) FMNN_PRINTF(1, 2); /* ": strerror(errno)" */
_Noreturn void die_error(const struct fmnn_error *error);            /* the library's message */
_Noreturn void die_stdout(void); /* after a write to standard output failed, while errno says why */

/* ---- options: one table a program gives getopt_long, --help and the check of the man page */

struct option_row {
    int code;         /* a letter, or above 255 for an option without one; 0: a heading in --help */
    const char *name; /* without "--" */
    const char *argument; /* its name in --help, or NULL */
    const char *help;
};

struct program {
    const char *name;
    const char *synopsis;             /* operands: "[OPTION]... [TABLE]" */
    const char *purpose;              /* one sentence */
    const struct option_row *options; /* without the common four; ends in a row of zeros */
    const char *negative; /* when the program exits with EXIT_NEGATIVE, or NULL: it never does */
};

/* First thing in main: names the program, ignores nothing, arranges that a failed write or close of
   standard output is trouble. */
void program_start(const struct program *program);
/* The next option's code, -1 at the end (operands from optind on). Handles -h -V -q -v and `--`;
   an unknown option is met with the nearest known one, and is trouble. */
int next_option(int argc, char **argv);
_Noreturn void usage_error(const char *format, ...) FMNN_PRINTF(1, 2); /* and "Try 'x --help'." */
/* Refuses operands beyond argv[optind + most - 1]. */
void at_most(int argc, char **argv, int max);

/* Values of options: what is wrong is said with the option's name ("--batch") and is trouble. */
uint64_t option_unsigned(const char *option, const char *text, uint64_t min, uint64_t max);
double option_double(const char *option, const char *text, double min, double max);
/* The index of the word in the NULL-terminated list; else trouble, with the nearest. */
size_t option_word(const char *option, const char *text, const char *const *words);
/* The text, if it can follow `predicted_` in a column's name. */
const char *option_suffix(const char *option, const char *text);

/* $FMNN_KERNELS; NULL, the best for this CPU, where it is unset or empty. */
const char *kernels_wanted(void);
/* Progress may be drawn: standard error is a terminal, not TERM=dumb, no --quiet. */
bool progress_wanted(void);
double seconds_now(void); /* by a clock that is never set */

/* ---- memory: where there is none, that is trouble */

void *allocate(size_t count, size_t size); /* zeroed, and never NULL */
/* Grows *array, of *capacity elements, to hold at least need; new ones are not zeroed. */
void grow(void **array, size_t *capacity, size_t need, size_t size);
char *text_format(const char *format, ...) FMNN_PRINTF(1, 2); /* malloc'ed */
void check_memory_of_json(void); /* the same for jansson, here and in the library */

/* ---- text that others wrote */

/* The character at the start of UTF-8 text and how many bytes it takes, 0 at the end; '?' for what
   is not UTF-8, and for what neither terminal nor image should show. */
size_t text_next(const char *text, unsigned *character);
void text_mask(char *text);         /* puts these '?' in place */
char *text_clean(const char *text); /* the same in a copy; malloc'ed */

/* ---- inputs: what cannot be opened or read is trouble */

/* Opens the table operand argv[optind] or standard input ("-", or none); a terminal there is an
   error that says what the program waits for. only: the splits whose rows pass, or NULL. */
struct fmnn_table *open_table(const char *operand, enum fmnn_table_kind kind, const char *only);
size_t need_column(const struct fmnn_table *table, const char *name);
bool next_row(struct fmnn_table *table); /* false at the end */
/* The class in a column; -1 where it is empty. class_count 0: any that a table can have. */
int row_label(const struct fmnn_table *table, size_t column, size_t class_count);
/* "TABLE:LINE: ..." of the current row. */
_Noreturn void die_at_row(const struct fmnn_table *table, const char *format, ...)
    FMNN_PRINTF(2, 3);
/* "predicted", or "predicted_WORD" where a suffix is not NULL; malloc'ed. */
char *suffixed(const char *name, const char *suffix);

struct fmnn_net *open_net(const char *path);
/* Images by name, train:N and test:N those of the data directory (-d, or NULL). */
struct fmnn_images *open_images(const char *data);
/* A file's path in a directory: name and suffix after its slash; malloc'ed. */
char *path_in(const char *directory, const char *name, const char *suffix);
/* The data directory: -d, else $FMNN_DATA, else
   ${XDG_DATA_HOME:-~/.local/share}/fmnn/fashion-mnist, else /usr/share/datasets/fashion-mnist;
   malloc'ed, or NULL where none of the last two holds data. */
char *data_directory(const char *option);
/* The same for another data set: its own name stands for fashion-mnist then. */
char *dataset_directory(const char *option, const char *dataset);
/* ${XDG_DATA_HOME:-~/.local/share}/fmnn/DATASET, whether it exists or not; malloc'ed, NULL where
   there is no home. */
char *user_directory(const char *dataset);
/* Those of the classes; NULL where the weights have none. */
struct fmnn_names *names_in_weights(const char *path);
/* Class names: --classes FILE|WEIGHTS|none (option; NULL: not given), else those of the directory
   that holds `image`, the first image of the table (may be NULL). NULL where there are none. */
struct fmnn_names *class_names(const char *option, struct fmnn_images *images, const char *image);

/* ---- output files: whole and new, or not there */

/* A stream to a temporary file beside `path` (symlinks followed), which output_commit syncs and
   renames. Devices and pipes are written directly; "-" is standard output, refused for binary data
   on a terminal. Temporaries are removed however the program ends; those of a program that SIGKILL
   ended, by the next one that writes the file. */
struct output;
struct output *output_open(const char *path, bool binary);
FILE *output_stream(struct output *output);
void output_commit(struct output *output);  /* and frees */
void output_abandon(struct output *output); /* and frees */
/* From now on what there is of it is good enough to be committed if the program gives up. */
void output_keep(struct output *output);
/* Checks before long work that `path` can be written: opens and abandons. */
void output_check(const char *path);
/* A signal handler that removes the temporaries and dies by the signal; set for the fatal signals
   whose handling is the default when the first temporary is made. */
void output_die(int signal);

#endif
