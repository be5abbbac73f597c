"""The fitted numbers: what ranking, reader and confidence weigh by, as fitted.json has them.

`python -m benchmarks.fit` writes that file, one part at a time; each part names its command.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("fitted.json")


def read_fitted(part: str) -> dict[str, Any]:
    """One part of fitted.json: ranking, reader or confidence."""
    fitted: dict[str, Any] = json.loads(FILE.read_bytes())[part]
    return fitted
