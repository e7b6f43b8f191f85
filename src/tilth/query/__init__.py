"""The one layer of typed questions about recipes and runs; the command and the report ask it.

runs.py      find a run and its steps
status.py    how a run stands, and what is left
findings.py  what a run found, in a sentence a stage
plans.py     what a recipe will run, and why
samples.py   show what a step kept, dropped or quarantined
trace.py     the life of one sample
diff.py      what differs between two runs
export.py    a step's samples as files
predict.py   ask the trained model of a run
generated.py what it makes of a few held-out samples
augmented.py training samples as the epochs of training see them
draw.py      a few samples to look at, the same on every machine
document.py  a run as one dictionary: `report.json`
explain.py   what an operation, signal, rule set or stage is
doctor.py    whether this machine has what a run needs
lines.py     the events of a run as plain lines
rows.py      find single rows in Parquet shards
text.py      foreign text made safe and short
"""
