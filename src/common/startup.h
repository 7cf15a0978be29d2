/* startup.h -- what a program is, and the first thing that its main() does. */
#ifndef STARTUP_H
#define STARTUP_H

#include "common/options.h"

/* Names the program, reserves the standard streams, makes a failed write or close of standard
   output and a lack of memory trouble. */
void program_start(const struct program *program);
double seconds_now(void); /* by a clock that is never set */

#endif
