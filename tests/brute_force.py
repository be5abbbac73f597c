"""Another engine for the same question: all passages looked at one by one, by the book."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from conftest import BigramEncoder

from index.filters import Filter
from index.folder import scan
from index.notes import Note, read_note
from index.passages import Passage
from index.splitting import split
from index.storage.keywords import (
    BIGRAM_WEIGHT,
    CONTEXT_WEIGHT,
    OTHER_TERMS,
    SLIP_WEIGHT,
    WEAKER_TERMS,
    Terms,
)
from index.storage.rows import encoder_text, terms_of
from index.storage.searcher import Counts, IndexedNote
from index.words.tokens import Word

K1, B = 1.2, 0.75


class BruteForceSearcher:
    """A `Searcher` over a folder as it is; ids are places in its list of passages."""

    generation = 1

    def __init__(self, folder: Path, encoder: BigramEncoder) -> None:
        self.folder, self.encoder = folder, encoder
        self.notes: dict[str, Note] = {}
        self.files: dict[str, Path] = {}
        for file in scan(folder).files:
            self.notes[file.path] = read_note(folder, file)
            self.files[file.path] = folder / file.name
        self.all: list[Passage] = [p for note in self.notes.values() for p in split(note)]
        self.terms: list[Terms] = [terms_of(self.notes[p.path], p) for p in self.all]
        titled = [encoder_text(self.notes[p.path].title, p) for p in self.all]
        self.vectors = encoder.encode_passages(titled).astype(np.float64)

    @property
    def counts(self) -> Counts:
        return Counts(len(self.notes), len(self.all), len(self.all))

    def frequency(self, word: Word) -> tuple[int, float]:
        counts = [
            sum(term in getattr(row, field) for row in self.terms)
            for term in word.terms + word.sought
            for field in ("words", "context")
        ]
        return max(counts), self._idf(max(counts))

    def keywords(
        self, words: Sequence[Word], pairs: Sequence[str], k: int, within: Filter | None = None
    ) -> dict[int, float]:
        scores = dict.fromkeys(self._ids(within), 0.0)
        for word in words:
            weighted = [(term, 1.0) for term in word.terms]
            weighted += [(term, WEAKER_TERMS) for term in word.sought + word.parts + word.sounds]
            gains = [
                {row: weight * of_field * gain for row, gain in self._bm25(field, term).items()}
                for term, weight in weighted
                for field, of_field in (("words", 1.0), ("context", CONTEXT_WEIGHT))
            ]
            first = word.terms[0]
            if first.isascii() and first.isalpha() and len(first) >= 5:
                worth = SLIP_WEIGHT * self.frequency(word)[1]
                slipped = [
                    row
                    for row, terms in enumerate(self.terms)
                    if any(one_slip(first, term) for term in terms.words)
                ]
                gains.append(dict.fromkeys(slipped, worth))
            for row in scores:
                here = [gain.get(row, 0.0) for gain in gains]
                scores[row] += max(here) + OTHER_TERMS * (sum(here) - max(here))
        for pair in pairs:
            for row, gain in self._bm25("pairs", pair).items():
                if row in scores:
                    scores[row] += BIGRAM_WEIGHT * gain
        return self._first(k, {row: score for row, score in scores.items() if score > 0})

    def question_vector(self, question: str) -> np.ndarray:
        return self.encoder.encode_questions([question])[0]

    def nearest(
        self, vector: np.ndarray, k: int, within: Filter | None = None, also: Sequence[int] = ()
    ) -> dict[int, float]:
        cosines = {row: float(self.vectors[row] @ vector) for row in self._ids(within)}
        return self._first(k, cosines) | {row: float(self.vectors[row] @ vector) for row in also}

    def usual_cosine(self, vector: np.ndarray) -> tuple[float, float]:
        cosines = self.vectors @ vector
        return float(cosines.mean()), float(cosines.std())

    def passages(self, ids: Iterable[int]) -> dict[int, Passage]:
        return {row: self.all[row] for row in ids}

    def note(self, path: str) -> IndexedNote | None:
        found = self.notes.get(path)
        return IndexedNote(self.files[path], found.sha256) if found else None

    def notes_within(self, notes: Filter) -> list[str]:
        return sorted(
            path for path, note in self.notes.items() if notes.admits(path, note.date, note.tags)
        )

    def _ids(self, within: Filter | None) -> list[int]:
        paths = set(self.notes_within(within)) if within else set(self.notes)
        return [row for row, passage in enumerate(self.all) if passage.path in paths]

    def _first(self, k: int, scores: dict[int, float]) -> dict[int, float]:
        place = {row: (self.all[row].path, self.all[row].start) for row in scores}
        return dict(sorted(scores.items(), key=lambda item: (-item[1], place[item[0]]))[:k])

    def _bm25(self, field: str, term: str) -> dict[int, float]:
        lengths = [len(getattr(row, field)) for row in self.terms]
        mean = sum(lengths) / max(len(lengths), 1)
        counts = {
            row: list(getattr(terms, field)).count(term)
            for row, terms in enumerate(self.terms)
            if term in getattr(terms, field)
        }
        return {
            row: self._idf(len(counts))
            * (K1 + 1)
            * count
            / (count + K1 * (1 - B + B * lengths[row] / mean))
            for row, count in counts.items()
        }

    def _idf(self, frequency: int) -> float:
        return math.log(1 + (len(self.all) - frequency + 0.5) / (frequency + 0.5))


def one_slip(one: str, other: str) -> bool:
    """Whether one letter changed, added, left out or swapped with the next makes them equal."""
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    a, b = one[same:], other[same:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[1::-1] == b[:2] and a[2:] == b[2:])
