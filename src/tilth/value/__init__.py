"""Say what each data decision was worth, with an interval, by paired small trainings.

arms.py         the stage: its cells and what they return
settings.py     arms and settings; what is filled in from pretrain and transfer
experiment.py   one cell: train an arm with one seed, carry it over, measure it
leakage.py      copies of held-out samples: exact, 13-gram overlap, equal pixels
gate.py         the same on data sets; the answer is kept for all cells of an arm
statistics.py   power, Benjamini-Hochberg
summary.py      from all cells to effects, intervals and verdicts
"""
