"""Small reference networks, one file each, and their settings, which load no torch."""
