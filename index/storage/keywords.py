"""Keyword search: BM25 over words, headings and character pairs, exact whatever was deleted.

    Terms[] ▶ Segment: for each term the passages that hold it, kept as a row of the store
    Segment[], those of their passages that are still there ▶ KeywordIndex ▶ search

A segment is written once, beside the passages it is of. Frequencies and lengths are counted over
the passages that are there at a question, so scores depend on the notes and not on what they were.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from index.words.tokens import Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST = 65_536  # passages in a segment: their places fit 16 bits
SEGMENTS_A_TIER = 8  # So many of like size are made one.
K1, B = 1.2, 0.75  # BM25's usual ones, as in Lucene

# What a match counts for, against a word's best term in the text. All but SLIP_WEIGHT were tried on
# JaQuAD train (benchmarks/README.md), which has no slips: it only keeps these below whole words.
OTHER_TERMS = 0.3  # each further term of the same word
WEAKER_TERMS = 0.4  # a part of a code, a sound; 0.6 was worse by 0.001 recall@1
CONTEXT_WEIGHT = 0.3  # The word stands in the title, a heading or a parent bullet.
BIGRAM_WEIGHT = 0.3  # a pair of characters
SLIP_WEIGHT = 0.6  # a Latin word one letter away
SLIP_FROM = 5  # letters; shorter words have too many neighbours
SLIP_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

WORDS, CONTEXT, PAIRS = range(3)  # the fields of a passage


@dataclass(frozen=True, slots=True)
class Terms:
    """One passage as keyword search sees it."""

    words: Sequence[str]  # terms of the text
    context: Sequence[str]  # terms of the note's title, headings and parent bullets
    pairs: Sequence[str]  # Pairs of neighbouring characters.


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """The terms of n passages: t different ones, which stand in p places."""

    ids: NDArray[np.int64]  # (n,), rising
    lengths: NDArray[np.uint16]  # (3, n): terms in each field
    terms: NDArray[np.uint64]  # (t,), rising: hashes of field and term
    starts: NDArray[np.uint32]  # (t + 1,): where the places of each term begin
    places: NDArray[np.uint16]  # (p,): rows of ids
    counts: NDArray[np.uint8]  # (p,): how often the term stands there, at most 255


Blobs = tuple[bytes, bytes, bytes, bytes, bytes, bytes]  # the six arrays, in this order


def to_blobs(segment: Segment) -> Blobs:
    """What is stored of a segment."""
    return (
        segment.ids.astype("<i8").tobytes(),
        segment.lengths.astype("<u2").tobytes(),
        segment.terms.astype("<u8").tobytes(),
        segment.starts.astype("<u4").tobytes(),
        segment.places.astype("<u2").tobytes(),
        segment.counts.astype("u1").tobytes(),
    )


def from_blobs(blobs: Blobs) -> Segment:
    """A segment as it was stored.

    Raises:
        ValueError: it is not as it was written.
    """
    types = ("<i8", "<u2", "<u8", "<u4", "<u2", "u1")
    ids, lengths, terms, starts, places, counts = map(np.frombuffer, blobs, types)
    whole = (
        len(lengths) == 3 * len(ids)
        and len(starts) == len(terms) + 1
        and len(places) == len(counts) == starts[-1]
        and bool((starts[1:] >= starts[:-1]).all())
        and (not len(places) or int(places.max()) < len(ids))
    )
    if not whole:
        raise ValueError("malformed segment")
    return Segment(ids, lengths.reshape(3, -1), terms, starts, places, counts)


def make_segments(ids: Sequence[int], rows: Sequence[Terms]) -> Iterator[Segment]:
    """The segments of new passages, whose ids rise; one as a rule, none of none."""
    for begin in range(0, len(rows), LARGEST):
        part = rows[begin : begin + LARGEST]
        lengths = np.empty((3, len(part)), np.uint16)
        terms: list[int] = []
        for place, row in enumerate(part):
            for field, held in enumerate((row.words, row.context, row.pairs)):
                lengths[field, place] = min(len(held), 65_535)
                terms += [_hash(field, term) for term in held]
        repeats = [len(row.words) + len(row.context) + len(row.pairs) for row in part]
        places = np.repeat(np.arange(len(part)), repeats)
        numbers = np.array(ids[begin : begin + LARGEST], np.int64)
        yield _gathered(
            numbers, lengths, np.array(terms, np.uint64), places, np.ones(len(terms), int)
        )


def merge_segments(segments: Sequence[Segment], live: Sequence[NDArray[np.bool_]]) -> Segment:
    """The segments as one, without the passages that are gone.

    Args:
        segments: at most LARGEST live passages in all.
        live: for each segment, (n,), which of its passages are there.
    """
    ids = np.concatenate(
        [segment.ids[there] for segment, there in zip(segments, live, strict=True)]
    )
    order = np.argsort(ids)
    place_of = np.empty_like(order)  # The place that each passage gets, in the order they came.
    place_of[order] = np.arange(len(order))
    terms, places, counts = [], [], []
    before = 0
    for segment, there in zip(segments, live, strict=True):
        kept = there[segment.places]
        terms.append(np.repeat(segment.terms, np.diff(segment.starts))[kept])
        renumbered = before + np.cumsum(there) - 1
        places.append(place_of[renumbered[segment.places[kept]]])
        counts.append(segment.counts[kept].astype(int))
        before += int(there.sum())
    lengths = np.concatenate(
        [segment.lengths[:, there] for segment, there in zip(segments, live, strict=True)], axis=1
    )
    return _gathered(ids[order], lengths[:, order], *map(np.concatenate, (terms, places, counts)))


def to_merge(sizes: Mapping[int, int]) -> list[int]:
    """Which segments to make one, given the passages of each by its id; none as a rule.

    Sizes are parted in tiers that each hold eight times the last; a full tier becomes one of the
    next. So a passage is written anew once a tier.
    """
    tiers: dict[int, list[int]] = {}
    for number, size in sizes.items():
        if size < LARGEST // SEGMENTS_A_TIER:
            tiers.setdefault(max(size, 1).bit_length() // 3, []).append(number)
    for tier in sorted(tiers):
        if len(tiers[tier]) >= SEGMENTS_A_TIER:
            return sorted(tiers[tier])[:SEGMENTS_A_TIER]
    return []


class _Part:
    """A segment with which of its passages are there; what a search reads of it."""

    def __init__(self, segment: Segment, live: NDArray[np.bool_]) -> None:
        self.segment = segment
        self.live = live  # (n,)
        self.whole = bool(live.all())
        self.norms: NDArray[np.float64] = np.empty((3, 0))  # BM25's K1 (1 - B + B length / mean)

    def find(self, terms: NDArray[np.uint64]) -> dict[int, slice]:
        """Where the places of those terms stand that are here."""
        held, starts = self.segment.terms, self.segment.starts
        at = np.searchsorted(held, terms)
        at[at == len(held)] = 0
        there = (held[at] == terms).nonzero()[0] if len(held) else ()
        return {
            int(terms[number]): slice(int(starts[at[number]]), int(starts[at[number] + 1]))
            for number in there
        }

    def frequency(self, places: slice) -> int:
        """In how many passages that are there a term stands."""
        if self.whole:
            return int(places.stop - places.start)
        return int(self.live[self.segment.places[places]].sum())


class KeywordIndex:
    """The passages of one generation; never changed, so threads may share it."""

    def __init__(self, parts: Mapping[int, tuple[Segment, NDArray[np.bool_]]]) -> None:
        """Take segments by id, each with (n,): which of its passages are there."""
        self.segments = {number: segment for number, (segment, _) in parts.items()}
        self.live = {number: live for number, (_, live) in parts.items()}
        self._parts = [_Part(segment, live) for segment, live in parts.values()]
        self.passages = sum(int(part.live.sum()) for part in self._parts)
        totals = sum(
            (
                part.segment.lengths[:, part.live].sum(axis=1, dtype=np.int64)
                for part in self._parts
            ),
            np.zeros(3, np.int64),
        )
        means = np.maximum(totals / max(self.passages, 1), 1e-9)
        for part in self._parts:
            part.norms = K1 * (1 - B + B * part.segment.lengths / means[:, None])

    def frequency(self, word: Word) -> int:
        """In how many passages a word stands, in its commonest spelling, text or heading."""
        spelled = word.terms + word.sought
        terms = [_hash(field, term) for term in spelled for field in (WORDS, CONTEXT)]
        return max(self._frequencies(terms, self._found(terms)).values(), default=0)

    def idf(self, word: Word) -> float:
        """Inverse document frequency of a word, in its commonest spelling; above 0."""
        return idf(self.frequency(word), self.passages)

    def search(
        self, words: Sequence[Word], pairs: Sequence[str], within: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The ids of all passages with a score above 0, and their scores, in no order.

        The score is a sum over the question's words, none required: for each word the BM25 of its
        best term, in the text or in the heading, plus a share of its other terms; and the BM25 of
        each pair of characters.

        Args:
            words: of the question.
            pairs: of its characters.
            within: the ids that count, if not all do.
        """
        clauses = [_alternatives(word) for word in words]
        slips = [_slips(word) for word in words]
        in_pairs = [_hash(PAIRS, pair) for pair in pairs]
        terms = [term for clause in clauses for term, _, _ in clause]
        terms += [term for near in slips for term in near] + in_pairs
        found = self._found(terms)
        frequencies = self._frequencies(terms, found)
        rarity = {term: idf(count, self.passages) for term, count in frequencies.items()}
        slip_gains = [
            SLIP_WEIGHT * self.idf(word) if near else 0.0
            for word, near in zip(words, slips, strict=True)
        ]
        all_ids, all_scores = [], []
        for part, here in zip(self._parts, found, strict=True):
            places = part.segment.places
            scores = np.zeros(len(part.live))
            for clause, near, slip_gain in zip(clauses, slips, slip_gains, strict=True):
                gains = [
                    (
                        places[here[term]],
                        weight * rarity[term] * _saturation(part, here[term], field),
                    )
                    for term, field, weight in clause
                    if term in here
                ]
                if slipped := [places[here[term]] for term in near if term in here]:
                    gains.append((np.unique(np.concatenate(slipped)), np.float64(slip_gain)))
                _add_best(scores, gains)
            for term in in_pairs:
                if term in here:
                    gain = BIGRAM_WEIGHT * rarity[term] * _saturation(part, here[term], PAIRS)
                    scores[places[here[term]]] += gain
            scores[~part.live] = 0
            if within is not None:
                scores[~np.isin(part.segment.ids, within)] = 0
            scored = scores.nonzero()[0]
            all_ids.append(part.segment.ids[scored])
            all_scores.append(scores[scored])
        if not all_ids:
            return np.empty(0, np.int64), np.empty(0)
        return np.concatenate(all_ids), np.concatenate(all_scores)

    def _found(self, terms: Sequence[int]) -> list[dict[int, slice]]:
        wanted = np.array(sorted(set(terms)), np.uint64)
        return [part.find(wanted) for part in self._parts]

    def _frequencies(
        self, terms: Sequence[int], found: Sequence[Mapping[int, slice]]
    ) -> dict[int, int]:
        return {
            term: sum(
                part.frequency(here[term])
                for part, here in zip(self._parts, found, strict=True)
                if term in here
            )
            for term in set(terms)
        }


