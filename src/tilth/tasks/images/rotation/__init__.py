"""By how much an image was turned: pretraining without a label."""

from tilth.tasks.declare import ACCURACY, Declaration
from tilth.tasks.images import A_START, PIXELS

TASK = Declaration(
    name="image-rotation",
    data=PIXELS,
    interface="images",
    metrics=(ACCURACY,),
    outputs=("0", "90", "180", "270"),
    transforms=("images",),
    verb="classify",
    use=A_START,
    pipeline="image-feature-extraction",
    objective=("label_smoothing",),
)
