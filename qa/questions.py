"""Question files: JSON objects, one on a line, each with a "question" and what should be found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import NotesError
from index.messages import said
from index.notes import Note, read_notes

EXAMPLE = '{"question": "…"}'


class QuestionsError(NotesError):
    """Raised when a file of questions cannot be read, or names what is not in the notes."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Lines of a note, of which a hit must hold at least one; most often a single line."""

    path: str
    first: int  # counted from 1
    last: int  # included

    def held_by(self, path: str, start_line: int, end_line: int) -> bool:
        """Whether lines start_line to end_line of a note hold one of these."""
        return path == self.path and start_line <= self.last and self.first <= end_line


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what should be found; nothing wanted: the notes do not answer it."""

    id: str
    category: str
    question: str
    wanted: tuple[Place, ...]


def read_questions(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a question file in order; blank lines are passed over.

    Raises:
        QuestionsError: the file cannot be read, or a line is no such object.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionsError(said("questions_unreadable", path=path, reason=error)) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("question"), str):
            wrong = said("not_a_question", line=number, example=EXAMPLE, path=path)
            raise QuestionsError(wrong)
        yield row


def locate(rows: Iterable[Mapping[str, Any]], folder: Path) -> list[Asked]:
    """The rows of a question file, each with the places of its quotes in a folder of notes.

    A quote stands for the line where it begins; of several such lines, the first. A row may name
    the note ("path") and a line for each quote ("lines") instead.

    Raises:
        QuestionsError: a row has no quotes, or a quote or line stands in no note.
        NotesFolderError: the folder cannot be read.
    """
    notes = {note.path: note for note in read_notes(folder)[0]}
    return [
        Asked(
            id=str(row.get("id", "")),
            category=str(row.get("category", "")),
            question=str(row["question"]),
            wanted=tuple(sorted(set(_places(row, notes)))),
        )
        for row in rows
    ]


def _places(row: Mapping[str, Any], notes: Mapping[str, Note]) -> Iterator[Place]:
    quotes, lines = row.get("quotes"), row.get("lines")
    if not isinstance(quotes, list) or not all(isinstance(quote, str) for quote in quotes):
        raise QuestionsError(said("no_quotes", question=repr(row["question"])))
    if isinstance(lines, list) and "path" in row:
        note = notes.get(str(row["path"]))
        for line in lines:
            if not note or not isinstance(line, int) or not 1 <= line <= len(note.lines):
                where = {"path": row["path"], "line": repr(line), "row": row.get("id")}
                raise QuestionsError(said("no_such_line", **where))
            yield Place(note.path, line, line)
        return
    for quote in quotes:
        note = next((note for note in notes.values() if quote in note.text), None)
        if note is None:
            raise QuestionsError(said("no_such_quote", quote=repr(quote), row=row.get("id")))
        line = note.text.count("\n", 0, note.text.index(quote)) + 1
        yield Place(note.path, line, line)
