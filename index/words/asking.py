"""Lines that ask: what they say is a question, and the lines after them are its reply.

Q. 締め日はいつですか？          asks
- 田中: 日程はいつになりますか。   asks
"""

from __future__ import annotations

import re

from index.outline import strip_bullet

# 田中: ○町長 A議員: 【住民】 before what somebody says; ## before a heading.
_SPEAKER = re.compile(
    r"#{1,6}\s+|[○◯◎●◆■]?\s*[^\s:：「」。、?？]{1,12}[:：]\s*|[【\[][^】\]]{1,12}[】\]]\s*"
)
_NUMBERED = r"\s*[0-9０-９]{0,3}(?:[.．:：、)）]|\s|$)"
_LABEL = re.compile(rf"(?:Q|Ｑ|問い?|質問|設問){_NUMBERED}", re.IGNORECASE)
_REPLY = re.compile(rf"(?:A|Ａ|答え?|回答){_NUMBERED}|[→⇒]|[-=]>", re.IGNORECASE)
_ENDS = re.compile(
    r"(?:[?？]|か(?:ね|な)?。|(?:です|ます|ません|でしょう|ました|でした|だろう|[るたいな]の)か"
    r"|(?:伺い|お聞きし|お尋ねし|お伺いし|質問し)ます。?|お(?:聞か|示し)[^。]{0,6}(?:ください|願います)。?)"
    r"[」』)）\s]*$"
)
# ではないだろうか says so, politely.
_HOLDS = re.compile(r"(?:では|じゃ)(?:ない|なかろう)(?:だろう|でしょう)?か。?$")


def asks(line: str) -> bool:
    """Whether a line is a question, or ends in one."""
    said = strip_bullet(line.strip())
    said = said[found.end() :] if (found := _SPEAKER.match(said)) else said
    if _REPLY.match(line.strip()) or _HOLDS.search(said):
        return False
    return bool(
        _LABEL.match(said) or _LABEL.match(strip_bullet(line.strip())) or _ENDS.search(said)
    )
