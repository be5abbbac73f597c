"""Japanese words for search: one spelling for all the ways a word is written.

    normalize ▶ without marks (markup.plain), NFKC, lower case
    tokenize  ▶ Word(surface, terms): fugashi + unidic-lite, content words only
    bigrams   ▶ pairs of characters, the safety net for words the dictionary lacks and for slips

The same functions cut notes and questions, so two spellings meet when they give an equal term.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version

import fugashi

from index.messages import said
from index.words.dates import DATE, numbers
from index.words.markup import composed, plain
from index.words.sound import sound

RULES = 8  # raise when a change here gives other terms: every store is then cut again

# Parts of speech (unidic pos1) that carry what a text is about. Particles, auxiliaries and
# punctuation do not; pronouns, adnominals and interjections point or greet, and match everywhere.
CONTENT = frozenset({"名詞", "動詞", "形容詞", "形状詞", "副詞", "接頭辞", "接尾辞"})
NAMES = frozenset({"人名", "地名"})  # pos3 of the names of people and places
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
    "tell any say says said note notes mention give show use used".split()
)
# A run of ASCII letters and digits with the signs that codes and versions hold inside: Hyper-V,
# PPR-9087, v1.2.3, C++, user_id. Taken whole before fugashi, which would cut them to pieces.
CODE = re.compile(r"[A-Za-z0-9]+(?:[-._/'&:][A-Za-z0-9]+)*(?:\+\+|[#%])?")
WHOLE = re.compile(f"(?P<date>{DATE.pattern})|{CODE.pattern}")
KANJI_DIGITS = dict(zip("〇一二三四五六七八九", "0123456789", strict=True))
# Where a code's parts meet: a sign, aB in camel case, ABc, and a letter beside a digit.
CODE_JOINTS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
DIGIT_LETTER = re.compile(r"(?<=\d)(?=[a-z])")
LETTER_DIGIT = re.compile(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])")
PLURAL = re.compile(r"[a-z]{2,}[a-rt-z]s")  # the dictionary's ウィンドウズ is window
KATAKANA = re.compile(r"[ァ-ヺー]+")
LETTER = re.compile(r"[^\W_]")  # or digit: every word has one
# Loan words whose English the dictionary lacks, or takes for another of that sound (crowd, sauce):
# by katakana as fold_katakana leaves it. The dictionary's own English stays beside it.
LOANS = dict(
    pair.split(":")
    for pair in (
        "アジヤイル:agile アプリ:app ウエア:ware カネル:kernel キヤツシユ:cache キユ:queue "
        "クラウド:cloud スマホ:smartphone ソス:source デイスク:disk ドツカ:docker パス:path "
        "パスワド:password パソコン:pc フオン:phone マツク:mac ユエスビ:usb ラツク:rack "
        "ルト:root ロド:load ワイフアイ:wifi"
    ).split()
)
_V_ROW = str.maketrans({"ァ": "バ", "ィ": "ビ", "ェ": "ベ", "ォ": "ボ", "ュ": "ビュ"})
_SMALL = str.maketrans("ァィゥェォッャュョヮ", "アイウエオツヤユヨワ")


@dataclass(frozen=True, slots=True)
class Word:
    """A content word, as written (normalised) and as searched."""

    surface: str
    pos: str  # unidic's pos1; "人名" or "地名" for a name of a person or place; or "code"
    terms: tuple[str, ...]  # each stands for the whole word: lemma, English, reading, spelling
    parts: tuple[str, ...] = ()  # Parts of a code or compound are weaker evidence than the whole.
    sounds: tuple[str, ...] = ()  # how a loan word sounds, where katakana and English meet

    @property
    def all_terms(self) -> tuple[str, ...]:
        """What a passage that holds this word is found by."""
        return self.terms + self.parts + self.sounds


def normalize(text: str) -> str:
    """Ruby, links, what nobody sees, full-width and compatibility forms made plain; lower case."""
    return _nfkc(text).lower()


def _nfkc(text: str) -> str:
    return composed(plain(text), "NFKC")


def as_written(surface: str, text: str) -> str:
    """A normalised word as its text writes it (ＰＣ for pc), where letters map one to one.

    Marks are left out, as a reader leaves them out: 打ち合わせ of 打《う》ち合《あ》わせ.
    """
    read = plain(text)
    normal = normalize(read)
    at = normal.find(surface)
    return read[at : at + len(surface)] if at >= 0 and len(normal) == len(read) else surface


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
    written, and for a name its reading. A code is kept whole, without its signs, and in parts; a
    run of katakana is one word with its parts; a date is one word however it is written.
    """
    text = _nfkc(text)
    words: list[Word] = []
    start = 0
    for whole in WHOLE.finditer(text):
        words.extend(_japanese(text[start : whole.start()]))
        if date := whole["date"] and _date(whole[0]):
            words.append(date)
        elif whole[0].lower() not in ENGLISH_FUNCTION_WORDS:
            word, between = _code(whole[0]), text[start : whole.start()]
            if words and between and not between.strip(" "):
                word = _after(words[-1], word)  # live migration: ライブマイグレーション
            elif (
                words
                and KATAKANA.fullmatch(words[-1].surface)
                and between.endswith(words[-1].surface)
            ):
                word = _run_together(words.pop(), word)  # ハイパーV: Hyper-V
            words.append(word)
        start = whole.end()
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
    parts += [part[:-1] for part in [*parts] if PLURAL.fullmatch(part)]
    joined = "".join(pieces) if any(map(str.isalpha, code)) else code  # 2-3 is no 23
    terms = tuple(dict.fromkeys([code.lower(), joined]))
    return Word(
        code.lower(),
        "code",
        terms,
        tuple(dict.fromkeys(part for part in parts if part not in terms)),
        _sounds(joined, *pieces),
    )


