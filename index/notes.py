"""Reading a note: its bytes become text, or a reason why not.

read_note(folder, file) ▶ Note                 bytes → text, or Unreadable with the reason
read_notes(folder) ▶ (notes, skipped)          every note of a folder, for scripts
"""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from index.errors import Unreadable
from index.folder import MAX_BYTES, NoteFile, Skipped, os_reason, read_bytes, scan, too_large
from index.formats.documents import DOCUMENTS, Document
from index.formats.encodings import decode
from index.formats.isolated import read_document
from index.formats.metadata import about
from index.messages import said
from index.words.dates import find_dates, path_date
from index.words.letters import nfkc

REMEMBERED = 8  # documents whose text is kept at hand
# What programs put there unasked.
_NO_TITLE = re.compile(
    r"\s*($|Microsoft (Word|PowerPoint|Excel)|無題|名称未設定|(?i:untitled|文書|document)\s*\d*$)"
)
READER = 2  # raise when files are read that were not, or otherwise: every folder is read again


@dataclass(frozen=True, slots=True)
class Note:
    r"""One note as text. Lines are counted from 1 and end at \n; \r\n and \r were made \n."""

    path: str
    title: str  # what it calls itself, else its file's name
    text: str
    encoding: str
    sha256: str  # SHA-256 of the file's bytes.
    tags: tuple[str, ...] = ()  # without their #
    aliases: tuple[str, ...] = ()  # other names it gives itself
    date: str = ""  # yyyy-mm-dd, as the note or its file's name says; empty when neither does
    # Of an extracted document, its headings as (line from 1, level from 1); None: marks show them.
    headings: tuple[tuple[int, int], ...] | None = None
    pages: tuple[int, ...] = ()  # The first line of each page of a PDF, from 1.

    @property
    def lines(self) -> list[str]:
        """The note's lines without their ends; line n is lines[n - 1]."""
        return self.text.split("\n")

    @property
    def day(self) -> str:
        """The day, month or year that it is of by its own word or its name, as `Date.iso`."""
        named = path_date(PurePosixPath(self.path))
        if named and (self.headings is not None or named.first.isoformat() == self.date):
            return named.iso
        if self.headings is None and self.date:  # a document's is when it was written
            return self.date
        return next(
            (of.iso for of in find_dates(nfkc(PurePosixPath(self.path).stem)) if of.year), ""
        )


def read_note(folder: Path, file: NoteFile) -> Note:
    """Read one file whole, and make text of it.

    Raises:
        Unreadable: it is empty, damaged, binary, of unknown encoding or no file any more, or the
            system refuses to read it.
    """
    try:
        content = read_bytes(folder, file.name)
    except OSError as error:
        raise Unreadable(os_reason(error), lasting=False) from error
    if len(content) > MAX_BYTES:
        raise Unreadable(too_large())
    if not content:
        raise Unreadable(said("empty"))
    sha256 = hashlib.sha256(content).hexdigest()
    path = PurePosixPath(file.path)
    if path.suffix.lower() in DOCUMENTS:
        document = _document(content, path.suffix.lower(), sha256)
        return Note(
            path=file.path,
            title=path.stem if _NO_TITLE.match(document.title) else document.title,
            text=document.text,
            encoding=document.encoding,
            sha256=sha256,
            tags=document.tags,
            date=about(file.path, "").date or document.date,
            headings=document.headings,
            pages=document.pages,
        )
    text, encoding = decode(content)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise Unreadable(said("empty"))
    header = about(file.path, text)
    return Note(
        path=file.path,
        title=header.title or path.stem,
        text=text,
        encoding=encoding,
        sha256=sha256,
        tags=header.tags,
        aliases=header.aliases,
        date=header.date,
    )


def read_notes(folder: Path) -> tuple[list[Note], list[Skipped]]:
    """Every note below a folder, in order of path, and what was not read.

    Raises:
        NotesFolderError: the folder is missing, not a folder, or cannot be listed.
    """
    listing = scan(folder)
    notes: list[Note] = []
    skipped = list(listing.skipped)
    for file in listing.files:
        try:
            notes.append(read_note(folder, file))
        except Unreadable as unreadable:
            skipped.append(Skipped(file.path, unreadable.reason))
    return notes, skipped


def _document(content: bytes, suffix: str, sha256: str) -> Document:
    """A document's text; the last few are remembered, as an answer reads its sources again."""
    with _remembering:
        if document := _remembered.get(sha256):
            return document
    document = read_document(content, suffix)
    with _remembering:
        _remembered[sha256] = document
        while len(_remembered) > REMEMBERED:
            del _remembered[next(iter(_remembered))]
    return document


_remembered: dict[str, Document] = {}
_remembering = threading.Lock()