def idf(frequency: int, passages: int) -> float:
    """Inverse document frequency, the form BM25 has in Lucene; above 0."""
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


def _gathered(
    ids: NDArray[np.int64],
    lengths: NDArray[np.uint16],
    terms: NDArray[np.uint64],
    places: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> Segment:
    """A segment of terms as they come, one after the other, with the places they stand in."""
    order = np.lexsort((places, terms))
    terms, places, counts = terms[order], places[order], counts[order]
    begins = np.ones(len(terms), bool)
    begins[1:] = (terms[1:] != terms[:-1]) | (places[1:] != places[:-1])
    at = begins.nonzero()[0]
    counts = np.add.reduceat(counts, at) if len(at) else counts
    terms, places = terms[at], places[at]
    different, starts = np.unique(terms, return_index=True)
    return Segment(
        ids,
        lengths,
        different,
        np.append(starts, len(terms)).astype(np.uint32),
        places.astype(np.uint16),
        np.minimum(counts, 255).astype(np.uint8),
    )


@lru_cache(maxsize=262_144)
def _hash(field: int, term: str) -> int:
    """A number for a term of a field: of a million terms, two share one once in 10^7 stores."""
    digest = blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8, salt=bytes([field]))
    return int.from_bytes(digest.digest(), "little")


