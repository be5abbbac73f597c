"""Questions that the chat offers, made of the notes' own headings."""

from __future__ import annotations

import re
from collections.abc import Sequence

SHORT = 20  # characters of a heading that reads well in a question
# Letters and what joins them: a list of columns, a date or a quoted title makes no question.
READABLE = re.compile(r"[^\W\d_]+(?:[-・ 　〜][^\W\d_]+)*")
REMARK = re.compile(r"[(（][^()（）]*[)）]\s*$")  # 材料 (4人分): the remark is not asked for


def question_about(headings: Sequence[str]) -> str:
    """「肉じゃがの材料は？」 for (…, 肉じゃが, 材料); empty where they make no question."""
    names = [REMARK.sub("", heading).strip() for heading in headings[-2:]]
    usable = [len(name) <= SHORT and bool(READABLE.fullmatch(name)) for name in names]
    if not names or not usable[-1]:
        return ""
    whose = f"{names[0]}の" if len(names) == 2 and usable[0] and names[0] != names[1] else ""
    return f"{whose}{names[-1]}は？"
