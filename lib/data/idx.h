/* idx.h -- IDX files that are read forward. */
#ifndef FM_IDX_H
#define FM_IDX_H

#include "base/internal.h"

/* Opens an IDX file as fmnn_idx_open() does, but inflates a gzip file only as far as rows are
   read. Damage is therefore reported when the reading reaches it, at the latest at the last row.
   Rows read in ascending order need memory for one row or 64 KiB. The first read of an earlier row,
   or of a row above 16 MiB, inflates the whole file into memory. */
struct fmnn_idx *fm_idx_open_forward(const char *path, struct fmnn_error *err);

#endif
