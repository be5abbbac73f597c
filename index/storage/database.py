"""The SQLite file of a store: its tables, its connections, and its errors by name.

WAL mode: each reader sees one whole state of the file for as long as it reads, while one
transaction at a time writes. The state is told by its generation, a number that every committed
change raises.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from index.errors import StoreDamaged, StoreError, StoreMissing
from index.messages import said

SCHEMA = 6  # raise when the tables below change: the store is then built again
DAMAGED = "store.damaged"  # beside the file: somebody met damage, and it is to be made anew
DAMAGE = (  # in SQLite's messages
    *("no such table", "no such column", "malformed", "Could not decode", "not a database"),
    "unsupported file format",
)
BUSY_SECONDS = 60.0  # how long to wait for another process's transaction; each takes well under 1
IDLE = 4  # connections kept for the next readers

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
    encoding TEXT NOT NULL,
    date TEXT NOT NULL,          -- yyyy-mm-dd as the note or its name says, else empty
    tags TEXT NOT NULL           -- JSON array
) WITHOUT ROWID;
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice: what is in memory goes by it
    path TEXT NOT NULL REFERENCES notes(path),
    start_line INTEGER NOT NULL,
    end_line INTEGER NOT NULL,
    heading TEXT NOT NULL,                  -- JSON array
    text TEXT NOT NULL,
    start INTEGER NOT NULL,                 -- offset in the note, characters
    page INTEGER NOT NULL,                  -- 0 where there are none
    date TEXT NOT NULL,                     -- yyyy-mm-dd, yyyy-mm or --mm-dd that it stands under
    asks INTEGER NOT NULL,                  -- 1: of a speech that asks
    asked TEXT NOT NULL,                    -- what its speech replies to, or empty
    vector_key BLOB NOT NULL,
    encoded INTEGER NOT NULL,               -- whether there is that vector
    generation INTEGER NOT NULL             -- when it came
);
CREATE INDEX passages_path ON passages(path, start);
CREATE INDEX passages_vector_key ON passages(vector_key);
CREATE INDEX passages_unencoded ON passages(id) WHERE NOT encoded;
CREATE INDEX passages_generation ON passages(generation);
CREATE TABLE removed (id INTEGER PRIMARY KEY, generation INTEGER NOT NULL);  -- former passages
CREATE INDEX removed_generation ON removed(generation);
CREATE TABLE segments (          -- of the keyword index, as keywords.py has it
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    passages INTEGER NOT NULL,   -- how many, with those that are gone since
    ids BLOB NOT NULL,
    lengths BLOB NOT NULL,
    terms BLOB NOT NULL,
    starts BLOB NOT NULL,
    places BLOB NOT NULL,
    counts BLOB NOT NULL
);
CREATE TABLE vectors (
    key BLOB PRIMARY KEY,        -- hash of the encoder and the text it encoded
    vector BLOB NOT NULL,        -- float32, length 1
    generation INTEGER NOT NULL
);
CREATE INDEX vectors_generation ON vectors(generation);
CREATE TABLE skipped (
    path TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    size INTEGER NOT NULL,       -- as in notes, and 0, 0, 0 of what was not even opened
    mtime_ns INTEGER NOT NULL,
    read_ns INTEGER NOT NULL
) WITHOUT ROWID;
"""


