# The programs see the public header only; what they share is in src/libcommon.a.
noinst_LIBRARIES += src/libcommon.a
src_libcommon_a_SOURCES = src/common.h src/common.c src/memory.c src/utf8.c src/output.c \
	src/matrix.h src/matrix.c src/course.h src/course.c
src_libcommon_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
common_ldadd = src/libcommon.a lib/libfmnn.la $(JANSSON_LIBS)

bin_PROGRAMS += src/fm-fetch
fetch_cppflags = $(AM_CPPFLAGS) $(CURL_CFLAGS) $(MD_CFLAGS) $(ZLIB_CFLAGS)
fetch_libs = $(CURL_LIBS) $(MD_LIBS) $(ZLIB_LIBS)
fetch_sources = src/fm-fetch.c src/fetch.h src/fetch-verify.c src/fetch-store.c src/fetch-forms.c \
	src/fetch-download.c
src_fm_fetch_SOURCES = $(fetch_sources) src/fetch-sources.c
src_fm_fetch_CPPFLAGS = $(fetch_cppflags)
src_fm_fetch_LDADD = $(common_ldadd) $(fetch_libs)

bin_PROGRAMS += src/fm-split
src_fm_split_SOURCES = src/fm-split.c
src_fm_split_LDADD = $(common_ldadd)

bin_PROGRAMS += src/fm-train
src_fm_train_SOURCES = src/fm-train.c
src_fm_train_CPPFLAGS = $(AM_CPPFLAGS) -Isrc -DMODELSDIR='"$(modelsdir)"'
src_fm_train_LDADD = $(common_ldadd)
modelsdir = $(pkgdatadir)/models
dist_models_DATA = lib/models/fc lib/models/cnn
# The same as C strings, so that a program that is not installed, or was moved, has them too.
nodist_src_fm_train_SOURCES = src/presets.h
BUILT_SOURCES += src/presets.h
CLEANFILES += src/presets.h
src/presets.h: $(dist_models_DATA)
	$(AM_V_at)$(MKDIR_P) src
	$(AM_V_GEN)for preset in fc cnn; do echo "{\"$$preset\","; \
	  sed 's/[\\"]/\\&/g; s/^/"/; s/$$/\\n"/' "$(srcdir)/lib/models/$$preset" || exit 1; echo '},'; \
	done >$@.new && mv $@.new $@

bin_PROGRAMS += src/fm-predict
src_fm_predict_SOURCES = src/fm-predict.c
src_fm_predict_LDADD = $(common_ldadd)

bin_PROGRAMS += src/fm-confusion
src_fm_confusion_SOURCES = src/fm-confusion.c src/confusion.h src/confusion-text.c \
	src/confusion-data.c src/confusion-numpy.c src/against.h src/against.c
src_fm_confusion_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
src_fm_confusion_LDADD = $(common_ldadd)

bin_PROGRAMS += src/fm-plot
src_fm_plot_SOURCES = src/fm-plot.c src/plot.h src/gnuplot.h src/gnuplot.c src/text.c \
	src/sheet.h src/sheet.c \
	src/plot-history.c src/plot-confusion.c src/plot-reliability.c src/plot-images.c src/plot-filters.c
src_fm_plot_LDADD = $(common_ldadd)
