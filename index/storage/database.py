"""The SQLite file of a store: its tables, its commits, and proof that it is as it was written.

WAL mode: readers go on while one transaction at a time writes. Every row that matters carries its
own checksum, because SQLite's checks see a broken page but not a letter that flipped in a text.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from index.errors import StoreDamaged, StoreError, StoreMissing
from index.storage.stamp import Commit

SCHEMA = 3  # raise when the tables below change: the store is then built again
DAMAGE = (
    *("no such table", "no such column", "malformed", "Could not decode", "not a database"),
    "unsupported file format",
)
BUSY_SECONDS = 60.0  # how long to wait for another process's transaction; each takes well under 1
COMMITS_KEPT = 50_000  # some 3 MB; a copy that is further behind is made from nothing

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE commits (generation INTEGER PRIMARY KEY, token TEXT NOT NULL);
CREATE TABLE notes (
    path TEXT PRIMARY KEY,       -- relative, NFC
    name TEXT NOT NULL,          -- as the file system spells it
    title TEXT NOT NULL,
    sha256 TEXT NOT NULL,        -- of the file's bytes
    size INTEGER NOT NULL,       -- bytes
    mtime_ns INTEGER NOT NULL,
    read_ns INTEGER NOT NULL,    -- when it was read
    encoding TEXT NOT NULL,
    date TEXT NOT NULL,          -- yyyy-mm-dd as the note or its name says, else empty
    tags TEXT NOT NULL,          -- JSON array
    cut INTEGER NOT NULL,        -- sum of its passages' checksums: none is missing or another's
    checksum INTEGER NOT NULL    -- of all the columns before it
) WITHOUT ROWID;
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice: the copies go by it
    path TEXT NOT NULL REFERENCES notes(path) ON DELETE CASCADE,
    start_line INTEGER NOT NULL,
    end_line INTEGER NOT NULL,
    heading TEXT NOT NULL,                  -- JSON array
    text TEXT NOT NULL,
    start INTEGER NOT NULL,                 -- offset in the note, characters
    page INTEGER NOT NULL,                  -- 0 where there are none
    context TEXT NOT NULL,                  -- title and headings, searched but never quoted
    words TEXT NOT NULL,                    -- terms of the text, cut by fugashi
    context_words TEXT NOT NULL,            -- terms of the context
    checksum INTEGER NOT NULL,              -- of the columns from path to here
    vector_key BLOB NOT NULL,
    generation INTEGER NOT NULL             -- when it came
);
CREATE INDEX passages_path ON passages(path);
CREATE INDEX passages_vector_key ON passages(vector_key);
CREATE INDEX passages_generation ON passages(generation);
CREATE TABLE vectors (
    key BLOB PRIMARY KEY,                   -- hash of the encoder and the text it encoded
    vector BLOB NOT NULL,                   -- float32, length 1
    checksum INTEGER NOT NULL,              -- of both
    generation INTEGER NOT NULL
);
CREATE INDEX vectors_generation ON vectors(generation);
CREATE TABLE removed (id INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
CREATE INDEX removed_generation ON removed(generation);
CREATE TABLE skipped (
    path TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    size INTEGER NOT NULL,       -- as in notes, and 0, 0, 0 of what was not even opened
    mtime_ns INTEGER NOT NULL,
    read_ns INTEGER NOT NULL
) WITHOUT ROWID;
"""
CHECKED = {  # the columns that each table's checksum is of
    "notes": "path, name, title, sha256, size, mtime_ns, read_ns, encoding, date, tags, cut",
    "passages": "path, start_line, end_line, heading, text, start, page, context, words,"
    " context_words",
    "vectors": "key, vector",
}


