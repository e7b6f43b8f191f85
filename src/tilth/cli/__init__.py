"""The command: verbs that print what the query layer answers, and never compute.

main.py      the verbs' table and the entry point
verb.py      what every verb does alike: errors to exit codes, --debug, Ctrl-C
usage.py     a command that cannot be read: errors in the one form
output.py    one JSON document, or tables and lines, to standard output
progress.py  a run's events: one live line on a terminal, plain lines elsewhere
recipes.py   init, list, explain, check, plan
runs.py      run, status, report, export
samples.py   show, trace, diff
predict.py   generate, translate, transcribe, classify
machine.py   doctor, demo-site
"""
