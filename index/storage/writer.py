"""Changing a store: the half of it that only `build` and the folder's follower use.

Every method that writes is one transaction. One process at a time brings notes up to date
(`writing`) and one encodes (`encoding`); both locks are the system's own, so they fall free when
their holder ends, however it ends.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock

from index.errors import StoreError, StoreMismatch
from index.folder import NoteFile, Skipped
from index.models.encoder import Encoder
from index.notes import Note
from index.passages import Passage, label
from index.storage.database import (
    SCHEMA,
    Database,
    checksum,
    get_meta,
    must_be_whole,
    new_commit,
    set_meta,
)
from index.storage.private import close_all_to_others, close_to_others, lock, make_folder, open_new
from index.storage.store import (
    FILE_NAME,
    MARKER,
    MARKER_TEXT,
    UNUSED,
    Store,
    context_of,
    of_another_folder,
    refused_writes,
    searched_text,
    versions,
)
from index.storage.vectors import VectorIndex
from index.words.tokens import tokenize

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNSAVED_SHARE = 0.1  # of the vectors; below it the file on disk is worth loading and catching up
UNSAVED_FEW = 1_000  # vectors; read from SQLite in milliseconds


def writing(folder: Path) -> FileLock:
    """The lock held while a store's notes are brought up to date: two would do the same twice."""
    return lock(folder / "writer.lock")


