"""What asks in a note, a line or somebody's speech, and what replies to it.

Q. 締め日はいつですか？                    asks
- 田中: 日程はいつになりますか。             asks
○佐藤議員 … 見解を伺います。              a speech that asks, to which ○町長 … replies
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from index.outline import BULLET, strip_bullet
from index.words.sentences import sentences

# 田中: ○町長 A議員: 【住民】 before what somebody says; ## before a heading.
_SPEAKER = re.compile(
    r"#{1,6}\s+|[○◯◎●◆■]?\s*[^\s:：「」。、?？]{1,12}[:：]\s*|[【\[][^】\]]{1,12}[】\]]\s*"
)
# Where somebody begins to speak: ○町長（山田太郎君）　, **佐藤委員**：, 【住民】, 質問者A：
_TURN = re.compile(
    r"[○◯◎●][^\s　:：。]{1,30}[\s　:：]"
    r"|\*{0,2}[^\s:：「」。、?？*#|]{1,16}\*{0,2}[:：]\*{0,2}[\s　]*\S"
    r"|[【\[][^】\]]{1,16}[】\]]|[^\s:：「」。、?？*#|]{1,12}「"
    r"|[QAＱＡ問答][0-9０-９]{0,3}[.．:：、\s　（(]"
)
_TOPIC = re.compile("#{1,6} |[■□◆◇▼★☆]")  # Below it, or a bullet, it is about other things.
_NUMBERED = r"\s*[0-9０-９]{0,3}(?:[.．:：、)）]|\s|$)"
_LABEL = re.compile(rf"(?:Q|Ｑ|問い?|質問|設問){_NUMBERED}", re.IGNORECASE)
_REPLY = re.compile(rf"(?:A|Ａ|答え?|回答){_NUMBERED}|[→⇒]|[-=]>", re.IGNORECASE)
_ENDS = re.compile(
    r"(?:[?？]|か(?:ね|な)?。|(?:です|ます|ません|でしょう|ました|でした|だろう|[るたいな]の)か"
    r"|(?:[をかて点も]お?伺|お尋ね|お聞き|質問[をしいさ])[^。]{0,12}(?:ます|ところです)。?"
    r"|(?:聞か|示し|教えて|答え|答弁|説明|見解|考え)[^。]{0,12}(?:ください|下さい|願い(?:いた)?します|願います)。?)"
    r"[」』)）\s]*$"
)
# ではないだろうか says so, politely.
_HOLDS = re.compile(r"(?:では|じゃ)(?:ない|なかろう)(?:だろう|でしょう)?か。?$")
_CALLS = re.compile(
    r"(?:[○◯◎●]|(?=\S{0,12}(?:議長|委員長|司会)))\S{1,30}[\s　:：]+(?:[^。]{1,16}、)?"
    r"[^。、\s]{0,16}(?:長|員|君|氏|さん)[。.]?$"
)
LAST = 3  # sentences of a speech, of which one asks where the speech does
LONGEST = 1_000  # characters of what was asked that a reply is found by: the last ones


class Spoken(NamedTuple):
    """What a line is in a conversation."""

    asks: bool = False  # It is of a speech that asks, and is replied to.
    asked: str = ""  # what the speech that it is of replies to


def conversation(texts: Sequence[str]) -> list[Spoken]:
    """For each line of a note what it is in a conversation, where speakers are named."""
    speaks = [_speaks(text) for text in texts]
    parted = [bool(_TOPIC.match(text) or BULLET.match(text.strip())) for text in texts]
    starts = [at for at in range(len(texts)) if speaks[at] or parted[at]]
    found = [Spoken()] * len(texts)
    asking: list[tuple[int, int]] = []  # the speeches that ask and are not replied to yet
    asked = ""
    for start, end in zip(starts, [*starts[1:], len(texts)], strict=False):
        if not speaks[start]:
            asking, asked = [], ""
            continue
        speech = "\n".join(texts[start:end]).strip()
        if _speech_asks(speech):
            asking, asked = [*(asking if not asked else []), (start, end)], ""
        elif asking and not calls(speech):
            asked = asked or "\n".join("\n".join(texts[a:b]) for a, b in asking)[-LONGEST:]
            for a, b in asking:
                found[a:b] = [Spoken(asks=True)] * (b - a)
            found[start:end] = [Spoken(asked=asked)] * (end - start)
    return found


def _speaks(text: str) -> bool:
    said = text.strip()
    return bool(_TURN.match(said) or _TURN.match(strip_bullet(said)))


def _speech_asks(speech: str) -> bool:
    last = [speech[start:end].strip() for start, end in sentences(speech)][-LAST:]
    return not _REPLY.match(speech) and any(map(asks, last))


def asks(line: str) -> bool:
    """Whether a line is a question, or ends in one."""
    line = line.strip().strip("*_ ")  # emphasis
    said = strip_bullet(line)
    said = said[found.end() :] if (found := _SPEAKER.match(said)) else said
    if _REPLY.match(line) or _HOLDS.search(said):
        return False
    return bool(_LABEL.match(said) or _LABEL.match(strip_bullet(line)) or _ENDS.search(said))


def calls(line: str) -> bool:
    """Whether a line only gives the word to the next speaker: 「○議長　町長、森君。」."""
    return _CALLS.match(line.strip()) is not None
