"""Turn raw records into text worth learning from, and say why the rest is not."""
