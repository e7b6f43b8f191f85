"""Decide how often each sample is seen, and show how varied the mixture is.

Operation: `weights`. Its report comes from `diversity` (pure functions over texts and counts).
"""
