"""The store: notes, passages and vectors of one folder, in one SQLite file, and search over them.

SQLite is the truth. Every committed update raises the generation; keyword and vector indexes are
copies that catch up with it, in whichever process notices first. A reader waits for no writer and
never sees half a note. While the vectors of another model are made, words answer.

    folder/kikigaki-store.txt   says whose folder this is
    folder/store.sqlite3        the truth (WAL)
    folder/keywords/            tantivy's copy, with its stamp
    folder/vectors.faiss        FAISS's copy, with its stamp
    folder/*.lock               held by a process while it works, freed by the system when it dies
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from filelock import Timeout

from index.errors import StoreError, StoreMismatch
from index.filters import Filter
from index.folder import NoteFile, Skipped
from index.models.encoder import (
    Encoder,
    encoder_ready,
    load_encoder,
)
from index.notes import READER
from index.passages import SPLITTER, Passage
from index.storage.database import (
    CHECKED,
    SCHEMA,
    Database,
    damaged,
    get_meta,
    knows_commit,
    must_be_whole,
    newest_commit,
)
from index.storage.keywords import KeywordIndex, KeywordRow
from index.storage.private import lock
from index.storage.stamp import Commit, Stamp
from index.storage.vectors import VectorIndex
from index.words.markup import plain
from index.words.tokens import Word, bigrams, tokenizer_fingerprint

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray
    from typing_extensions import Self

FILE_NAME = "store.sqlite3"
MARKER = "kikigaki-store.txt"
MARKER_TEXT = """聞き書きの索引です。消しても、ノートから作り直せます。
An index made by kikigaki; it can be deleted and is made again from the notes.
"""
RACY_NS = 2_000_000_000  # file systems round times to as much as 2 s; closer than that, read again
# How long a reader that has a copy to answer from waits for whoever brings it up to date.
CATCH_UP_SECONDS = 0.05


class Counts(NamedTuple):
    """How much the store holds."""

    notes: int
    passages: int
    encoded: int  # passages that have their vector, of the newest encoder


class QuestionVector(NamedTuple):
    """A question as an encoder read it."""

    encoder: str  # its fingerprint: with another's vectors this one is not compared
    values: NDArray[np.float32]  # (dim,), of length 1


class ListedNote(NamedTuple):
    """What a list of notes shows of one."""

    path: str
    title: str
    day: str  # yyyy-mm-dd: what the note says, else when its file was written
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownNote:
    """What the store remembers of a note's file, to tell whether it changed."""

    sha256: str
    size: int
    mtime_ns: int
    read_ns: int
    name: str = ""  # as the file system spells it; unknown of what was no note

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

    `open_store` opens one for searching, `build` makes and updates one through
    `index.storage.writer.StoreWriter`.
    """

    def __init__(self, folder: Path, *, encoder: Encoder | None = None) -> None:
        """Open the SQLite file.

        Raises:
            StoreMissing: there is none.
            StoreDamaged: it is no whole SQLite file of ours.
            StoreError: it cannot be opened.
        """
        self.folder = folder
        self.wait_for_encoder = True  # false: answer by keywords while the model is still loading
        self.followed = False  # true: someone keeps it current, so a question need not look
        self.behind = ""  # what the last look before a question could not mend, for the reader
        self.encoder = encoder  # what questions are encoded with; loaded when first needed
        self._counted: tuple[Commit, Counts] | None = None  # counts of one state
        self._allowed: tuple[Commit, Filter, list[int]] | None = None  # passages of one filter
        self._lock = threading.RLock()
        self._cache_lock = lock(folder / "caches.lock")
        self._keywords = KeywordIndex(folder / "keywords")
        self._vectors = VectorIndex(folder / "vectors.faiss")
        self._db = self._open(folder / FILE_NAME)

    def _open(self, path: Path) -> Database:
        return Database(path)

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
        """Close the SQLite file; the store cannot be used afterwards."""
        with self._lock:
            self._db.close()

    # ── what it holds ─────────────────────────────────────────────────────────────────────────

    @property
    def commit(self) -> Commit:
        """The state the store is in; every committed update, in any process, makes another."""
        with self._db.reading() as db:
            return newest_commit(db)

    @property
    def generation(self) -> int:
        """Raised by every committed update, in any process."""
        return int(self._db.meta("generation"))

    @property
    def notes_folder(self) -> Path | None:
        """The folder the notes are read from; None before the first build."""
        folder = self._db.meta("notes_folder")
        return Path(folder) if folder else None

    @property
    def model(self) -> str:
        """Which model setting the stored vectors come from; see `encoder.configured_model`."""
        return self._db.meta("model")

    @property
    def encoder_name(self) -> str:
        """The encoder that makes the vectors, as it calls itself; empty before the first."""
        return self._db.meta("encoder_name")

    def version_difference(self) -> str:
        """What another version of kikigaki cut differently here; empty when nothing."""
        return "; ".join(
            f"{key}: {self._db.meta(key)} → {now}"
            for key, now in versions().items()
            if self._db.meta(key) != now
        )

    def counts(self) -> Counts:
        """How many notes and passages there are, and how many of these have their vector."""
        with self._db.reading() as db:
            state = newest_commit(db)
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
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT path, sha256, size, mtime_ns, read_ns, name FROM notes"
            ).fetchall()
        return {path: KnownNote(*rest) for path, *rest in rows}

    def known_unreadable(self) -> dict[str, tuple[str, KnownNote]]:
        """Files that were opened and are no notes: the reason, and the file as it was then."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT path, reason, size, mtime_ns, read_ns FROM skipped WHERE read_ns"
            ).fetchall()
        return {path: (reason, KnownNote("", *rest)) for path, reason, *rest in rows}

    def note_file(self, path: str) -> Path | None:
        """Where an indexed note lies on disk; None for a path the store does not know."""
        with self._db.reading() as db:
            row = db.execute("SELECT name FROM notes WHERE path = ?", (path,)).fetchone()
        folder = self.notes_folder
        return folder / row[0] if row and folder else None

    def note_sha256(self, path: str) -> str:
        """SHA-256 of a note's bytes when it was indexed; empty for an unknown path."""
        with self._db.reading() as db:
            row = db.execute("SELECT sha256 FROM notes WHERE path = ?", (path,)).fetchone()
        return str(row[0]) if row else ""

    def newest(self, limit: int) -> list[ListedNote]:
        """Up to limit notes, those of the latest day first, and of a day those written last."""
        with self._db.reading() as db:
            rows = db.execute(
                f"SELECT path, title, {_DATE} AS day, tags FROM notes"
                " ORDER BY day DESC, mtime_ns DESC, path LIMIT ?",
                (limit,),
            ).fetchall()
        return [ListedNote(path, title, day, tuple(_list(tags))) for path, title, day, tags in rows]

    def notes_within(self, notes: Filter) -> list[str]:
        """The paths of all notes that a filter admits, sorted."""
        with self._db.reading() as db:
            rows = db.execute(f"SELECT path, {_DATE}, tags FROM notes ORDER BY path").fetchall()
        return [path for path, day, tags in rows if notes.admits(path, day, _list(tags))]

    def within(self, notes: Filter) -> list[int]:
        """The ids of their passages, rising."""
        with self._db.reading() as db:
            state = newest_commit(db)
            if self._allowed is None or self._allowed[:2] != (state, notes):
                paths = self.notes_within(notes)
                ids = db.execute(
                    "SELECT id FROM passages WHERE path IN (SELECT value FROM json_each(?))"
                    " ORDER BY id",
                    (json.dumps(paths),),
                ).fetchall()
                self._allowed = (state, notes, [row_id for (row_id,) in ids])
            return self._allowed[2]

    def folders_and_tags(self) -> tuple[list[str], list[str]]:
        """What a filter may name: the folders that hold notes, and the notes' tags, both sorted."""
        with self._db.reading() as db:
            rows = db.execute("SELECT path, tags FROM notes").fetchall()
        folders = {str(above) for path, _ in rows for above in PurePosixPath(path).parents}
        return sorted(folders - {"."}), sorted({tag for _, tags in rows for tag in _list(tags)})

    def encodings(self) -> dict[str, int]:
        """How many notes came in each encoding, the most frequent first."""
        with self._db.reading() as db:
            return dict(
                db.execute(
                    "SELECT encoding, count(*) FROM notes GROUP BY encoding ORDER BY 2 DESC, 1"
                ).fetchall()
            )

    @property
    def changed(self) -> float:
        """When something was last committed, in seconds since 1970; 0 for never."""
        return float(self._db.meta("changed") or 0)

    def skipped(self) -> list[Skipped]:
        """What the last build did not read, and why."""
        with self._db.reading() as db:
            rows = db.execute("SELECT path, reason FROM skipped ORDER BY path").fetchall()
        return [Skipped(*row) for row in rows]

    def headings(self, limit: int) -> list[tuple[str, ...]]:
        """Up to limit headings that many passages stand under, with those above each."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT heading FROM passages WHERE heading != '[]'"
                " GROUP BY path, heading ORDER BY count(*) DESC, path LIMIT ?",
                (limit,),
            ).fetchall()
        return list(dict.fromkeys(_headings(self._db.path, heading) for (heading,) in rows))

    def passages(self, ids: Iterable[int]) -> dict[int, Passage]:
        """Passages by id; ids that are gone are left out."""
        found: dict[int, Passage] = {}
        with self._db.reading() as db:
            for row_id in ids:
                row = db.execute(
                    f"SELECT {CHECKED['passages']}, checksum FROM passages WHERE id = ?",
                    (row_id,),
                ).fetchone()
                if row:
                    must_be_whole(self._db.path, "passages", row)
                    path, first, last, heading, text, start, page, *_ = row
                    headings = _headings(self._db.path, heading)
                    found[row_id] = Passage(path, first, last, headings, text, start, page or None)
        return found

    def must_be_of(self, notes_folder: Path) -> None:
        """Refuse to go on with a store of another folder.

        Raises:
            StoreMismatch: it is another folder's.
        """
        bound = self.notes_folder
        if bound not in (None, notes_folder):
            raise of_another_folder(str(bound), notes_folder)

    def copies_differ(self) -> dict[str, int]:
        """For each search index, how many passages it has too many or too few; 0 when it is right.

        Both are brought up to date first, so what differs is a fault.
        """
        with self._lock:
            self._catch_up_keywords()
            encoded = self._catch_up_vectors()
            with self._db.snapshot() as db:
                rows = {row_id for (row_id,) in db.execute("SELECT id FROM passages")}
                with_vector = db.execute(
                    "SELECT id FROM passages JOIN vectors ON vector_key = key"
                ).fetchall()
            return {
                "keywords": len(rows ^ self._keywords.ids()),
                "vectors": len({i for (i,) in with_vector} ^ self._vectors.ids()) if encoded else 0,
            }

    def unused_vectors(self) -> int:
        """How many vectors are kept though no passage refers to them; see `StoreWriter.tidy`."""
        with self._db.reading() as db:
            (count,) = db.execute(f"SELECT count(*) FROM vectors WHERE {UNUSED}").fetchone()
        return int(count)

    def passages_of(self, path: str) -> list[Passage]:
        """A note's passages, in order."""
        with self._db.reading() as db:
            ids = db.execute(
                "SELECT id FROM passages WHERE path = ? ORDER BY id", (path,)
            ).fetchall()
        return list(self.passages(row_id for (row_id,) in ids).values())

    def check(self) -> None:
        """Read the whole SQLite file and see that it is as it was written.

        Raises:
            StoreDamaged: something in it is not.
        """
        self._db.check()

    # ── searching ─────────────────────────────────────────────────────────────────────────────

    def search_keywords(
        self,
        words: Sequence[Word],
        pairs: Sequence[str],
        k: int,
        within: Sequence[int] | None = None,
    ) -> list[tuple[int, float]]:
        """The k best passages by words and character bigrams, as (id, score), best first.

        Of the ids within, if given; see the method of that name.
        """
        with self._lock:
            self._catch_up_keywords()
            return self._keywords.search(words, pairs, k, within)

    def frequency(self, word: Word) -> tuple[int, float]:
        """In how many passages a word stands, in its commonest spelling; and its idf, above 0."""
        with self._lock:
            self._catch_up_keywords()
            return self._keywords.document_frequency(word), self._keywords.idf(word)

    def search_vectors(
        self, vector: QuestionVector, k: int, within: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """The k nearest passages to a question's vector, as (id, cosine), best first.

        Of the ids within, if given.
        """
        with self._vectors_of(vector.encoder) as vectors:
            return vectors.search(vector.values, k, within)

    def cosines(self, vector: QuestionVector, ids: Sequence[int]) -> dict[int, float]:
        """Cosine of each passage that has its vector."""
        with self._vectors_of(vector.encoder) as vectors:
            return vectors.cosines(vector.values, ids)

    def usual_cosine(self, vector: QuestionVector) -> tuple[float, float]:
        """Mean and standard deviation of a question's cosine to the passages here."""
        with self._vectors_of(vector.encoder) as vectors:
            return vectors.usual_cosine(vector.values)

    def vectors(self) -> tuple[str, NDArray[np.int64], NDArray[np.float32]]:
        """The encoder's fingerprint, the ids of all passages that have their vector, and these.

        The ids are (n,) and rising, the vectors (n, dim).
        """
        with self._lock:
            return self._catch_up_vectors(), *self._vectors.vectors()

    def question_vector(self, question: str) -> QuestionVector | None:
        """A question's vector, for the searches above.

        None while nothing is encoded yet, while the vectors here are another model's, and while the
        model loads and `wait_for_encoder` is off.

        Raises:
            ModelUnavailable: the model cannot be loaded.
        """
        if not self.counts().encoded:
            return None
        if self.encoder is None and (self.wait_for_encoder or encoder_ready()):
            self.encoder = load_encoder()
        if self.encoder is None or self.encoder.fingerprint != self._db.meta("encoder"):
            return None
        return QuestionVector(
            self.encoder.fingerprint, self.encoder.encode_questions([question])[0]
        )

    # ── the copies ────────────────────────────────────────────────────────────────────────────

    def _catch_up_keywords(self) -> None:
        """Bring the keyword index to the store's state, whoever changed it.

        What another process has stamped is searched at once. While it is still at it, what is
        held already of this store goes on answering.
        """
        if self._keywords_are_current():
            return
        opened = self._open_keywords()
        if opened and self._keywords_are_current():
            return
        held = self._keywords.stamp  # of a store that was replaced, it answers nothing any more
        of_this = held is not None and held.commit.store == self.commit.store
        with refused_writes(self.folder), self._catching_up(wait=not of_this) as granted:
            if not granted:
                return
            made_by = tokenizer_fingerprint()
            if not self._open_keywords():
                self._keywords.reset(self.commit.store, made_by)
            try:
                with self._db.snapshot() as db:
                    now = newest_commit(db)
                    since = self._known(db, self._keywords.stamp)
                    if since == 0:
                        self._keywords.reset(now.store, made_by)
                    removed = _removed_since(db, since)
                    rows = db.execute(
                        "SELECT id, words, context_words, text FROM passages WHERE generation > ?",
                        (since,),
                    ).fetchall()
                if removed or rows:
                    self._keywords.apply(now, removed, map(_keyword_row, rows))
                else:
                    self._keywords.pass_on(now)
            except BaseException:
                self._keywords = KeywordIndex(self._keywords.folder)  # half done: look again
                raise

    def _keywords_are_current(self) -> bool:
        held = self._keywords.stamp
        return held is not None and held.commit == self.commit

    def _open_keywords(self) -> bool:
        """Search what is stamped on disk, without any lock; False when that cannot be had."""
        held, store = self._keywords.stamp, self.commit.store
        if held and held.commit.store == store and self._keywords.reload():
            return True
        return self._keywords.load(store, tokenizer_fingerprint())

    def _catch_up_vectors(self) -> str:
        """Bring the vector index to the store's state; whose vectors it holds, empty: nobody's."""
        with self._db.snapshot() as db:
            now = newest_commit(db)
            encoder, dim = get_meta(db, "encoder"), int(get_meta(db, "dim") or 0)
            if not encoder:
                return ""
            held = self._vectors.stamp
            of_this = held and held.commit.store == now.store and held.made_by.endswith(encoder)
            if held and of_this and held.commit == now:
                return encoder
            if not of_this and not self._vectors.load(now.store, encoder, dim):
                self._vectors.reset(now.store, encoder, dim)
            since = self._known(db, self._vectors.stamp)
            if since == 0:
                self._vectors.reset(now.store, encoder, dim)
            removed = _removed_since(db, since)
            rows = db.execute(
                "SELECT id, key, vector, vectors.checksum FROM passages JOIN vectors"
                " ON vector_key = key WHERE passages.generation > ? OR vectors.generation > ?",
                (since, since),
            ).fetchall()
        for row_id, key, vector, expected in rows:
            must_be_whole(self._db.path, "vectors", (key, vector, expected))
            if len(vector) != 4 * dim:
                raise damaged(self._db.path, f"vectors: {row_id}")
        vectors = np.frombuffer(b"".join(vector for _, _, vector, _ in rows), dtype="<f4")
        self._vectors.apply(
            now,
            np.array(removed, dtype=np.int64),
            np.array([row_id for row_id, *_ in rows], dtype=np.int64),
            vectors.reshape(len(rows), dim),
        )
        return encoder

    @contextmanager
    def _vectors_of(self, encoder: str) -> Iterator[VectorIndex]:
        """The vector index, current; an empty one when it is another encoder's by now."""
        with self._lock:
            of_this = self._catch_up_vectors() == encoder
            yield self._vectors if of_this else VectorIndex(self._vectors.path)

    @contextmanager
    def _catching_up(self, *, wait: bool) -> Iterator[bool]:
        """Hold the lock over the copies' files; False when it cannot be had at once."""
        try:
            self._cache_lock.acquire(timeout=-1 if wait else CATCH_UP_SECONDS)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            self._cache_lock.release()

    @staticmethod
    def _known(db: sqlite3.Connection, stamp: Stamp | None) -> int:
        """The generation a copy can go on from; 0 when it has to be made from nothing."""
        return stamp.commit.generation if stamp and knows_commit(db, stamp.commit) else 0


# The day a note is of: its own word, else the day its file was last written, in local time.
_DATE = "CASE date WHEN '' THEN date(mtime_ns / 1000000000, 'unixepoch', 'localtime') ELSE date END"


def of_another_folder(bound: str, notes_folder: Path) -> StoreMismatch:
    """The error for a store that is another folder's than the one at hand."""
    return StoreMismatch(
        f"この索引は別のフォルダのものです: {bound}\n"
        f"今のフォルダ: {notes_folder}\n"
        f"別の --store を使うか、`python -m index --rebuild` で作り直してください。"
        f"(The store belongs to other notes; use another --store, or --rebuild.)"
    )


def context_of(title: str, passage: Passage) -> str:
    """A passage's note and headings in one line, outermost first; searched, never quoted."""
    titles = passage.heading if title in passage.heading else (title, *passage.heading)
    return " › ".join(titles)


UNUSED = "key NOT IN (SELECT vector_key FROM passages)"  # of vectors: no passage refers to them


def encoder_text(title: str, passage: Passage) -> str:
    """What the encoder reads for a passage of a note with this title."""
    return searched_text(context_of(title, passage), passage.text)


def searched_text(context: str, text: str) -> str:
    """What the encoder reads for a passage: its title and headings, then its own lines, plain."""
    lines = (line.strip() for line in plain(f"{context}\n{text}").split("\n"))
    return "\n".join(line for line in lines if line)


def versions() -> dict[str, str]:
    """What the stored rows depend on: a store cut by other versions is cut again."""
    return {
        "schema": str(SCHEMA),
        "reader": str(READER),
        "splitter": str(SPLITTER),
        "tokenizer": tokenizer_fingerprint(),
    }


def _keyword_row(row: tuple[int, str, str, str]) -> KeywordRow:
    row_id, words, context_words, text = row
    return KeywordRow(row_id, words.split(), context_words.split(), bigrams(text))


def _removed_since(db: sqlite3.Connection, generation: int) -> list[int]:
    rows = db.execute("SELECT id FROM removed WHERE generation > ?", (generation,)).fetchall()
    return [row_id for (row_id,) in rows]


def _headings(path: Path, stored: str) -> tuple[str, ...]:
    try:
        return tuple(json.loads(stored))
    except (ValueError, TypeError) as error:
        raise damaged(path, f"heading: {error}") from error


def _list(stored: str) -> list[str]:
    return [str(item) for item in json.loads(stored)]


@contextmanager
def refused_writes(folder: Path) -> Iterator[None]:
    """A full disk, or one that lets nothing be written, named for the reader."""
    try:
        yield
    except (OSError, ValueError) as error:  # tantivy raises ValueError for the system's refusals
        raise write_refused(folder, error) from error


def write_refused(folder: Path, error: Exception) -> StoreError:
    """The error for a store that cannot be written."""
    return StoreError(
        f"索引に書けません: {folder}: {error}\n"
        f"ディスクの空きを確かめてください。(The store cannot be written; is the disk full?)"
    )
