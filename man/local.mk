# One page a program, one a format, one for the pipeline.
dist_man_MANS += man/fm-fetch.1
