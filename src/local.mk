# Programs see the public header and what they share, src/common; nothing else of the library.
program_cppflags = $(public_cppflags) -I$(top_srcdir)/src

noinst_LIBRARIES += src/libcommon.a
src_libcommon_a_SOURCES = src/common/common.h \
	src/common/utf8.h src/common/utf8.c src/common/messages.h src/common/messages.c \
	src/common/xalloc.h src/common/xalloc.c src/common/options.h src/common/options.c \
	src/common/option-values.c src/common/option-help.c src/common/completion.c src/common/startup.h src/common/startup.c \
	src/common/inputs.h src/common/inputs.c src/common/loading.h src/common/loading.c src/common/roots.h src/common/roots.c \
	src/common/file-kinds.h src/common/file-kinds.c src/common/folder.h src/common/folder.c src/common/output.h src/common/output.c \
	src/common/spool.h src/common/spool.c \
	src/common/classes.h src/common/classes.c src/common/class-pairs.h src/common/class-pairs.c \
	src/common/predictions.h src/common/predictions.c src/common/overfitting.h src/common/overfitting.c
src_libcommon_a_CPPFLAGS = $(program_cppflags) $(JANSSON_CFLAGS)
common_ldadd = src/libcommon.a lib/libfmnn.la $(JANSSON_LIBS)

bin_PROGRAMS += src/fm-fetch
fetch_cppflags = $(program_cppflags) $(CURL_CFLAGS) $(MD_CFLAGS) $(ZLIB_CFLAGS)
fetch_libs = $(CURL_LIBS) $(MD_LIBS) $(ZLIB_LIBS)
fetch_sources = src/fm-fetch.c src/fetch/fm-fetch.h src/fetch/fetch-verify.c src/fetch/fetch-store.c \
	src/fetch/fetch-forms.c src/fetch/fetch-download.c src/fetch/import.h src/fetch/import.c \
	src/fetch/import-bytes.c src/fetch/import-sink.c src/fetch/import-idx.c src/fetch/import-cifar.c \
	src/fetch/import-csv.c src/fetch/import-folder.c src/fetch/import-names.c
src_fm_fetch_SOURCES = $(fetch_sources) src/fetch/fetch-sources.c
src_fm_fetch_CPPFLAGS = $(fetch_cppflags)
src_fm_fetch_LDADD = $(common_ldadd) $(fetch_libs)

bin_PROGRAMS += src/fm-split
src_fm_split_SOURCES = src/fm-split.c src/split/fm-split.h src/split/split-rows.c src/split/split-folder.c \
	src/split/split-table.c
src_fm_split_CPPFLAGS = $(program_cppflags)
src_fm_split_LDADD = $(common_ldadd)

bin_PROGRAMS += src/fm-train
src_fm_train_SOURCES = src/fm-train.c src/train/fm-train.h src/train/train-options.c src/train/train-model.c \
	src/train/train-data.c src/train/train-classes.h src/train/train-classes.c src/train/train-tables.c src/train/train-history.c src/train/train-run.c
src_fm_train_CPPFLAGS = $(program_cppflags) -Isrc -DMODELSDIR='"$(modelsdir)"'
src_fm_train_LDADD = $(common_ldadd)
modelsdir = $(pkgdatadir)/models
dist_models_DATA = lib/models/quick lib/models/good lib/models/better lib/models/best lib/models/fc lib/models/cnn
# The same as C strings, so that a program that is not installed, or was moved, has them too.
nodist_src_fm_train_SOURCES = src/presets.h
BUILT_SOURCES += src/presets.h
CLEANFILES += src/presets.h
src/presets.h: $(dist_models_DATA)
	$(AM_V_at)$(MKDIR_P) src
	$(AM_V_GEN)for file in $(dist_models_DATA); do echo "{\"$${file##*/}\","; \
	  sed 's/[\\"]/\\&/g; s/^/"/; s/$$/\\n"/' "$(srcdir)/$$file" || exit 1; echo '},'; \
	done >$@.new && mv $@.new $@

bin_PROGRAMS += src/fm-predict
src_fm_predict_SOURCES = src/fm-predict.c
src_fm_predict_CPPFLAGS = $(program_cppflags)
src_fm_predict_LDADD = $(common_ldadd)

bin_PROGRAMS += src/fm-confusion
src_fm_confusion_SOURCES = src/fm-confusion.c src/confusion/fm-confusion.h src/confusion/confusion-text.c \
	src/confusion/confusion-data.c src/confusion/confusion-numpy.c src/confusion/compare.h src/confusion/compare.c \
	src/confusion/issues.h src/confusion/issues.c
src_fm_confusion_CPPFLAGS = $(program_cppflags) $(JANSSON_CFLAGS)
src_fm_confusion_LDADD = $(common_ldadd)

bin_PROGRAMS += src/fm-plot
src_fm_plot_SOURCES = src/fm-plot.c src/plot/fm-plot.h src/plot/gnuplot.h src/plot/gnuplot.c \
	src/plot/plot-text.c src/plot/plot-predictions.c src/plot/grid.h src/plot/grid.c src/plot/plot-history.c src/plot/plot-confusion.c \
	src/plot/plot-reliability.c src/plot/plot-roc.c src/plot/plot-images.c src/plot/plot-filters.c
src_fm_plot_CPPFLAGS = $(program_cppflags)
src_fm_plot_LDADD = $(common_ldadd)

# Completions, which the programs write from their tables of options. A tarball has them for cross compilers.
bash_completions = src/completion/bash/fm-fetch src/completion/bash/fm-split src/completion/bash/fm-train \
	src/completion/bash/fm-predict src/completion/bash/fm-confusion src/completion/bash/fm-plot
zsh_completions = src/completion/zsh/_fm-fetch src/completion/zsh/_fm-split src/completion/zsh/_fm-train \
	src/completion/zsh/_fm-predict src/completion/zsh/_fm-confusion src/completion/zsh/_fm-plot
fish_completions = src/completion/fish/fm-fetch.fish src/completion/fish/fm-split.fish \
	src/completion/fish/fm-train.fish src/completion/fish/fm-predict.fish \
	src/completion/fish/fm-confusion.fish src/completion/fish/fm-plot.fish
if COMPLETIONS
bashcompletionsdir = $(datadir)/bash-completion/completions
zshcompletionsdir = $(datadir)/zsh/site-functions
fishcompletionsdir = $(datadir)/fish/vendor_completions.d
dist_bashcompletions_DATA = $(bash_completions)
dist_zshcompletions_DATA = $(zsh_completions)
dist_fishcompletions_DATA = $(fish_completions)
if !CROSS_COMPILING
CLEANFILES += $(bash_completions) $(zsh_completions) $(fish_completions) src/completion/stamp
$(bash_completions) $(zsh_completions) $(fish_completions): src/completion/stamp
src/completion/stamp: $(bin_PROGRAMS)
	$(AM_V_at)$(MKDIR_P) src/completion/bash src/completion/zsh src/completion/fish
	$(AM_V_GEN)for program in $(bin_PROGRAMS); do \
	  name=`basename $$program $(EXEEXT)`; \
	  $$program --completion=bash >src/completion/bash/$$name && \
	  $$program --completion=zsh >src/completion/zsh/_$$name && \
	  $$program --completion=fish >src/completion/fish/$$name.fish || exit 1; done
	$(AM_V_at)touch $@
endif
endif
