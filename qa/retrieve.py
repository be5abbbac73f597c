"""Finding the passages that answer a question: keyword score and vector score, fused, then ranked.

    question ▶ words, pairs ▶ keyword score, as a share of the attainable ──┐
             ▶ vector       ▶ cosine, in deviations from the usual one ─────┴▶ fuse ▶ rank ▶ Hit[]

Here too a store is found for those who name none: the default one, brought up to date first.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from index.build import Progress, build, freshen
from index.errors import ModelUnavailable
from index.filters import Filter
from index.settings import notes_folder, store_folder
from index.storage.store import Store, open_store
from qa.hit import Hit
from qa.question import Question, read_question
from qa.ranking import RANKED
from qa.rerank import best_first

CANDIDATES = 100  # from each search; the ten best of both already hold 99.3 % on JaQuAD dev
VECTOR_WEIGHT = 0.12  # best recall@1 on JaQuAD train, flat from 0.10 to 0.12; benchmarks/README.md
ENCODE_SECONDS = 20.0  # how long the first question of a script or terminal waits for vectors
WAIT_SECONDS = 20.0  # and for another process that is reading the notes
BM25_K1 = 1.2  # tantivy's: a term's score never exceeds (K1 + 1) × its idf

log = logging.getLogger(__name__)


def retrieve(
    question: str,
    store: Store | str | os.PathLike[str] | None = None,
    *,
    k: int = 5,
    within: Filter | None = None,
) -> list[Hit]:
    """The k passages that most likely answer a question, best first, ties by place.

    Args:
        question: as a person types it; characters after the first 1,000 are not searched.
        store: an open store or its folder; None opens the default store of the default notes
            folder, and builds it on first use.
        k: how many.
        within: of which notes; all when None.

    Raises:
        StoreError: the store is missing, damaged, or of another version.
        NotesFolderError: the default store is to be built, and there are no notes.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    with using(store) as opened:
        return search(read_question(question, opened), opened, k, within)


def search(question: Question, store: Store, k: int, within: Filter | None = None) -> list[Hit]:
    """Both searches of a store, fused and ranked; see `retrieve`.

    Empty for a question without a letter.
    """
    return best_first(question, candidates(question, store, max(k, RANKED), within))[:k]


def candidates(question: Question, store: Store, k: int, within: Filter | None = None) -> list[Hit]:
    """The k best passages of both searches, fused, before they are ranked."""
    if question.empty:
        return []
    allowed = store.within(within) if within else None
    keyword = dict(store.search_keywords(question.words, question.pairs, CANDIDATES, allowed))
    # words that stand in every passage weigh nothing, and pairs alone may reach more than this
    attainable = max([1 + (BM25_K1 + 1) * question.total_weight, *keyword.values()])
    shares = {row: score / attainable for row, score in keyword.items()}
    deviations = _deviations(question, store, list(keyword), allowed)
    fused = fuse(shares, deviations)[:k]
    passages = store.passages([row for row, _ in fused])
    return [
        Hit(passages[row], score, shares.get(row, 0.0), deviations.get(row))
        for row, score in fused
        if row in passages
    ]


def fuse(shares: dict[int, float], deviations: dict[int, float]) -> list[tuple[int, float]]:
    """Keyword share + VECTOR_WEIGHT × cosine deviation, best first, ties by id.

    A passage without one of the two scores 0 there: below the hundred best of that search.
    """
    scores = {
        row: shares.get(row, 0.0) + VECTOR_WEIGHT * deviations.get(row, 0.0)
        for row in shares.keys() | deviations.keys()
    }
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def _deviations(
    question: Question, store: Store, ids: list[int], allowed: list[int] | None
) -> dict[int, float]:
    """Cosine of the nearest passages and of ids, in standard deviations above the usual cosine."""
    try:
        vector = store.question_vector(question.text)
    except ModelUnavailable as error:
        log.warning("%s", error)
        return {}
    if vector is None:
        return {}
    cosines = dict(store.search_vectors(vector, CANDIDATES, allowed))
    cosines |= store.cosines(vector, [row for row in ids if row not in cosines])
    mean, deviation = store.usual_cosine(vector)
    return {row: (cosine - mean) / deviation for row, cosine in cosines.items()}


@contextmanager
def using(store: Store | str | os.PathLike[str] | None) -> Iterator[Store]:
    """An open store for one call, current: one given open stays open, a folder's is closed again.

    A note that was saved a moment ago is read before the question is, unless someone follows the
    folder and does that anyway.
    """
    if isinstance(store, Store):
        freshen(store)
        yield store
    elif store is None:
        opened = default_store()
        freshen(opened)
        yield opened
    else:
        with open_store(store) as opened:
            freshen(opened)
            yield opened


def fresh_store(
    notes: str | None = None,
    store: str | None = None,
    *,
    remark: Callable[[str], object] = log.warning,
    progress: Progress | None = None,
    encode_seconds: float = ENCODE_SECONDS,
) -> Store:
    """The open store of a notes folder, brought up to date with it first.

    Args:
        notes: the notes folder, else the configured one.
        store: the store's folder, else the configured one.
        remark: takes what the reader should know of the update.
        progress: called as the update goes on.
        encode_seconds: after which the rest is left to the next call: keywords answer at once,
            and a large new folder takes hours to encode.

    Raises:
        NotesError: as `build` and `open_store` do.
    """
    folder = notes_folder(notes)
    place = store_folder(folder, store)
    report = build(
        folder, place, progress=progress, encode_seconds=encode_seconds, wait_seconds=WAIT_SECONDS
    )
    for line in report.remarks:
        remark(line)
    return open_store(place)


_defaults: dict[Path, Store] = {}
_opening = threading.Lock()


def default_store() -> Store:
    """The store of the configured notes folder, brought up to date when first asked for.

    It stays open for the life of the process; what another process updates is seen at once.
    """
    place = store_folder(notes_folder())
    with _opening:
        if place not in _defaults:
            _defaults[place] = fresh_store()
        return _defaults[place]
