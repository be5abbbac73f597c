"""An earlier question taken apart: what it is about, and what it asks of that.

京都の宿はどこですか ─ frame_of ▶ Frame(named="京都の宿", asked="")
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from qa.understanding.phrases import Token, carries, first_phrase, flat, tokens_of, units_of


def _words() -> dict[str, frozenset[str]]:
    """The lists of followup_words.tsv by name."""
    text = Path(__file__).with_name("followup_words.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {name: frozenset(words.split()) for name, words in rows}


def _any(name: str) -> str:
    """A pattern of any phrase of a list, the longest first."""
    phrases = sorted(_LISTS[name], key=len, reverse=True)
    return "|".join(re.escape(phrase.replace("_", " ")) for phrase in phrases)


_LISTS = _words()
TALK = re.compile(rf"(?:(?:{_any('TALK')})(?:[、。,.!?…~ー\s]+|$))+", re.IGNORECASE)
TURN = re.compile(
    rf"(?:{_any('LEADS_ON')}|(?:{_any('LEADS_ON_BEFORE_COMMA')})(?=[、,\s])|(?:and|then|so)\b)[、,\s]*",
    re.IGNORECASE,
)
CHANGE = re.compile(rf"(?:{_any('CHANGES')})[、,\s]*", re.IGNORECASE)
ATTRIBUTES, OF_STATEMENTS = _LISTS["ATTRIBUTES"], _LISTS["OF_STATEMENTS"]
PEOPLE, PRONOUNS, ADNOMINALS = _LISTS["PEOPLE"], _LISTS["PRONOUNS"], _LISTS["ADNOMINALS"]
SET_PHRASES, MORE = _LISTS["SET_PHRASES"], _LISTS["MORE"]
SUMS_UP, OTHERS = _LISTS["SUMS_UP"], _LISTS["OTHERS"]
COMPOUNDED = tuple(name for name in ATTRIBUTES if len(name) > 1)
TELLING = "(?:教え|説明し|知り|まとめ|見せ)"
WHAT_IT_IS = re.compile(
    r"(?:何|なに|なん|どう|どんなもの|どういう(?:もの|こと|意味)|のこと)?"
    r"(?:です|でした|でしょう|だった|だ|なの)?(?:っけ|か|の)?|" + TELLING + ".*"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """An earlier question taken apart: 京都の宿 は どこですか."""

    text: str  # the question, without its mark
    named: str  # what stands before は
    asked: str  # what stands behind it, if it asks more than what that is

    @property
    def subject(self) -> str:
        """Whose attribute was asked for: 京都旅行 of 京都旅行の宿, Xen of Xenが安定しているの."""
        named, asked = self.named, self.asked
        while True:
            tokens = tokens_of(named)
            units = units_of(tokens)
            if self.nominal or (len(units) > 1 and units[-1].verbal):
                return first_phrase(tokens)
            last = units[-1] if units else None
            if not last or not last.of or (asked and last.text not in ATTRIBUTES):
                return named
            named, asked = named[: last.of], "?"

    @property
    def does(self) -> bool:
        """Whether a verb stands behind は: the last noun before it is then no attribute."""
        return any(token.pos in ("動詞", "形容詞") for token in tokens_of(self.asked))

    @property
    def nominal(self) -> bool:
        """Whether what stands before は is a clause: Xenが安定しているの."""
        return self.named.endswith("の")

    @property
    def thing(self) -> str:
        """What stands before は as a noun, wherever it is put."""
        return self.named[:-1] + "こと" if self.nominal else self.named


def core_of(text: str) -> str:
    """A question without the talk before it."""
    text = flat(text)
    if talk := TALK.match(text):
        text = text[talk.end() :]
    if turn := TURN.match(text):
        text = text[turn.end() :]
    return text


@lru_cache(maxsize=256)
def frame_of(text: str) -> Frame | None:
    """Take a question apart; None where nothing in it is marked as what it is about."""
    text = CHANGE.sub("", core_of(text)).rstrip("?。. ")
    tokens = tokens_of(text)
    begin = 0
    for at, token in enumerate(tokens):
        ends = token.surface in ("。", "!", "?") or (
            token.surface in ("、", ",") and at and not tokens[at - 1].noun
        )
        if ends and at + 1 < len(tokens):
            begin = at + 1
    tokens = tokens[begin:]
    for at, token in enumerate(tokens):
        if not at or not _marks(token, tokens[at + 1 :]):
            continue
        last = at
        while last > 1 and tokens[last - 1].pos == "助詞" and tokens[last - 1].surface != "の":
            last -= 1  # では, とは
        named = text[tokens[0].start : tokens[last - 1].end]
        asked = text[token.end :].lstrip("、, ")
        of_topic = token.surface in ("は", "って") and _asks_more(asked)
        return Frame(text, named, asked if of_topic else "")
    if tokens and all(token.noun or token.surface == "の" for token in tokens):
        return Frame(text, text[tokens[0].start :], "")
    return None


def _marks(token: Token, after: Sequence[Token]) -> bool:
    """Whether a particle marks what a question is about: は, って, を教えて, について."""
    if token.pos != "助詞":
        return False
    if token.surface in ("は", "って"):
        return True
    rest = "".join(following.surface for following in after)
    if token.surface == "を":
        return bool(re.match(f"(?:(?:もっと|もう少し)?(?:詳し|くわし)く)?{TELLING}", rest))
    return token.surface == "に" and rest.startswith(("ついて", "関して"))


def _asks_more(asked: str) -> bool:
    """Whether a predicate asks more than what it is: いくら, but not 何ですか, nor 他には."""
    telling = [token for token in tokens_of(asked) if carries(token)]
    again = bool(telling) and all(token.lemma in MORE | OTHERS for token in telling)
    return not again and not WHAT_IT_IS.fullmatch(asked)
