"""Translation from one language to another."""

from tilth.tasks.declare import BITS_PER_BYTE, BY_JACKKNIFE, Data, Declaration, Metric

PAIRS = Data(
    "tilth.tasks.translation.pairs",
    "text",
    "sentence pairs",
    reads=("vocabulary", "tokenizer", "tokenizer_sources", "max_length"),
)

_ROWS = "the translations of a held-out split, as given"
_REFERENCE = "sacreBLEU's corpus_score"
_TEST = "tests/tasks/test_metrics.py::test_bleu_and_chrf_are_sacrebleus"
BLEU = Metric(
    "bleu",
    "BLEU",
    "BLEU",
    about="How many of the words, and runs of two to four words, of the model's translations are "
    "in the one that was given; too short ones cost. Of the whole split at once, by beam search. "
    "Of Chinese, Thai, Khmer and the like, of characters; of Japanese and Korean too, or of words "
    "with the extra `ja` or `ko`. The signature says what sacreBLEU did.",
    rows=_ROWS,
    interval=BY_JACKKNIFE,
    source="Papineni et al. 2002, as sacreBLEU has it (Post 2018)",
    reference=_REFERENCE,
    test=_TEST,
)
BLEU_LOWERCASE = Metric(
    "bleu_lowercase",
    "BLEU, lower-cased",
    "BLEU",
    about="BLEU with both sides lower-cased: what differs in case alone is right.",
    rows=_ROWS,
    interval=BY_JACKKNIFE,
    source="Papineni et al. 2002, as sacreBLEU has it with lowercase=True",
    reference=_REFERENCE,
    test=_TEST,
)
CHRF = Metric(
    "chrf",
    "chrF",
    "chrF",
    about="F score, recall counting twice, of the runs of one to six characters that the model's "
    "translations share with the given ones. Of the whole split at once, by beam search.",
    rows=_ROWS,
    interval=BY_JACKKNIFE,
    source="Popovic 2015, chrF2, as sacreBLEU has it",
    reference=_REFERENCE,
    test=_TEST,
)

TASK = Declaration(
    name="translation",
    data=PAIRS,
    interface="pairs",
    metrics=(BITS_PER_BYTE, BLEU, BLEU_LOWERCASE, CHRF),
    verb="translate",
    answer="target",
    asked_with=("beam", "length_penalty"),
    use="translating sentences like those it was trained on (`tilth translate`)",
    pipeline="translation",
    needs=("sacrebleu",),
    objective=("label_smoothing", "beam", "length_penalty"),
    seen="target tokens",
)
