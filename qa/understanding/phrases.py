"""A question's phrases: its words as unidic sorts them, and the nouns that make one thing.

text ─ tokens_of ▶ Token[] ─ units_of ▶ Unit[]
京都旅行の宿        京都 旅行 の 宿        京都, 旅行, and 宿 of what stands before it
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from index.words.markup import composed, plain
from index.words.tokens import CODE, FUNCTION_LEMMAS, KATAKANA, morphemes

ASKING = frozenset(
    "何 何時 何処 誰 何れ 何方 如何 どう 何故 幾ら 幾つ どんな どうして 何の 何時頃".split()
)
DO = frozenset({"為る", "出来る", "致す"})  # lemmas; make a verb of the noun before
# unidic's pos3 → what sort of thing it is; see Token.family.
FAMILIES = {"サ変可能": "act", "副詞可能": "time", "助数詞": "count", "助数詞可能": "count"}
NAMES = frozenset({"proper", "code"})  # what they are joined to may stay: 京都旅行, 大阪旅行


DAY = re.compile(
    r"(?:\d+|[一二三四五六七八九十]+)(?:年度?|月|日|週目?|時|期|学期)+(?:\d+日)?"
)  # 2月, 4月2日


@dataclass(frozen=True, slots=True)
class Token:
    """A morpheme, or a code (Hyper-V) as one."""

    surface: str
    start: int  # offset in its text
    pos: str  # unidic's pos1, pos2 and pos3
    kind: str
    use: str
    lemma: str

    @property
    def end(self) -> int:
        """Offset behind it."""
        return self.start + len(self.surface)

    @property
    def noun(self) -> bool:
        """Whether it can be part of a noun."""
        return self.pos in ("名詞", "接頭辞", "接尾辞", "形状詞", "記号")

    @property
    def asks(self) -> bool:
        """Whether it is a question word."""
        return self.lemma in ASKING

    @property
    def family(self) -> str:
        """What sort of word it is: what takes another's place is of its family."""
        if self.kind == "固有名詞":
            return "proper"
        if CODE.fullmatch(self.surface) and self.kind != "数詞":
            return "code"
        if KATAKANA.fullmatch(self.surface):
            return "loan"
        return FAMILIES.get(self.use, "thing")


@dataclass(frozen=True, slots=True)
class Unit:
    """Nouns side by side that stand for one thing; a name within them is a unit of its own."""

    text: str
    start: int  # offsets in the text
    end: int
    family: str
    of: int  # where the の before it stands; 0 where there is none
    verbal: bool  # a verb stands before it: 買った店


def flat(text: str) -> str:
    """A text in one line and one spelling of its signs (NFKC), without marks such as ruby."""
    return " ".join(composed(plain(text), "NFKC").split())


@lru_cache(maxsize=256)
def tokens_of(text: str) -> tuple[Token, ...]:
    """Morphemes, a code as one (Hyper-V)."""
    codes = [found.span() for found in CODE.finditer(text)]
    found: list[Token] = []
    at = 0
    for node in morphemes(text):
        at = text.index(node.surface, at)
        of, end = node.feature, at + len(node.surface)
        if found and any(start < at < stop for start, stop in codes):
            last = found.pop()
            code = text[last.start : end]
            found.append(Token(code, last.start, "名詞", "普通名詞", "一般", ""))
        else:
            lemma = (of.lemma or node.surface).partition("-")[0]
            found.append(Token(node.surface, at, of.pos1, of.pos2, of.pos3, lemma))
        at = end
    return tuple(found)


def units_of(tokens: Sequence[Token]) -> list[Unit]:
    """The nouns of a phrase as things; a name is apart from what it is joined to: 京都・旅行."""
    found: list[Unit] = []
    run: list[Token] = []
    before: Token | None = None

    def close() -> None:
        if run:
            joint = before if before and before.end <= run[0].start else None
            text = "".join(token.surface for token in run)
            found.append(
                Unit(
                    text,
                    run[0].start,
                    run[-1].end,
                    "time"
                    if DAY.fullmatch(text)
                    else next((t.family for t in run if t.family in NAMES), run[-1].family),
                    joint.start if joint and joint.surface == "の" else 0,
                    bool(joint and joint.pos in ("動詞", "助動詞", "形容詞")),
                )
            )
            run.clear()

    for token in tokens:
        if not token.noun:
            close()
            before = token
            continue
        suffix = token.pos == "接尾辞"
        if run and not suffix and (token.family in NAMES) != (run[-1].family in NAMES):
            close()
            before = None
        run.append(token)
    close()
    return found


def nouns_of(tokens: Sequence[Token]) -> list[Token]:
    """The nouns that name something: 何種類, どんな人, こと and 搭載する name nothing."""
    found = []
    asked = False  # the noun belongs to a question word before it
    for at, token in enumerate(tokens):
        does = token.family == "act" and tokens[at + 1 : at + 2] and tokens[at + 1].lemma in DO
        if token.asks:
            asked = token.lemma not in ("何故", "何時", "誰", "どうして")
        elif token.noun and not asked and not does and token.lemma not in FUNCTION_LEMMAS:
            found.append(token)
        elif not token.noun and token.lemma != "言う":  # どういう意味
            asked = False
    return [token for token in found if token.pos == "名詞"]


def carries(token: Token) -> bool:
    """Whether a token says what a question is about, or what of it."""
    return (
        token.pos in ("名詞", "動詞", "形容詞", "形状詞", "副詞", "接尾辞", "接続詞")
        and token.lemma not in FUNCTION_LEMMAS
        and not token.asks
    )


def run_of(tokens: Sequence[Token]) -> str:
    """The nouns side by side at the beginning."""
    run = ""
    for token in tokens:
        if not token.noun:
            break
        run += token.surface
    return run


def first_phrase(tokens: Sequence[Token]) -> str:
    """Up to the first particle other than の."""
    phrase = ""
    for token in tokens:
        if not token.noun and token.surface != "の":
            break
        phrase += token.surface
    return phrase.removesuffix("の")