class Database:
    """One SQLite file, shared by the threads of a process; its errors are named for the reader."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is opened when first read, and again if it was made anew meanwhile."""
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._file: tuple[int, int] | None = None  # the one that the idle connections are of
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # SQLite would let a second thread wait by polling

    def close(self) -> None:
        """Close the connections that nobody uses just now."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees the file as it is now, whatever is written meanwhile.

        Raises:
            StoreMissing: there is no file, or none with our tables.
            StoreDamaged: it is no whole SQLite file of ours.
            StoreError: it cannot be opened.
        """
        with self._connection() as db:
            db.execute("BEGIN")
            get_meta(db, "generation")  # the state is taken at the first look, not at BEGIN
            yield db

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; waits for another's transaction to end. Errors as in `read`."""
        with self._writing, self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db  # an error leaves the transaction open, and it is rolled back
            db.execute("COMMIT")

    def make(self, facts: Mapping[str, str]) -> None:
        """Make the file and its tables, where there are none.

        Raises:
            StoreDamaged: what is there is no SQLite file.
            StoreError: it cannot be made.
        """
        with suppress(OSError):  # SQLite names what is wrong
            # For its owner alone; SQLite gives its log the same mode. A file that is there must not
            # even be opened: closing it would drop the locks that SQLite holds in this process.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL, mode=0o600))
        with named_errors(self.path), closing(_connect(self.path)) as db:
            if not _is_empty(db):
                return
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("BEGIN IMMEDIATE")
            if _is_empty(db):  # no other process has been faster
                for statement in _TABLES.split(";"):
                    db.execute(statement)
                begin(db, facts)
            db.execute("COMMIT")

    def meta(self, key: str) -> str:
        """One of the store's own facts; empty when it is not set."""
        with self._connection() as db:
            return get_meta(db, key)

    def set_aside(self, why: str) -> Path:
        """Move the file out of the way, keeping it; returns its new name.

        Args:
            why: the word that its name gets: damaged, or older.
        """
        self.close()
        kept = self.path.with_name(f"{self.path.name}.{why}-{time.strftime('%Y%m%d-%H%M%S')}")
        self.path.replace(kept)
        self.path.with_name(self.path.name + "-shm").unlink(missing_ok=True)
        with suppress(FileNotFoundError):  # commits that are not in the file itself yet
            self.path.with_name(self.path.name + "-wal").replace(kept.with_name(kept.name + "-wal"))
        self.path.with_name(DAMAGED).unlink(missing_ok=True)
        return kept

    @property
    def met_damage(self) -> bool:
        """Whether this or another process met damage in the file, which is still there."""
        return self.path.with_name(DAMAGED).exists()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        file = _identity(self.path)
        if file is None:
            raise _missing(self.path)
        with self._lock:
            if file != self._file:
                while self._idle:
                    self._idle.pop().close()
                self._file = file
            db = self._idle.pop() if self._idle else None
        with named_errors(self.path):
            if db is None:
                db = _connect(self.path)
                if _is_empty(db):  # its first process ended before it made the tables
                    db.close()
                    raise _missing(self.path)
            try:
                yield db
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                with self._lock:
                    keep = file == self._file and len(self._idle) < IDLE
                    self._idle += [db] if keep else []
                if not keep:
                    db.close()


def get_meta(db: sqlite3.Connection, key: str) -> str:
    """One of the store's own facts; empty when it is not set."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else ""


def put_meta(db: sqlite3.Connection, facts: Mapping[str, str]) -> None:
    """Set some of the store's own facts."""
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts.items())


def raise_generation(db: sqlite3.Connection) -> int:
    """The number of the state that this transaction makes.

    It is the time in nanoseconds, or one more than the last where the clock stands: no two states
    share one, not even those of two stores, or of a file that was restored from an older copy.
    """
    generation = max(int(get_meta(db, "generation")) + 1, time.time_ns())
    put_meta(db, {"generation": str(generation)})
    return generation


def clear(db: sqlite3.Connection, facts: Mapping[str, str]) -> None:
    """Forget everything, within a transaction; whoever has the file open sees it empty.

    Ids go on from where they were, as sqlite_sequence stays.
    """
    for table in ("segments", "passages", "notes", "removed", "vectors", "skipped", "meta"):
        db.execute(f"DELETE FROM {table}")
    begin(db, facts)


def begin(db: sqlite3.Connection, facts: Mapping[str, str]) -> None:
    """Give an empty store its facts, and say that what was read of it before is nothing now."""
    put_meta(db, {**facts, "generation": "0"})
    put_meta(db, {"begun": str(raise_generation(db))})


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Give SQLite's errors the name and the next step that a reader needs.

    What cannot be decoded, or lacks a table or column of ours, is damage: other versions are told
    apart before. Misuse of the library is a fault of the program, and passes.
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
        key = "store_locked" if "locked" in reason else "store_unusable"
        if "full" in reason or "disk I/O" in reason:
            key = "store_unwritable"
        raise StoreError(said(key, path=path, reason=reason)) from error
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from error


def damaged(path: Path, reason: str) -> StoreDamaged:
    """The error for a file that is not as it was written; whoever updates it next makes it anew."""
    with suppress(OSError):
        path.with_name(DAMAGED).write_text(reason, encoding="utf-8", errors="replace")
    return StoreDamaged(said("store_damaged", path=path, reason=reason))


def is_ours(path: Path) -> bool:
    """Whether a file is a store's, which is looked at without writing; its marker was lost."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return bool(get_meta(db, "schema") and get_meta(db, "generation"))
    except sqlite3.Error:
        return False


def _missing(path: Path) -> StoreMissing:
    return StoreMissing(said("store_missing", folder=path.parent))


def _connect(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there."""
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        db.execute("PRAGMA synchronous=FULL")  # a commit outlives a power cut
        db.execute("PRAGMA foreign_keys=ON")
    except BaseException:
        db.close()
        raise
    return db


def _is_empty(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file a name stands for now; None when there is none."""
    try:
        info = os.stat(path)  # noqa: PTH116 - at every question: half the time of path.stat
    except OSError:
        return None
    return info.st_dev, info.st_ino
