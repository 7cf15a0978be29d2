/* program.h -- code of a program, which gives up by exit(), within a fuzz target. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>

/* Runs the function. What it says on standard error goes to said, as much as there is room for.
   Where it ends in exit(), that comes back here: the status, and what it had allocated is freed.
   -1 where it returned. */
int fuzz_program(void (*run)(void *), void *context, char *said, size_t room);
/* After each input: what is large must have been given back, for the sanitizer cannot tell. */
void fuzz_program_end(void);

#endif
