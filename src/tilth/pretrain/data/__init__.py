"""How each kind of data becomes arrays: `write` lays a split down, `read` maps it into memory.

splits     what all kinds share
text       documents as tokens, to be packed
pairs      source and target tokens
images     pixels and labels
"""
