"""Changing a store: each function is one transaction, for `build` and whoever follows the folder.

Which process may is settled by two locks, `Store.writing` and `Store.encoding`; both are the
system's own, so they fall free when their holder ends, however it ends.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from index.errors import StoreError, StoreMismatch
from index.folder import NoteFile
from index.messages import said
from index.models.encoder import Encoder
from index.notes import Note
from index.passages import Passage
from index.storage.database import clear, get_meta, put_meta, raise_generation
from index.storage.keywords import (
    Segment,
    make_segments,
    merge_segments,
    to_blobs,
    to_merge,
)
from index.storage.rows import context_of, searched_text, terms_of, vector_key
from index.storage.searcher import places_in, read_segment
from index.storage.store import UNUSED, Store, of_another_folder, versions

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNUSED_FEW = 1_000  # vectors that no passage refers to, kept at least
REMOVED_KEPT = 100_000  # ids of former passages, 2 MB; who is further behind loads everything
MOSTLY_GONE = 0.5  # A segment is written anew when more of its passages than this are gone.


class ReadNote(NamedTuple):
    """A note to be stored."""

    file: NoteFile
    note: Note
    passages: Sequence[Passage]
    when: int  # it was read, in ns


class SkippedFile(NamedTuple):
    """A file that is no note; one that was opened need not be tried again before it changes."""

    path: str
    reason: str  # It stands in both languages, packed.
    size: int = 0  # bytes; 0, as the times, of what was not even opened
    mtime_ns: int = 0
    read_ns: int = 0


def empty(store: Store, notes_folder: Path) -> None:
    """Forget everything and belong to this folder; whoever has the store open sees it empty."""
    with store.database.write() as db:
        clear(db, {**versions(), "notes_folder": str(notes_folder)})


def bind(store: Store, notes_folder: Path) -> None:
    """Say which folder a store is of, once.

    Raises:
        StoreMismatch: it is another folder's.
    """
    if store.notes_folder is None:
        with store.database.write() as db:
            if not get_meta(db, "notes_folder"):  # another process may have been faster
                put_meta(db, {"notes_folder": str(notes_folder)})
    store.must_be_of(notes_folder)


def set_versions(store: Store) -> None:
    """Say that everything here was cut by this version."""
    with store.database.write() as db:
        put_meta(db, versions())


def use_encoder(store: Store, encoder: Encoder, model: str) -> str:
    """Make this the encoder of a store; what differed from before, empty when nothing.

    All passages are then to be encoded by it; what another made is forgotten.

    Args:
        store: the store.
        encoder: whose vectors it shall have.
        model: the setting that names it; see `index.models.encoder.configured_model`.
    """
    before, name = store.encoder_fingerprint, store.encoder_name
    if (before, store.model) == (encoder.fingerprint, model):
        return ""
    with store.database.write() as db:
        put_meta(db, {"model": model})
        if before == encoder.fingerprint:
            return ""
        put_meta(
            db,
            {
                "encoder": encoder.fingerprint,
                "encoder_name": encoder.name,
                "dim": str(encoder.dim),
            },
        )
        rows = db.execute("SELECT id, title, heading, text FROM passages JOIN notes USING (path)")
        keys = [
            (_key(encoder.fingerprint, title, json.loads(heading), text), row_id)
            for row_id, title, heading, text in rows.fetchall()
        ]
        db.executemany("UPDATE passages SET vector_key = ?, encoded = 0 WHERE id = ?", keys)
        db.execute(f"DELETE FROM vectors WHERE {UNUSED}")
        raise_generation(db)
    return f"{name} → {encoder.name}" if before else ""


def update(
    store: Store,
    notes_folder: Path,
    read: Sequence[ReadNote],
    touched: Iterable[tuple[NoteFile, int]] = (),
    removed: Iterable[str] = (),
) -> None:
    """Replace notes whole, in one transaction; they are found by their words from then on.

    Args:
        store: the folder's.
        notes_folder: what the notes are of.
        read: each new or changed note.
        touched: (file, when in ns) of notes whose bytes are the same though their times differ.
        removed: paths of notes that are gone.

    Raises:
        StoreMismatch: the store is another folder's by now.
    """
    rows = [terms_of(item.note, passage) for item in read for passage in item.passages]
    with store.database.write() as db:
        bound, encoder = get_meta(db, "notes_folder"), get_meta(db, "encoder")
        if bound != str(notes_folder):  # another process has made it another folder's
            raise of_another_folder(bound, notes_folder)
        generation = raise_generation(db)
        for path in [*removed, *(item.note.path for item in read)]:
            db.execute(
                "INSERT INTO removed SELECT id, ? FROM passages WHERE path = ?", (generation, path)
            )
            db.execute("DELETE FROM passages WHERE path = ?", (path,))
            db.execute("DELETE FROM notes WHERE path = ?", (path,))
        ids = [row_id for item in read for row_id in _put_note(db, item, encoder, generation)]
        for segment in make_segments(ids, rows):
            _put_segment(db, segment)
        _merge(db, store.database.path)
        db.executemany(
            "UPDATE notes SET name = ?, size = ?, mtime_ns = ?, read_ns = ? WHERE path = ?",
            [(file.name, file.size, file.mtime_ns, when, file.path) for file, when in touched],
        )


def set_skipped(store: Store, skipped: Iterable[SkippedFile]) -> None:
    """Remember what was not read, and why, in place of what was remembered before."""
    wanted = sorted(skipped)
    with store.database.read() as db:
        if wanted == db.execute("SELECT * FROM skipped ORDER BY path").fetchall():
            return
    with store.database.write() as db:
        db.execute("DELETE FROM skipped")
        db.executemany("INSERT INTO skipped VALUES (?, ?, ?, ?, ?)", wanted)


def without_vector(store: Store, limit: int) -> list[tuple[bytes, str]]:
    """Up to limit (key, text to encode) that have no vector yet, the newest notes' first."""
    with store.database.read() as db:
        rows = db.execute(
            "SELECT vector_key, title, heading, text FROM passages JOIN notes USING (path)"
            " WHERE NOT encoded ORDER BY mtime_ns DESC, id LIMIT ?",
            (limit,),
        ).fetchall()
    return list(
        {
            key: searched_text(context_of(title, tuple(json.loads(heading))), text)
            for key, title, heading, text in rows
        }.items()
    )


