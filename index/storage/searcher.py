"""Search over one generation of a store: what a question looks at, from its words to its quotes.

`Searcher` is all that answering needs of an index; another engine is one more class like
`LocalSearcher`, which looks at a store's SQLite file and at what was loaded of the same generation.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from index.filters import Filter
from index.models.encoder import Encoder
from index.passages import Passage
from index.storage.database import damaged, get_meta
from index.storage.keywords import KeywordIndex, Segment, from_blobs, idf
from index.storage.vectors import VectorIndex
from index.words.tokens import Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE = 1_000  # passages that stand for all: a fifth of 2,359 gave the same ranking
PORTION = 5_000  # vectors read at a time: 8 MB of the default model's


class Counts(NamedTuple):
    """How much the store holds."""

    notes: int
    passages: int
    encoded: int  # passages that have their vector, of the newest encoder


class IndexedNote(NamedTuple):
    """A note as it was when it was indexed."""

    file: Path  # where it lies, as the file system spells it
    sha256: str  # SHA-256 of the file's bytes.


class Searcher(Protocol):
    """One generation of an index; each method looks at the same state of the notes."""

    @property
    def generation(self) -> int:
        """Which; a later one has a larger number."""
        ...

    @property
    def counts(self) -> Counts:
        """How much there is to search."""
        ...

    def frequency(self, word: Word) -> tuple[int, float]:
        """In how many passages a word stands, in its commonest spelling; and its idf, above 0."""
        ...

    def keywords(
        self, words: Sequence[Word], pairs: Sequence[str], k: int, within: Filter | None = None
    ) -> dict[int, float]:
        """The k best passages by words and pairs of characters: score by id, ties by place."""
        ...

    def question_vector(self, question: str) -> NDArray[np.float32] | None:
        """A question's vector, (dim,) and of length 1; None where meaning cannot be compared.

        Raises:
            ModelUnavailable: the model cannot be loaded.
        """
        ...

    def nearest(
        self,
        vector: NDArray[np.float32],
        k: int,
        within: Filter | None = None,
        also: Sequence[int] = (),
    ) -> dict[int, float]:
        """The k passages nearest to a vector, ties by place, and others: cosine by id."""
        ...

    def usual_cosine(self, vector: NDArray[np.float32]) -> tuple[float, float]:
        """Mean and standard deviation of a vector's cosine to the passages here, above 0."""
        ...

    def passages(self, ids: Iterable[int]) -> dict[int, Passage]:
        """Passages by id, in this order; ids that are not here are left out."""
        ...

    def note(self, path: str) -> IndexedNote | None:
        """An indexed note; None for a path that is not here."""
        ...

    def notes_within(self, notes: Filter) -> list[str]:
        """The paths of all notes that a filter admits, sorted."""
        ...


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is in memory of one generation; shared by the searchers that look at it."""

    generation: int
    begun: str  # when the file was made or emptied: what was loaded before is nothing since
    keywords: KeywordIndex
    vectors: VectorIndex
    notes: int
    # What was looked up for this generation already: ids by filter, and the sample of vectors.
    known: dict[Filter | None, NDArray[np.generic]] = field(default_factory=dict)


class LocalSearcher:
    """Search over a store's SQLite file; good for the block it was given out for."""

    def __init__(
        self,
        db: sqlite3.Connection,
        path: Path,
        loaded: Loaded,
        encoder_of: Callable[[str], Encoder | None],
    ) -> None:
        """Look at a state of the file.

        Args:
            db: within a transaction.
            path: of the file, for errors.
            loaded: of the same generation.
            encoder_of: the encoder with a fingerprint, unless it is not at hand.
        """
        self._db = db
        self._path = path
        self._loaded = loaded
        self._encoder_of = encoder_of

    @property
    def generation(self) -> int:
        """See `Searcher`, as for all methods here."""
        return self._loaded.generation

    @property
    def counts(self) -> Counts:  # noqa: D102
        now = self._loaded
        return Counts(now.notes, now.keywords.passages, len(now.vectors))

    @property
    def begun(self) -> str:
        """Since when ids mean what they do; another where the store was made or emptied anew."""
        return self._loaded.begun

    @property
    def encoder(self) -> str:
        """The fingerprint of what made the vectors; empty before the first."""
        return self._loaded.vectors.encoder

    def frequency(self, word: Word) -> tuple[int, float]:  # noqa: D102
        count = self._loaded.keywords.frequency(word)
        return count, idf(count, self._loaded.keywords.passages)

    def keywords(  # noqa: D102
        self, words: Sequence[Word], pairs: Sequence[str], k: int, within: Filter | None = None
    ) -> dict[int, float]:
        ids, scores = self._loaded.keywords.search(words, pairs, self._ids(within))
        if len(ids) > k:  # those that score as the last one does stay, for their places to decide
            kept = scores >= np.partition(scores, -k)[-k]
            ids, scores = ids[kept], scores[kept]
        return self._first(k, dict(zip(ids.tolist(), scores.tolist(), strict=True)))

    def question_vector(self, question: str) -> NDArray[np.float32] | None:  # noqa: D102
        encoder = self._encoder_of(self.encoder) if len(self._loaded.vectors) else None
        return encoder.encode_questions([question])[0] if encoder else None

    def nearest(  # noqa: D102
        self,
        vector: NDArray[np.float32],
        k: int,
        within: Filter | None = None,
        also: Sequence[int] = (),
    ) -> dict[int, float]:
        vectors = self._loaded.vectors
        near = self._first(k, vectors.search(vector, k, self._ids(within)))
        return near | vectors.cosines(vector, [row_id for row_id in also if row_id not in near])

    def usual_cosine(self, vector: NDArray[np.float32]) -> tuple[float, float]:  # noqa: D102
        sample = self._sample()
        if not len(sample):
            return 0.0, 1.0
        cosines = (sample.astype(np.float64) * vector).sum(axis=1)
        return float(cosines.mean()), max(float(cosines.std()), 1e-6)

    def passages(self, ids: Iterable[int]) -> dict[int, Passage]:  # noqa: D102
        wanted = list(ids)
        rows = self._db.execute(
            f"SELECT id, {COLUMNS} FROM passages WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(wanted),),
        )
        found = {row_id: _passage(self._path, *rest) for row_id, *rest in rows}
        return {row_id: found[row_id] for row_id in wanted if row_id in found}

    def passages_of(self, path: str) -> list[Passage]:
        """A note's passages, in order."""
        rows = self._db.execute(
            f"SELECT {COLUMNS} FROM passages WHERE path = ? ORDER BY start",
            (path,),
        )
        return [_passage(self._path, *row) for row in rows]

    def note(self, path: str) -> IndexedNote | None:  # noqa: D102
        row = self._db.execute("SELECT name, sha256 FROM notes WHERE path = ?", (path,)).fetchone()
        folder = get_meta(self._db, "notes_folder")
        return IndexedNote(Path(folder) / row[0], row[1]) if row and folder else None

    def notes_within(self, notes: Filter) -> list[str]:  # noqa: D102
        rows = self._db.execute(f"SELECT path, {DATE}, tags FROM notes ORDER BY path").fetchall()
        return [path for path, day, tags in rows if notes.admits(path, day, json.loads(tags))]

    def vectors(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ids of all passages that have their vector, (n,) and rising, and these, (n, dim)."""
        return self._loaded.vectors.vectors()

    def _ids(self, within: Filter | None) -> NDArray[np.int64] | None:
        """The ids of the passages of some notes."""
        if not within:
            return None
        known = self._loaded.known
        if within not in known:
            rows = self._db.execute(
                "SELECT id FROM passages WHERE path IN (SELECT value FROM json_each(?))",
                (json.dumps(self.notes_within(within)),),
            )
            known[within] = np.array([row_id for (row_id,) in rows], np.int64)
        return known[within].astype(np.int64, copy=False)

    def _first(self, k: int, scores: dict[int, float]) -> dict[int, float]:
        """The k best by score, best first; where several have the k-th, those that stand first."""
        ranked = sorted(scores.items(), key=lambda item: -item[1])
        if len(ranked) <= k or ranked[k - 1][1] > ranked[k][1]:
            return dict(ranked[:k])
        last = ranked[k - 1][1]
        above = [item for item in ranked if item[1] > last]
        level = self._in_place([row_id for row_id, score in ranked if score == last])
        return dict([*above, *((row_id, last) for row_id in level[: k - len(above)])])

    def _in_place(self, ids: Sequence[int]) -> list[int]:
        """Ids in the order of their notes' paths, and in a note from its beginning."""
        rows = self._db.execute(
            "SELECT id FROM passages WHERE id IN (SELECT value FROM json_each(?))"
            " ORDER BY path, start",
            (json.dumps(ids),),
        )
        return [row_id for (row_id,) in rows]

    def _sample(self) -> NDArray[np.generic]:
        """Vectors of SAMPLE passages, (n, dim): those whose keys come first, which is by chance."""
        vectors, known = self._loaded.vectors, self._loaded.known
        if None not in known:
            rows = self._db.execute(
                "SELECT vector FROM passages JOIN vectors ON vector_key = key"
                " ORDER BY vector_key LIMIT ?",
                (SAMPLE if len(vectors) else 0,),
            )
            known[None] = _matrix(self._path, [vector for (vector,) in rows], vectors.dim)
        return known[None]


COLUMNS = (
    "path, start_line, end_line, heading, text, start, page, date, asks, asked"  # of a passage
)
# The day a note is of: its own word, else the day its file was last written, in local time.
DATE = "CASE date WHEN '' THEN date(mtime_ns / 1000000000, 'unixepoch', 'localtime') ELSE date END"


def load(db: sqlite3.Connection, path: Path, last: Loaded | None) -> Loaded:
    """What a state of the file is searched by; what is known from an earlier one is not read again.

    Args:
        db: within a transaction.
        path: of the file, for errors.
        last: what was loaded before, if anything.

    Raises:
        StoreDamaged: what is stored is not as it was written.
    """
    generation, begun = int(get_meta(db, "generation")), get_meta(db, "begun")
    if last and last.generation == generation:
        return last
    known = last if last and last.begun == begun and last.generation < generation else None
    since = known.generation if known else 0
    removed = np.array(
        [
            i
            for (i,) in db.execute(
                "SELECT id FROM removed WHERE generation > ? ORDER BY id", (since,)
            )
        ],
        np.int64,
    )
    (notes,) = db.execute("SELECT count(*) FROM notes").fetchone()
    encoder, dim = get_meta(db, "encoder"), int(get_meta(db, "dim") or 0)
    same = known is not None and known.vectors.encoder == encoder
    vectors = known.vectors if known and same else VectorIndex(encoder, dim)
    if encoder:
        vectors = vectors.changed(removed, _new_vectors(db, path, since if same else 0, dim))
    keywords = KeywordIndex(_parts(db, path, known, removed))
    return Loaded(generation, begun, keywords, vectors, notes)


def _parts(
    db: sqlite3.Connection, path: Path, known: Loaded | None, removed: NDArray[np.int64]
) -> dict[int, tuple[Segment, NDArray[np.bool_]]]:
    """The segments of the keyword index by id, and which of their passages are there."""
    parts = {}
    everything = None
    if known is None:
        ids = db.execute("SELECT id FROM passages ORDER BY id")
        everything = np.fromiter((row_id for (row_id,) in ids), np.int64)
    for (number,) in db.execute("SELECT id FROM segments").fetchall():
        if known and number in known.keywords.segments:
            segment, live = known.keywords.segments[number], known.keywords.live[number]
        else:
            segment = read_segment(db, path, number)
            live = np.ones(len(segment.ids), bool)
        if everything is not None:
            live = places_in(everything, segment.ids) >= 0
        elif len(removed):
            live = live.copy()
            gone = places_in(segment.ids, removed)
            live[gone[gone >= 0]] = False
        parts[number] = (segment, live)
    if everything is not None and sum(live.sum() for _, live in parts.values()) != len(everything):
        raise damaged(path, "segments: not of these passages")
    return parts


def read_segment(db: sqlite3.Connection, path: Path, number: int) -> Segment:
    """A segment of the keyword index.

    Raises:
        StoreDamaged: it is not as it was written.
    """
    blobs = db.execute(
        "SELECT ids, lengths, terms, starts, places, counts FROM segments WHERE id = ?", (number,)
    ).fetchone()
    try:
        return from_blobs(blobs)
    except (ValueError, TypeError, IndexError) as error:
        raise damaged(path, f"segments: {error}") from error


def places_in(rising: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of some ids stands in an array of rising ones, (len(ids),); -1 where it is not."""
    if not len(rising):
        return np.full(len(ids), -1, np.int64)
    at = np.minimum(np.searchsorted(rising, ids), len(rising) - 1)
    return np.where(rising[at] == ids, at, -1)


def _new_vectors(
    db: sqlite3.Connection, path: Path, since: int, dim: int
) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
    """Ids and vectors of the passages that came, or were encoded, after a generation."""
    every = "SELECT id, vector FROM passages JOIN vectors ON vector_key = key"
    newer = " UNION ".join(  # two looks by an index each; with OR all rows would be looked at
        f"{every} WHERE {table}.generation > :since" for table in ("passages", "vectors")
    )
    rows = db.execute(newer if since else every, {"since": since})
    while portion := rows.fetchmany(PORTION):
        ids = [row_id for row_id, _ in portion]
        yield ids, _matrix(path, [vector for _, vector in portion], dim)


def _matrix(path: Path, blobs: Sequence[bytes], dim: int) -> NDArray[np.float32]:
    """Vectors as they are stored, (len(blobs), dim)."""
    try:
        if any(len(blob) != 4 * dim for blob in blobs):
            raise ValueError("of another length")
        vectors = np.frombuffer(b"".join(blobs), dtype="<f4").reshape(-1, dim)
    except (TypeError, ValueError) as error:
        raise damaged(path, f"vectors: {error}") from error
    if len(vectors) and not -1.01 < vectors.min() <= vectors.max() < 1.01:  # a flipped bit
        vectors = np.clip(np.nan_to_num(vectors), -1, 1)
    return vectors


def _passage(
    path: Path,
    of_note: str,
    start_line: int,
    end_line: int,
    heading: str,
    text: str,
    start: int,
    page: int,
    date: str,
    asks: int,
    asked: str,
) -> Passage:
    try:
        headings = tuple(json.loads(heading))
    except (ValueError, TypeError) as error:
        raise damaged(path, f"heading: {error}") from error
    place = (of_note, start_line, end_line, headings, text, start, page or None, date)
    return Passage(*place, bool(asks), asked)
