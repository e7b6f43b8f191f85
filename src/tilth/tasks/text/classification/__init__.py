"""Which class a text is of."""

from tilth.tasks.declare import ACCURACY, MACRO_F1, Declaration
from tilth.tasks.text import LABELLED

TASK = Declaration(
    name="text-classification",
    data=LABELLED,
    interface="tokens",
    metrics=(ACCURACY, MACRO_F1),
    labels=True,
    transforms=("tokens",),
    verb="classify",
    answer="label",
    use="saying which of its classes a text is of (`tilth classify`)",
    pipeline="text-classification",
    objective=("label_smoothing",),
)