class Database:
    """One SQLite file, shared by the threads of a process; its errors are named for the reader."""

    def __init__(self, path: Path, *, facts: Mapping[str, str] | None = None) -> None:
        """Open the file; given the facts of an empty store, make one where there is none.

        Raises:
            StoreMissing: there is none, and no facts are given.
            StoreDamaged: it is no whole SQLite file of ours.
            StoreError: it cannot be opened.
        """
        self.path = path
        self.lock = threading.RLock()
        self._connect(facts)

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._db.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for reading; opened again if the file was made anew meanwhile."""
        with self.lock:
            if _file_identity(self.path) != self._file:
                self._db.close()
                self._connect()
            with _named_errors(self.path):
                try:
                    yield self._db
                finally:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """For several queries that must see one state."""
        with self.reading() as db:
            db.execute("BEGIN")
            yield db

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; waits for another process's transaction to end."""
        with self._changing() as db:
            _check_meta(self.path, db)  # else what is damaged would be sealed as right
            yield db

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self.reading() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db  # an error leaves the transaction open, and reading rolls it back
            set_meta(db, "checksum", str(_meta_checksum(db)))
            db.execute("COMMIT")

    def meta(self, key: str) -> str:
        """One of the store's own facts; empty when it is not set."""
        with self.reading() as db:
            return get_meta(db, key)

    def clear(self, facts: Mapping[str, str]) -> None:
        """Forget everything, in one transaction; whoever has the file open sees it empty."""
        with self._changing() as db:
            tables = db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            db.execute("PRAGMA defer_foreign_keys=ON")  # they are dropped in any order
            for (table,) in tables:
                db.execute(f'DROP TABLE "{table}"')
            _create_tables(db, facts)

    def check(self) -> None:
        """Read the whole file: SQLite's own checks, and every row's checksum.

        Raises:
            StoreDamaged: something in it is not as written.
        """
        with self.snapshot() as db:
            (result,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            if result != "ok":
                raise damaged(self.path, str(result))
            _check_meta(self.path, db)
            for table, columns in CHECKED.items():
                for row in db.execute(f"SELECT {columns}, checksum FROM {table}"):
                    must_be_whole(self.path, table, row)
            torn = db.execute(
                "SELECT path FROM notes LEFT JOIN passages USING (path)"
                " GROUP BY path HAVING cut != coalesce(sum(passages.checksum), 0)"
                " UNION ALL SELECT path FROM passages WHERE path NOT IN (SELECT path FROM notes)"
            ).fetchone()
            if torn:
                raise damaged(self.path, f"notes: {torn[0]!r:.80}: cut")

    def check_meta(self) -> None:
        """See that the store's own facts are as they were written, before they are gone by.

        Raises:
            StoreDamaged: they are not.
        """
        with self.snapshot() as db:
            _check_meta(self.path, db)

    def _connect(self, facts: Mapping[str, str] | None = None) -> None:
        """Open the SQLite file, and remember which file that was."""
        if not self.path.exists() and facts is None:
            raise _missing(self.path)
        with _named_errors(self.path):
            if facts is not None:
                _make_file(self.path)
            self._db = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")  # a commit outlives a power cut
                self._db.execute("PRAGMA foreign_keys=ON")
                if facts is not None:
                    self._db.execute("BEGIN IMMEDIATE")
                    if _is_empty(self._db):
                        _create_tables(self._db, facts)
                    self._db.execute("COMMIT")
                elif _is_empty(self._db):  # its first process ended before it made the tables
                    raise _missing(self.path)
                get_meta(self._db, "identity")  # fails here if the file is not ours or not whole
            except BaseException:
                self._db.close()
                raise
        self._file = _file_identity(self.path)


def _make_file(path: Path) -> None:
    """An empty file for its owner alone, where there is none; SQLite gives its log the same mode.

    One that is there must not even be opened: closing it again would drop the locks that SQLite
    holds on it in this process.
    """
    with suppress(OSError):  # SQLite names what is wrong
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, mode=0o600))


def get_meta(db: sqlite3.Connection, key: str) -> str:
    """One of the store's own facts; empty when it is not set."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else ""


def set_meta(db: sqlite3.Connection, key: str, value: str) -> None:
    """Set one of the store's own facts."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def newest_commit(db: sqlite3.Connection) -> Commit:
    """The state that the file is in."""
    found = dict(
        db.execute("SELECT key, value FROM meta WHERE key IN ('identity', 'generation', 'token')")
    )
    if len(found) < 3:
        raise sqlite3.DatabaseError("no such table: meta is not whole")
    if not str(found["generation"]).isdecimal():
        raise sqlite3.DatabaseError("malformed generation")
    return Commit(found["identity"], int(found["generation"]), found["token"])


def knows_commit(db: sqlite3.Connection, commit: Commit) -> bool:
    """Whether a state is one that the file was in, and what came after it is still known."""
    if get_meta(db, "identity") != commit.store:
        return False
    row = db.execute(
        "SELECT token FROM commits WHERE generation = ?", (commit.generation,)
    ).fetchone()
    return bool(row) and row[0] == commit.token


