/* output.h -- output files that are whole and new, or not there. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/* A temporary file beside `path` (symlinks are followed), which output_commit() syncs and renames.
   Devices and pipes are written directly, and so is a file that standard output or standard error
   writes; "-" is standard output, refused for binary data on a terminal. Temporaries are removed
   however the program ends; if SIGKILL ended it, the next program that writes the same file removes
   them. */
struct output;
struct output *output_open(const char *path, bool binary);
/* Whether `path` would be written directly: then its reader may have left. */
bool output_is_direct(const char *path);
/* The file that `path` leads to if symlinks are followed, even if the last one dangles; malloc'ed.
   NULL, with errno: there are too many. */
char *output_resolve(const char *path);
FILE *output_stream(struct output *output);
/* A temporary for the program itself, in $TMPDIR or /tmp; it is not committed. */
struct output *output_scratch(void);
/* The path at which the bytes are until they are committed: of the temporary, or NULL if there is
   none. */
const char *output_temporary(const struct output *output);
void output_commit(struct output *output); /* and frees */
/* The same without ending the program: NULL or false on error, which errno tells. */
struct output *output_try(const char *path, bool binary);
bool output_try_commit(struct output *output);
void output_abandon(struct output *output); /* and frees */
/* Makes exit() commit the file if the program gives up from now on: its content is good so far. */
void output_keep(struct output *output);
/* Checks, before long work, that `path` can be written, and is no terminal if the output is binary.
   Makes and removes the temporary of a regular file. */
void output_check(const char *path, bool binary);
/* A signal handler that removes the temporaries and dies by the signal. It is installed for fatal
   signals with default handling when the first temporary is made. */
void output_die(int signal);

#endif
