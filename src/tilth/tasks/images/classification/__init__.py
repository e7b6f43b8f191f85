"""Which class an image is of."""

from tilth.tasks.declare import ACCURACY, Declaration, Metric
from tilth.tasks.images import PIXELS

TASK = Declaration(
    name="image-classification",
    data=PIXELS,
    interface="images",
    metrics=(ACCURACY, Metric("top5", "top-5 accuracy (%)", "%")),
    labels=True,
    transforms=("images",),
    verb="classify",
    answer="label",
    use="saying which of its classes an image is of (`tilth classify`)",
    pipeline="image-classification",
    objective=("label_smoothing", "mixup", "views"),
)
