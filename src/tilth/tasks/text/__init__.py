"""Text: what comes next, and which class a text is of."""

from tilth.tasks.declare import Data

_TOKENS = ("vocabulary", "tokenizer", "tokenizer_sources")
DOCUMENTS = Data("tilth.tasks.text.documents", "text", "documents", reads=(*_TOKENS, "shuffle"))
LABELLED = Data(
    "tilth.tasks.text.labelled",
    "text",
    "texts",
    sheet="tilth.tasks.text.sheet",
    reads=(*_TOKENS, "max_length"),
)
