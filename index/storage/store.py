"""The store: notes, passages, keyword index and vectors of one folder, in one SQLite file.

    folder/kikigaki-store.txt   says whose folder this is
    folder/store.sqlite3        all of it (WAL)
    folder/*.lock               held by a process while it works, freed by the system when it dies

A process opens a store once, and its threads share it. What a search needs in memory is loaded when
first asked for and follows the file, whichever process changes that. While there are no vectors of
the model at hand, words answer.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock

from index.errors import StoreError, StoreMismatch
from index.folder import NoteFile, Skipped
from index.messages import said, unpacked
from index.models.encoder import Encoder, encoder_ready, load_encoder
from index.notes import READER
from index.splitting import SPLITTER
from index.storage.database import SCHEMA, Database, damaged, get_meta, is_ours
from index.storage.private import close_all_to_others, close_to_others, lock, make_folder, open_new
from index.storage.searcher import DATE, Counts, Loaded, LocalSearcher, load
from index.words.tokens import tokenizer_fingerprint

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

FILE_NAME = "store.sqlite3"
MARKER = "kikigaki-store.txt"
MARKER_TEXT = """聞き書きの索引です。消しても、ノートから作り直せます。
An index made by kikigaki; it can be deleted and is made again from the notes.
"""
RACY_NS = 2_000_000_000  # file systems round times to as much as 2 s; closer than that, read again


class ListedNote(NamedTuple):
    """What a list of notes shows of one."""

    path: str
    title: str
    day: str  # yyyy-mm-dd: what the note says, else when its file was written
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the store remembers of a file that was opened, to tell whether it changed."""

    size: int
    mtime_ns: int
    read_ns: int
    name: str  # The file system's spelling; empty for what is no note.
    sha256: str  # likewise
    reason: str  # why it is no note; empty of one

    def same_stat(self, file: NoteFile) -> bool:
        """Whether the file has the size and time that it had."""
        return (self.size, self.mtime_ns) == (file.size, file.mtime_ns)

    def unchanged_by_stat(self, file: NoteFile) -> bool:
        """Whether size and time prove the file untouched; written just before it was read, not."""
        of_that_name = self.name in ("", file.name)
        return of_that_name and self.same_stat(file) and self.mtime_ns + RACY_NS < self.read_ns


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
    opened.must_be_current()
    return opened


