"""Question files: JSON objects, one on a line, each with a "question" and what should be found."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import NotesError
from index.notes import Note, read_notes
from index.passages import Passage, split


class QuestionsError(NotesError):
    """Raised when a file of questions cannot be read, or names what is not in the notes."""


@dataclass(frozen=True, slots=True)
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
    passages: int  # the fewest passages that hold all that is wanted


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


def locate(rows: Iterable[Mapping[str, Any]], folder: Path) -> list[Asked]:
    """The rows of a question file, each with the places of its quotes in a folder of notes.

    A quote stands for the line where it begins; of several such lines, the first. A row may name
    the note ("path") and a line for each quote ("lines") instead.

    Raises:
        QuestionsError: a row has no quotes, or a quote or line stands in no note.
        NotesFolderError: the folder cannot be read.
    """
    read, _ = read_notes(folder)
    notes = {note.path: note for note in read}
    cut: dict[str, list[Passage]] = {}
    found = []
    for row in rows:
        wanted = tuple(
            sorted(set(_places(row, notes)), key=lambda place: (place.path, place.first))
        )
        for place in wanted:
            if place.path not in cut:
                cut[place.path] = split(notes[place.path])
        found.append(
            Asked(
                id=str(row.get("id", "")),
                category=str(row.get("category", "")),
                question=str(row["question"]),
                wanted=wanted,
                passages=fewest_passages(wanted, cut),
            )
        )
    return found


def fewest_passages(wanted: Iterable[Place], cut: Mapping[str, Sequence[Passage]]) -> int:
    """How many passages it takes to hold every wanted line, given each note's passages.

    A line is held by one passage, which may hold other wanted lines too; only a line too long for
    a passage is held by several, and those hold nothing else. So one passage each, without
    repetition, is the fewest.
    """
    return len({(place.path, _first_holder(place, cut[place.path])) for place in wanted})


def _first_holder(place: Place, passages: Sequence[Passage]) -> int:
    return bisect_left([passage.end_line for passage in passages], place.first)


def _places(row: Mapping[str, Any], notes: Mapping[str, Note]) -> Iterator[Place]:
    quotes, lines = row.get("quotes"), row.get("lines")
    if not isinstance(quotes, list) or not all(isinstance(quote, str) for quote in quotes):
        raise QuestionsError(
            f'"quotes" がありません: {row["question"]!r}。見つかるべき引用のリストを、ノートが'
            f"答えない質問には [] を書いてください。\n"
            f'(A row needs "quotes": the quotes that should be found, [] where there are none.)'
        )
    if isinstance(lines, list) and "path" in row:
        note = notes.get(str(row["path"]))
        for line in lines:
            if not note or not isinstance(line, int) or not 1 <= line <= len(note.lines):
                raise QuestionsError(
                    f"この行はノートにありません: {row['path']} {line!r} ({row.get('id')})\n"
                    f"(There is no such note, or no such line in it.)"
                )
            yield Place(note.path, line, line)
        return
    for quote in quotes:
        note = next((note for note in notes.values() if quote in note.text), None)
        if note is None:
            raise QuestionsError(
                f"この引用はどのノートにもありません: {quote!r} ({row.get('id')})\n"
                f"(That quote stands in no note.)"
            )
        line = note.text.count("\n", 0, note.text.index(quote)) + 1
        yield Place(note.path, line, line)
