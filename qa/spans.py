"""The words within a quote that are the answer, where the reader is sure of them.

What asks for reasons, ways or lists is answered by whole lines: no few words are the answer then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from index.words.tokens import normalize
from qa.answer_kind import NO_KIND, kind_asked
from qa.citations import Citation
from qa.hit import Hit
from qa.lines import Line

SURE = 0.5  # probability of the span, from which it is shown; see benchmarks/README.md
ANSWERS = 0.0  # log odds that its passage answers, likewise
_WHOLE = re.compile(
    r"なぜ|何故|どうして|理由|原因|きっかけ|どうやって|どのように|どうすれば|どうやる|やり方|仕方|方法|手順"
    r"|すべて|全て|全部|一覧|列挙|挙げ|(?:どんな|どのような)(?!名)"
    r"|\b(?:why|how to|how do|how can|list)\b"
)


@dataclass(frozen=True, slots=True)
class AnswerSpan:
    """An exact piece of a quote."""

    n: int  # the citation's number
    start: int  # in characters of its quote
    end: int
    text: str


def answer_span(
    question: str, hits: Sequence[Hit], lines: Sequence[Line], citations: Sequence[Citation]
) -> AnswerSpan | None:
    """The answering words of a quote; None where the reader is not sure, or whole lines answer.

    Args:
        question: as it was searched.
        hits: as they were ranked.
        lines: which of their lines were chosen.
        citations: the quotes of these; some may be lost.
    """
    found = [(hits[line.hit].finding, line) for line in lines if hits[line.hit].finding is not None]
    if not found or _WHOLE.search(normalize(question)):
        return None
    best = max(finding.answers for finding, _ in found if finding)
    for finding, line in found:
        if finding is None or finding.answers < max(best, ANSWERS) or finding.sure < SURE:
            continue
        text = hits[line.hit].passage.text
        start, end = _trimmed(text, finding.start, finding.end)
        quote = text[line.start : line.end]
        if not line.start <= start < end <= line.end:
            continue
        if "\n" in quote and kind_asked(question) == NO_KIND:
            return None  # a bullet with those below it: the list is the answer
        for cited in citations:
            if cited.quote == quote and cited.path == hits[line.hit].passage.path:
                at = start - line.start
                return AnswerSpan(cited.n, at, at + end - start, text[start:end])
    return None


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without marks and spaces at either end."""
    inside = text[start:end]
    left = len(inside) - len(inside.lstrip(" 、。,.:：・\u3000\n"))
    right = len(inside.rstrip(" 、。,:：\u3000\n"))
    return (start + left, start + right) if left < right else (start, start)
