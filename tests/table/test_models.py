"""Every setting of a model, in `pretrain` and in `value`: the network that is built of it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.table.entries import effect, extreme, refused, under
from tests.table.whole import Tree, changed, read, said
from tests.transfer.samples import text_rows, write_dataset
from tilth.context import Context
from tilth.errors import UsageError
from tilth.models.build import build_model, count_parameters
from tilth.models.declare import NetworkSettings
from tilth.models.facts import Sizes
from tilth.models.settings import model_settings
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.value import arms
from tilth.value.resolve import resolve
from tilth.value.settings import Change, Planned, Settings

SECTIONS = ("pretrain.model", "value.model")
TASKS = {
    "cnn": "image-classification",
    "ctc": "speech-recognition",
    "gpt": "text-generation",
    "mlp": "image-classification",
    "resnet": "image-classification",
    "seq2seq": "translation",
}
SIZES = {
    "gpt": Sizes(vocabulary=20),
    "seq2seq": Sizes(vocabulary=20),
    "ctc": Sizes(classes=4, mels=12),
}
IMAGES = Sizes(image=(3, 16, 16), classes=4)
VALUE = {"arms": {"again": {"same": True}}, "budget": 5}
# Small, so that hundreds are built in a moment.
SMALL: dict[str, dict[str, Any]] = {
    "cnn": {"channels": [4, 6], "hidden": 8},
    "ctc": {"hidden": 8, "channels": 6},
    "gpt": {"layers": 2, "width": 16, "heads": 2, "context": 12},
    "mlp": {"hidden": [8]},
    "resnet": {"stem_width": 4, "widths": [4, 6], "blocks": [1, 1]},
    "seq2seq": {
        "encoder_layers": 1,
        "decoder_layers": 1,
        "width": 16,
        "heads": 2,
        "hidden": 8,
        "dropout": 0,
        "attention_dropout": 0,
    },
}


def everywhere(*names: str) -> list[str]:
    """`gpt.width` in both sections."""
    return under(SECTIONS, *names)


def _tree(path: str, **given: Any) -> Tree:
    """A recipe with this model where the path says."""
    section, _, kind = path.split(".")[:3]
    model = {"kind": kind, **SMALL[kind], **given}
    tree: Tree = {
        "collect": {"a": {"jsonl": {"path": "a.jsonl"}}},
        "pretrain": {"task": TASKS[kind], "model": {"kind": kind}},
    }
    if section == "pretrain":
        return changed(tree, "pretrain/model", model)
    return {**tree, "value": {**VALUE, "model": model}}


def _settings(path: str, **given: Any) -> NetworkSettings:
    """The settings that the stage trains with, by way of the recipe."""
    recipe = read(_tree(path, **given))
    assert recipe.pretrain is not None
    pretrain = recipe.pretrain.settings
    assert isinstance(pretrain, PretrainSettings)
    if recipe.value is None:
        return pretrain.model
    assert isinstance(recipe.value.settings, Settings)
    return resolve(recipe.value.settings, Planned(pretrain=pretrain)).model


def _built(path: str, **given: Any) -> nn.Module:
    kind = path.split(".")[2]
    return build_model(_settings(path, **given), SIZES.get(kind, IMAGES), seed=0)


def _count(path: str, **given: Any) -> int:
    return count_parameters(_built(path, **given))


def _inputs(path: str) -> tuple[Tensor, ...]:
    kind = path.split(".")[2]
    generator = torch.Generator().manual_seed(0)
    if kind in ("cnn", "mlp", "resnet"):
        return (torch.rand(6, 3, 16, 16, generator=generator),)
    tokens = torch.randint(0, 20, (6, 12), generator=generator)
    lengths = torch.full((6,), 12)
    if kind == "ctc":
        return torch.rand(6, 12, 12, generator=generator), lengths
    return (tokens,) if kind == "gpt" else (tokens, lengths, tokens, lengths)


def _outputs(model: nn.Module, path: str, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    with torch.no_grad():
        found = model(*_inputs(path))
    outputs: Tensor = found[0] if isinstance(found, tuple) else found
    return outputs


@effect(*everywhere(*(f"{kind}.kind" for kind in TASKS)))
def test_the_kind_is_the_network(path: str) -> None:
    kind = path.split(".")[2]
    network = {"cnn": "CNN", "ctc": "CTC", "gpt": "GPT", "mlp": "MLP"}.get(kind, kind.title())
    network = {"Resnet": "ResNet", "Seq2Seq": "Seq2Seq"}.get(network, network)
    assert type(_built(path)).__name__ == network


@effect(*under(("value.model",), *(f"{kind}.kind" for kind in TASKS)))
def test_an_experiment_trains_another_kind_than_pretrain(path: str) -> None:
    kind = path.split(".")[2]
    other = "mlp" if kind == "cnn" else "cnn"
    tree = changed(_tree(path), "pretrain", {"task": TASKS[other], "model": {"kind": other}})
    recipe = read(changed(tree, "value/task", TASKS[kind]))
    assert recipe.pretrain is not None
    assert recipe.value is not None
    settings, pretrain = recipe.value.settings, recipe.pretrain.settings
    assert isinstance(settings, Settings)
    assert isinstance(pretrain, PretrainSettings)
    assert resolve(settings, Planned(pretrain=pretrain)).model == model_settings(
        {"kind": kind, **SMALL[kind]}
    )


@refused("pretrain.model.gpt.kind", "value.model.gpt.kind")
def test_a_model_that_learns_another_task_and_one_that_is_none(path: str) -> None:
    at = "value/model" if path.startswith("value") else "pretrain/model"
    assert "task text-generation needs model.kind gpt, not mlp" in said(
        changed(_tree(path), at, {"kind": "mlp"})
    )
    assert "`kind` does not take 'gtp' (did you mean `gpt`?" in said(
        changed(_tree(path), at, {"kind": "gtp"})
    )


@effect(*everywhere("gpt.layers", "ctc.layers", "seq2seq.encoder_layers", "seq2seq.decoder_layers"))
def test_each_layer_has_the_numbers_of_one(path: str) -> None:
    name = path.rpartition(".")[2]
    two, three, four = (_count(path, **{name: layers}) for layers in (2, 3, 4))
    assert two < three
    assert four - three == three - two
    lists = {"encoder_layers": "encoder", "decoder_layers": "decoder"}
    kind = path.split(".")[2]
    inside = lists.get(name, {"gpt": "blocks", "ctc": "recurrent"}.get(kind, ""))
    module = _built(path, **{name: 3}).get_submodule(inside)
    assert isinstance(module, nn.ModuleList)
    assert len(module) == 3


@effect(
    *everywhere(
        "gpt.width",
        "seq2seq.width",
        "seq2seq.hidden",
        "ctc.hidden",
        "ctc.channels",
        "cnn.hidden",
        "resnet.stem_width",
    )
)
def test_a_width_is_a_dimension_of_the_weights(path: str) -> None:
    name = path.rpartition(".")[2]
    wide = {size: _built(path, **{name: size}) for size in (24, 40)}
    shapes = {
        size: {number for weight in model.parameters() for number in weight.shape}
        for size, model in wide.items()
    }
    assert 40 in shapes[40]
    assert 40 not in shapes[24]
    assert count_parameters(wide[24]) < count_parameters(wide[40])
    assert len(list(wide[24].parameters())) == len(list(wide[40].parameters()))


@effect(*everywhere("cnn.channels", "mlp.hidden", "resnet.widths"))
def test_each_number_of_a_list_is_a_layer(path: str) -> None:
    name = path.rpartition(".")[2]
    layer, size = {
        "channels": (nn.Conv2d, "out_channels"),
        "hidden": (nn.Linear, "out_features"),
        "widths": (nn.BatchNorm2d, "num_features"),
    }[name]

    def layers(*sizes: int) -> list[int]:
        beside = {"blocks": [1] * len(sizes)} if name == "widths" else {}
        model = _built(path, **{name: sizes, **beside})
        return [getattr(module, size) for module in model.modules() if isinstance(module, layer)]

    if name == "widths":
        assert layers(5, 7) == [4, 5, 5, 7, 7]
    elif name == "hidden":
        assert layers(5, 7) == [5, 7, 4]
        assert layers() == [4]
    else:
        assert layers(5, 7) == [5, 7]


@effect(*everywhere("resnet.blocks"))
def test_so_many_blocks_a_stage(path: str) -> None:
    def stages(*blocks: int) -> int:
        stages = _built(path, blocks=blocks).get_submodule("stages")
        assert isinstance(stages, nn.Sequential)
        return len(stages)

    assert [stages(1, 1), stages(2, 1), stages(1, 3)] == [2, 3, 4]


@refused(*everywhere("resnet.blocks", "resnet.widths"))
def test_a_stage_without_a_width(path: str) -> None:
    assert "`widths` and `blocks` have one number a stage each" in said(
        _tree(path, widths=[4, 6], blocks=[1])
    )


@effect(*everywhere("resnet.block"))
def test_the_kind_of_block(path: str) -> None:
    convolutions = {}
    for block in ("pooled", "basic", "bottleneck"):
        modules = _built(path, block=block, widths=[4, 4]).modules()
        convolutions[block] = sum(isinstance(module, nn.Conv2d) for module in modules)
    # The stem's, two or three a block, and a shortcut where its shape changes.
    assert convolutions == {"pooled": 1 + 4, "basic": 1 + 4 + 1, "bottleneck": 1 + 6 + 2}
    head = _built(path, block="bottleneck").get_submodule("head")
    assert isinstance(head, nn.Linear)
    assert head.in_features == 4 * 6


@effect(*everywhere("resnet.stem"))
def test_the_first_layer(path: str) -> None:
    sides = {}
    for stem, size in (("small", 3), ("imagenet", 7)):
        model = _built(path, stem=stem)
        first = model.get_submodule("stem")
        kernels = [m.kernel_size for m in first.modules() if isinstance(m, nn.Conv2d)]
        assert kernels == [(size, size)]
        with torch.no_grad():
            sides[stem] = first(_inputs(path)[0]).shape[-1]
    assert sides == {"small": 16, "imagenet": 4}


@effect(*everywhere("resnet.logit_scale"))
def test_the_outputs_are_scaled(path: str) -> None:
    plain, soft = (_built(path, logit_scale=scale).eval() for scale in (1, 0.25))
    torch.testing.assert_close(_outputs(soft, path), 0.25 * _outputs(plain, path))


@effect(*everywhere("resnet.norm_momentum"))
def test_a_batch_moves_the_averages_by_its_share(path: str) -> None:
    means = {}
    for share in (0.1, 0.5, 1.0):
        model = _built(path, norm_momentum=share).train()
        _outputs(model, path)
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        assert all(norm.momentum == share for norm in norms)
        assert norms[0].running_mean is not None
        means[share] = norms[0].running_mean
    torch.testing.assert_close(means[0.1], 0.1 * means[1.0])
    torch.testing.assert_close(means[0.5], 0.5 * means[1.0])


@effect(*everywhere("ctc.cell"))
def test_the_cell_of_the_recurrent_layers(path: str) -> None:
    for cell, layer, gates in (("gru", nn.GRU, 3), ("lstm", nn.LSTM, 4)):
        model = _built(path, cell=cell)
        found = [m for m in model.modules() if isinstance(m, nn.RNNBase)]
        assert [type(one) for one in found] == [layer] * 2
        assert found[0].weight_hh_l0.shape == (gates * 8, 8)


@effect(*everywhere("gpt.heads", "seq2seq.heads"))
def test_heads_share_the_width(path: str) -> None:
    """The same weights, another attention."""
    one, two = (_built(path, heads=heads).eval() for heads in (1, 4))
    assert count_parameters(one) == count_parameters(two)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert (_outputs(one, path) - _outputs(two, path)).abs().max() > 1e-4


@refused(*everywhere("gpt.heads", "seq2seq.heads"))
def test_heads_that_do_not_share_the_width(path: str) -> None:
    assert "must be a multiple of" in said(_tree(path, width=16, heads=3))
    assert "must be a multiple of twice heads" in said(_tree(path, width=16, heads=16))
    if "gpt" in path:
        assert not said(_tree(path, width=16, heads=16, positions="learned"))


@effect(*everywhere("gpt.context"))
def test_so_many_tokens_are_seen_at_once(path: str) -> None:
    for context in (6, 20):
        settings = _settings(path, context=context, positions="learned")
        assert settings.window == context
        model = _built(path, context=context, positions="learned")
        assert model.get_parameter("positions.weight").shape == (context, 16)
        # Documents are packed to it, and the first token of a window counts for its last.
        for positions in ("rotary", "learned"):
            model = _built(path, context=context, positions=positions).eval()
            with torch.no_grad():
                tokens = torch.zeros(1, context, dtype=torch.int64)
                assert model(tokens).shape == (1, context, 20)
                with pytest.raises(RuntimeError, match="size of tensor"):
                    model(torch.zeros(1, context + 1, dtype=torch.int64))


@effect(*everywhere("gpt.positions"))
def test_how_a_tokens_place_is_told(path: str) -> None:
    rotary, learned = (
        _built(path, positions=kind, layers=1).eval() for kind in ("rotary", "learned")
    )
    assert count_parameters(learned) == count_parameters(rotary) + 12 * 16
    with torch.no_grad():
        learned.get_parameter("positions.weight").zero_()
        found = learned(torch.tensor([[1, 2, 3, 4], [2, 1, 3, 4]]))
        told = rotary(torch.tensor([[1, 2, 3, 4], [2, 1, 3, 4]]))
    # Without its vectors, or its turns, the order of what came before makes no difference.
    torch.testing.assert_close(found[0, 3], found[1, 3])
    assert (told[0, 3] - told[1, 3]).abs().max() > 1e-5


@effect(*everywhere("gpt.bias"))
def test_whether_layers_have_biases(path: str) -> None:
    for bias in (False, True):
        names = [name for name, _ in _built(path, bias=bias).named_parameters()]
        # Of a block four linear layers and two norms, and the norm at the end.
        assert sum(name.endswith(".bias") for name in names) == (13 if bias else 0)


DROPOUTS = (
    "cnn.dropout",
    "ctc.dropout",
    "gpt.dropout",
    "mlp.dropout",
    "seq2seq.dropout",
    "seq2seq.attention_dropout",
)


@effect(*everywhere(*DROPOUTS))
def test_dropout_is_of_training_and_of_that_share(path: str) -> None:
    name = path.rpartition(".")[2]
    still = _outputs(_built(path, **{name: 0}).eval(), path)
    far = []
    for share in (0.0, 0.1, 0.6):
        model = _built(path, **{name: share})
        torch.testing.assert_close(_outputs(model.eval(), path), still)
        model.train()
        draws = torch.stack([_outputs(model, path, seed) for seed in range(8)])
        torch.testing.assert_close(_outputs(model, path, 3), draws[3])
        far.append(float((draws - still).abs().mean()))
    assert far[0] == pytest.approx(0, abs=1e-6)
    assert 0 < 1.5 * far[1] < far[2]


@extreme(*everywhere(*DROPOUTS))
def test_dropout_at_its_ends(path: str) -> None:
    name = path.rpartition(".")[2]
    for share in (0, 1e-9, 0.999999, 1 - 2**-53):
        outputs = _outputs(_built(path, **{name: share}).train(), path)
        assert outputs.isfinite().all()
    for share in (-0.1, 1, float("nan")):
        assert f"`{name}`" in said(_tree(path, **{name: share}))


@refused(*everywhere("mlp.dropout"))
def test_dropout_without_a_layer_to_drop_from(path: str) -> None:
    assert "`dropout` acts on hidden layers, and `hidden` names none" in said(
        _tree(path, hidden=[], dropout=0.5)
    )
    assert not said(_tree(path, hidden=[]))
    assert not said(_tree(path, hidden=[], dropout=0))


# The least and the most that is built in a moment; the most that is accepted; what is refused.
ENDS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]] = {
    "cnn.channels": (([1], [1] * 64), ([65_536],), ([], [0], [65_537], [1] * 65)),
    "cnn.hidden": ((1,), (65_536,), (0, -1, 65_537, 10**9, 1.5)),
    "ctc.channels": ((1,), (65_536,), (0, -1, 65_537, 10**9)),
    "ctc.hidden": ((1,), (65_536,), (0, -1, 65_537, 10**9)),
    "ctc.layers": ((1,), (1000,), (0, -1, 1001)),
    "gpt.context": ((2, 4096), (131_072,), (0, 1, 131_073, 10**9)),
    "gpt.heads": ((1, 8), (), (0, -1, 65_537)),
    "gpt.layers": ((1,), (1000,), (0, -1, 1001)),
    "gpt.width": ((8,), (65_536,), (0, 7, 9, 65_540, 10**9)),
    "mlp.hidden": (([], [1], [1] * 64), ([65_536],), ([0], [65_537], [1] * 65)),
    "resnet.blocks": (([1, 1],), ([1000, 1000],), ([], [0, 1], [1001, 1])),
    "resnet.logit_scale": ((0.001, 1000), (), (0, -1, 0.0009, 1001, float("inf"))),
    "resnet.norm_momentum": ((0.0001, 1), (), (0, -1, 0.00009, 1.1)),
    "resnet.stem_width": ((1,), (65_536,), (0, -1, 65_537)),
    "resnet.widths": (([1, 1],), ([65_536, 65_536],), ([], [0, 1], [65_537, 1])),
    "seq2seq.decoder_layers": ((1,), (1000,), (0, -1, 1001)),
    "seq2seq.encoder_layers": ((1,), (1000,), (0, -1, 1001)),
    "seq2seq.heads": ((1, 8), (), (0, -1, 65_537)),
    "seq2seq.hidden": ((1,), (65_536,), (0, -1, 65_537)),
    "seq2seq.width": ((8,), (65_536,), (0, 7, 9, 65_540, 10**9)),
}


@extreme(*everywhere(*ENDS))
def test_a_model_at_its_ends(path: str) -> None:
    kind, name = path.split(".")[2:]
    built, accepted, beyond = ENDS[f"{kind}.{name}"]
    for value in built:
        model = _built(path, **{name: value}).eval()
        if name != "context" or value >= 12:
            assert _outputs(model, path).isfinite().all()
    for value in accepted:
        assert not said(_tree(path, **{name: value}))
    for value in beyond:
        assert name in said(_tree(path, **{name: value})), value


@extreme(*everywhere("gpt.width", "seq2seq.width", "mlp.hidden", "cnn.channels"))
def test_what_no_memory_holds_is_refused_before_it_is_made(path: str) -> None:
    """Each number is one that the settings take; together they are terabytes."""
    large: dict[str, dict[str, Any]] = {
        "gpt": {"width": 65_536, "layers": 100},
        "seq2seq": {"width": 65_536, "encoder_layers": 100},
        "mlp": {"hidden": [65_536] * 64},
        "cnn": {"channels": [65_536] * 64},
    }
    with pytest.raises(UsageError, match=r"numbers needs [\d,.]+ GiB for its weights"):
        _built(path, **large[path.split(".")[2]])


@functools.cache
def _text(folder: Path) -> Path:
    return write_dataset(folder / "text", text_rows("first", 24, style=1))


def _trained(folder: Path, pretrain: Tree, value: Tree | None) -> tuple[float, ...]:
    """What the control's model of one seed is measured at."""
    settings = Settings(
        arms={"again": Change(same=True)},
        budget=2,
        model=None if value is None else model_settings(value),
        target="none",
    )
    planned = Planned(pretrain=PretrainSettings(model=model_settings(pretrain)))
    cell = arms.Cell(arm="control", seed=0)
    inputs = {"control": _text(folder)}
    found = arms.run_cell(cell, inputs, settings, Context(work=folder), planned)
    return tuple(found.parts.numerators)


@effect("value.model", "pretrain.model")
def test_the_model_that_is_given_is_trained(tmp_path: Path) -> None:
    one: Tree = {"kind": "gpt", **SMALL["gpt"]}
    other = {**one, "layers": 1}
    assert _trained(tmp_path, one, None) != _trained(tmp_path, other, None)
    assert _trained(tmp_path, one, other) == _trained(tmp_path, other, None)
