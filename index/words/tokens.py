"""Japanese words for search: one spelling for all the ways a word is written.

    normalize ▶ without marks, letters made one (letters.nfkc), lower case
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
from index.words.dates import DATE, LEAP_YEAR, Date, days, read_date, until
from index.words.letters import common, nfkc
from index.words.markup import plain
from index.words.numerals import DIGITS, FRACTION, NUMBER, PERCENT, PHONE, phone, value
from index.words.sound import sound

RULES = 9  # raise when a change here gives other terms: every store is then cut again

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
WHOLE = re.compile(
    f"(?P<phone>{PHONE.pattern})|(?P<date>{DATE.pattern})|(?P<fraction>{FRACTION.pattern})"
    f"|(?P<percent>{PERCENT.pattern})|(?P<number>{NUMBER.pattern})"
)
BEGINS = re.compile("[0-9A-Za-z(+〇一二三四五六七八九十百千明大昭平令]")  # any of these
# What a number names one of, so that its neighbour is another thing: 第25条, 302号室, 3万円.
NAMING = re.compile("条|号|番(?!目)|円|室|丁目|階")
# Where a code's parts meet: a sign, aB in camel case, ABc, and a letter beside a digit.
CODE_JOINTS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
DIGIT_LETTER = re.compile(r"(?<=\d)(?=[a-z])")
LETTER_DIGIT = re.compile(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])")
PLURAL = re.compile(r"[a-z]{2,}[a-rt-z]s")  # the dictionary's ウィンドウズ is window
KATAKANA = re.compile(r"[ァ-ヺー]+")
HIRAGANA = re.compile(r"[ぁ-ゖー]+")
has_kanji = re.compile(r"[々㐀-鿿豈-﫿\U00020000-\U0003ffff]").search
NOMINAL = frozenset({"名詞", "接頭辞", "接尾辞"})
LONGEST_SPAN = 92  # days of a span whose each day is a word of its text
MOST_NOUNS = 5  # side by side that are read as one word
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
    given: tuple[str, ...] = ()  # A text that holds it is found by these besides: its reading.
    sought: tuple[str, ...] = ()  # A question that holds it looks for these besides.
    exact: bool = False  # a day, a number, a code: what has only parts of it is another thing

    @property
    def all_terms(self) -> tuple[str, ...]:
        """What a passage that holds this word is found by."""
        return self.terms + self.parts + self.sounds + self.given


def normalize(text: str) -> str:
    """Ruby, links, what nobody sees, full-width and compatibility forms made plain; lower case."""
    return nfkc(text).lower()


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


def tokenize(text: str, day: str = "") -> list[Word]:
    """The content words of a text in order, each with the terms that stand for it.

    A word's terms are its lemma (for a loan word its English source: サーバ → server), its form as
    written, and for a name its reading. A code is kept whole, without its signs, and in parts; a
    run of katakana is one word with its parts; a date or number is one word however it is written.

    Args:
        text: as it is written.
        day: yyyy-mm-dd, which a date without a year is near to; empty where nothing tells.
    """
    text = nfkc(text)
    words: list[Word] = []
    start = at = 0
    while begins := BEGINS.search(text, at):
        at = begins.start()
        word, end = _whole(text, at, day)
        if word is None:
            at += 1
            continue
        words.extend(_japanese(text[start:at]))
        between = text[start:at]
        if word.surface not in ENGLISH_FUNCTION_WORDS:
            if words and between and not between.strip(" "):
                word = _after(words[-1], word)  # live migration: ライブマイグレーション
            elif (
                words
                and KATAKANA.fullmatch(words[-1].surface)
                and between.endswith(words[-1].surface)
                and CODE.fullmatch(text, at, end)
            ):
                word = _run_together(words.pop(), word)  # ハイパーV: Hyper-V
            words.append(word)
        start = at = end
    words.extend(_japanese(text[start:]))
    return words


def _whole(text: str, at: int, day: str) -> tuple[Word | None, int]:
    """The date, number or code that begins there, and where it ends; None where none does."""
    if found := WHOLE.match(text, at):
        written, word = found[0], None
        if found["phone"] and (digits := phone(written)):
            word = Word(written, "code", (digits,), exact=True)
        elif found["date"] and (date := read_date(found)):
            word = _date(written, date.near(day), until(text, date).near(day))
        elif found["fraction"]:
            below, above = (value(part) for part in written.split("分の"))
            word = Word(written, "code", (f"{above}/{below}",))
        elif found["percent"]:
            word = Word(written, "code", (f"{value(written)}%",))
        elif found["number"] and (number := value(written)):
            word = Word(written, "code", (number,), exact=bool(NAMING.match(text, found.end())))
        if word:
            return word, found.end()
    if code := CODE.match(text, at):
        word = _code(code[0])
        if code[0].isdigit():
            names_one = NAMING.match(text, code.end()) or phone(code[0])
            word = replace(word, exact=bool(names_one))
        return word, code.end()
    return None, at


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
    lettered = any(map(str.isalpha, code))
    joined = "".join(pieces) if lettered else code  # 2-3 is no 23
    terms = tuple(dict.fromkeys([code.lower(), joined]))
    return Word(
        code.lower(),
        "code",
        terms,
        tuple(dict.fromkeys(part for part in parts if part not in terms)),
        _sounds(joined, *pieces),
        exact=lettered and any(map(str.isdigit, code)),
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


def _date(written: str, date: Date, last: Date) -> Word:
    """A date by year, month and day, larger spans as parts: 2024-4-1, 2024-4, 2024, and *-4-1.

    A text that has a span, 4月1日〜3日, is found by its days up to the last. A question with a year
    also looks for the day without one (?-4-1), which the text gives that has no year; of another
    year's text it finds a part alone.
    """
    year, month, day, part = date[:4]
    if not month:
        return Word(written, "code", (str(year),))
    between = _between(date, last) if last != date else ()
    in_month = [f"-{month}-{part}"] if part else [f"-{month}-{day}"] if day else []
    in_month.append(f"-{month}")
    if not year:
        spelled = tuple(f"*{span}" for span in in_month)
        slash = (written,) if "/" in written else ()  # 1/2 may be a half
        given = (f"?{in_month[0]}", *between)
        return Word(written, "code", spelled[:1] + slash, spelled[1:], given=given, exact=bool(day))
    whole, *larger = [f"{year}{span}" for span in in_month]
    parts = (*larger, str(year), *(f"*{span}" for span in in_month))
    sought = (f"?{in_month[0]}",)
    return Word(written, "code", (whole,), parts, (), between, sought, exact=bool(day))


def _between(first: Date, last: Date) -> tuple[str, ...]:
    """The terms of the days, or months, of a span of at most LONGEST_SPAN after its first."""
    begin, end = first.in_year(LEAP_YEAR).first, last.in_year(first.year or LEAP_YEAR).last
    if not 0 <= (end - begin).days <= LONGEST_SPAN:
        return ()
    named = [f"-{of.month}-{of.day}" if first.day else f"-{of.month}" for of in days(begin, end)]
    years = ("*", str(first.year) if first.year else "?")
    return tuple(f"{year}{of}" for of in dict.fromkeys(named[1:]) for year in years)


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
    for run in re.findall(r"[^\W_A-Za-z0-9]+", fold_katakana(common(normalize(text)))):
        grams.extend([run[at : at + size] for at in range(len(run) - size + 1)] or [run])
    return grams


@lru_cache(maxsize=1)
def tokenizer_fingerprint() -> str:
    """What the terms depend on: these rules, fugashi and the dictionary."""
    return f"rules {RULES}, fugashi {version('fugashi')}, unidic-lite {version('unidic-lite')}"


# Taking a token's features apart costs more than finding them; a language has few words.
WORDS_REMEMBERED = 200_000  # far more than a person's notes hold; a bound all the same
_words: dict[tuple[str, str], tuple[Word | None, str]] = {}
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
    for word, apart in _words_read(text):
        loan = word is not None and KATAKANA.fullmatch(word.surface) is not None
        if katakana and (not loan or apart):
            yield _compound(katakana)
            katakana = []
        if word and loan:
            katakana.append(word)
        elif word:
            yield word
    if katakana:
        yield _compound(katakana)


def _words_read(text: str) -> Iterator[tuple[Word | None, bool]]:
    """Each token's word, None where it has no content, and whether a space stands before it.

    Nouns side by side are also given by how they are read together: 植木, 屋 by ウエキヤ.
    """
    read = common(text)
    varies = read != text  # Somewhere in it a variant is written.
    nouns: list[str] = []
    at = 0
    for token in morphemes(read):
        word, kana = _remembered(token)
        if token.white_space or not kana:
            nouns = []
        if kana:
            nouns.append(kana)
            if word and 1 < len(nouns) <= MOST_NOUNS:
                word = replace(word, given=(*word.given, reading("".join(nouns))))
        if varies:
            at = read.index(token.surface, at) + len(token.surface)
            word = word and _as_variant(word, text[at - len(token.surface) : at].lower())
        yield word, bool(token.white_space)


def _remembered(token: fugashi.UnidicNode) -> tuple[Word | None, str]:
    """A token's word, and how it is read where it is a noun or part of one."""
    key = (token.surface, token.feature_raw)
    if key not in _words:
        if len(_words) >= WORDS_REMEMBERED:
            _words.clear()
        kana = token.feature.kana if token.feature.pos1 in NOMINAL else ""
        _words[key] = _word(token), kana or ""
    return _words[key]


