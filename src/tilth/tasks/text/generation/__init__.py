"""What comes next in a text."""

from tilth.tasks.declare import BITS_PER_BYTE, Declaration
from tilth.tasks.text import DOCUMENTS

TASK = Declaration(
    name="text-generation",
    data=DOCUMENTS,
    interface="tokens",
    metrics=(BITS_PER_BYTE,),
    verb="generate",
    prompts=True,
    asked_with=("temperature", "top_k", "top_p", "seed"),
    use="going on with texts like those it was trained on (`tilth generate`)",
    pipeline="text-generation",
    seen="tokens",
)
