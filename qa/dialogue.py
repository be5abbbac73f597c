"""Follow-up questions: completing one that leans on what was asked before, by rule."""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.tokens import tokenize

# それはいつ？ その理由は？ 詳しく もっと 他には: words that point back instead of naming a topic.
_POINTS_BACK = re.compile(
    r"^(?:それ|これ|あれ|その|この|あの|そこ|ここ|そっち|もっと|他に|ほかに|詳し|くわし)"
)

_ASKS = re.compile(
    r"何|なに|いつ|どこ|だれ|誰|なぜ|なんで|どうして|どう|どれ|どの|いくら|[?？]\s*$"
)


def standalone(question: str, history: Sequence[str]) -> str:
    """The question as it can be searched alone.

    One that begins by pointing back, or that asks without a content word of its own (いつ？), is
    put after the last question that has some. Any other, ありがとう too, is returned as it is.
    """
    leans = _POINTS_BACK.match(question) or (_ASKS.search(question) and not tokenize(question))
    if not leans:
        return question
    for earlier in reversed(history):
        if tokenize(earlier) and not _POINTS_BACK.match(earlier):
            return f"{earlier.strip()} {question}"
    return question
