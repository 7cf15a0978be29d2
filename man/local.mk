# One page a program, one a format, one for the pipeline.
