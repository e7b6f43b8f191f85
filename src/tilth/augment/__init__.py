"""Show a model a sample a little different every time, without storing the differences.

One transform a module: `shift`, `erase`, `flip`, `crop`, `noise`. Each has `Settings` and
`transform(images, keys, settings)`; what it draws for an image depends on the image's key alone
(`keys`), so a batch's make-up, the number of workers and a resumed run change nothing. `chain` runs
several in a row, `sheet` shows what they do.
"""
