"""The layouts in which speech corpora come: what their lists say of their sounds."""
