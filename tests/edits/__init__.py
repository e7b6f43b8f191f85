"""Random edits over small recipes: never stale, never for nothing."""
