"""What the entries share: a small trained model of pictures and one of texts."""

from __future__ import annotations

import pytest

from tests.table.cells import Place, digits_place, texts_place


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return digits_place(tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return texts_place(tmp_path_factory.mktemp("texts"))