class StoreWriter(Store):
    """A store open for changing it, made where there is none; safe to share between threads."""

    def __init__(self, folder: Path, *, encoder: Encoder | None = None) -> None:
        """Open the store, or make an empty one.

        Raises:
            StoreDamaged: the file there is no whole SQLite file of ours.
            StoreError: the folder is someone else's or cannot be written.
        """
        self.was_open_to_others = _make_folder(folder)
        super().__init__(folder, encoder=encoder)

    def _open(self, path: Path) -> Database:
        return Database(path, facts=versions())

    def writing(self) -> FileLock:
        """The lock held while notes are brought up to date."""
        return writing(self.folder)

    def encoding(self) -> FileLock:
        """The lock held while passages are encoded: two would do the same work twice."""
        return lock(self.folder / "encoding.lock")

    def clear(self, notes_folder: Path) -> None:
        """Forget everything and belong to this folder; whoever has the store open sees it empty."""
        self._db.clear({**versions(), "notes_folder": str(notes_folder)})

    def other_schema(self) -> bool:
        """Whether the tables themselves are another version's.

        Raises:
            StoreDamaged: that cannot be told.
        """
        differs = self._db.meta("schema") != str(SCHEMA)
        if differs:
            self._db.check_meta()
        return differs

    def bind(self, notes_folder: Path) -> None:
        """Say which folder this store is of, once.

        Raises:
            StoreMismatch: it is another folder's.
        """
        if self.notes_folder is None:
            with self._db.transaction() as db:
                if not get_meta(db, "notes_folder"):  # another process may have been faster
                    set_meta(db, "notes_folder", str(notes_folder))
        self.must_be_of(notes_folder)

    def set_versions(self) -> None:
        """Say that everything here was cut by this version."""
        with self._db.transaction() as db:
            for key, now in versions().items():
                set_meta(db, key, now)

    def is_encoded_by(self, encoder: Encoder) -> bool:
        """Whether the vectors here are this encoder's, or are becoming so."""
        return self._db.meta("encoder") == encoder.fingerprint

    def use_encoder(self, encoder: Encoder, model: str) -> str:
        """Make this the encoder of the store; what differed from before, empty when nothing.

        All passages are then to be encoded by it; what another made is forgotten.
        """
        self.encoder = encoder
        before = self._db.meta("encoder")
        if (before, self.model) == (encoder.fingerprint, model):
            return ""
        if before == encoder.fingerprint:
            with self._db.transaction() as db:
                set_meta(db, "model", model)
            return ""
        difference = f"{self.encoder_name} → {encoder.name}" if before else ""
        with self._db.transaction() as db:
            set_meta(db, "model", model)
            set_meta(db, "encoder", encoder.fingerprint)
            set_meta(db, "encoder_name", encoder.name)
            set_meta(db, "dim", str(encoder.dim))
            rows = db.execute("SELECT id, context, text FROM passages").fetchall()
            db.executemany(
                "UPDATE passages SET vector_key = ? WHERE id = ?",
                [(_vector_key(encoder.fingerprint, context, text), i) for i, context, text in rows],
            )
            db.execute(f"DELETE FROM vectors WHERE {UNUSED}")
            new_commit(db)
        return difference

    def update(
        self,
        notes_folder: Path,
        read: Iterable[tuple[NoteFile, Note, Sequence[Passage], int]],
        touched: Iterable[tuple[NoteFile, int]] = (),
        removed: Iterable[str] = (),
    ) -> None:
        """Replace notes whole, in one transaction, and bring the keyword index up to date.

        Args:
            notes_folder: what the notes are of.
            read: (file, note, its passages, when it was read in ns) of each new or changed note.
            touched: (file, when) of notes whose bytes are the same though their times differ.
            removed: paths of notes that are gone.

        Raises:
            StoreMismatch: the store is another folder's by now.
        """
        rows = [(file, note, [_row(note, p) for p in cut], when) for file, note, cut, when in read]
        with self._db.transaction() as db:
            encoder = get_meta(db, "encoder")
            bound = get_meta(db, "notes_folder")
            if bound != str(notes_folder):  # another process has made it another folder's
                raise of_another_folder(bound, notes_folder)
            generation = new_commit(db)
            for path in [*removed, *(note.path for _, note, _, _ in rows)]:
                db.execute(
                    "INSERT INTO removed SELECT id, ? FROM passages WHERE path = ?",
                    (generation, path),
                )
                db.execute("DELETE FROM notes WHERE path = ?", (path,))
            for file, note, cut, when in rows:
                checksums = [checksum(*row) for row in cut]
                _put_note(db, _note_row(file, note, when, sum(checksums)))
                db.executemany(
                    "INSERT INTO passages (path, start_line, end_line, heading, text, start, page,"
                    " context, words, context_words, checksum, vector_key, generation)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        (*row, digest, _vector_key(encoder, row[7], row[4]), generation)
                        for row, digest in zip(cut, checksums, strict=True)
                    ],
                )
            for file, when in touched:
                before = db.execute("SELECT * FROM notes WHERE path = ?", (file.path,)).fetchone()
                if before:  # path, name, title, sha256, size, mtime, when it was read, the rest
                    must_be_whole(self._db.path, "notes", before)
                    times = (file.size, file.mtime_ns, when)
                    _put_note(db, (file.path, file.name, *before[2:4], *times, *before[7:-1]))
        with self._lock:
            self._catch_up_keywords()

    def set_skipped(
        self, skipped: Iterable[Skipped], tried: Mapping[str, tuple[NoteFile, int]]
    ) -> None:
        """Remember what was not read, and why, in place of what was remembered before.

        Args:
            skipped: what was left out.
            tried: (file, when in ns) of those that were opened, by path: they need not be tried
                again before they change.
        """
        rows = {}
        for item in skipped:
            file, when = tried.get(item.path, (None, 0))
            rows[item.path] = (
                (item.path, item.reason, file.size, file.mtime_ns, when)
                if file and item.lasting
                else (item.path, item.reason, 0, 0, 0)
            )
        wanted = sorted(rows.values())
        with self._db.reading() as db:
            if wanted == db.execute("SELECT * FROM skipped ORDER BY path").fetchall():
                return
        with self._db.transaction() as db:
            db.execute("DELETE FROM skipped")
            db.executemany("INSERT INTO skipped VALUES (?, ?, ?, ?, ?)", wanted)

    def without_vector(self, limit: int) -> list[tuple[bytes, str]]:
        """Up to limit (key, text to encode) that have no vector yet, the newest notes' first."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT vector_key, context, text FROM passages JOIN notes USING (path)"
                " WHERE NOT EXISTS (SELECT 1 FROM vectors WHERE key = vector_key)"
                " ORDER BY mtime_ns DESC, id LIMIT ?",
                (limit,),
            ).fetchall()
        return list({key: searched_text(context, text) for key, context, text in rows}.items())

    def add_vectors(self, keys: Sequence[bytes], vectors: NDArray[np.float32], encoder: str) -> int:
        """Store vectors, (len(keys), dim), in one transaction; returns its generation.

        Raises:
            StoreMismatch: the store has turned to another encoder since the keys were given out.
        """
        with self._db.transaction() as db:
            if get_meta(db, "encoder") != encoder:
                raise StoreMismatch(
                    "ほかのプロセスが、この索引を別のモデルで作り直しています。"
                    "(Another process is encoding this store with another model.)"
                )
            generation = new_commit(db)
            blobs = [vector.astype("<f4").tobytes() for vector in vectors]
            db.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?)",
                [
                    (key, blob, checksum(key, blob), generation)
                    for key, blob in zip(keys, blobs, strict=True)
                ],
            )
        return generation

    def tidy(self) -> None:
        """Forget vectors of no use, and save the vector index when much of it is not yet.

        Vectors that no passage refers to are kept while they are fewer than those in use: a folder
        that vanished for a moment, or was moved, comes back without being encoded again.
        """
        if self.unused_vectors() > self.counts().passages + UNSAVED_FEW:
            with self._db.transaction() as db:
                db.execute(f"DELETE FROM vectors WHERE {UNUSED}")
        with self._lock, refused_writes(self.folder), self._cache_lock:
            if not self._catch_up_vectors():
                return
            worth_saving = max(UNSAVED_FEW, UNSAVED_SHARE * len(self._vectors))
            if not self._vectors.path.exists() or self._vectors.unsaved > worth_saving:
                self._vectors.save()

    def release(self) -> None:
        """Let go of the vector index in memory; it is loaded again when needed."""
        with self._lock:
            self._vectors = VectorIndex(self._vectors.path)


_NoteRow = tuple[str, str, str, str, int, int, int, str, str, str, int]
_PassageRow = tuple[str, int, int, str, str, int, int, str, str, str]


def _note_row(file: NoteFile, note: Note, when: int, cut: int) -> _NoteRow:
    return (
        note.path,
        file.name,
        note.title,
        note.sha256,
        file.size,
        file.mtime_ns,
        when,
        note.encoding,
        note.date,
        json.dumps(note.tags, ensure_ascii=False),
        cut,
    )


def _put_note(db: sqlite3.Connection, row: Sequence[str | int]) -> None:
    """Not INSERT OR REPLACE, which would delete the note's passages on the way."""
    db.execute(
        f"INSERT INTO notes VALUES (?{', ?' * len(row)}) ON CONFLICT (path) DO UPDATE"
        " SET (name, size, mtime_ns, read_ns, checksum) ="
        " (excluded.name, excluded.size, excluded.mtime_ns, excluded.read_ns, excluded.checksum)",
        (*row, checksum(*row)),
    )


