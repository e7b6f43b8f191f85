"""The command: verbs that print what the query layer answers, and never compute."""
