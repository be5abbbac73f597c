"""How surely a text holds a question's words: whole, in parts, by sound, nearly.

Question, Passage ─ read ▶ Reading: evidence of each word in each sentence, and in what is above
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from index.passages import Passage
from index.storage.keywords import near_spellings
from index.words.dates import from_iso
from index.words.sentences import sentences
from index.words.tokens import Word, bigrams, fold_katakana, normalize, tokenize
from qa.understanding.question import Question

PART_EVIDENCE = 0.8  # a code found in parts, against found whole
SOUND_EVIDENCE = 0.8  # a loan word found by its sound, in the other script
NEARLY_EVIDENCE = 0.7  # a word found by its pairs of characters only, or with one slip
HEADING_EVIDENCE = 0.5  # a word that stands above a line or passage, against one that stands in it
NAMED_HEADING_EVIDENCE = 0.8  # the same, where the question names the whole of that heading
# What a question looks for besides a word's spellings, by the sign that such a term begins with: a
# day without its year, another form of a kanji, how it is read.
SOUGHT_EVIDENCE = {"?": 0.9, "=": 0.9, "^": 0.7}
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

    def lacks_exact(self, question: Question) -> bool:
        """Whether the passage is of another day, number or code than one that is asked for."""
        held = zip(question.words, self.held, strict=True)
        return any(word.exact and not evidence for word, evidence in held)

    @property
    def held(self) -> tuple[float, ...]:
        """Evidence in the passage, with what stands above it counted for less."""
        return with_headings(self.own, self.above)


def above(question: Question, headings: Sequence[str], date: str = "") -> tuple[float, ...]:
    """For each word of a question what it is worth that titles and bullets above a text hold it.

    What stands below a heading is about it, so a question that names all of the heading means that.
    What stands under a date (as `Date.iso`), a number or a code is of it.
    """
    of = from_iso(date)
    day = content(of.spoken if of else "")
    best = [evidence(word, day) if word.exact else 0.0 for word in question.words]
    asked = {term for word in question.words for term in word.all_terms}
    for heading in headings:
        held = content(heading)
        named = all(
            asked.intersection(word.all_terms)
            for word in content(_BRACKETS.sub("", heading) or heading).words
        )
        worth = NAMED_HEADING_EVIDENCE if named else HEADING_EVIDENCE
        best = [
            max(so_far, (1.0 if word.exact else worth) * evidence(word, held))
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
        for line in passage.as_read.split("\n")
        for start, end in sentences(line)
        if line[start:end].strip()
    )
    contents = [content(text, passage.date) for text in texts]
    each = tuple(tuple(evidence(word, held) for word in question.words) for held in contents)
    return Reading(
        sentences=each,
        texts=texts,
        above=above(question, passage.above, passage.date),
        own=tuple(max(of_word, default=0.0) for of_word in zip(*each, strict=True))
        or (0.0,) * len(question.words),
        folded=fold_katakana(normalize(passage.text)),
    )


@lru_cache(maxsize=16_384)
def content(text: str, day: str = "") -> Content:
    """Terms and pairs of a text; remembered, as the same lines are looked at again and again.

    Args:
        text: as it is written.
        day: that it stands under; see `tokenize`.
    """
    words = tuple(tokenize(text, day))
    return Content(
        frozenset(term for word in words for term in word.all_terms),
        frozenset(bigrams(text)),
        words,
    )


def evidence(word: Word, text: Content) -> float:
    """How surely a text holds a word, 0 to 1: whole, in parts, by its sound, or nearly."""
    if any(term in text.terms for term in word.terms):
        return 1.0
    sought = [SOUGHT_EVIDENCE.get(term[0], 0.9) for term in word.sought if term in text.terms]
    in_parts = sum(part in text.terms for part in word.parts) / max(len(word.parts), 1)
    if word.exact:
        return max([*sought, PART_EVIDENCE * in_parts * _in_pieces(word, text)])
    heard = any(sound in text.terms for sound in word.sounds)
    pairs = _pairs(word.surface)
    in_pairs = len(pairs & text.pairs) / max(len(pairs), 1)
    nearly = in_pairs if in_pairs >= FEWEST_PAIRS else 0.0
    if not near_spellings(word).isdisjoint(text.terms):
        nearly = 1.0
    parts = (PART_EVIDENCE * in_parts, SOUND_EVIDENCE * heard, NEARLY_EVIDENCE * nearly)
    return max([*sought, *parts])


def _in_pieces(word: Word, text: Content) -> bool:
    """Whether a text holds a code in pieces: WindowsServer2008R2 as Windows Server 2008 R2.

    All of its words and numbers must stand there: what lacks one is another version or model.
    """
    if not any(map(str.isalpha, word.terms[0])):
        return False  # a day or a number has no pieces
    pieces = [part for part in word.parts if len(part) > 1 and (part.isalpha() or part.isdigit())]
    return any(map(str.isdigit, pieces)) and all(part in text.terms for part in pieces)


@lru_cache(maxsize=4_096)
def _pairs(surface: str) -> Set[str]:
    return frozenset(bigrams(surface))
