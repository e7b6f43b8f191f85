"""Translation from one language to another."""
