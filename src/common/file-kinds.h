/* file-kinds.h -- what a file is that is not what was expected: operands in the wrong order. */
#ifndef FILE_KINDS_H
#define FILE_KINDS_H

#include <stdbool.h>
#include <fmnn.h>

/* Dies: "PATH: a PNG image, not WANTED", and the hint if it is not NULL, or of the error if the
   file may be what was wanted, which is text or not. */
_Noreturn void die_of_file(const char *path, const char *wanted, bool text, const char *hint,
                           const struct fmnn_error *error);

#endif
