"""Japanese words for search: one spelling for all the ways a word is written.

    normalize ▶ NFKC, lower case
    tokenize  ▶ Word(surface, terms): fugashi + unidic-lite, content words only
    bigrams   ▶ pairs of characters, the safety net for words the dictionary lacks and for slips

The same functions cut notes and questions, so two spellings meet when they give an equal term.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version

import fugashi

RULES = 1  # raise when a change here gives other terms: every store is then cut again

# Parts of speech (unidic pos1) that carry what a text is about. Particles, auxiliaries and
# punctuation do not; pronouns, adnominals and interjections point or greet, and match everywhere.
CONTENT = frozenset({"名詞", "動詞", "形容詞", "形状詞", "副詞", "接頭辞", "接尾辞"})
# Words that only ask or hold a sentence together, by lemma; found in any note, so no evidence.
FUNCTION_LEMMAS = frozenset(
    "為る 居る 有る 成る 事 物 為 訳 筈 所 様 方 時 中 御 無い 出来る 下さる 呉れる 貰う 頂く "
    "教える 御座る 如何 どう 何故 幾ら 何れ 何時 何処 誰 何 言う 因る 於く 就く 対する 関する "
    "迄 程 位 等 達 さん 氏 的".split()
)
ENGLISH_FUNCTION_WORDS = frozenset(
    "a an the of in on at to for from by with about as is are was were be been do does did can "
    "could will would should have has had it its this that these those there and or not what "
    "which who whom whose when where why how i you he she we they me my your our their please "
    "tell".split()
)
# A run of ASCII letters and digits with the signs that codes and versions hold inside: Hyper-V,
# PPR-9087, v1.2.3, C++, user_id. Taken whole before fugashi, which would cut them to pieces.
CODE = re.compile(r"[A-Za-z0-9]+(?:[-._/'&:][A-Za-z0-9]+)*(?:\+\+|[#%])?")
# Where a code's parts meet: a sign, aB in camel case, ABc, and a letter beside a digit.
CODE_JOINTS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
DIGIT_LETTER = re.compile(r"(?<=\d)(?=[a-z])")
LETTER_DIGIT = re.compile(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])")
KATAKANA = re.compile(r"[ァ-ヺー]+")
_V_ROW = str.maketrans({"ァ": "バ", "ィ": "ビ", "ェ": "ベ", "ォ": "ボ", "ュ": "ビュ"})
_SMALL = str.maketrans("ァィゥェォッャュョヮ", "アイウエオツヤユヨワ")


@dataclass(frozen=True, slots=True)
class Word:
    """A content word, as written (normalised) and as searched."""

    surface: str
    pos: str  # unidic's pos1, or "code"
    terms: tuple[str, ...]  # each stands for the whole word: lemma, English, reading, spelling
    parts: tuple[str, ...] = ()  # of a code: weaker evidence than the whole

    @property
    def all_terms(self) -> tuple[str, ...]:
        """What a passage that holds this word is found by."""
        return self.terms + self.parts


def normalize(text: str) -> str:
    """Full-width letters, half-width kana and compatibility forms made plain; lower case."""
    return unicodedata.normalize("NFKC", text).lower()


def fold_katakana(text: str) -> str:
    """Katakana without what writers disagree on: long marks, small kana, ヴ.

    サーバー and サーバ, ウィンドウズ and ウインドウズ, ヴァイオリン and バイオリン become equal.
    """

    def fold(match: re.Match[str]) -> str:
        kana = re.sub("ヴ([ァィェォュ])", lambda pair: pair[1].translate(_V_ROW), match[0])
        kana = kana.replace("ヴ", "ブ").translate(_SMALL)
        return kana.replace("ー", "") or match[0]

    return KATAKANA.sub(fold, text)


def tokenize(text: str) -> list[Word]:
    """The content words of a text in order, each with the terms that stand for it.

    A word's terms are its lemma (for a loan word its English source: サーバ → server), its form as
    written, and for a name its reading. A code is kept whole, without its signs, and in parts.
    """
    text = unicodedata.normalize("NFKC", text)
    words: list[Word] = []
    start = 0
    for code in CODE.finditer(text):
        words.extend(_japanese(text[start : code.start()]))
        if code[0].lower() not in ENGLISH_FUNCTION_WORDS:
            words.append(_code(code[0]))
        start = code.end()
    words.extend(_japanese(text[start:]))
    return words


@lru_cache(maxsize=65_536)
def _code(code: str) -> Word:
    """Whole and without its signs, and its parts: Hyper-V, HyperV and hyper v all meet."""
    pieces = [piece.lower() for piece in CODE_JOINTS.split(code) if piece]
    parts = [
        part
        for piece in pieces
        for part in (piece, *DIGIT_LETTER.split(piece), *LETTER_DIGIT.split(piece))
        if len(part) > 1 or part.isdigit() or len(pieces) > 1
    ]
    joined = "".join(pieces) if any(map(str.isalpha, code)) else code  # 2-3 is no 23
    terms = tuple(dict.fromkeys([code.lower(), joined]))
    return Word(
        code.lower(), "code", terms, tuple(dict.fromkeys(p for p in parts if p not in terms))
    )


def bigrams(text: str) -> list[str]:
    """Pairs of neighbouring letters of the folded text; a lone letter stands for itself.

    Spaces and signs end a run, so no pair spans two sentences.
    """
    folded = fold_katakana(normalize(text))
    pairs: list[str] = []
    for run in re.findall(r"[^\W_]+", folded):
        pairs.extend(run[i : i + 2] for i in range(len(run) - 1)) if len(run) > 1 else pairs.append(
            run
        )
    return pairs


def tokenizer_fingerprint() -> str:
    """What the terms depend on: these rules, fugashi and the dictionary."""
    return f"rules {RULES}, fugashi {version('fugashi')}, unidic-lite {version('unidic-lite')}"


# Taking a token's features apart costs more than finding them; a language has few words.
WORDS_REMEMBERED = 200_000  # some 60 MB at most
_words: dict[tuple[str, str], Word | None] = {}


class _Taggers(threading.local):
    """One MeCab tagger a thread: a tagger keeps the sentence it is at work on."""

    def __init__(self) -> None:
        try:
            self.tagger = fugashi.Tagger()
        except RuntimeError as error:
            raise RuntimeError(
                "形態素解析の辞書を開けません。`make install` をやり直してください。"
                f"(The dictionary unidic-lite cannot be opened; run `make install`.) {error}"
            ) from error


_taggers = _Taggers()


def _japanese(text: str) -> Iterator[Word]:
    if not text or text.isspace():
        return
    for token in _taggers.tagger(text):
        key = (token.surface, token.feature_raw)
        if key not in _words:
            if len(_words) >= WORDS_REMEMBERED:
                _words.clear()
            _words[key] = _word(token)
        if word := _words[key]:
            yield word


def _word(token: fugashi.UnidicNode) -> Word | None:
    """A token as a word to search by; None for one that carries no content."""
    feature, surface = token.feature, token.surface.lower()
    if feature.pos1 not in CONTENT or not any(map(str.isalnum, surface)):
        return None
    lemma = _lemma(feature.lemma)
    if lemma in FUNCTION_LEMMAS:
        return None
    written = fold_katakana((feature.orthBase or surface).lower())
    terms = [lemma, written] if lemma else [written]
    if feature.pos2 == "固有名詞":  # the lemma is the reading: it joins families, so last
        terms.reverse()
    return Word(surface, feature.pos1, tuple(dict.fromkeys(terms)))


def _lemma(lemma: str | None) -> str | None:
    """The lemma without its tail; of a loan word (サーバー-server) the English alone."""
    if not lemma or lemma == "*":
        return None
    head, _, tail = lemma.partition("-")
    return tail.lower() if tail.isascii() and tail.isalpha() else fold_katakana(head).lower()
