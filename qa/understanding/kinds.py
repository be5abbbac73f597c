"""What kind of thing a question asks for, and whether a text has one to offer.

誰 asks for a person, いつ for a time, どこ for a place, 何種類 for a number of 種類. A text offers
one that the question does not name itself. Rules of thumb: they only weigh in ranking and in
confidence.
"""

from __future__ import annotations

import re
from functools import lru_cache

from index.passages import Passage
from index.words.tokens import normalize
from qa.understanding.evidence import content

NO_KIND = ("", "")
_NAMED = {"person": "人名", "place": "地名"}
# Longer ones are no numbers, and from each of their digits it would be looked on to the last.
_DIGITS = r"(?:[0-9][0-9,.]{0,30}|[一二三四五六七八九十百千数]{1,30})"
# Units that are said in several ways; 何名 is answered by 12人.
_SAME_UNIT = (
    "人|名", "%|パーセント|割", "[かヶカヵケ箇]国|国", "[かヶカヵケ箇]月|月", "[かヶカヵケ箇]所|所",
    "つ|個|件|点", "枚|部", "歳|才", "km|キロ", "メートル|m", "年間|年", "日間|日", "時間|時",
)  # fmt: skip
_COUNTED = (
    "人|名|個|つ|回|%|パーセント|割|台|本|度|歳|才|倍|メートル|センチ|ミリ|ナノ|km|キロ|グラム|トン|種類|種|番|位|"
    "冊|枚|部|件|社|点|隻|機|匹|杯|段|行|分|秒|[かヶカヵケ箇][国月所]|週|文字|ページ|ビット|ソケット|コア|年間|日間|時間"
)
_CLOCK = "[0-9]{1,2}:[0-9]{2}"
_DATE = r"[0-9]{4}[-/.][0-9]{1,2}(?:[-/.][0-9]{1,2})?|[0-9]{1,2}/[0-9]{1,2}"
_WEEKDAY = "[月火水木金土日]曜|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTHS = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_MONTH = rf"{_MONTHS} [0-9]+|[0-9]+ {_MONTHS}"
_RELATIVE = (
    "(?:来|先|今|再来|翌)(?:週|月|年|日|春|夏|秋|冬)|毎(?:日|週|月|年)"
    "|昨日|今日|本日|明日|明後日|年末|年始"
)
_TIMES = {
    "年": rf"{_DIGITS}年|{_DATE}|\b[12][0-9]{{3}}\b",
    "月": rf"{_DIGITS}月|{_DATE}|{_MONTH}",
    "日": rf"{_DIGITS}日|{_DATE}|{_MONTH}",
    "時": rf"{_DIGITS}時|{_CLOCK}|[0-9] ?[ap]\.?m",
    "曜": _WEEKDAY,
    "世紀": rf"{_DIGITS}世紀",
}
_ANY_TIME = "|".join([*_TIMES.values(), _RELATIVE, r"[0-9]h[12]|q[1-4]|四半期|世紀"])
_PRICE = (
    rf"[¥$€£] ?{_DIGITS}|{_DIGITS}(?:円|ドル|ユーロ|ポンド|元|(?:万|億)(?![0-9一-龠の台]))"
    "|無料|ただ(?=[。、)）]|$)"
)
_PHONE = r"(?:\+81|\(?0)[0-9()\- ]{8,14}[0-9]|内線 ?[0-9]+"
_ALONE = "(?:(?<![ぁ-ん])|(?<=[はがをにへともので]))"  # なだれ, こいつ
_ANY = "(?!でも|も|か(?!ら))"  # 誰でも, いつも, どこか ask for nothing
_ASKS = (  # kind, what would fit (None: told by the unit that is asked for), how it is asked
    (
        "person",
        "",
        rf"(?:誰|{_ALONE}だれ|どなた){_ANY}|何者|人物(?=[は?？]|$)|\bwhos?e?\b",
    ),
    ("time", None, r"何(世紀|曜|年(?!間)|月|日(?!間)|時(?!間))"),
    (
        "time",
        _ANY_TIME,
        rf"{_ALONE}いつ(?!の間){_ANY}|時期|年代|日時|日付|[ただ](?:日|年|月)(?=は\W*$|を教)"
        r"|\bwhen\b|what (?:time|year|day)",
    ),
    (
        "place",
        "",
        rf"(?:どこ|何処){_ANY}|どの(?:国|県|都市|地|州|場所)|何(?:県|市)|\bwhere\b",
    ),
    ("number", _PHONE, r"(?:電話|携帯|連絡先|fax|ファックス|内線)(?:の?番号)?(?=は\W*$|を教|\W*$)"),
    ("number", _PRICE, rf"何円|{_ALONE}いくら(?![一-龠])|\bhow much\b"),
    ("number", None, rf"何({_COUNTED})"),
    ("number", _DIGITS, r"いくつ|(?:どの|どれ)(?:くらい|ぐらい|ほど|だけ)|\bhow many\b"),
)
# What is asked for, typed in kana.
_WRITTEN = {"なんようび": "何曜日", "なんじ": "何時", "なんにち": "何日", "なんがつ": "何月"}
_WRITTEN |= {"なんねん": "何年", "なんにん": "何人", "なんえん": "何円", "なんかい": "何回"}
_KANA = re.compile("|".join(_WRITTEN))


@lru_cache(maxsize=64)
def kind_asked(question: str) -> tuple[str, str]:
    """person, time, place or number, and a pattern of what would fit it in a normalised text.

    A person or a place has no pattern. Both are empty where something else is asked for.
    """
    text = _KANA.sub(lambda asked: _WRITTEN[asked[0]], normalize(question))
    for kind, fitting, asks in _ASKS:
        if match := re.search(asks, text):
            if fitting is None:
                fitting = _TIMES[match[1]] if kind == "time" else _counted(match[1])
            return kind, fitting
    return NO_KIND


def offers(passage: Passage, asked: tuple[str, str], question: str) -> bool:
    """Whether a passage has a thing of the kind asked for which the question does not hold."""
    known = normalize(question)
    there = (thing not in known for thing in _things(passage.text, *asked))
    return dated(passage, asked) or any(there)


def dated(passage: Passage, asked: tuple[str, str]) -> bool:
    """Whether the day that a passage stands under is a time of the kind asked for."""
    return asked[0] == "time" and bool(passage.date) and asked[1] != _TIMES["時"]


def names_time(text: str) -> bool:
    """Whether a text names a time."""
    return re.search(_ANY_TIME, normalize(text)) is not None


def _counted(unit: str) -> str:
    """A number with its unit, or another name of the unit; Latin letters may stand for any."""
    units = next((same for same in _SAME_UNIT if re.fullmatch(same, unit)), re.escape(unit))
    return rf"{_DIGITS}\s*(?:{units}|[a-z])"


@lru_cache(maxsize=16_384)
def _things(text: str, kind: str, fitting: str) -> frozenset[str]:
    if kind in _NAMED:
        return frozenset(word.surface for word in content(text).words if word.pos == _NAMED[kind])
    if not kind:
        return frozenset()
    return frozenset(match[0] for match in re.finditer(fitting, normalize(text)))
