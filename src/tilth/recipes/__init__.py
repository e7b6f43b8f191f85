"""Starter recipes: `tilth init NAME` copies one out for editing."""
