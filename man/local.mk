# One page a program, one a format, one for the pipeline, one for the library.
dist_man_MANS += man/fm-fetch.1 man/fm-split.1 man/fm-train.1 man/fm-predict.1 man/fm-confusion.1 \
	man/fm-plot.1 man/fmnn-model.5 man/fmnn-weights.5 man/fmnn.7 man/libfmnn.3

# The same as HTML, in man/html: make html
EXTRA_DIST += man/mkhtml
html-local: $(dist_man_MANS)
	$(srcdir)/man/mkhtml $(VERSION) man/html `for page in $(dist_man_MANS); do \
	  if test -e $$page; then echo $$page; else echo $(srcdir)/$$page; fi; done`
clean-local: clean-html
clean-html:
	rm -rf man/html
