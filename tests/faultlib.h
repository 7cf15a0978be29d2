/* faultlib.h -- shared by tests/faultlib.c and the programs that preload it. */
#ifndef FAULTLIB_H
#define FAULTLIB_H

#include <stddef.h>

/* In the file that FAULT_COUNTS names, mapped by both. */
struct fault_counts {
    unsigned long allocations; /* from main() on */
    unsigned long refused;
    long live; /* blocks that were allocated but not freed */
};

/* For programs that make their own allocations fail. The symbols are weak there: NULL if the
   library is not preloaded. From now on the nth allocation fails, and with `on` all later ones; n
   0: none. */
void fault_arm(unsigned long n, int on);
const struct fault_counts *fault_counts(void);
void *fault_malloc(size_t size); /* malloc() that is never refused */

#endif
