"""Which two views are of one image: pretraining without a label."""

from tilth.tasks.declare import ACCURACY, Declaration
from tilth.tasks.images import A_START, PIXELS

TASK = Declaration(
    name="image-contrastive",
    data=PIXELS,
    interface="images",
    metrics=(ACCURACY,),
    outputs=tuple(f"projection-{number}" for number in range(64)),
    transforms=("images",),
    use=A_START,
    pipeline="image-feature-extraction",
    objective=("temperature",),
    at_once=2,
)
