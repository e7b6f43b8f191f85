"""Find what is there twice, and keep what is held out apart from what is trained on.

Each operation marks rows and removes none; the copy that stays is the one with the highest split
(test, then validation, then train), and of those the earliest.

- `hold_out` (map): splits off test and validation samples by a keyed hash of their group.
- `exact` (shuffle): copies of the same text, image or sound.
- `minhash` (shuffle): near-copies of a text, by word shingles and MinHash.
- `decontaminate` (shuffle): training texts that share n-grams with held-out ones.
- `copies`: what the three share: who stays, how the others are marked.
"""
