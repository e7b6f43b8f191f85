"""Which class an image is of."""

from tilth.tasks.declare import ACCURACY, BY_EXACT, Declaration, Metric
from tilth.tasks.images import PIXELS

TOP5 = Metric(
    "top5",
    "top-5 accuracy (%)",
    "%",
    about="Share of the images whose class is among the five likeliest. Of ten classes or more: "
    "of fewer it is not given.",
    rows="the images of a held-out split",
    interval=BY_EXACT,
    source="Russakovsky et al. 2015, ImageNet, section 4.1, as a share of right ones",
    reference="scikit-learn's top_k_accuracy_score",
    test="tests/tasks/test_metrics.py::test_accuracy_and_top5_are_scikit_learns",
)
TASK = Declaration(
    name="image-classification",
    data=PIXELS,
    interface="images",
    metrics=(ACCURACY, TOP5),
    labels=True,
    transforms=("images",),
    verb="classify",
    answer="label",
    use="saying which of its classes an image is of (`tilth classify`)",
    pipeline="image-classification",
    objective=("label_smoothing", "mixup", "views"),
)
