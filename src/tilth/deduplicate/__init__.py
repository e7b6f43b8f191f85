"""Find what is there twice, and keep what is held out apart from what is trained on.

Each operation marks rows and removes none; the copy that stays is the one with the highest split
(test, then validation, then train), and of those the earliest.
"""
