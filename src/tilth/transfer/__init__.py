"""Carry a trained model to the user's own task, and say what that was worth.

compare.py   the stage: its cells and what they return
settings.py  its settings
methods.py   one cell: from scratch, probed or fine-tuned, on a subset of the target
target.py    a few samples, a start, a budget: what transfer and value have in common
tfidf.py     the method without a network: word counts and a linear classifier
clusters.py  which test samples stand or fall together
summary.py   from all cells to curves, gains and their headlines
headline.py  a verdict as a sentence, with what it rests on: the only place that makes one
paired.py    paired differences: Student-t, sign-flip, Holm, the four verdicts
held_out.py  the test set's share of the uncertainty
smallest.py  the smallest effect that matters, by metric
curves.py    err(n) = a n^-b + c: what a result is worth in data or compute, or why not
"""