def _alternatives(word: Word) -> tuple[tuple[int, int, float], ...]:
    """(hash, field, weight) of each way in which a passage may hold a word."""
    weighted = [(term, 1.0) for term in word.terms]
    weighted += [(term, WEAKER_TERMS) for term in word.sought + word.parts + word.sounds]
    return tuple(
        (_hash(field, term), field, weight * of_field)
        for term, weight in weighted
        for field, of_field in ((WORDS, 1.0), (CONTEXT, CONTEXT_WEIGHT))
    )


def _slips(word: Word) -> list[int]:
    """The hashes of a Latin word's near spellings; none of another word."""
    return [_hash(WORDS, term) for term in near_spellings(word)]


@lru_cache(maxsize=4_096)
def near_spellings(word: Word) -> frozenset[str]:
    """A Latin word and all that are one letter away: changed, added, left out or swapped.

    Empty for a word that is too short to stay itself, or is no Latin one.
    """
    term = word.terms[0]
    if not (term.isascii() and term.isalpha() and len(term) >= SLIP_FROM):
        return frozenset()
    splits = [(term[:at], term[at:]) for at in range(len(term) + 1)]
    return frozenset(
        [term]
        + [a + b[1:] for a, b in splits if b]
        + [a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1]
        + [a + letter + b[1:] for a, b in splits if b for letter in SLIP_LETTERS]
        + [a + letter + b for a, b in splits for letter in SLIP_LETTERS]
    )


def _saturation(part: _Part, places: slice, field: int) -> NDArray[np.float64]:
    """BM25's share of a term's idf in each of its places, 0 to K1 + 1."""
    counts = part.segment.counts[places].astype(np.float64)
    gained: NDArray[np.float64] = (
        (K1 + 1) * counts / (counts + part.norms[field, part.segment.places[places]])
    )
    return gained


def _add_best(
    scores: NDArray[np.float64],
    gains: Sequence[tuple[NDArray[np.uint16], NDArray[np.float64] | np.float64]],
) -> None:
    """Add to each passage the best of a word's gains there, and OTHER_TERMS of the others."""
    if not gains:
        return
    if len(gains) == 1:
        places, gain = gains[0]
        scores[places] += gain
        return
    best, total = np.zeros_like(scores), np.zeros_like(scores)
    for places, gain in gains:
        best[places] = np.maximum(best[places], gain)
        total[places] += gain
    scores += best + OTHER_TERMS * (total - best)