def new_commit(db: sqlite3.Connection) -> int:
    """Raise the generation, within a transaction; returns the new one."""
    generation = int(get_meta(db, "generation")) + 1
    token = uuid.uuid4().hex
    set_meta(db, "generation", str(generation))
    set_meta(db, "token", token)
    set_meta(db, "changed", str(int(time.time())))
    db.execute("INSERT INTO commits VALUES (?, ?)", (generation, token))
    db.execute("DELETE FROM commits WHERE generation <= ?", (generation - COMMITS_KEPT,))
    db.execute("DELETE FROM removed WHERE generation <= ?", (generation - COMMITS_KEPT,))
    return generation


def checksum(*values: str | int | bytes) -> int:
    """CRC-32 over the values of a row: what tells a flipped bit from what was written.

    Either texts and numbers, or blobs only.
    """
    if isinstance(values[0], bytes):
        return zlib.crc32(b"".join(values))  # type: ignore[arg-type]
    return zlib.crc32("\0".join(map(str, values)).encode("utf-8", "surrogatepass"))


def must_be_whole(path: Path, table: str, row: Sequence[str | int | bytes]) -> None:
    """Compare the values of a row with the checksum that is the last of them.

    Raises:
        StoreDamaged: they are not as they were written.
    """
    try:
        whole = checksum(*row[:-1]) == row[-1]
    except (TypeError, ValueError):  # a blob where a text was, or no UTF-8
        whole = False
    if not whole:
        raise damaged(path, f"{table}: {row[0]!r:.80}")


def set_aside(path: Path) -> Path:
    """Move a damaged SQLite file out of the way, keeping it; returns its new name."""
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    path.replace(kept)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    with suppress(FileNotFoundError):  # commits that are not in the file itself yet
        path.with_name(path.name + "-wal").replace(kept.with_name(kept.name + "-wal"))
    return kept


def damaged(path: Path, reason: str) -> StoreDamaged:
    """The error for a file that is not as it was written."""
    return StoreDamaged(
        f"索引のファイルが壊れています: {path}: {reason}\n"
        f"ノートは無事です。`python -m index` で作り直せます。"
        f"(The store is damaged, your notes are not; that command builds it again.)"
    )


def _missing(path: Path) -> StoreMissing:
    return StoreMissing(
        f"索引がまだありません: {path.parent}\n(No store yet. Run: python -m index)"
    )


def _is_empty(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def _create_tables(db: sqlite3.Connection, facts: Mapping[str, str]) -> None:
    for statement in _TABLES.split(";"):
        db.execute(statement)
    first = {"identity": uuid.uuid4().hex, "generation": "0", "token": ""}
    for key, value in {**facts, **first}.items():
        set_meta(db, key, value)
    set_meta(db, "checksum", str(_meta_checksum(db)))


def _check_meta(path: Path, db: sqlite3.Connection) -> None:
    if get_meta(db, "checksum") != str(_meta_checksum(db)):
        raise damaged(path, "meta")


def _meta_checksum(db: sqlite3.Connection) -> int:
    rows = db.execute("SELECT key, value FROM meta WHERE key != 'checksum' ORDER BY key")
    return checksum(*(value for row in rows for value in row))


def _file_identity(path: Path) -> tuple[int, int] | None:
    """Which file a name stands for now; None when there is none."""
    try:
        info = os.stat(path)  # noqa: PTH116 - at every question: half the time of path.stat
    except OSError:
        return None
    return info.st_dev, info.st_ino


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Give SQLite's errors the name and the next step that a reader needs.

    What cannot be decoded, or lacks a table or column of ours, is damage: other versions are told
    apart before.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        reason = str(error)
        # its header says so, not the system
        sealed = (
            "readonly" in reason and os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        )
        if sealed or any(sign in reason for sign in DAMAGE):
            raise damaged(path, reason) from error
        if "locked" in reason:
            reason = "ほかのプロセスが使っています。終わるのを待って、もう一度実行してください"
        if "full" in reason or "disk I/O" in reason:
            reason = "ディスクに書けません。空きを作って、もう一度実行してください"
        raise StoreError(
            f"索引を使えません: {path}: {reason}\n(The store cannot be used now: {error}.)"
        ) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from error
