"""The recipe: what a user writes, typed and closed, and the plan that follows from it."""
