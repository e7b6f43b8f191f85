"""A language model that starts from one of the hub, which lies in a cache of it."""

from __future__ import annotations

from functools import cache

from tests.edits.common import env, of_header, of_process, touch, training, write
from tests.edits.records import jsonl, sentence
from tests.edits.trainings import checkpoint, stages
from tests.edits.workspace import Draft, Edit, Modality, Step

_GPT = {
    "kind": "gpt",
    "layers": 1,
    "width": 8,
    "heads": 2,
    "context": 16,
    "bias": True,
    "positions": "learned",
}
_MODEL = "hub/models--me--tiny"


def _plain() -> Draft:
    draft = Draft(header={"name": "hub", "seed": 0, "threads": 1})
    draft.write("a.jsonl", jsonl([sentence("a", number, 9) for number in range(20)]))
    draft.sources = {"a": Step("jsonl", {"path": "a.jsonl"})}
    pretrain = {
        "task": "text-generation",
        "model": _GPT,
        "data": {"vocabulary": 270},
        "optimizer": {"learning_rate": 0.002},
    }
    draft.trainings = {"pretrain": stages(pretrain, {}, "")["pretrain"]}
    return draft


@cache
def _models() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Two revisions of a model."""
    return checkpoint(_plain(), 1, exported=True), checkpoint(_plain(), 2, exported=True)


def _lay(draft: Draft, cache_folder: str, model: int, revision: str) -> None:
    """A revision of the model in a cache, as the newest."""
    for name, data in _models()[model].items():
        draft.write(f"{cache_folder}/{_MODEL}/snapshots/{revision * 40}/{name}", data)
    draft.write(f"{cache_folder}/{_MODEL}/refs/main", revision * 40)


def base() -> Draft:
    """Three caches: one that is used, one that holds the same, one that holds another model."""
    draft = _plain()
    _lay(draft, "mine", 0, "a")
    _lay(draft, "again", 0, "a")
    _lay(draft, "other", 1, "a")
    draft.env = {"HF_HOME": "mine"}
    draft.trainings["pretrain"]["initialise"] = "me/tiny"
    del draft.trainings["pretrain"]["data"]["vocabulary"]
    return draft


_WEIGHTS = f"mine/{_MODEL}/snapshots/{'a' * 40}/model.safetensors"
_OWN = ("pretrain",)
EDITS = (
    Edit("another cache with another model", env(HF_HOME="other"), _OWN),
    Edit("another cache with the same model", env(HF_HOME="again")),
    Edit("a newer revision", lambda d: _lay(d, "mine", 1, "b"), _OWN),
    Edit("a newer revision that is the same", lambda d: _lay(d, "mine", 0, "b")),
    Edit("other weights in the cache", lambda d: d.write(_WEIGHTS, _models()[1][_NAME]), _OWN),
    Edit("the weights touched", touch(_WEIGHTS)),
    Edit("an unread file in the cache", write(f"mine/{_MODEL}/snapshots/{'a' * 40}/x.txt", "x")),
    Edit("the rate", training("pretrain", optimizer={"learning_rate": 0.004}), _OWN),
    *of_header(),
    *(one for one in of_process() if one.name != "another cache of the hub"),
)
_NAME = "model.safetensors"
HUB = Modality("hub", base, EDITS, points=4, share=0.5)
