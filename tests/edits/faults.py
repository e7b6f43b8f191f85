"""What fails today, by the name of the edit or of what else happens to a run. To shrink to nothing.

Random sequences leave these out; `python -m tests.edits --each` tries each by itself and says where
one stands here that has come right, or lacks.
"""

from __future__ import annotations

FAULTS: dict[str, dict[str, str]] = {}
