"""The recipe: what a user writes, typed and closed, and the plan that follows from it.

operations.py  the table of operations: name, stage, kind, module
model.py       the typed recipe
load.py        YAML with line numbers; all mistakes at once
plan.py        steps, identities, what is cached, what will run and why
arms.py        the derived data lines that the value stage compares
needs.py       which packages beyond the base install a recipe needs
words.py       words that people look for, and what there is instead
"""
