"""Images: which class one is of, how it was turned, which two views are of one."""

from tilth.tasks.declare import Data

PIXELS = Data(
    "tilth.tasks.images.pixels",
    "image",
    "images",
    sheet="tilth.tasks.images.sheet",
    reads=("image_size", "channels"),
)
A_START = "a start for other models of images (`transfer`, `pretrain.initialise`)"
