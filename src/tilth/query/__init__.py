"""The one layer of typed questions about recipes and runs; the command and the report ask it."""
