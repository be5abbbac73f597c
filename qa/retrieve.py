"""Finding the passages that answer a question: keyword score and vector score, fused, then ranked.

question ▶ words, pairs ▶ keyword score, as a share of the attainable ──┐
         ▶ vector       ▶ cosine, in deviations from the usual one ─────┴▶ fuse ▶ rank ▶ Hit[]
"""

from __future__ import annotations

import logging
import os

from index.errors import ModelUnavailable
from index.filters import Filter
from index.storage.keywords import K1
from index.storage.searcher import Searcher
from index.storage.store import Store
from qa.hit import Hit
from qa.rank import RANKED, best_first
from qa.stores import searching
from qa.understanding.question import Question, read_question

CANDIDATES = 100  # Each search gives so many; on JaQuAD dev the ten best of both hold 99.3 %.
VECTOR_WEIGHT = 0.12  # best recall@1 on JaQuAD train, flat from 0.10 to 0.12; benchmarks/README.md

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
    return searching(
        store, lambda index, _: search(read_question(question, index), index, k, within)
    )


def search(question: Question, index: Searcher, k: int, within: Filter | None = None) -> list[Hit]:
    """Both searches, fused and ranked; see `retrieve`.

    Empty for a question without a letter.
    """
    return best_first(question, candidates(question, index, max(k, RANKED), within))[:k]


def candidates(
    question: Question, index: Searcher, k: int, within: Filter | None = None
) -> list[Hit]:
    """The k best passages of both searches, fused, before they are ranked."""
    if question.empty:
        return []
    keyword = index.keywords(question.words, question.pairs, CANDIDATES, within)
    # A term's score never exceeds (K1 + 1) times its idf. Words that stand in every passage weigh
    # nothing, and pairs alone may reach more than this.
    attainable = max([1 + (K1 + 1) * question.total_weight, *keyword.values()])
    shares = {row: score / attainable for row, score in keyword.items()}
    deviations = _deviations(question, index, list(keyword), within)
    scores = fuse(shares, deviations)
    least = sorted(scores.values(), reverse=True)[:k][-1] if scores else 0.0
    passages = index.passages(row for row, score in scores.items() if score >= least)
    hits = [
        Hit(passage, scores[row], shares.get(row, 0.0), deviations.get(row))
        for row, passage in passages.items()
    ]
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage.path, hit.passage.start))[:k]


def fuse(shares: dict[int, float], deviations: dict[int, float]) -> dict[int, float]:
    """Keyword share + VECTOR_WEIGHT × cosine deviation.

    A passage without one of the two scores 0 there: below the hundred best of that search.
    """
    return {
        row: shares.get(row, 0.0) + VECTOR_WEIGHT * deviations.get(row, 0.0)
        for row in shares.keys() | deviations.keys()
    }


def _deviations(
    question: Question, index: Searcher, ids: list[int], within: Filter | None
) -> dict[int, float]:
    """Cosine of the nearest passages and of ids, in standard deviations above the usual cosine."""
    try:
        vector = index.question_vector(question.text)
    except ModelUnavailable as error:
        log.warning("%s", error)
        return {}
    if vector is None:
        return {}
    mean, deviation = index.usual_cosine(vector)
    cosines = index.nearest(vector, CANDIDATES, within, also=ids)
    return {row: (cosine - mean) / deviation for row, cosine in cosines.items()}
