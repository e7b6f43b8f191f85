"""Figures through the whole line: what is shown of a run, against its files and against itself."""
