"""Decide how often each sample is seen, and show how varied the mixture is."""
