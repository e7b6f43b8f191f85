"""Translation from one language to another."""

from tilth.tasks.declare import BITS_PER_BYTE, Data, Declaration, Metric

PAIRS = Data(
    "tilth.tasks.translation.pairs",
    "text",
    "sentence pairs",
    reads=("vocabulary", "tokenizer", "tokenizer_sources", "max_length"),
)

TASK = Declaration(
    name="translation",
    data=PAIRS,
    interface="pairs",
    metrics=(
        BITS_PER_BYTE,
        Metric("bleu", "BLEU", "BLEU"),
        Metric("bleu_lowercase", "BLEU, lower-cased", "BLEU"),
        Metric("chrf", "chrF", "chrF"),
    ),
    verb="translate",
    answer="target",
    asked_with=("beam", "length_penalty"),
    use="translating sentences like those it was trained on (`tilth translate`)",
    pipeline="translation",
    needs=("sacrebleu",),
    objective=("label_smoothing", "beam", "length_penalty"),
)
