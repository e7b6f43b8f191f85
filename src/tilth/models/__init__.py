"""Small reference networks, a folder each, whose settings load no torch, and what they share."""
