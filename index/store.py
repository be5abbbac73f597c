"""The store: notes, passages and vectors of one folder, in one SQLite file, and search over them.

SQLite is the truth. Every committed update raises the generation; keyword and vector indexes are
copies that catch up with it, in whichever process notices first. A reader is never blocked and
never sees half a note.

    folder/kikigaki-store.txt   says whose folder this is
    folder/store.sqlite3        the truth (WAL)
    folder/keywords/            tantivy's copy, with its stamp
    folder/vectors.faiss        FAISS's copy, with its stamp
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from filelock import FileLock

from index.encoder import Encoder, encoder_ready, load_encoder
from index.errors import StoreDamaged, StoreError, StoreMismatch, StoreMissing
from index.folder import NoteFile, Skipped
from index.keywords import KeywordIndex, KeywordRow
from index.markup import plain
from index.notes import Note
from index.passages import SPLITTER, Passage, label
from index.tokens import Word, bigrams, tokenize, tokenizer_fingerprint
from index.vectors import VectorIndex

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

SCHEMA = 1  # raise when the tables below change: the store is then built again
FILE_NAME = "store.sqlite3"
DAMAGE = ("no such table", "no such column", "malformed", "Could not decode", "not a database")
MARKER = "kikigaki-store.txt"
MARKER_TEXT = """聞き書きの索引です。消しても、ノートから作り直せます。
An index made by kikigaki; it can be deleted and is made again from the notes.
"""
BUSY_SECONDS = 60.0  # how long to wait for another process's transaction; each takes well under 1
RACY_NS = 2_000_000_000  # file systems round times to as much as 2 s; closer than that, read again

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE notes (
    path TEXT PRIMARY KEY,       -- relative, NFC
    name TEXT NOT NULL,          -- as the file system spells it
    title TEXT NOT NULL,
    sha256 TEXT NOT NULL,        -- of the file's bytes
    size INTEGER NOT NULL,       -- bytes
    mtime_ns INTEGER NOT NULL,
    read_ns INTEGER NOT NULL,    -- when it was read
    encoding TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice: the copies go by it
    path TEXT NOT NULL REFERENCES notes(path) ON DELETE CASCADE,
    start_line INTEGER NOT NULL,
    end_line INTEGER NOT NULL,
    heading TEXT NOT NULL,                  -- JSON array
    text TEXT NOT NULL,
    start INTEGER NOT NULL,                 -- offset in the note, characters
    context TEXT NOT NULL,                  -- title and headings, searched but never quoted
    words TEXT NOT NULL,                    -- terms of the text, cut by fugashi
    context_words TEXT NOT NULL,            -- terms of the context
    vector_key BLOB NOT NULL,
    generation INTEGER NOT NULL             -- when it came
);
CREATE INDEX passages_path ON passages(path);
CREATE INDEX passages_vector_key ON passages(vector_key);
CREATE INDEX passages_generation ON passages(generation);
CREATE TABLE vectors (
    key BLOB PRIMARY KEY,                   -- hash of the encoder and the text it encoded
    vector BLOB NOT NULL,                   -- float32, length 1
    generation INTEGER NOT NULL
);
CREATE INDEX vectors_generation ON vectors(generation);
CREATE TABLE removed (id INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
CREATE INDEX removed_generation ON removed(generation);
CREATE TABLE skipped (path TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
"""
_TABLE_NAMES = ("passages", "notes", "vectors", "removed", "skipped", "meta")  # drop in this order


class Counts(NamedTuple):
    """How much the store holds."""

    notes: int
    passages: int
    encoded: int  # passages that have their vector


@dataclass(frozen=True, slots=True)
class KnownNote:
    """What the store remembers of a note's file, to tell whether it changed."""

    sha256: str
    size: int
    mtime_ns: int
    read_ns: int

    def unchanged_by_stat(self, file: NoteFile) -> bool:
        """Whether size and time prove the file untouched; written just before it was read, not."""
        same = (self.size, self.mtime_ns) == (file.size, file.mtime_ns)
        return same and self.mtime_ns + RACY_NS < self.read_ns


