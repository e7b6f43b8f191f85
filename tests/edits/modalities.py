"""The modalities, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.edits.doors import DOORS
from tests.edits.hub import HUB
from tests.edits.images import IMAGES
from tests.edits.pairs import PAIRS
from tests.edits.records import RECORDS
from tests.edits.speech import SPEECH
from tests.edits.texts import TEXTS
from tests.edits.web import WEB
from tests.edits.workspace import Modality

MODALITIES: Mapping[str, Modality] = {
    one.name: one for one in (RECORDS, DOORS, WEB, TEXTS, HUB, IMAGES, SPEECH, PAIRS)
}
