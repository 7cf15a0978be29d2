/* faultlib.h -- what tests/faultlib.c shares with who loads it. */
#ifndef FAULTLIB_H
#define FAULTLIB_H

#include <stddef.h>

/* In a file that FAULT_COUNTS names, mapped by both. */
struct fault_counts {
    unsigned long allocations; /* asked for from main() on */
    unsigned long refused;
    long live; /* blocks that were allocated but not freed */
};

/* For programs that count by themselves; weak there, NULL where the library is not loaded. From now
   on the nth allocation fails, and with `on` all that follow; n 0: none. */
void fault_arm(unsigned long n, int on);
const struct fault_counts *fault_counts(void);
void *fault_malloc(size_t size); /* malloc() that is never refused */

#endif
