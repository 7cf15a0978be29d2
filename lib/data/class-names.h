/* class-names.h -- what a class name may be. */
#ifndef FM_CLASS_NAMES_H
#define FM_CLASS_NAMES_H

#include "base/internal.h"

/* Says what is wrong with a class name of `length` bytes, or returns NULL. A class name is UTF-8, 1
   to 1000 bytes long and without control characters, wherever it comes from. */
const char *fm_class_name_fault(const char *name, size_t length);

/* The bytes of all names in a weights file, whose header has them as a JSON string of a JSON
   list. */
size_t fm_class_names_bytes(const struct fmnn_names *names);

/* The maximum of fm_class_names_bytes(). The header has room for twice as many, for the tensors of
   a checkpoint, too. */
enum { FM_MAX_NAMES_BYTES = 2 << 20 };

#endif