def _row(note: Note, passage: Passage) -> _PassageRow:
    context = context_of(note.title, passage)
    file_name = PurePosixPath(note.path).stem if note.title not in note.path else ""
    return (
        passage.path,
        passage.start_line,
        passage.end_line,
        json.dumps(passage.heading, ensure_ascii=False),
        passage.text,
        passage.start,
        passage.page or 0,
        context,
        _terms(passage.text),
        _terms("\n".join([context, _own_title(passage), file_name, *note.aliases])),
    )


def _own_title(passage: Passage) -> str:
    """The bullet that the rest of a passage hangs on, which is their title; empty for others."""
    first, _, rest = passage.text.partition("\n")
    return label(first) if rest else ""


def _terms(text: str) -> str:
    return " ".join(term for word in tokenize(text) for term in word.all_terms)


def _vector_key(encoder: str, context: str, text: str) -> bytes:
    content = "\0".join((encoder, searched_text(context, text)))
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()


def _is_ours(path: Path) -> bool:
    """Whether a file is a store's, which is looked at without writing; its marker was lost."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return bool(get_meta(db, "identity") and get_meta(db, "checksum"))
    except sqlite3.Error:
        return False


def _make_folder(folder: Path) -> bool:
    """Make the store's folder its owner's alone, with all in it; whether others could read it.

    One that holds other things is refused. The marker tells a folder of ours from one that happens
    to have a `keywords` of its own: what is not marked is never written to.
    """
    try:
        if (folder / MARKER).exists():
            close_all_to_others(folder)  # former versions left its files to the umask
            return close_to_others(folder)
        others = folder.exists() and any(entry.suffix != ".lock" for entry in folder.iterdir())
        if others and not _is_ours(folder / FILE_NAME):
            raise StoreError(
                f"索引を置くフォルダに別のファイルがあります: {folder}\n"
                f"空のフォルダか新しい名前を --store で指定してください。"
                f"(That folder holds other files; give --store an empty or new one.)"
            )
        was_open = make_folder(folder)
        with open_new(folder / MARKER) as stream:
            stream.write(MARKER_TEXT.encode())
        return was_open
    except OSError as error:
        raise StoreError(
            f"索引のフォルダを自分だけのものとして作れません: {folder}: {error.strerror}\n"
            f"(It cannot be made, or cannot be closed to other people.)"
        ) from error
