"""What a store keeps and searches of a passage: its context, its terms, the key of its vector."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from index.notes import Note
from index.outline import unwrapped
from index.passages import Passage, label
from index.storage.keywords import Terms
from index.words.dates import from_iso
from index.words.markup import plain
from index.words.tokens import bigrams, tokenize


def terms_of(note: Note, passage: Passage) -> Terms:
    """The terms that a passage is found by: of its text, and of what stands above it."""
    file_name = PurePosixPath(note.path).stem if note.title not in note.path else ""
    above = [context_of(note.title, passage.heading), _own_title(passage), file_name, *note.aliases]
    day = from_iso(passage.date)
    above += [day.spoken] if day else []
    above.append(passage.asked)
    words, context = (
        [term for word in tokenize(text, passage.date) for term in word.all_terms]
        for text in (passage.as_read, "\n".join(above))
    )
    return Terms(words, context, bigrams(passage.text))


def context_of(title: str, heading: tuple[str, ...]) -> str:
    """A passage's note and headings in one line, outermost first; searched, never quoted."""
    return " › ".join(heading if title in heading else (title, *heading))


def encoder_text(title: str, passage: Passage) -> str:
    """What the encoder reads for a passage of a note with this title."""
    return searched_text(context_of(title, passage.heading), passage.text)


def searched_text(context: str, text: str) -> str:
    """What the encoder reads for a passage: its title and headings, then its own lines, plain."""
    lines = (line.strip() for line in plain(f"{context}\n{unwrapped(text)}").split("\n"))
    return "\n".join(line for line in lines if line)


def vector_key(encoder: str, text: str) -> bytes:
    """What a vector is kept by: the encoder's fingerprint and what it read."""
    return hashlib.sha256(f"{encoder}\0{text}".encode("utf-8", "surrogatepass")).digest()


def _own_title(passage: Passage) -> str:
    """The bullet that the rest of a passage hangs on, which is their title; empty for others."""
    first, _, rest = passage.text.partition("\n")
    return label(first) if rest else ""
