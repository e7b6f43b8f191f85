"""Hot text loops, compiled with Numba over Arrow string buffers, each with a plain twin as oracle.

`characters` (what a code point is; UTF-8 decoding), `words` (the one word splitter), `signals`
(counts of characters, lines, words), `repetition` (lines, paragraphs, n-grams that stood before),
`minhash` (signatures of near-duplicates), `plain` (the twins of signals and repetition).
"""
