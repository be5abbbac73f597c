"""Why a line was found: which of the question's words it holds, and in which spelling."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from index.words.tokens import Word, as_written
from qa.understanding.evidence import Content, content, evidence
from qa.understanding.question import Question

SLIGHT = re.compile(r"[\u3041-\u309f]{1,2}|[\u30a0-\u30ff]")
SAME, VARIANT, SIMILAR = "same", "variant", "similar"


@dataclass(frozen=True, slots=True)
class Match:
    """A word of the question and the note's word that stands for it."""

    word: str  # the question's, as typed
    found: str  # the note's, as written there; for a similar one the note's word is not known: ""
    how: str  # SAME spelling; VARIANT of it, in parts or by sound; SIMILAR letters
    in_heading: bool  # in what stands above the line, not in the line itself


@dataclass(frozen=True, slots=True)
class Why:
    """What a quote was chosen for."""

    matches: tuple[Match, ...]  # in the question's order; words that stand nowhere are left out
    by_words: float  # share of its passage's score that words earned, 0 to 1
    by_meaning: float  # the rest, from vectors


NO_REASON = Why((), 1.0, 0.0)


def why(question: Question, quote: str, heading: Sequence[str], by_meaning: float) -> Why:
    """Which words of a question a quote or what stands above it holds."""
    above = " ".join(heading)
    matches = []
    for word in question.words:
        asked = as_written(word.surface, question.text)
        match = _match(word, asked, quote, in_heading=False) or _match(
            word, asked, above, in_heading=True
        )
        if match:
            matches.append(match)
    return Why(tuple(matches), 1 - by_meaning, by_meaning)


def found_words(question: Question, text: str) -> tuple[str, ...]:
    """The words of a text that stand for one of the question's, as written there, in any spelling.

    Those that are only similar in letters are left out: they may be other words. So are affixes
    (化) and short words in hiragana (つい), which stand in most lines as something else.
    """
    telling = [word for word in question.words if word.pos not in ("接頭辞", "接尾辞")]
    asked = {term for word in telling for term in word.all_terms}
    return tuple(
        {
            as_written(word.surface, line): None
            for line in text.split("\n")
            for word in content(line).words
            if asked.intersection(word.all_terms) and not SLIGHT.fullmatch(word.surface)
        }
    )


def _match(word: Word, asked: str, text: str, *, in_heading: bool) -> Match | None:
    lines = [(line, content(line)) for line in text.split("\n")]
    lines = [(line, held) for line, held in lines if evidence(word, held)]
    for terms in (set(word.terms), set(word.all_terms)):
        fitting = [
            (other.surface != word.surface, other.surface, line)
            for line, held in lines
            for other in held.words
            if terms.intersection(other.all_terms)
        ]
        if fitting:  # the same spelling where there is one, else the first
            varies, surface, line = min(fitting, key=lambda found: found[0])
            how = VARIANT if varies else SAME
            return Match(asked, as_written(surface, line), how, in_heading)
    for _, held in lines:
        return Match(asked, _similar(word, held), SIMILAR, in_heading)
    return None


def _similar(word: Word, held: Content) -> str:
    """The note's word nearest in letters; empty where none shares half of them."""
    letters = set(word.surface)
    shared = {
        other.surface: len(letters & set(other.surface)) / len(letters | set(other.surface))
        for other in held.words
    }
    best = max(shared, key=lambda surface: shared[surface], default="")
    return best if best and shared[best] >= 0.5 else ""
