"""What a run found, on one page that asks nothing of the network."""
