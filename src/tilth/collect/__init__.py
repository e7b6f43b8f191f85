"""Sources: each brings data in, and every record that cannot be read is a row too."""