class Store:
    """One folder's notes, searchable; safe to share between threads.

    Nothing is read or made before it is asked for. `build` makes and updates a store, by way of
    index/storage/writing.py.
    """

    def __init__(self, folder: Path, *, encoder: Encoder | None = None) -> None:
        """Name the store's folder, and the encoder when that is not the configured one."""
        self.folder = folder
        self.database = Database(folder / FILE_NAME)
        self.encoder = encoder
        self._loaded: Loaded | None = None
        self._loading = threading.Lock()
        self._counted: tuple[int, Counts] | None = None  # counts of one generation

    def __enter__(self) -> Self:
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
        """Let go of the SQLite file and of what is in memory."""
        self.database.close()
        self._loaded = None

    # ── making it ─────────────────────────────────────────────────────────────────────────────

    def make(self) -> bool:
        """Make the store where there is none; whether others could read one that was there.

        Raises:
            StoreDamaged: the file there is no SQLite file.
            StoreError: the folder is someone else's or cannot be written.
        """
        was_open = _make_folder(self.folder)
        self.database.make(versions())
        return was_open

    def writing(self) -> FileLock:
        """The lock held while notes are brought up to date: two would do the same twice."""
        return lock(self.folder / "writer.lock")

    def encoding(self) -> FileLock:
        """The lock held while passages are encoded: two would do the same work twice."""
        return lock(self.folder / "encoding.lock")

    # ── searching ─────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def searcher(self, *, wait_for_encoder: bool = True) -> Iterator[LocalSearcher]:
        """What one question looks at: this moment's state, whatever is changed meanwhile.

        Args:
            wait_for_encoder: false: search by words alone while the model is still loading.

        Raises:
            StoreMissing: nothing has been built there.
            StoreMismatch: another version of kikigaki built it.
            StoreDamaged: it is not as it was written.
        """
        self.must_be_current()

        def encoder_of(fingerprint: str) -> Encoder | None:
            if self.encoder is None and not (wait_for_encoder or encoder_ready()):
                return None
            encoder = self.encoder or load_encoder()
            return encoder if encoder.fingerprint == fingerprint else None

        with ExitStack() as stack:
            # Within the lock, so that no one begins to look at an older state than what is loaded.
            with self._loading:
                db = stack.enter_context(self.database.read())
                self._loaded = load(db, self.database.path, self._loaded)
                searcher = LocalSearcher(db, self.database.path, self._loaded, encoder_of)
            yield searcher

    # ── what it holds ─────────────────────────────────────────────────────────────────────────

    @property
    def generation(self) -> int:
        """The state the store is in; every committed update, in any process, raises it."""
        return int(self.database.meta("generation"))

    @property
    def notes_generation(self) -> int:
        """The state in which a note last came; 0 while there is none."""
        with self.database.read() as db:
            (newest,) = db.execute("SELECT max(generation) FROM passages").fetchone()
        return int(newest or 0)

    @property
    def notes_folder(self) -> Path | None:
        """The folder the notes are read from; None before the first build."""
        folder = self.database.meta("notes_folder")
        return Path(folder) if folder else None

    @property
    def model(self) -> str:
        """Which model setting the stored vectors come from; see `encoder.configured_model`."""
        return self.database.meta("model")

    @property
    def encoder_fingerprint(self) -> str:
        """The fingerprint of what makes the vectors; empty before the first."""
        return self.database.meta("encoder")

    @property
    def encoder_name(self) -> str:
        """The encoder that makes the vectors, as it calls itself; empty before the first."""
        return self.database.meta("encoder_name")

    @property
    def changed(self) -> float:
        """When something was last committed, in seconds since 1970."""
        return self.generation / 1e9

    def version_difference(self) -> str:
        """What another version of kikigaki cut differently here; empty when nothing."""
        with self.database.read() as db:
            stored = dict(db.execute("SELECT key, value FROM meta").fetchall())
        return "; ".join(
            f"{key}: {stored.get(key, '')} → {now}"
            for key, now in versions().items()
            if stored.get(key) != now
        )

    def must_be_current(self) -> None:
        """Refuse to search what another version has built.

        Raises:
            StoreMismatch: another version has.
        """
        if difference := self.version_difference():
            raise StoreMismatch(said("store_of_other_version", difference=difference))

    def must_be_of(self, notes_folder: Path) -> None:
        """Refuse to go on with a store of another folder.

        Raises:
            StoreMismatch: it is another folder's.
        """
        bound = self.notes_folder
        if bound not in (None, notes_folder):
            raise of_another_folder(str(bound), notes_folder)

    def counts(self) -> Counts:
        """How many notes and passages there are, and how many of these have their vector."""
        with self.database.read() as db:
            generation = int(get_meta(db, "generation"))
            if self._counted is None or self._counted[0] != generation:  # a large one takes ms
                counts = db.execute(
                    "SELECT (SELECT count(*) FROM notes), (SELECT count(*) FROM passages),"
                    " (SELECT count(*) FROM passages WHERE NOT encoded)"
                ).fetchone()
                notes, passages, missing = counts
                self._counted = (generation, Counts(notes, passages, passages - missing))
            return self._counted[1]

    def known_files(self) -> dict[str, KnownFile]:
        """Every file that was opened, as it was when it was last read, by path."""
        with self.database.read() as db:
            rows = db.execute(
                "SELECT path, size, mtime_ns, read_ns, name, sha256, '' FROM notes UNION ALL"
                " SELECT path, size, mtime_ns, read_ns, '', '', reason FROM skipped WHERE read_ns"
            ).fetchall()
        return {path: KnownFile(*rest) for path, *rest in rows}

    def skipped(self) -> list[Skipped]:
        """What the last build did not read, and why."""
        with self.database.read() as db:
            rows = db.execute("SELECT path, reason FROM skipped ORDER BY path").fetchall()
        return [Skipped(path, unpacked(reason)) for path, reason in rows]

    def newest(self, limit: int) -> list[ListedNote]:
        """Up to limit notes, those of the latest day first, and of a day those written last."""
        with self.database.read() as db:
            rows = db.execute(
                f"SELECT path, title, {DATE} AS day, tags FROM notes"
                " ORDER BY day DESC, mtime_ns DESC, path LIMIT ?",
                (limit,),
            ).fetchall()
        return [
            ListedNote(path, title, day, tuple(json.loads(tags))) for path, title, day, tags in rows
        ]

    def folders_and_tags(self) -> tuple[list[str], list[str]]:
        """What a filter may name: the folders that hold notes, and the notes' tags, both sorted."""
        with self.database.read() as db:
            rows = db.execute("SELECT path, tags FROM notes").fetchall()
        folders = {str(above) for path, _ in rows for above in PurePosixPath(path).parents}
        return sorted(folders - {"."}), sorted(
            {tag for _, tags in rows for tag in json.loads(tags)}
        )

    def encodings(self) -> dict[str, int]:
        """How many notes came in each encoding, the most frequent first."""
        with self.database.read() as db:
            return dict(
                db.execute(
                    "SELECT encoding, count(*) FROM notes GROUP BY encoding ORDER BY 2 DESC, 1"
                ).fetchall()
            )

    def headings(self, limit: int) -> list[tuple[str, ...]]:
        """Up to limit headings that many passages stand under, with those above each."""
        with self.database.read() as db:
            rows = db.execute(
                "SELECT heading FROM passages WHERE heading != '[]'"
                " GROUP BY path, heading ORDER BY count(*) DESC, path LIMIT ?",
                (limit,),
            ).fetchall()
        return list(dict.fromkeys(tuple(json.loads(heading)) for (heading,) in rows))

    def unused_vectors(self) -> int:
        """How many vectors are kept though no passage refers to them; see `writing.tidy`."""
        with self.database.read() as db:
            (count,) = db.execute(f"SELECT count(*) FROM vectors WHERE {UNUSED}").fetchone()
        return int(count)

    def check(self) -> None:
        """Read the whole SQLite file and see that it is as it was written.

        Raises:
            StoreDamaged: something in it is not.
        """
        with self.database.read() as db:
            (result,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if result != "ok":
                raise damaged(self.database.path, str(result))
            loaded = load(db, self.database.path, None)
        if len(loaded.vectors) != self.counts().encoded:
            raise damaged(self.database.path, "vectors: some are not there")


UNUSED = "key NOT IN (SELECT vector_key FROM passages)"  # vectors that no passage refers to


def versions() -> dict[str, str]:
    """What the stored rows depend on: a store cut by other versions is cut again."""
    return {
        "schema": str(SCHEMA),
        "reader": str(READER),
        "splitter": str(SPLITTER),
        "tokenizer": tokenizer_fingerprint(),
    }


def of_another_folder(bound: str, notes_folder: Path) -> StoreMismatch:
    """The error for a store that is another folder's than the one at hand."""
    return StoreMismatch(said("store_of_other_folder", bound=bound, folder=notes_folder))


def _make_folder(folder: Path) -> bool:
    """Make the store's folder its owner's alone, with all in it; whether others could read it.

    One that holds other things is refused. The marker tells a folder of ours from one that happens
    to have a `store.sqlite3` of its own: what is not marked is never written to.
    """
    try:
        if (folder / MARKER).exists():
            close_all_to_others(folder)  # former versions left its files to the umask
            return close_to_others(folder)
        others = folder.exists() and any(entry.suffix != ".lock" for entry in folder.iterdir())
        if others and not is_ours(folder / FILE_NAME):
            raise StoreError(said("store_among_others", folder=folder))
        was_open = make_folder(folder)
        with open_new(folder / MARKER) as stream:
            stream.write(MARKER_TEXT.encode())
        return was_open
    except OSError as error:
        not_made = said("store_not_made", folder=folder, reason=error.strerror)
        raise StoreError(not_made) from error
