"""Speech: what is said in an utterance."""
