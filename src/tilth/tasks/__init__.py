"""What is learnt: of each modality its data, its features, its loss and its answers."""
