"""Into how many bands a signature is cut, and what of the pairs these bring together.

A pair of Jaccard similarity J agrees in a whole band of r places with probability J^r, so in one of
b bands at least with 1 - (1 - J^r)^b (Leskovec, Rajaraman, Ullman: "Mining of Massive Datasets",
section 3.4.2). Long bands make few candidates, and miss pairs; so the bands are as long as the
pairs at the threshold allow.
"""

from __future__ import annotations

from typing import Final

MIN_RECALL: Final = 0.95  # of pairs at the threshold; of nearer ones more are found


def expected_recall(jaccard: float, num_bands: int, band_places: int) -> float:
    """The share of pairs of this similarity that at least one band brings together."""
    return 1 - (1 - jaccard**band_places) ** num_bands


def bands_for(threshold: float, num_hashes: int) -> tuple[int, int]:
    """Bands and the places of each: the longest that find `MIN_RECALL` at the threshold.

    Args:
        threshold: Jaccard similarity, above 0 and at most 1.
        num_hashes: Places that there are; a few may be left over.

    Returns:
        num_bands, band_places. One place each where even these find fewer.
    """
    for places in range(num_hashes, 1, -1):
        if expected_recall(threshold, num_hashes // places, places) >= MIN_RECALL:
            return num_hashes // places, places
    return num_hashes, 1
