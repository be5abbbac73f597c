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


def write_fitted(part: str, numbers: dict[str, Any], file: Path = FILE) -> None:
    """Put fitted numbers in the place of a part's former ones.

    Args:
        part: ranking, reader or confidence.
        numbers: what `read_fitted` is to give, less the command.
        file: the whole of fitted.json, or a copy of it.
    """
    fitted = json.loads(file.read_bytes())
    fitted[part] = {"made_by": f"python -m benchmarks.fit {part} FOLDER...", **numbers}
    text = json.dumps(fitted, ensure_ascii=False, indent=1)
    file.write_text(text + "\n", encoding="utf-8")
