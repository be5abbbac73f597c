"""A conversation as Markdown: questions as headings, quotes as block quotes, then their sources.

Text of notes and readers goes through `plain` and `quoted`, so that any CommonMark renderer shows
exactly that text: nothing in it is taken for a mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from index.messages import said, same
from index.words.markup import well_formed
from qa import Answer, Citation
from qa.citations import place
from qa.show import reason
from ui.render import Turn

NAME = 40  # characters of the first question in a file's name, which may have 255 bytes
# Signs that can begin something in a line, in CommonMark, GFM, Obsidian or TeX; at its start more.
_MARK = re.compile(r"[\\`*_\[\]<>&#|~$]|(?<=[=%^])[=%^]|(?<=:)(?=//)|(?<=www)\.|@")
_START = re.compile(r"[-+=:%^]|\d{1,9}(?=[.)])")
_SPACE = r"[^\S\x0b\x1c-\x1f\x85]"
# A run of spaces is looked at from its beginning only: from each of its places would take a time
# that grows with the square of its length.
_EDGE = re.compile(rf"^{_SPACE}+|(?<!{_SPACE}){_SPACE}+$|[\t\n\r]")
_BREAK = re.compile(r"(?<!\s)\s*[\r\n]\s*")
_UNSAFE = re.compile(r'[\s<>:"/\\|?*\x00-\x1f\x7f-\x9f.]+')  # in names, on one system or another


def markdown(turns: Sequence[Turn], words: str = "ja") -> str:
    """A conversation to keep or to send on; `words` is the language of its labels, ja or en."""
    day = f"{_time(turns[0]):%Y-%m-%d}" if turns else ""
    parts = [f"# 聞き書き {day}".rstrip()]
    for turn in turns:
        parts += [f"## {plain(turn.question.strip())}", f"{_time(turn):%Y-%m-%d %H:%M}"]
        parts += _parts(turn, at=1 if words == "en" else 0)
    return "\n\n".join(parts) + "\n"


def file_name(turns: Sequence[Turn]) -> str:
    """「聞き書き 2026-11-23 最初の質問.md」, as every file system takes it."""
    if not turns:
        return "聞き書き.md"
    question = _UNSAFE.sub(" ", well_formed(turns[0].question))
    return f"聞き書き {_time(turns[0]):%Y-%m-%d} {question.strip()[:NAME].strip()}".strip() + ".md"


def plain(text: str) -> str:
    """Text within one line of Markdown, of which nothing is a mark; its line ends are spaces."""
    return _escaped(_BREAK.sub(" ", well_formed(text)))


def quoted(text: str, end: str = "") -> str:
    """Text as a block quote, line for line, with `end` (Markdown) behind it.

    Blank lines part its paragraphs: two of them show as one.
    """
    lines = re.split(r"\r\n|\r|\n", well_formed(text))
    shown = [_escaped(line) if line.strip() else "" for line in lines]
    shown[-1] += end
    breaks = [
        "\\" if line and after else "" for line, after in zip(shown, [*shown[1:], ""], strict=True)
    ]
    return "\n".join(f"> {line}{cut}".rstrip(" ") for line, cut in zip(shown, breaks, strict=True))


def _escaped(line: str) -> str:
    started = _START.match(line.lstrip())
    marked = _MARK.sub(lambda mark: f"\\{mark[0]}", line)
    if started:
        at = len(line) - len(line.lstrip()) + (started.end() if started[0].isdigit() else 0)
        marked = f"{marked[:at]}\\{marked[at:]}"
    return _EDGE.sub(lambda found: "".join(f"&#{ord(sign)};" for sign in found[0]), marked)


def _parts(turn: Turn, at: int) -> Iterator[str]:
    """What came of a turn; `at` is the place of its labels' language in a Said."""
    if turn.answer:
        yield from _answer(turn, turn.answer, at)
    elif turn.error:
        yield f"{said('failed')[at]}: {plain(turn.error)}"
    else:
        yield said("stopped")[at]


def _answer(turn: Turn, answer: Answer, at: int) -> Iterator[str]:
    def label(key: str) -> str:
        return said(key)[at]

    if answer.question != turn.question.strip():
        yield f"{label('searched')}: {plain(answer.question)}"
    for cited in answer.citations:
        yield quoted(cited.shown, f" [{cited.n}]")
    if not answer.found:
        yield plain((answer.message or same(answer.text))[at])
        if answer.refusal:
            yield label(answer.refusal)
    if answer.absent:
        yield f"{label('absent')}: {''.join(f'「{plain(word)}」' for word in answer.absent)}"
    for notice in answer.notices:
        yield plain(notice[at])
    near = [f"- {plain(place(hit.passage)[at])}" for hit in answer.nearest]
    sources = [_source(cited, at) for cited in answer.citations]
    for key, each in (("sources", sources), ("near", near)):
        if each:
            yield f"{label(key)}:\n\n" + "\n".join(each)


def _source(cited: Citation, at: int) -> str:
    changed = f" ({said('changed')[at]})" if cited.changed else ""
    where, why = plain(place(cited)[at]), plain(reason(cited.why)[at])
    return f"- [{cited.n}] {where}{changed}\n  {why}"


def _time(turn: Turn) -> datetime:
    return datetime.fromtimestamp(turn.when).astimezone()
