"""What the sources share: finding files, bounded reading, fields, and rows that become batches."""
