"""What a run found, on one page that asks nothing of the network.

write.py         report.html, report.json and card.md, each written atomically
page.py          from the report's document to what the template shows
steps.py         steps, rules, examples, errors; the books and the funnel
figures.py       an operation's own figures as small tables and histograms
evidence.py      what the next three have in common
pretraining.py   learning curves, held-out figures, folds and seeds
generated.py     what the model makes of a few samples
transferring.py  the efficiency curve, what pretraining was worth in data
valuing.py       forest plot, slope plot, verdicts
charts.py        lines with bands, the funnel's bars, histograms, as SVG
effects.py       forest and slope plots, as SVG
svg.py           elements, scales, ticks
text.py          numbers and foreign text as they are printed
tidy.py          strict JSON out of whatever a run returns
augmented.py     the contact sheet of augmented samples
card.py          the data card in Markdown
model_card.py    the model card: README.md beside the weights
markdown.py      what the two cards are written with
templates/       the page, its style sheet, its macros
"""
