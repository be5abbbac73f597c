"""Follow-up questions: completing one that leans on what was asked before, by rule.

    question, earlier ─ the first kind that it is ▶ standalone question, as a person would type it

    kind           follow-up          after                 becomes
    more           もっと詳しく       BYOCとは？            BYOCについてもっと詳しく
    other          他には？           resticの欠点は？      resticの欠点は他には？
    demonstrative  それはいつ？       展示会の会期は？      展示会の会期はいつ？
                   その費用は？       展示会の会期は？      展示会の費用は？
    attribute      費用は？           展示会の会期は？      展示会の費用は？
    topic          Xenの場合は？      Hyper-Vの対応は？     Xenの対応は？
    bare           いつ？             試作版は誰に見せる？  試作版はいつ見せる？

A question of no kind stands on its own and is returned as it is: one that is wrongly completed
misleads, one that is wrongly left alone finds too little and is typed again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.words.tokens import tokenize
from qa.understanding.frame import (
    ADNOMINALS,
    ATTRIBUTES,
    CHANGE,
    COMPOUNDED,
    MORE,
    OF_STATEMENTS,
    OTHERS,
    PEOPLE,
    PRONOUNS,
    SET_PHRASES,
    SUMS_UP,
    Frame,
    core_of,
    frame_of,
)
from qa.understanding.phrases import (
    NAMES,
    Token,
    carries,
    flat,
    nouns_of,
    run_of,
    tokens_of,
    units_of,
)

LONGEST = 120  # characters; who types more has said what it is about, and a rule reads it wrongly
TURNS = 8  # earlier questions looked at: a chain of follow-ups is never longer

# Whose place a word of a family can take, the likeliest first. Products are often loan words.
TAKES = {
    "proper": ("proper",),
    "code": ("code", "loan"),
    "loan": ("code", "loan", "thing"),
    "thing": ("thing", "loan"),
    "act": ("act",),
    "time": ("time",),
    "count": ("count",),
}
# How a question ends that asks to go on, with a politeness or none.
ASKS_ON = re.compile(
    r"(?:について|に関して|のこと|[はをか])?、?(?:"
    r"(?P<more>(?:もっと|もう少し|もうちょっと|さらに|更に)?(?:詳し|くわし)く|具体的に|"
    r"(?:例えば|たとえば|具体的には)(?=[?？]?$))|(?:要するに|つまり)(?=[?？]?$)|"
    r"(?P<other>(?:それ以外|そのほか|その他|ほか|他)(?:に|にも|には|は|にもある)(?=(?:何かある)?[?？]?$))"
    r")(?:何かある|お?願いします|[教説知][^?？、。]{0,12})?[?？。]?$"
)
COPULA = re.compile(r"(?:です|でした|でしょう|だった|だ|なの)?(?:か|の|っけ)?\?*$")


def standalone(question: str, history: Sequence[str]) -> str:
    """The question as it can be searched alone.

    Args:
        question: as typed.
        history: the earlier questions as typed, oldest first; each is completed by those before.

    Returns:
        The question itself where it leans on nothing, or on nothing that the rules can read.
    """
    earlier = ""
    for typed in history[-TURNS:]:
        completed = _complete(typed, earlier)
        if tokenize(core_of(completed[: 2 * LONGEST])):  # no mere ありがとう
            earlier = asks_on(completed)[0]  # more of it was asked for once, not from then on
    return _complete(question, earlier)


def _complete(question: str, earlier: str) -> str:
    if not earlier or len(question) > LONGEST or len(earlier) > 2 * LONGEST:
        return question
    if _is_english(question):
        return _english(question, earlier)
    core = core_of(question)
    tokens = tokens_of(core)
    if not tokens or CHANGE.match(core):
        return question
    frame = frame_of(earlier)
    for kind in (_more, _other, _demonstrative, _attribute, _topic, _bare):
        completed = kind(core, tokens, frame or Frame("", "", ""))
        if completed and frame is None:  # leans on it, but it cannot be taken apart
            return (
                f"{earlier} {core}" if kind in (_more, _other, _demonstrative, _bare) else question
            )
        if completed:
            bare = completed.rstrip("?")
            return completed if bare == completed else f"{bare.rstrip()}？"
    return question


def asks_on(question: str) -> tuple[str, str]:
    """A question without what only asks to go on, and which that is: "more", "other" or nothing.

    BYOCについてもっと詳しく is a search for BYOC: that no note says 詳しく tells nothing.
    """
    found = ASKS_ON.search(question, max(0, len(question) - 40))
    if not found or not found.start():
        return question, ""
    about = question[: found.start()]
    embedded = found[0].startswith("か")  # どこで買ったか、もっと詳しく
    return about + ("？" if embedded else "は？"), found.lastgroup or ""


# The kinds. Each gives the completed question, or nothing where it is not that kind.


def _more(core: str, tokens: Sequence[Token], frame: Frame) -> str:
    """もっと詳しく, 例えば？: asks for more of the same."""
    held = {token.lemma for token in tokens if carries(token)}
    if not held or not held <= MORE:
        return ""
    if run_of(tokens) in ATTRIBUTES:  # 具体例は？ 続きを教えて
        return f"{frame.thing}の{core}"
    if tokens[0].lemma in SUMS_UP or core.rstrip("?").endswith("は"):
        return f"{frame.named}は{frame.asked}、{core}" if frame.asked else f"{frame.named}は{core}"
    return f"{_embedded(frame.text)}、{core}" if frame.asked else f"{frame.thing}について{core}"


def _other(core: str, tokens: Sequence[Token], frame: Frame) -> str:
    """他には？ ほかの欠点は？: asks for what was not said yet."""
    at = next((i for i, token in enumerate(tokens[:2]) if token.lemma in OTHERS), None)
    if at is None:
        return ""
    if at and tokens[0].surface not in PRONOUNS | ADNOMINALS:
        return ""
    rest = tokens[at + 1 :]
    nouns = nouns_of(rest)
    if not nouns and not any(carries(token) for token in rest):
        return f"{frame.named}は{core}"
    joint = next((i for i, token in enumerate(rest) if token.noun), 0)
    noun = run_of(rest[joint:])
    if at or "".join(token.surface for token in rest[:joint]) not in ("の", "に", "には"):
        return ""
    tail = f"{tokens[0].surface}の{core[rest[joint].start :]}"
    if noun and frame.named.endswith(noun):
        return frame.named[: -len(noun)] + tail
    return f"{frame.subject}の{tail}" if noun in ATTRIBUTES else ""


def _demonstrative(core: str, tokens: Sequence[Token], frame: Frame) -> str:
    """それはいつ？ その理由は？: a word points back."""
    at = next((i for i, token in enumerate(tokens) if _points(tokens, i)), None)
    if at is None:
        return ""
    token = tokens[at]
    before, after = core[: token.start], core[token.end :]
    if token.surface in PEOPLE:
        return before + frame.subject + after
    if token.surface in PRONOUNS:
        if after.startswith("の"):
            noun = run_of(tokens[at + 2 :])
            return before + _owner(frame, noun) + after
        return before + (frame.named if after.startswith("は") else frame.thing) + after
    noun = run_of(tokens[at + 1 :])
    if noun in frame.named:
        return before + frame.named[: frame.named.index(noun)] + after
    if token.surface != "その" and noun not in ATTRIBUTES:
        return ""
    return f"{before}{_owner(frame, noun)}の{after}"


def _attribute(core: str, tokens: Sequence[Token], frame: Frame) -> str:
    """費用は？ 担当は誰？: something of what was asked about."""
    noun = run_of(tokens)
    if not noun:  # 作り方 is cut into a verb and an ending
        noun = max((name for name in ATTRIBUTES if core.startswith(name)), key=len, default="")
    rest = core[len(noun) :]
    if noun not in ATTRIBUTES or not re.match(r"[はがをっも]|$|\?", rest):
        return ""
    others = nouns_of([token for token in tokens if token.start >= len(noun)])
    return "" if others else f"{_owner(frame, noun)}の{core}"


_REPLACES = re.compile(
    r"(?P<new>.+?)(?:(?P<case>の(?:場合|とき|時|ケース|ほう|方)(?:は|では|だと|なら)?"
    r"|だと|では|なら|だったら|についてはどう|はどう)"
    r"|は|って|については?|に関しては?)"
    r"(?:どう)?(?:です(?:か)?|でしたか?|でしょうか|なの|なる|なりますか|いかがですか)?\s*\?*$"
)


def _topic(core: str, tokens: Sequence[Token], frame: Frame) -> str:
    """Xenの場合は？: the same of something else, or something else of the same."""
    found = _REPLACES.match(core)
    new = found["new"] if found else ""
    held = [token for token in tokens if token.end <= len(new)]
    units = units_of(held)
    if not found or not units or not all(token.noun or token.surface == "の" for token in held):
        return ""
    expressly = bool(found["case"])
    if not expressly and units[-1].text.endswith(COMPOUNDED):
        return ""  # 秘密番号: something's own, as 番号 is
    if any(token.asks for token in held) or (not expressly and any(unit.of for unit in units)):
        return ""  # カレーの作り方は？ says whose
    family = next((unit.family for unit in units if unit.family in NAMES), units[-1].family)
    family = "thing" if expressly and family == "act" else family
    replaced = _in_place(new, family, frame)
    if not replaced and expressly:
        return f"{new}では、{frame.named}は{frame.asked}?"
    return replaced


def _in_place(new: str, family: str, frame: Frame) -> str:
    """The earlier question with something new where a word of its kind stood."""
    asked = f"は{frame.asked}?"
    there = units_of(tokens_of(frame.named))
    # What is asked of the rest stays: 宿 of 京都の宿は？
    last = there[-1] if there and there[-1].of and not frame.does else None
    topics = [unit for unit in there if unit is not last and unit.text not in ATTRIBUTES]
    for other in TAKES[family]:
        same = [unit for unit in topics if unit.family == other]
        if same and (family in NAMES or other in NAMES):
            return frame.named[: same[0].start] + new + frame.named[same[0].end :] + asked
        if same:  # with what stands before it: 鶏のから揚げ
            return new + frame.named[same[-1].end :] + asked
    for unit in units_of(tokens_of(asked)):
        if unit.family == family and family in NAMES:
            return frame.named + asked[: unit.start] + new + asked[unit.end :]
    if family == "time" and frame.named:
        return f"{new}の{frame.named}{asked}"
    if last and (family == "act" or last.family in TAKES[family]):
        return frame.named[: last.start] + new + "は?"
    return ""


def _bare(core: str, tokens: Sequence[Token], frame: Frame) -> str:
    """いつ？ 何人来た？: asks, and names nothing."""
    if not any(token.asks for token in tokens) or nouns_of(tokens) or "「" in core:
        return ""
    why = core.startswith("どうして")  # cut as どう, する, て
    verb = not why and any(token.pos in ("動詞", "形容詞") for token in tokens)
    left = "" if verb else _without_asking(frame.asked)
    return f"{frame.named}は{COPULA.sub('', core) if left else core.rstrip('?')}{left}?"


# What they look at.


def _points(tokens: Sequence[Token], at: int) -> bool:
    """Whether the word there points to an earlier question, not into its own."""
    token, after = tokens[at], tokens[at + 1 : at + 2]
    before = tokens[:at]
    if sum((t.surface in "「『") - (t.surface in "」』") for t in before) > 0:
        return False  # another's words
    if token.surface in PRONOUNS and token.pos == "代名詞":
        if not after or after[0].pos not in ("助詞", "助動詞"):
            return False
        if after[0].surface in ("から", "まで", "なら") or (
            after[0].surface == "で" and token.surface in ("それ", "これ") and not before
        ):
            return False  # それから, これまで, それで: conjunctions
        said = nouns_of(before)
        own = before and before[-1].surface in ("は", "が", "も")
        return not said or bool(own and not any(b.pos == "動詞" for b in before))
    if token.surface in ADNOMINALS and token.pos == "連体詞":
        noun = bool(after) and after[0].noun and after[0].surface not in SET_PHRASES
        return noun and not nouns_of(before)
    return False


def _owner(frame: Frame, noun: str) -> str:
    """Whose a noun is: of the subject asked about, or of all that was asked."""
    whole = noun in OF_STATEMENTS or noun not in ATTRIBUTES
    return frame.named if whole and not frame.nominal else frame.subject


def _without_asking(text: str) -> str:
    """A predicate without its question: 見せる of 誰に見せる; nothing if no verb is left."""
    tokens = tokens_of(text)
    at = next((i for i, token in enumerate(tokens) if token.asks), None)
    if at is None:
        return ""
    end = at + 1
    while end < len(tokens) and (tokens[end].noun or tokens[end].pos == "助詞"):
        end += 1
    left = tokens[end:]
    return text[left[0].start :] if left and left[0].pos in ("動詞", "形容詞") else ""


def _embedded(text: str) -> str:
    """A question inside another: いつやった ▶ いつやったか."""
    return text if text.endswith(("か", "て", "の")) else text + "か"


# English, modestly: names are told by their capitals and digits.

_ENGLISH_TOPIC = re.compile(r"(?:what|how) about (?P<new>.+?)\s*[?.]*$", re.I)
_ENGLISH_BARE = re.compile(r"(?:why|when|where|who|how (?:much|many|long))(?: not)?\s*\?*$", re.I)
_ENGLISH_POINTS = re.compile(r"\b(?:it|that|this|they|there)\b", re.I)
_ENGLISH_MORE = re.compile(
    r"(?:(?:tell|show) me |any(?:thing)? |some )?(?:more|else)"
    r"(?: details?| about (?:it|that|this))?(?: please)?[?.!]*$|"
    r"(?:in )?(?:more )?details?(?: please)?[?.!]*$|what else[?]*$",
    re.I,
)
_ENGLISH_NAME = re.compile(
    r"(?<=\s)(?:[A-Z]|\w*\d|[a-z]+[A-Z])[\w.\-]*(?:\s+(?:[A-Z]|\w*\d|[a-z]+[A-Z])[\w.\-]*)*"
)


def _is_english(text: str) -> bool:
    return not re.search(r"[ぁ-んァ-ヶ一-龠々]", flat(text)) and bool(re.search("[A-Za-z]", text))


def _english(question: str, earlier: str) -> str:
    core = core_of(question)
    if _ENGLISH_MORE.match(core) or _ENGLISH_BARE.match(core):
        return f"{earlier} {core}"
    topic = _ENGLISH_TOPIC.match(core)
    if topic and not _is_english(earlier):
        asked = f"{topic['new']}は？"
        completed = _complete(asked, earlier)
        return question if completed == asked else completed
    name = _ENGLISH_NAME.search(earlier)
    if topic and name:
        return earlier[: name.start()] + topic["new"] + earlier[name.end() :]
    points = _ENGLISH_POINTS.search(core)
    if not points or _ENGLISH_NAME.search(core):
        return question
    if name and _is_english(earlier):
        return core[: points.start()] + name[0] + core[points.end() :]
    return f"{earlier} {core}"
