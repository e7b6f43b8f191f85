"""What one text, picture or sound is: the only modules that turn outside bytes into any of these.

Collecting decodes each file whole before it is kept, and checks, signals, training, prediction,
report and export decode with the same module.
"""
