"""How surely a text holds a question's words: whole, in parts, by sound, nearly.

Question, Passage ─ read ▶ Reading: evidence of each word in each sentence, and in what is above
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from index.passages import Passage, sentences
from index.storage.keywords import near_spellings
from index.words.tokens import Word, bigrams, fold_katakana, normalize, tokenize
from qa.understanding.question import Question

PART_EVIDENCE = 0.8  # a code found in parts, against found whole
SOUND_EVIDENCE = 0.8  # a loan word found by its sound, in the other script
NEARLY_EVIDENCE = 0.7  # a word found by its pairs of characters only, or with one slip
HEADING_EVIDENCE = 0.5  # a word that stands above a line or passage, against one that stands in it
NAMED_HEADING_EVIDENCE = 0.8  # the same, where the question names the whole of that heading
FEWEST_PAIRS = 0.6  # share of a word's pairs that must be there to call it found at all

_BRACKETS = re.compile(r"[(（][^()（）]*[)）]")  # a heading's own remark, such as its speaker


@dataclass(frozen=True, slots=True)
class Content:
    """What a piece of text is matched by."""

    terms: Set[str]
    pairs: Set[str]
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """A passage as a question sees it; evidence is of each of the question's words, 0 to 1."""

    sentences: tuple[tuple[float, ...], ...]  # evidence in each sentence, in order
    texts: tuple[str, ...]  # those sentences, as written
    above: tuple[float, ...]  # in the titles and bullets above it, worth less than in it
    own: tuple[float, ...]  # in its best sentence for that word
    folded: str  # the whole text, in one spelling

    @property
    def held(self) -> tuple[float, ...]:
        """Evidence in the passage, with what stands above it counted for less."""
        return with_headings(self.own, self.above)


def above(question: Question, headings: Sequence[str]) -> tuple[float, ...]:
    """For each word of a question what it is worth that titles and bullets above a text hold it.

    What stands below a heading is about it, so a question that names all of the heading means that.
    """
    best = [0.0] * len(question.words)
    asked = {term for word in question.words for term in word.all_terms}
    for heading in headings:
        held = content(heading)
        named = all(
            asked.intersection(word.all_terms)
            for word in content(_BRACKETS.sub("", heading) or heading).words
        )
        worth = NAMED_HEADING_EVIDENCE if named else HEADING_EVIDENCE
        best = [
            max(so_far, worth * evidence(word, held))
            for so_far, word in zip(best, question.words, strict=True)
        ]
    return tuple(best)


def with_headings(own: Sequence[float], above: Sequence[float]) -> tuple[float, ...]:
    """For each word the better of both."""
    return tuple(max(here, there) for here, there in zip(own, above, strict=True))


@lru_cache(maxsize=512)
def read(question: Question, passage: Passage) -> Reading:
    """Find a question's words in a passage; remembered, as several judges look at the same."""
    texts = tuple(
        line[start:end]
        for line in passage.text.split("\n")
        for start, end in sentences(line)
        if line[start:end].strip()
    )
    each = tuple(tuple(evidence(word, content(text)) for word in question.words) for text in texts)
    return Reading(
        sentences=each,
        texts=texts,
        above=above(question, passage.heading),
        own=tuple(max(of_word, default=0.0) for of_word in zip(*each, strict=True))
        or (0.0,) * len(question.words),
        folded=fold_katakana(normalize(passage.text)),
    )


@lru_cache(maxsize=16_384)
def content(text: str) -> Content:
    """Terms and pairs of a text; remembered, as the same lines are looked at again and again."""
    words = tuple(tokenize(text))
    return Content(
        frozenset(term for word in words for term in word.all_terms),
        frozenset(bigrams(text)),
        words,
    )


def evidence(word: Word, text: Content) -> float:
    """How surely a text holds a word, 0 to 1: whole, in parts, by its sound, or nearly."""
    if any(term in text.terms for term in word.terms):
        return 1.0
    in_parts = sum(part in text.terms for part in word.parts) / max(len(word.parts), 1)
    heard = any(sound in text.terms for sound in word.sounds)
    pairs = _pairs(word.surface)
    in_pairs = len(pairs & text.pairs) / max(len(pairs), 1)
    nearly = in_pairs if in_pairs >= FEWEST_PAIRS else 0.0
    if not near_spellings(word).isdisjoint(text.terms):
        nearly = 1.0
    return max(PART_EVIDENCE * in_parts, SOUND_EVIDENCE * heard, NEARLY_EVIDENCE * nearly)


@lru_cache(maxsize=4_096)
def _pairs(surface: str) -> Set[str]:
    return frozenset(bigrams(surface))