def open_store(store: str | os.PathLike[str], *, encoder: Encoder | None = None) -> Store:
    """Open a store that `build` made, for searching; use it in a `with` block.

    Args:
        store: the store's folder.
        encoder: the encoder it was built with, when that is not the default one.

    Raises:
        StoreMissing: nothing has been built there.
        StoreMismatch: another version of kikigaki built it.
        StoreDamaged: the SQLite file is not whole.
    """
    opened = Store(Path(store), encoder=encoder)
    try:
        if difference := opened.version_difference():
            raise StoreMismatch(
                f"この索引は別の版で作られました: {difference}\n"
                f"`python -m index` で作り直してください。(Built by another version; run that.)"
            )
    except BaseException:
        opened.close()
        raise
    return opened


class Store:
    """One folder's notes, searchable; safe to share between threads.

    `open_store` opens one for searching, `build` makes and updates one.
    """

    def __init__(
        self, folder: Path, *, encoder: Encoder | None = None, create: bool = False
    ) -> None:
        """Open the SQLite file, or with create make an empty one where there is none.

        Raises:
            StoreMissing: there is none, and create is false.
            StoreDamaged: it is no whole SQLite file of ours.
            StoreError: the folder is someone else's or cannot be written.
        """
        self.folder = folder
        self.wait_for_encoder = True  # false: answer by keywords while the model is still loading
        self._encoder = encoder
        self._counted: tuple[tuple[str, str], Counts] | None = None  # counts of one generation
        self._lock = threading.RLock()
        self._cache_lock = FileLock(folder / "caches.lock")
        self._keywords = KeywordIndex(folder / "keywords")
        self._vectors = VectorIndex(folder / "vectors.faiss")
        self._path = folder / FILE_NAME
        if create:
            _make_folder(folder)
        self._connect(create=create)

    def __enter__(self) -> Store:
        """The store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the SQLite file; the store cannot be used afterwards."""
        with self._lock:
            self._db.close()

    # ── what it holds ─────────────────────────────────────────────────────────────────────────

    @property
    def identity(self) -> str:
        """Made new with the tables; tells the copies of one store from those of another."""
        return self._meta("identity")

    @property
    def generation(self) -> int:
        """Raised by every committed update, in any process."""
        return int(self._meta("generation"))

    @property
    def notes_folder(self) -> Path | None:
        """The folder the notes are read from; None before the first build."""
        folder = self._meta("notes_folder")
        return Path(folder) if folder else None

    @property
    def model(self) -> str:
        """Which model setting the stored vectors come from; see `encoder.configured_model`."""
        return self._meta("model")

    @property
    def encoder_name(self) -> str:
        """The encoder of the stored vectors, as it calls itself; empty before the first."""
        return self._meta("encoder_name")

    def version_difference(self) -> str:
        """What another version of kikigaki cut differently here; empty when nothing."""
        return "; ".join(
            f"{key}: {self._meta(key)} → {now}"
            for key, now in _versions().items()
            if self._meta(key) != now
        )

    def schema_differs(self) -> bool:
        """Whether the tables themselves are another version's."""
        return self._meta("schema") != str(SCHEMA)

    def counts(self) -> Counts:
        """How many notes and passages there are, and how many of these have their vector."""
        with self._reading() as db:
            state = (_get_meta(db, "identity"), _get_meta(db, "generation"))
            if self._counted is None or self._counted[0] != state:  # counting a large one takes ms
                (notes,) = db.execute("SELECT count(*) FROM notes").fetchone()
                (passages,) = db.execute("SELECT count(*) FROM passages").fetchone()
                (encoded,) = db.execute(
                    "SELECT count(*) FROM passages JOIN vectors ON vector_key = key"
                ).fetchone()
                self._counted = (state, Counts(notes, passages, encoded))
            return self._counted[1]

    def known_notes(self) -> dict[str, KnownNote]:
        """Every note's file as it was when it was last read, by path."""
        with self._reading() as db:
            rows = db.execute("SELECT path, sha256, size, mtime_ns, read_ns FROM notes").fetchall()
        return {path: KnownNote(*rest) for path, *rest in rows}

    def note_file(self, path: str) -> Path | None:
        """Where an indexed note lies on disk; None for a path the store does not know."""
        with self._reading() as db:
            row = db.execute("SELECT name FROM notes WHERE path = ?", (path,)).fetchone()
        folder = self.notes_folder
        return folder / row[0] if row and folder else None

    def note_sha256(self, path: str) -> str:
        """SHA-256 of a note's bytes when it was indexed; empty for an unknown path."""
        with self._reading() as db:
            row = db.execute("SELECT sha256 FROM notes WHERE path = ?", (path,)).fetchone()
        return str(row[0]) if row else ""

    def skipped(self) -> list[Skipped]:
        """What the last build did not read, and why."""
        with self._reading() as db:
            rows = db.execute("SELECT path, reason FROM skipped ORDER BY path").fetchall()
        return [Skipped(*row) for row in rows]

    def headings(self, limit: int) -> list[str]:
        """Up to limit innermost headings that many passages stand under, of different notes."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT heading FROM passages WHERE heading != '[]'"
                " GROUP BY path, heading ORDER BY count(*) DESC, path LIMIT 100"
            ).fetchall()
        names = dict.fromkeys(_headings(self._path, heading)[-1] for (heading,) in rows)
        return [name for name in names if len(name) <= 20][:limit]

    def passages(self, ids: Iterable[int]) -> dict[int, Passage]:
        """Passages by id; ids that are gone are left out."""
        found: dict[int, Passage] = {}
        with self._reading() as db:
            for row_id in ids:
                row = db.execute(
                    "SELECT path, start_line, end_line, heading, text, start"
                    " FROM passages WHERE id = ?",
                    (row_id,),
                ).fetchone()
                if row:
                    path, first, last, heading, text, start = row
                    headings = _headings(self._path, heading)
                    found[row_id] = Passage(path, first, last, headings, text, start)
        return found

    # ── searching ─────────────────────────────────────────────────────────────────────────────

    def search_keywords(
        self, words: Sequence[Word], pairs: Sequence[str], k: int
    ) -> list[tuple[int, float]]:
        """The k best passages by words and character bigrams, as (id, score), best first."""
        with self._lock:
            self._catch_up_keywords()
            return self._keywords.search(words, pairs, k)

    def frequency(self, word: Word) -> tuple[int, float]:
        """In how many passages a word stands, in its commonest spelling; and its idf, above 0."""
        with self._lock:
            self._catch_up_keywords()
            return self._keywords.document_frequency(word), self._keywords.idf(word)

    def search_vectors(self, vector: NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        """The k nearest passages to a question's (dim,) vector, as (id, cosine), best first."""
        with self._lock:
            self._catch_up_vectors()
            return self._vectors.search(vector, k)

    def cosines(self, vector: NDArray[np.float32], ids: Sequence[int]) -> dict[int, float]:
        """Cosine of each passage that has its vector."""
        with self._lock:
            self._catch_up_vectors()
            return self._vectors.cosines(vector, ids)

    def usual_cosine(self, vector: NDArray[np.float32]) -> tuple[float, float]:
        """Mean and standard deviation of a question's cosine to the passages here."""
        with self._lock:
            self._catch_up_vectors()
            return self._vectors.usual_cosine(vector)

    def question_vector(self, question: str) -> NDArray[np.float32] | None:
        """(dim,) vector of a question, for the searches above.

        None while nothing is encoded yet, or while the model loads and `wait_for_encoder` is off.

        Raises:
            ModelUnavailable: the model cannot be loaded.
            StoreMismatch: the vectors were made by another model than the one loaded.
        """
        if not self._meta("encoder") or not self._any_vector():
            return None
        if self._encoder is None:
            if not self.wait_for_encoder and not encoder_ready():
                return None
            self._encoder = load_encoder()
        if self._encoder.fingerprint != self._meta("encoder"):
            raise StoreMismatch(
                f"索引のベクトルは {self.encoder_name} ({self._meta('dim')} 次元) のものですが、"
                f"今のモデルは {self._encoder.name} ({self._encoder.dim} 次元) です。"
                f"`python -m index` で作り直してください。\n"
                f"(The stored vectors are another model's; run that to encode again.)"
            )
        vector: NDArray[np.float32] = self._encoder.encode_questions([question])[0]
        return vector

    # ── updating: build.py is the caller ──────────────────────────────────────────────────────

    def check(self) -> None:
        """Read the whole SQLite file: its own checks, and that every row is what we write.

        Raises:
            StoreDamaged: something in it is not as written.
        """
        with self._reading() as db:
            (result,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if result != "ok":
                raise _damaged(self._path, str(result))
            for _ in db.execute("SELECT path, name, title FROM notes"):
                pass  # reading is the check: a text that is not UTF-8 raises
            for heading, *_ in db.execute(
                "SELECT heading, path, text, context, words, context_words FROM passages"
            ):
                _headings(self._path, heading)
            length = 4 * int(_get_meta(db, "dim") or 0)
            (other,) = db.execute(
                "SELECT count(*) FROM vectors JOIN passages ON vector_key = key"
                " WHERE length(vector) != ?",
                (length,),
            ).fetchone()
            if other:
                raise _damaged(self._path, f"{other} vectors of another length")

    def bind(self, notes_folder: Path) -> None:
        """Say which folder this store is of, once.

        Raises:
            StoreMismatch: it is another folder's.
        """
        if self.notes_folder is None:
            with self._transaction() as db:
                _set_meta(db, "notes_folder", str(notes_folder))
        self.must_be_of(notes_folder)

    def must_be_of(self, notes_folder: Path) -> None:
        """Refuse to go on with a store of another folder.

        Raises:
            StoreMismatch: it is another folder's.
        """
        bound = self.notes_folder
        if bound not in (None, notes_folder):
            raise StoreMismatch(
                f"この索引は別のフォルダのものです: {bound}\n"
                f"今のフォルダ: {notes_folder}\n"
                f"別の --store を使うか、`python -m index --rebuild` で作り直してください。"
                f"(The store belongs to other notes; use another --store, or --rebuild.)"
            )

    def set_versions(self) -> None:
        """Say that everything here was cut by this version."""
        with self._transaction() as db:
            for key, now in _versions().items():
                _set_meta(db, key, now)

    def use_encoder(self, encoder: Encoder, model: str) -> str:
        """Make this the encoder of the store; what differed from before, empty when nothing.

        Old vectors stay until `prune`, but no passage refers to them any more.
        """
        self._encoder = encoder
        before = self._meta("encoder")
        if (before, self.model) == (encoder.fingerprint, model):
            return ""
        if before == encoder.fingerprint:
            with self._transaction() as db:
                _set_meta(db, "model", model)
            return ""
        difference = f"{self.encoder_name} → {encoder.name}" if before else ""
        with self._transaction() as db:
            _set_meta(db, "model", model)
            _set_meta(db, "encoder", encoder.fingerprint)
            _set_meta(db, "encoder_name", encoder.name)
            _set_meta(db, "dim", str(encoder.dim))
            rows = db.execute("SELECT id, context, text FROM passages").fetchall()
            db.executemany(
                "UPDATE passages SET vector_key = ? WHERE id = ?",
                [(_vector_key(encoder.fingerprint, context, text), i) for i, context, text in rows],
            )
            _raise_generation(db)
        return difference

    def update(
        self,
        read: Iterable[tuple[NoteFile, Note, Sequence[Passage], int]],
        touched: Iterable[tuple[NoteFile, int]] = (),
        removed: Iterable[str] = (),
    ) -> None:
        """Replace notes whole, in one transaction, and bring the keyword index up to date.

        Args:
            read: (file, note, its passages, when it was read in ns) of each new or changed note.
            touched: (file, when) of notes whose bytes are the same though their times differ.
            removed: paths of notes that are gone.
        """
        rows = [(file, note, [_row(note, p) for p in cut], when) for file, note, cut, when in read]
        with self._transaction() as db:
            encoder = _get_meta(db, "encoder")
            generation = _raise_generation(db)
            for path in [*removed, *(note.path for _, note, _, _ in rows)]:
                db.execute(
                    "INSERT INTO removed SELECT id, ? FROM passages WHERE path = ?",
                    (generation, path),
                )
                db.execute("DELETE FROM notes WHERE path = ?", (path,))
            for file, note, cut, when in rows:
                db.execute(
                    "INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (note.path, file.name, note.title, note.sha256, file.size, file.mtime_ns, when,
                     note.encoding),
                )  # fmt: skip
                db.executemany(
                    "INSERT INTO passages (path, start_line, end_line, heading, text, start,"
                    " context, words, context_words, vector_key, generation)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [(*row, _vector_key(encoder, row[6], row[4]), generation) for row in cut],
                )
            db.executemany(
                "UPDATE notes SET name = ?, size = ?, mtime_ns = ?, read_ns = ? WHERE path = ?",
                [(file.name, file.size, file.mtime_ns, when, file.path) for file, when in touched],
            )
        with self._lock:
            self._catch_up_keywords()

    def set_skipped(self, skipped: Iterable[Skipped]) -> None:
        """Remember what was not read, and why, in place of what was remembered before."""
        reasons = sorted({item.path: item.reason for item in skipped}.items())
        if reasons == [(item.path, item.reason) for item in self.skipped()]:
            return
        with self._transaction() as db:
            db.execute("DELETE FROM skipped")
            db.executemany("INSERT INTO skipped VALUES (?, ?)", reasons)

    def without_vector(self, limit: int) -> list[tuple[bytes, str]]:
        """Up to limit (key, text to encode) that have no vector yet, the newest notes' first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT vector_key, context, text FROM passages JOIN notes USING (path)"
                " WHERE vector_key NOT IN (SELECT key FROM vectors)"
                " ORDER BY mtime_ns DESC, id LIMIT ?",
                (limit,),
            ).fetchall()
        return list({key: searched_text(context, text) for key, context, text in rows}.items())

    def add_vectors(
        self, keys: Sequence[bytes], vectors: NDArray[np.float32], encoder: str
    ) -> None:
        """Store vectors, (len(keys), dim), in one transaction.

        Raises:
            StoreMismatch: the store has turned to another encoder since the keys were given out.
        """
        with self._transaction() as db:
            if _get_meta(db, "encoder") != encoder:
                raise StoreMismatch(
                    "ほかのプロセスが、この索引を別のモデルで作り直しています。"
                    "(Another process is encoding this store with another model.)"
                )
            generation = _raise_generation(db)
            db.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)",
                [
                    (key, vector.astype("<f4").tobytes(), generation)
                    for key, vector in zip(keys, vectors, strict=True)
                ],
            )

    def encoding(self) -> FileLock:
        """The lock held while passages are encoded: two processes would do the same work twice."""
        return FileLock(self.folder / "encoding.lock")

    @property
    def saved(self) -> bool:
        """Whether the vector index has a file to start from."""
        return self._vectors.path.exists()

    def prune(self) -> None:
        """Forget vectors that no passage refers to any more, and save the vector index."""
        with self._transaction() as db:
            db.execute("DELETE FROM vectors WHERE key NOT IN (SELECT vector_key FROM passages)")
        with self._lock, self._cache_lock:
            if self._catch_up_vectors() and not self._vectors.saved:
                self._vectors.save()

    # ── the copies ────────────────────────────────────────────────────────────────────────────

    def _catch_up_keywords(self) -> None:
        """Bring the keyword index to the store's generation, whoever raised it."""
        held = self._keywords.stamp
        if held and held.store != self.identity:
            held = None  # the store was cleared: what is held is of no use
        if held and held.generation >= self.generation:
            return
        with self._cache_lock:
            if held is None:
                if not self._keywords.load(self.identity, tokenizer_fingerprint()):
                    self._keywords.reset(self.identity, tokenizer_fingerprint())
            else:
                self._keywords.reload()
            since = self._keywords.stamp.generation if self._keywords.stamp else 0
            with self._reading() as db:
                db.execute("BEGIN")  # one snapshot for all three
                generation = int(_get_meta(db, "generation"))
                removed = _removed_since(db, since)
                rows = db.execute(
                    "SELECT id, words, context_words, text FROM passages WHERE generation > ?",
                    (since,),
                ).fetchall()
                db.execute("COMMIT")
            if generation > since:
                self._keywords.apply(generation, removed, map(_keyword_row, rows))

    def _catch_up_vectors(self) -> bool:
        """Bring the vector index to the store's generation; False when there is no encoder yet."""
        encoder, dim = self._meta("encoder"), int(self._meta("dim") or 0)
        if not encoder:
            return False
        held = self._vectors.stamp
        of_this = held and held.store == self.identity and held.made_by.endswith(encoder)
        if not of_this and not self._vectors.load(self.identity, encoder, dim):
            self._vectors.reset(self.identity, encoder, dim)
        since = self._vectors.stamp.generation if self._vectors.stamp else 0
        if since >= self.generation:
            return True
        with self._reading() as db:
            db.execute("BEGIN")
            generation = int(_get_meta(db, "generation"))
            removed = _removed_since(db, since)
            rows = db.execute(
                "SELECT id, vector FROM passages JOIN vectors ON vector_key = key"
                " WHERE passages.generation > ? OR vectors.generation > ?",
                (since, since),
            ).fetchall()
            db.execute("COMMIT")
        vectors = np.frombuffer(b"".join(vector for _, vector in rows), dtype="<f4")
        self._vectors.apply(
            generation,
            np.array(removed, dtype=np.int64),
            np.array([row_id for row_id, _ in rows], dtype=np.int64),
            vectors.reshape(len(rows), dim),
        )
        return True

    # ── SQLite ────────────────────────────────────────────────────────────────────────────────

    def _connect(self, *, create: bool = False) -> None:
        """Open the SQLite file, and remember which file that was."""
        if not self._path.exists() and not create:
            raise StoreMissing(
                f"索引がまだありません: {self.folder}\n(No store yet. Run: python -m index)"
            )
        with _sqlite_errors(self._path):
            self._db = sqlite3.connect(
                self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")  # whole after a crash, with WAL
                self._db.execute("PRAGMA foreign_keys=ON")
                if create:
                    self._create_tables()
                _get_meta(self._db, "identity")  # fails here if the file is not ours or not whole
            except BaseException:
                self._db.close()
                raise
        self._file = _file_identity(self._path)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if _file_identity(self._path) != self._file:  # made anew by another process
                self._db.close()
                self._connect()
            with _sqlite_errors(self._path):
                try:
                    yield self._db
                finally:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; waits for another process's transaction to end."""
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db  # an error leaves the transaction open, and _reading rolls it back
            db.execute("COMMIT")

    def _meta(self, key: str) -> str:
        with self._reading() as db:
            return _get_meta(db, key)

    def _any_vector(self) -> bool:
        with self._reading() as db:
            return db.execute("SELECT 1 FROM vectors LIMIT 1").fetchone() is not None

    def _create_tables(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        if not self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            _create_tables(self._db)
        self._db.execute("COMMIT")

    def clear(self) -> None:
        """Forget everything, in one transaction; whoever has the store open sees it empty."""
        with self._transaction() as db:
            for table in _TABLE_NAMES:
                db.execute(f"DROP TABLE IF EXISTS {table}")
            _create_tables(db)


def searched_text(context: str, text: str) -> str:
    """What the encoder reads for a passage: its title and headings, then its own lines, plain."""
    lines = (line.strip() for line in plain(f"{context}\n{text}").split("\n"))
    return "\n".join(line for line in lines if line)


def set_aside(folder: Path) -> Path:
    """Move a damaged SQLite file out of the way, keeping it; returns its new name."""
    path = folder / FILE_NAME
    kept = path.with_name(f"{FILE_NAME}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    path.replace(kept)
    for suffix in ("-wal", "-shm"):
        path.with_name(FILE_NAME + suffix).unlink(missing_ok=True)
    return kept


def _create_tables(db: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";"):
        db.execute(statement)
    for key, value in {**_versions(), "identity": uuid.uuid4().hex, "generation": "0"}.items():
        _set_meta(db, key, value)


def _file_identity(path: Path) -> tuple[int, int] | None:
    """Which file a name stands for now; None when there is none."""
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino


def _versions() -> dict[str, str]:
    return {
        "schema": str(SCHEMA),
        "splitter": str(SPLITTER),
        "tokenizer": tokenizer_fingerprint(),
    }


def _make_folder(folder: Path) -> None:
    """Make the store's folder, readable by its owner only; refuse one that holds other things.

    The marker tells a folder of ours from one that happens to have a `keywords` of its own: what
    is not marked is never written to.
    """
    try:
        if (folder / MARKER).exists():
            return
        if folder.exists() and any(folder.iterdir()):
            raise StoreError(
                f"索引を置くフォルダに別のファイルがあります: {folder}\n"
                f"空のフォルダか新しい名前を --store で指定してください。"
                f"(That folder holds other files; give --store an empty or new one.)"
            )
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / MARKER).write_text(MARKER_TEXT, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"索引のフォルダを作れません: {folder}: {error.strerror}\n(Cannot be made.)"
        ) from error


def _row(note: Note, passage: Passage) -> tuple[str, int, int, str, str, int, str, str, str]:
    titles = passage.heading if note.title in passage.heading else (note.title, *passage.heading)
    context = " › ".join(titles)
    return (
        passage.path,
        passage.start_line,
        passage.end_line,
        json.dumps(passage.heading, ensure_ascii=False),
        passage.text,
        passage.start,
        context,
        _terms(passage.text),
        _terms("\n".join([context, _own_title(passage)])),
    )


def _own_title(passage: Passage) -> str:
    """The bullet that the rest of a passage hangs on, which is their title; empty for others."""
    first, _, rest = passage.text.partition("\n")
    return label(first) if rest else ""


def _terms(text: str) -> str:
    return " ".join(term for word in tokenize(text) for term in word.all_terms)


def _keyword_row(row: tuple[int, str, str, str]) -> KeywordRow:
    row_id, words, context_words, text = row
    return KeywordRow(row_id, words.split(), context_words.split(), bigrams(text))


def _vector_key(encoder: str, context: str, text: str) -> bytes:
    content = "\0".join((encoder, searched_text(context, text)))
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()


def _removed_since(db: sqlite3.Connection, generation: int) -> list[int]:
    rows = db.execute("SELECT id FROM removed WHERE generation > ?", (generation,)).fetchall()
    return [row_id for (row_id,) in rows]


def _get_meta(db: sqlite3.Connection, key: str) -> str:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else ""


def _set_meta(db: sqlite3.Connection, key: str, value: str) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def _raise_generation(db: sqlite3.Connection) -> int:
    generation = int(_get_meta(db, "generation")) + 1
    _set_meta(db, "generation", str(generation))
    return generation


@contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
    """Give SQLite's errors the name and the next step that a reader needs.

    What cannot be decoded, or lacks a table or column of ours, is damage: other versions are told
    apart before.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        reason = str(error)
        if any(sign in reason for sign in DAMAGE):
            raise _damaged(path, reason) from error
        if "locked" in reason:
            reason = "ほかのプロセスが使っています。終わるのを待って、もう一度実行してください"
        raise StoreError(
            f"索引を使えません: {path}: {reason}\n(The store cannot be used now: {error}.)"
        ) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from error


def _headings(path: Path, stored: str) -> tuple[str, ...]:
    try:
        return tuple(json.loads(stored))
    except (ValueError, TypeError) as error:
        raise _damaged(path, f"heading: {error}") from error


def _damaged(path: Path, reason: str) -> StoreDamaged:
    return StoreDamaged(
        f"索引のファイルが壊れています: {path}: {reason}\n"
        f"ノートは無事です。`python -m index` で作り直せます。"
        f"(The store is damaged, your notes are not; that command builds it again.)"
    )