def _after(before: Word, word: Word) -> Word:
    """A Latin word that follows another: the two may be one word in katakana."""
    both = _sounds(before.terms[-1] + word.terms[-1])
    return replace(word, sounds=tuple(dict.fromkeys(word.sounds + both)))


def _run_together(loan: Word, code: Word) -> Word:
    """A loan word and a code written as one: the code it would be in Latin letters, and both."""
    terms = (loan.terms[0] + code.terms[-1], fold_katakana(loan.surface) + code.surface)
    parts = (*loan.terms, *code.terms, *loan.parts, *code.parts)
    return Word(loan.surface + code.surface, "code", terms, tuple(dict.fromkeys(parts)))


def _date(written: str) -> Word | None:
    """A date as year-month-day, with year-month and year as parts; None for no real date."""
    found = numbers(written)
    if not found:
        return None
    whole, *larger = ("-".join(map(str, found[:size])) for size in range(len(found), 0, -1))
    return Word(written, "code", (whole,), tuple(larger))


def _sounds(*words: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"~{heard}" for heard in map(sound, words) if heard))


def bigrams(text: str) -> list[str]:
    """Pairs of neighbouring Japanese letters of the folded text; a lone letter stands for itself.

    Spaces, signs and Latin letters end a run. Latin words have no pairs: theirs are few and in
    every other word, so they would drown the words; their slips are matched by edit distance.
    """
    return _grams(text, 2)


def trigrams(text: str) -> list[str]:
    """As `bigrams`, but three letters; a run of fewer stands for itself."""
    return _grams(text, 3)


def _grams(text: str, size: int) -> list[str]:
    grams: list[str] = []
    for run in re.findall(r"[^\W_A-Za-z0-9]+", fold_katakana(normalize(text))):
        grams.extend([run[at : at + size] for at in range(len(run) - size + 1)] or [run])
    return grams


