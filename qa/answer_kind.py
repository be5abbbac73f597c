"""What kind of thing a question asks for, and whether a text has one to offer.

誰 asks for a person, いつ for a time, どこ for a place, 何種類 for a number of 種類. A text offers
one that the question does not name itself. Rules of thumb: they only weigh in ranking and in
confidence.
"""

from __future__ import annotations

import re
from functools import lru_cache

from index.tokens import normalize
from qa.evidence import content

_TIMES = "年|月|日|時|曜|世紀"
_COUNTED = (
    "人|名|個|つ|回|%|パーセント|割|台|本|度|歳|円|倍|メートル|センチ|ミリ|ナノ|km|キロ|グラム|トン|種類|番|位|冊|枚|件|"
    "社|点|隻|機|分|秒|か国|カ国|ヶ国|か月|ヶ月|週|行|文字|ページ|ビット|ソケット|コア"
)
_DIGITS = r"(?:[0-9][0-9,.]*|[一二三四五六七八九十百千数]+)"
_PRICE = "円|ドル|ユーロ|ポンド|元|万|億|無料|ただ"
NO_KIND = ("", "")
_NAMED = {"person": "人名", "place": "地名"}
_ASKS = (  # kind, unit, how it is asked; the first that fits
    ("person", "", re.compile(r"誰|だれ|どなた|何者|人物|\bwho\b")),
    ("time", None, re.compile(rf"何({_TIMES})")),
    ("time", rf"{_TIMES}|h[12]|q[1-4]|四半期", re.compile(r"いつ|時期|年代|\bwhen\b")),
    (
        "place",
        "",
        re.compile(r"どこ|何処|どの(?:国|県|都市|地|州|場所)|何(?:県|市)|場所|\bwhere\b"),
    ),
    ("number", None, re.compile(rf"何({_COUNTED})")),
    ("number", _PRICE, re.compile(r"いくら|\bhow much\b")),
    ("number", "", re.compile(r"いくつ|(?:どの|どれ)(?:くらい|ぐらい|ほど|だけ)|\bhow many\b")),
)


@lru_cache(maxsize=64)
def kind_asked(question: str) -> tuple[str, str]:
    """person, time, place or number, and the units that would fit it, as a pattern.

    Both are empty where the question asks for something else; the unit, where any would do.
    """
    text = normalize(question)
    for kind, unit, asks in _ASKS:
        if match := asks.search(text):
            return kind, match[1] if unit is None else unit
    return NO_KIND


def offers(text: str, asked: tuple[str, str], question: str) -> bool:
    """Whether a text has a thing of the kind asked for which the question does not hold."""
    known = normalize(question)
    return any(thing not in known for thing in _things(text, *asked))


@lru_cache(maxsize=16_384)
def _things(text: str, kind: str, unit: str) -> frozenset[str]:
    if kind in _NAMED:
        return frozenset(word.surface for word in content(text).words if word.pos == _NAMED[kind])
    if not kind:
        return frozenset()
    # Latin letters after a number may stand for any unit (45nm, 2H), but not for a year or a price
    latin = "|[a-z]" if kind == "number" and unit and "円" not in unit else ""
    pattern = rf"{_DIGITS}\s*(?:{unit}{latin})" if unit else _DIGITS
    return frozenset(match[0] for match in re.finditer(pattern, normalize(text)))
