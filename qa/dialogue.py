"""Follow-up questions: completing one that leans on what was asked before, by rule."""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.tokens import tokenize

# それはいつ？ その理由は？ 詳しく もっと 他には: words that point back instead of naming a topic.
_POINTS_BACK = re.compile(
    r"^(?:それ|これ|あれ|その|この|あの|そこ|ここ|そっち|もっと|他に|ほかに|詳し|くわし)"
)


def standalone(question: str, history: Sequence[str]) -> str:
    """The question as it can be searched alone.

    One that begins by pointing back, or that has no content word of its own (いつ？), is put after
    the last question that has some. Any other is returned as it is.
    """
    if not question or not (_POINTS_BACK.match(question) or not tokenize(question)):
        return question
    for earlier in reversed(history):
        if tokenize(earlier) and not _POINTS_BACK.match(earlier):
            return f"{earlier.strip()} {question}"
    return question
