"""Run a plan: tasks over shards, in worker processes, with books that balance."""
