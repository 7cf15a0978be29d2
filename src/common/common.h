/* common.h -- what all programs share: messages, memory, options, inputs, output files. Each of
   these headers uses only those before it. */
#ifndef COMMON_H
#define COMMON_H

#ifdef HAVE_CONFIG_H
#if defined _FEATURES_H && !defined PACKAGE_VERSION
#error "config.h must precede the system's headers: it decides how wide off_t is"
#endif
#include <config.h>
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fmnn.h>

#include "common/utf8.h"
#include "common/messages.h"
#include "common/xalloc.h"
#include "common/options.h"
#include "common/startup.h"
#include "common/inputs.h"
#include "common/loading.h"
#include "common/file-kinds.h"
#include "common/output.h"
#include "common/spool.h"

#endif