def add_vectors(
    store: Store, keys: Sequence[bytes], vectors: NDArray[np.float32], encoder: str
) -> int:
    """Store vectors, (len(keys), dim), in one transaction; returns its generation.

    Raises:
        StoreMismatch: the store has turned to another encoder since the keys were given out.
    """
    with store.database.write() as db:
        if get_meta(db, "encoder") != encoder:
            raise StoreMismatch(said("other_model_at_work"))
        generation = raise_generation(db)
        db.executemany(
            "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)",
            [
                (key, vector.astype("<f4").tobytes(), generation)
                for key, vector in zip(keys, vectors, strict=True)
            ],
        )
        db.executemany(
            "UPDATE passages SET encoded = 1 WHERE vector_key = ?", [(key,) for key in keys]
        )
    return generation


def tidy(store: Store) -> None:
    """Forget what is of no use any more, once there is much of it.

    Vectors that no passage refers to are kept while they are fewer than those in use: a folder
    that vanished for a moment, or was moved, comes back without being encoded again.
    """
    if store.unused_vectors() > store.counts().passages + UNUSED_FEW:
        with store.database.write() as db:
            db.execute(f"DELETE FROM vectors WHERE {UNUSED}")
    with store.database.write() as db:
        _drop_gone(db, store.database.path)
        (removed,) = db.execute("SELECT count(*) FROM removed").fetchone()
        if removed > REMOVED_KEPT:
            db.execute("DELETE FROM removed")
            put_meta(db, {"begun": str(raise_generation(db))})


def _put_note(db: sqlite3.Connection, item: ReadNote, encoder: str, generation: int) -> list[int]:
    """Store a note and its passages; their ids, in order."""
    file, note = item.file, item.note
    tags = json.dumps(note.tags, ensure_ascii=False)
    db.execute(
        "INSERT INTO notes (path, name, title, sha256, size, mtime_ns, read_ns, encoding, date,"
        " tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(note.path, file.name, note.title, note.sha256, file.size, file.mtime_ns, item.when),
            *(note.encoding, note.date, tags),
        ),
    )
    ids = []
    for passage in item.passages:
        heading = json.dumps(passage.heading, ensure_ascii=False)
        key = _key(encoder, note.title, passage.heading, passage.text)
        inserted = db.execute(
            "INSERT INTO passages (path, start_line, end_line, heading, text, start, page, date,"
            " asks, asked, vector_key, encoded, generation)"
            f" VALUES ({'?, ' * 11} EXISTS (SELECT 1 FROM vectors WHERE key = ?), ?)",
            (
                *(passage.path, passage.start_line, passage.end_line, heading, passage.text),
                *(passage.start, passage.page or 0, passage.date, passage.asks, passage.asked),
                *(key, key, generation),
            ),
        )
        ids.append(inserted.lastrowid or 0)
    return ids


def _key(encoder: str, title: str, heading: Sequence[str], text: str) -> bytes:
    return vector_key(encoder, searched_text(context_of(title, tuple(heading)), text))


def _put_segment(db: sqlite3.Connection, segment: Segment) -> None:
    db.execute(
        "INSERT INTO segments (passages, ids, lengths, terms, starts, places, counts)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (len(segment.ids), *to_blobs(segment)),
    )


def _merge(db: sqlite3.Connection, path: Path) -> None:
    """Keep segments few, so that a search looks at few."""
    while numbers := to_merge(dict(db.execute("SELECT id, passages FROM segments").fetchall())):
        _replace(db, path, numbers)


def _drop_gone(db: sqlite3.Connection, path: Path) -> None:
    """Write those segments anew of which most passages are gone."""
    there = _ids(db)
    for number, blob in db.execute("SELECT id, ids FROM segments").fetchall():
        live = places_in(there, np.frombuffer(blob, "<i8")) >= 0
        if live.mean() < 1 - MOSTLY_GONE:
            _replace(db, path, [number])


def _replace(db: sqlite3.Connection, path: Path, numbers: Sequence[int]) -> None:
    """Put one segment, without what is gone, in the place of some."""
    there = _ids(db)
    segments = [read_segment(db, path, number) for number in numbers]
    live = [places_in(there, segment.ids) >= 0 for segment in segments]
    db.executemany("DELETE FROM segments WHERE id = ?", [(number,) for number in numbers])
    merged = merge_segments(segments, live)
    if len(merged.ids):
        _put_segment(db, merged)


def _ids(db: sqlite3.Connection) -> NDArray[np.int64]:
    """The ids of all passages, (n,) and rising."""
    rows = db.execute("SELECT id FROM passages ORDER BY id")
    return np.fromiter((row_id for (row_id,) in rows), np.int64)


@contextmanager
def refused_writes(folder: Path) -> Iterator[None]:
    """A full disk, or one that lets nothing be written, named for the reader."""
    try:
        yield
    except OSError as error:
        raise write_refused(folder, error) from error


def write_refused(folder: Path, error: Exception) -> StoreError:
    """The error for a store that cannot be written."""
    return StoreError(said("write_refused", folder=folder, reason=error))
