"""Show a model a sample a little different every time, without storing the differences.

What a transform draws for a sample depends on the sample's key alone, so a batch's make-up, the
number of workers and a resumed run change nothing.
"""
