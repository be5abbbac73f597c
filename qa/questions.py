"""Question files: JSON objects, one on a line, each with a "question"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from index.errors import NotesError


class QuestionsError(NotesError):
    """Raised when a file of questions cannot be read, or names what is not in the notes."""


def read_questions(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a question file in order; blank lines are passed over.

    Raises:
        QuestionsError: the file cannot be read, or a line is no such object.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionsError(
            f"質問のファイルを読めません: {path}: {error}\n(That question file cannot be read.)"
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("question"), str):
            raise QuestionsError(
                f'質問のファイルの {number} 行目は {{"question": "…"}} の形ではありません: {path}\n'
                f'(Line {number} is no JSON object with a "question".)'
            )
        yield row
