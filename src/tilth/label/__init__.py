"""Say what a sample is, and how sure that is: from functions that vote, or people's answers."""
