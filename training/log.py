"""One row for each run of a step: what went in, with which settings, what came out, how long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

LOG = Path(__file__).with_name("log.jsonl")


@contextmanager
def logged(step: str, **settings: object) -> Iterator[dict[str, Any]]:
    """Append a row to log.jsonl (or the file KIKIGAKI_TRAINING_LOG names) if the step ends well.

    Yields:
        A dictionary for the scores.
    """
    started = time.monotonic()
    scores: dict[str, Any] = {}
    yield scores
    row = {
        "step": step,
        "command": _command(step),
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "settings": {key: _plain(value) for key, value in settings.items()},
        "scores": scores,
        "seconds": round(time.monotonic() - started, 1),
    }
    path = Path(os.environ.get("KIKIGAKI_TRAINING_LOG") or LOG)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def commit() -> str:
    """The repository's commit, with a + when there are changes besides; "unknown" without git."""
    try:
        command = ["git", "describe", "--always", "--abbrev=7", "--dirty=+", "--exclude=*"]
        here = Path(__file__).parent
        run = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
        return run.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _command(step: str) -> str:
    """How it was called, with folders by their names: the rest says where somebody's files are."""
    return " ".join(["python -m", f"training.{step}", *(Path(word).name for word in sys.argv[1:])])


def _plain(value: object) -> object:
    """Settings as JSON, with folders by their names."""
    return value.name if isinstance(value, Path) else value
