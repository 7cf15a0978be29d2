# The programs see the public header only; what they share is src/common.c.
noinst_LIBRARIES += src/libcommon.a
src_libcommon_a_SOURCES = src/common.h src/common.c src/output.c
common_ldadd = src/libcommon.a lib/libfmnn.la

bin_PROGRAMS += src/fm-plot
src_fm_plot_SOURCES = src/fm-plot.c src/plot.h src/gnuplot.h src/gnuplot.c src/text.c src/sheet.h src/sheet.c \
	src/plot-history.c src/plot-confusion.c src/plot-images.c src/plot-filters.c
src_fm_plot_LDADD = $(common_ldadd)