def _as_variant(word: Word, written: str) -> Word:
    """A word that was read with common letters, as it is written: 濵田, found by 浜田 too."""
    if written == word.surface:
        return word
    given = tuple(f"={term}" for term in word.terms)
    sought = (*word.terms, *given, *word.sought)
    return replace(word, surface=written, terms=(written,), given=word.given + given, sought=sought)


def reading(kana: str) -> str:
    """The term for how a word is read; kana in katakana."""
    return f"^{fold_katakana(kana)}"


def morphemes(text: str) -> Iterator[fugashi.UnidicNode]:
    """A text as MeCab cuts it, by unidic-lite; spaces are left out."""
    for at in range(0, len(text), LONGEST_PIECE):
        yield from _taggers.tagger(text[at : at + LONGEST_PIECE])


def _compound(words: Sequence[Word]) -> Word:
    """Katakana words run together: ハイパーバイザ is hypervisor, with hyper and visor as parts."""
    if len(words) == 1:
        return words[0]
    given = (reading("".join(word.surface for word in words)),)
    surface = "".join(word.surface for word in words)
    english = LOANS.get(fold_katakana(surface)) or "".join(word.terms[0] for word in words)
    parts = tuple(dict.fromkeys(term for word in words for term in word.terms))
    if english.isascii():
        return Word(surface, "名詞", (english, fold_katakana(surface)), parts, given=given)
    return Word(surface, "名詞", (fold_katakana(surface),), parts, _sounds(surface), given)


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
    by_reading: tuple[str, ...] = ()
    if feature.pos2 == "固有名詞":  # the lemma is the reading: it joins families, so last
        terms.reverse()
        if feature.pos3 == "人名" and len(terms) > 1:  # 山本 and 山元 are two
            by_reading = (reading(terms.pop()),)
    if surface in DIGITS:
        terms.append(DIGITS[surface])
    # English, the dictionary's or ours, is surer than a sound.
    sounds = () if any(map(str.isascii, terms)) else _sounds(surface)
    pos = feature.pos3 if feature.pos3 in NAMES else feature.pos1
    kana = feature.kanaBase or feature.kana
    given = (reading(kana),) if kana and not HIRAGANA.fullmatch(surface) else by_reading
    spelled = tuple(dict.fromkeys(terms))
    sought = tuple(f"={term}" for term in spelled) if has_kanji(surface) else ()
    return Word(surface, pos, spelled, (), sounds, given, sought + by_reading)


def _lemma(lemma: str | None) -> str | None:
    """The lemma without its tail; of a loan word (サーバー-server) the English alone."""
    if not lemma or lemma == "*":
        return None
    head, _, tail = lemma.partition("-")
    return tail.lower() if tail.isascii() and tail.isalpha() else fold_katakana(head).lower()
