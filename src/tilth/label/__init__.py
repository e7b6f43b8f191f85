"""Say what a sample is, and how sure that is: from functions that vote, or from people's answers.

Operations: `vote` (labelling functions), `consensus` (several annotators an item). Their cores are
pure functions over arrays: `one_coin` and `dawid_skene` (label models), `agreement` (how far people
agree beyond chance).
"""
