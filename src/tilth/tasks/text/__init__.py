"""Text: what comes next, and which class a text is of."""
