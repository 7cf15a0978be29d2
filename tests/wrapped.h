/* wrapped.h -- the names of functions for the linker's --wrap. If off_t is wider than the system's
   own (by _FILE_OFFSET_BITS, on 32-bit machines or as a packager's flag), glibc calls open64() for
   open(), and so on; likewise for time_t. Include it after the headers of the system.
   tests/local.mk wraps all of these names. */
#ifndef WRAPPED_H
#define WRAPPED_H

#include <sys/stat.h>

#if defined __GLIBC__ && defined __USE_FILE_OFFSET64
#define __wrap_open __wrap_open64
#define __real_open __real_open64
#define __wrap___open_2 __wrap___open64_2
#define __wrap_pread __wrap_pread64
#define __real_pread __real_pread64
#define __wrap___pread_chk __wrap___pread64_chk
#define __real___pread_chk __real___pread64_chk
#define __wrap_lseek __wrap_lseek64
#define __real_lseek __real_lseek64
#define __wrap_fopen __wrap_fopen64
#define __real_fopen __real_fopen64
#if defined __TIMESIZE && __TIMESIZE == 32 && defined _TIME_BITS && _TIME_BITS == 64
#define __wrap_fstat __wrap___fstat64_time64
#define __real_fstat __real___fstat64_time64
#else
#define __wrap_fstat __wrap_fstat64
#define __real_fstat __real_fstat64
#endif
#endif

#endif
