"""Show a model a sample a little different every time, without storing the differences.

One transform a module. Of images: `shift`, `erase`, `flip`, `crop`, `noise`; of speech: `gain`,
`speed`, `audio_noise`, `audio_shift`, `span` (waveforms), `warp`, `tilt`, `stretch`, `spec_augment`
(spectra; both in `sounds`). Each has `Settings` and `transform(batch, keys, settings)`; what it
draws for a sample depends on the sample's key alone (`keys`), so a batch's make-up, the number of
workers and a resumed run change nothing. `chain` runs several in a row, `sheet` shows what they do.
"""
