/* program.h -- runs code of a program, which gives up with exit(), in a fuzz target. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>

/* Runs the function. Its messages on standard error go to said, as far as there is room.
   Where it ends in exit(), that comes back here: the status, and what it had allocated is freed.
   -1 where it returned. */
int fuzz_program(void (*run)(void *), void *context, char *said, size_t room);
/* After each input: large blocks must have been freed; the sanitizer cannot see that. */
void fuzz_program_end(void);

#endif
