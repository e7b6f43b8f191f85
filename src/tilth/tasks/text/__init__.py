"""Text: what comes next, and which class a text is of."""

from tilth.tasks.declare import Data

DOCUMENTS = Data("tilth.tasks.text.documents", "text", "documents")
LABELLED = Data("tilth.tasks.text.labelled", "text", "texts", sheet="tilth.tasks.text.sheet")
