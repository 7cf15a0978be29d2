# The programs see the public header only; what they share is src/common.c.
noinst_LIBRARIES += src/libcommon.a
src_libcommon_a_SOURCES = src/common.h src/common.c src/output.c
common_ldadd = src/libcommon.a lib/libfmnn.la

bin_PROGRAMS += src/fm-split
src_fm_split_SOURCES = src/fm-split.c
src_fm_split_LDADD = $(common_ldadd)
