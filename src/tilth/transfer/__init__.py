"""Carry a trained model to the user's own task, and say what that was worth.

compare.py   the stage: its cells and what they return
settings.py  its settings
methods.py   one cell: from scratch, probed or fine-tuned, on a subset of the target
target.py    a few samples, a start, a budget: what transfer and value have in common
summary.py   from all cells to curves, gains and the headline
paired.py    paired differences: Student-t, sign-flip, Holm, the four verdicts
curves.py    err(n) = a n^-b + c: what a result is worth in data or compute, or why not
"""
