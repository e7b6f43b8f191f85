"""Clean: turn raw records into text worth learning from, and say why the rest is not.

Operations, one a file: `extract` (HTML to main text), `normalize` (Unicode, line ends, blanks),
`language` (identify, keep), `signals` (measure), `rules` (decide over signals), `redact` (personal
data to placeholders), `check_image` (decode and measure images).
Beside them: `decode` (bytes of a page to characters), `functions` (a user's own signals, by name),
`expression` (the language of rules), `personal` (how each kind of personal data is recognised),
`rule_sets/` (published rules as files).
"""
