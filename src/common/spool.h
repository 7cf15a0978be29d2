/* spool.h -- inputs that are read twice, though they may be pipes. */
#ifndef SPOOL_H
#define SPOOL_H

#include <stdio.h>

/* A path that can be opened more than once: the one given or, if that is a pipe or "-" (standard
   input), the path of a copy, which is removed when the program ends. Messages name the original.
   The same path gives the same copy again. What is returned stays. */
const char *spool(const char *path);
/* Copies the rest of one stream to another and flushes that; messages name the two as given. */
void copy_stream(FILE *from, const char *name, FILE *to, const char *copy);

#endif
