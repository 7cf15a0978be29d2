/* roots.h -- where the relative paths in a table may begin. */
#ifndef ROOTS_H
#define ROOTS_H

/* If an image is not below `root` (--root; NULL: the working directory): the directory near the
   table that has it, which is the table's own, one above it, or one in it; malloc'ed. Else NULL. */
char *find_root(const char *table, const char *root, const char *image);
/* If the name is that of a row of the data set, train:N or test:N: how the names of its files
   begin, "train" or "t10k". Else NULL; train:a.png can be a file. */
const char *part_of_row(const char *image);

#endif
