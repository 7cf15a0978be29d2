# One page a program, one a format, one for the pipeline.
dist_man_MANS += man/fmnn-weights.5
dist_man_MANS += man/fm-fetch.1
dist_man_MANS += man/fm-split.1 man/fmnn.7
dist_man_MANS += man/fm-confusion.1
dist_man_MANS += man/fm-split.1 man/fmnn.7 man/fm-plot.1