@lru_cache(maxsize=1)
def tokenizer_fingerprint() -> str:
    """What the terms depend on: these rules, fugashi and the dictionary."""
    return f"rules {RULES}, fugashi {version('fugashi')}, unidic-lite {version('unidic-lite')}"


# Taking a token's features apart costs more than finding them; a language has few words.
WORDS_REMEMBERED = 200_000  # far more than a person's notes hold; a bound all the same
_words: dict[tuple[str, str], Word | None] = {}
# Characters given to MeCab at once: over a run of signs of one kind (ーーー, 、、、) its time grows
# with the square of the run. More than a passage has, so only what is odd is cut.
LONGEST_PIECE = 1_000


class _Taggers(threading.local):
    """One MeCab tagger a thread: a tagger keeps the sentence it is at work on."""

    def __init__(self) -> None:
        try:
            self.tagger = fugashi.Tagger()
        except RuntimeError as error:
            raise RuntimeError(said("no_dictionary", reason=error)) from error


_taggers = _Taggers()


def _japanese(text: str) -> Iterator[Word]:
    if not LETTER.search(text):
        return
    katakana: list[Word] = []  # a run of loan words written as one
    for token in morphemes(text):
        key = (token.surface, token.feature_raw)
        if key not in _words:
            if len(_words) >= WORDS_REMEMBERED:
                _words.clear()
            _words[key] = _word(token)
        word = _words[key]
        loan = word is not None and KATAKANA.fullmatch(word.surface) is not None
        if katakana and (not loan or token.white_space):
            yield _compound(katakana)
            katakana = []
        if word and loan:
            katakana.append(word)
        elif word:
            yield word
    if katakana:
        yield _compound(katakana)


def morphemes(text: str) -> Iterator[fugashi.UnidicNode]:
    """A text as MeCab cuts it, by unidic-lite; spaces are left out."""
    for at in range(0, len(text), LONGEST_PIECE):
        yield from _taggers.tagger(text[at : at + LONGEST_PIECE])


def _compound(words: Sequence[Word]) -> Word:
    """Katakana words run together: ハイパーバイザ is hypervisor, with hyper and visor as parts."""
    if len(words) == 1:
        return words[0]
    surface = "".join(word.surface for word in words)
    english = LOANS.get(fold_katakana(surface)) or "".join(word.terms[0] for word in words)
    parts = tuple(dict.fromkeys(term for word in words for term in word.terms))
    if english.isascii():
        return Word(surface, "名詞", (english, fold_katakana(surface)), parts)
    return Word(surface, "名詞", (fold_katakana(surface),), parts, _sounds(surface))


def _word(token: fugashi.UnidicNode) -> Word | None:
    """A token as a word to search by; None for one that carries no content."""
    feature, surface = token.feature, token.surface.lower()
    if feature.pos1 not in CONTENT or not any(map(str.isalnum, surface)):
        return None
    lemma = _lemma(feature.lemma)
    if lemma in FUNCTION_LEMMAS:
        return None
    written = fold_katakana((feature.orthBase or surface).lower())
    terms = [term for term in (LOANS.get(written), lemma, written) if term]
    if feature.pos2 == "固有名詞":  # the lemma is the reading: it joins families, so last
        terms.reverse()
    if surface in KANJI_DIGITS:
        terms.append(KANJI_DIGITS[surface])
    # English, the dictionary's or ours, is surer than a sound.
    sounds = () if any(map(str.isascii, terms)) else _sounds(surface)
    pos = feature.pos3 if feature.pos3 in NAMES else feature.pos1
    return Word(surface, pos, tuple(dict.fromkeys(terms)), sounds=sounds)


def _lemma(lemma: str | None) -> str | None:
    """The lemma without its tail; of a loan word (サーバー-server) the English alone."""
    if not lemma or lemma == "*":
        return None
    head, _, tail = lemma.partition("-")
    return tail.lower() if tail.isascii() and tail.isalpha() else fold_katakana(head).lower()
