"""What a question asks for: its content words with their weights, and its character pairs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from functools import lru_cache

from index.keywords import may_slip
from index.store import Store
from index.tokens import KATAKANA, Word, bigrams, normalize, tokenize

MAX_CHARS = 1_000  # more than the encoder reads; the rest of a longer question is not searched
PART_EVIDENCE = 0.8  # a code found in parts, against found whole
SOUND_EVIDENCE = 0.8  # a loan word found by its sound, in the other script
NEARLY_EVIDENCE = 0.7  # a word found by its pairs of characters only, or with one slip
# Nouns, names and codes say what a question is about. Verbs and adjectives are often said another
# way in the note, and affixes (化, 製, 費, 新) only colour the noun they hang on.
POS_WEIGHT = {"動詞": 0.5, "形容詞": 0.5, "副詞": 0.3, "形状詞": 0.7, "接頭辞": 0.3, "接尾辞": 0.3}
# How a question ends says how it is asked, not what about: it would find 「教えてください」.
ENDING = re.compile(
    r"(?:は|を|が|って|とは|について|に関して|のこと)*"
    r"(?:(?:(?:どこ|何|なに)に)?(?:書いて|載って|記載されて)(?:ある|ありま|いる|いま)(?:す|した)?(?:か|っけ|の)?"
    r"|教えて(?:ください|下さい|ほしい|くれる|くれますか)?"
    r"|(?:何|なん|なに|どこ|いつ|誰|だれ|どれ|どう|いくら)"
    r"(?:だっけ|でしたっけ|ですか|でしたか|でしょうか|だろう|なの|か)?"
    r"|知りたい(?:です)?)?"
    r"[。？?！!\s]*$"
)
HEADING_EVIDENCE = 0.5  # a word that stands above a line or passage, against one that stands in it
FEWEST_PAIRS = 0.6  # share of a word's pairs that must be there to call it found at all


@dataclass(frozen=True, slots=True)
class Question:
    """A question ready to be searched; words and pairs without repetition, in order."""

    text: str  # as asked, for the encoder
    words: tuple[Word, ...]
    weights: tuple[float, ...]  # of each word, above 0: how rare it is, how much it names
    absent: tuple[str, ...]  # words that stand in no note, as written
    pairs: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to search for."""
        return not (self.words or self.pairs)

    @property
    def total_weight(self) -> float:
        """Sum of the words' weights; 0 for a question without content words."""
        return sum(self.weights)


def read_question(text: str, store: Store) -> Question:
    """Cut a question into words and weigh each by how rare it is in the store."""
    text = clean(text)[:MAX_CHARS]
    topic = ENDING.sub("", text) or text
    words = tuple({word.terms: word for word in tokenize(topic)}.values())
    frequencies = [store.frequency(word) for word in words]
    return Question(
        text=text,
        words=words,
        weights=tuple(
            idf * POS_WEIGHT.get(word.pos, 1.0)
            for word, (_, idf) in zip(words, frequencies, strict=True)
        ),
        absent=tuple(
            word.surface
            for word, (count, _) in zip(words, frequencies, strict=True)
            if not count and word.pos not in ("接頭辞", "接尾辞")
        ),
        pairs=tuple(dict.fromkeys(bigrams(_without_loans(topic, words)))),
    )


def clean(text: str) -> str:
    """A question without spaces around it, and without lone surrogates, which are no letters."""
    return text.strip().encode("utf-8", "replace").decode()


def _without_loans(text: str, words: Iterable[Word]) -> str:
    """The text without loan words whose English is known: they need no safety net.

    Their pairs would find other words that begin alike, ハイパーバイザ for ハイパーV.
    """
    text = normalize(text)
    for word in words:
        if KATAKANA.match(word.surface) and word.terms[0].isascii():
            text = text.replace(word.surface, " ")
    return text


@dataclass(frozen=True, slots=True)
class Content:
    """The terms and pairs of a piece of text, to match questions against."""

    terms: Set[str]
    pairs: Set[str]


@lru_cache(maxsize=4_096)
def content(text: str) -> Content:
    """Terms and pairs of a text; remembered, as the same lines are looked at again and again."""
    return Content(
        frozenset(term for word in tokenize(text) for term in word.all_terms),
        frozenset(bigrams(text)),
    )


def evidence(word: Word, text: Content) -> float:
    """How surely a text holds a word, 0 to 1: whole, in parts, by its sound, or nearly."""
    if any(term in text.terms for term in word.terms):
        return 1.0
    in_parts = sum(part in text.terms for part in word.parts) / max(len(word.parts), 1)
    heard = any(sound in text.terms for sound in word.sounds)
    pairs = set(bigrams(word.surface))
    in_pairs = len(pairs & text.pairs) / max(len(pairs), 1)
    nearly = in_pairs if in_pairs >= FEWEST_PAIRS else 0.0
    if may_slip(word) and any(one_slip(word.terms[0], term) for term in text.terms):
        nearly = 1.0
    return max(PART_EVIDENCE * in_parts, SOUND_EVIDENCE * heard, NEARLY_EVIDENCE * nearly)


def one_slip(one: str, other: str) -> bool:
    """Whether one letter changed, added, left out or swapped with the next makes them equal."""
    if abs(len(one) - len(other)) > 1:
        return False
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    a, b = one[same:], other[same:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[1::-1] == b[:2] and a[2:] == b[2:])
