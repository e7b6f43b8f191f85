"""Training: from a data set on disk to weights on disk, in a loop whose six steps can be read.

settings       every setting of the stage; loads no torch
fit            the stage itself: prepare, train, measure, save
prepare        data set to arrays: tokens of text, pixels of images
selection      which samples are for training, validation, test
tokenize       byte-level BPE
decode         encoded images to pixels
arrays         arrays that grow on disk and are read memory-mapped
examples       documents, and rows of one array; packing text into windows
order          data order as a pure function of (seed, epoch, id)
tasks          what is learnt: batch, loss, measure
models/        GPT, MLP, CNN
loop           initialise, forward, loss, backward, update, repeat until converged
start          what a training starts from, and its digest
optimizer      update rules and learning-rate schedules
stopping       the limits of a run as one plan
precision      fp32 or bf16
state          what a run remembers between steps
checkpoint     one file that is either the old one or the new one
evaluate       measure a model unit by unit
intervals      how far a figure may be from what more such samples would give
groups         held-out samples that stand or fall together
quoted         a figure with its interval, unit and number of samples, in words
weights        a trained model on disk
"""
