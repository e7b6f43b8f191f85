"""Carry a trained model to the user's own task, and say what that was worth."""
