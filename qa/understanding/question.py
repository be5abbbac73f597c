"""What a question asks for: its content words with their weights, and its character pairs.

Words that belong to asking rather than to what is asked about (名前, 理由, 何番) count for less:
「会長の名前は？」 is answered by a line that names the chairman, and seldom says 名前. How often an
answering passage holds each word of its question was counted on JaQuAD train; question_words.tsv
has those that it often lacks, and `python -m benchmarks.fit words` counts them again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from index.storage.searcher import Searcher
from index.words.letters import nfkc
from index.words.markup import well_formed
from index.words.tokens import KATAKANA, Word, as_written, bigrams, normalize, tokenize, trigrams
from qa.understanding.kana import READ, read_kana
from qa.understanding.time import read_spans

ASKING = 0.8  # A word worth less than this share of the usual belongs to asking.
MAX_CHARS = 1_000  # more than the encoder reads; the rest of a longer question is not searched
# Nouns, names and codes say what a question is about. Verbs and adjectives are often said another
# way in the note, and affixes (化, 製, 費, 新) only colour the noun they hang on.
POS_WEIGHT = {"動詞": 0.5, "形容詞": 0.5, "副詞": 0.3, "形状詞": 0.7, "接頭辞": 0.3, "接尾辞": 0.3}
POS_WEIGHT[READ] = 0.8  # Words that are read alike are many.
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
USUALLY = 0.78  # An answering passage holds this share of a question's words.


@dataclass(frozen=True, slots=True)
class Question:
    """A question ready to be searched; words, pairs and triples without repetition, in order."""

    text: str  # as asked, for the encoder
    words: tuple[Word, ...]
    weights: tuple[float, ...]  # How rare each word is and how much it names; above 0.
    absent: tuple[str, ...]  # words that stand in no note, as written
    pairs: tuple[str, ...]  # Pairs of neighbouring letters.
    triples: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to search for."""
        return not (self.words or self.pairs)

    @property
    def total_weight(self) -> float:
        """Sum of the words' weights; 0 for a question without content words."""
        return sum(self.weights)


def read_question(text: str, index: Searcher) -> Question:
    """Cut a question into words and weigh each by how rare it is in the notes."""
    text = clean(text)[:MAX_CHARS]
    topic = ENDING.sub("", text) or text
    topic, spans = read_spans(nfkc(topic))
    topic, typed = read_kana(topic, index)
    words = tuple({word.terms: word for word in (*tokenize(topic), *typed, *spans)}.values())
    frequencies = [index.frequency(word) for word in words]
    letters = _without_loans(topic, words)
    return Question(
        text=text,
        words=words,
        weights=tuple(
            idf * POS_WEIGHT.get(word.pos, 1.0) * counts_for(word)
            for word, (_, idf) in zip(words, frequencies, strict=True)
        ),
        absent=tuple(
            as_written(word.surface, text)
            for word, (count, _) in zip(words, frequencies, strict=True)
            if not count and word.pos not in ("接頭辞", "接尾辞") and not _asks(word)
        ),
        pairs=tuple(dict.fromkeys(bigrams(letters))),
        triples=tuple(dict.fromkeys(trigrams(letters))),
    )


def clean(text: str) -> str:
    """A question without spaces around it, and without lone surrogates, which are no letters."""
    return well_formed(text.strip())


def _asks(word: Word) -> bool:
    """Whether a word belongs to asking (何分, 名前): that no note has it tells nothing."""
    return word.surface[0] in "何幾" or counts_for(word) < ASKING


def _without_loans(text: str, words: Iterable[Word]) -> str:
    """The text without loan words whose English is known: they need no safety net.

    Their pairs would find other words that begin alike, ハイパーバイザ for ハイパーV.
    """
    text = normalize(text)
    for word in words:
        if KATAKANA.match(word.surface) and word.terms[0].isascii():
            text = text.replace(word.surface, " ")
    return text


def counts_for(word: Word) -> float:
    """What a word is worth as evidence, 0 to 1: how often answers hold it, against any word."""
    held = min((_shares().get(term, USUALLY) for term in word.terms), default=USUALLY)
    return held / USUALLY


@lru_cache(maxsize=1)
def _shares() -> dict[str, float]:
    text = (files("qa.understanding") / "question_words.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return {term: float(share) for term, share in rows}
