"""Answers as HTML: question → user message, Answer → quoted lines, then a card for each source.

Whatever comes from a note, a file name or the reader becomes HTML in ``_safe`` and nowhere else.
Gradio shows this HTML as it is (no Markdown, no LaTeX); its sanitiser and the page's
Content-Security-Policy only stand behind it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa import Answer, Citation, Passage

SHOWN = 1000  # characters of a question repeated in the chat, so that a pasted book stays readable
SIGN = re.compile(r"[!-/:-@\[-`{-~]")  # ASCII punctuation: all of HTML's and Markdown's signs
WAIT = "ノートを見ています…"
SORRY = "答えを作れませんでした。もう一度たずねるか、別の聞き方をしてみてください。"


@dataclass(frozen=True)
class Turn:
    """A question and what came of it: an answer, an error, or neither while it is being asked."""

    question: str
    answer: Answer | None = None
    error: str = ""


@dataclass(frozen=True)
class Status:
    """What is indexed so far. All notes answer by keyword; ``encoded`` passages also by meaning."""

    notes: int
    passages: int
    encoded: int
    error: str = ""

    @property
    def busy(self) -> bool:
        """Whether the index is still being built."""
        return not self.error and self.encoded < self.passages


def _safe(text: str) -> str:
    """HTML that shows exactly this text, also if it went through Markdown: no ASCII sign is left.

    Lone surrogates (broken file names) show as "?".
    """
    return SIGN.sub(lambda sign: f"&#{ord(sign[0])};", text.encode("utf-8", "replace").decode())


def _lines(place: Passage | Citation) -> str:
    start, end = place.start_line, place.end_line
    return f"{start}行" if start == end else f"{start}–{end}行"


def _where(passage: Passage, lines: str) -> str:
    """「file › heading › 12–14行」; a heading that only repeats the file's name is left out."""
    headings = (name for name in passage.heading if name != Path(passage.path).stem)
    names = (f"<bdi>{_safe(name)}</bdi>" for name in (passage.path, *headings))
    return " › ".join([*names, f"<span>{lines}</span>"])


def _marked(passage: Passage, citations: Sequence[Citation]) -> str:
    """The passage's text with the quotes marked; where quotes overlap, one mark holds them."""
    text, lines = passage.text, passage.text.splitlines(keepends=True)
    quoted: set[int] = set()
    for cited in citations:
        before = sum(len(line) for line in lines[: cited.start_line - passage.start_line])
        start = text.find(cited.quote, before)
        quoted.update(range(start, start + len(cited.quote)) if start >= 0 else ())
    parts, start = [], 0
    for end in range(1, len(text) + 1):
        if end == len(text) or (end in quoted) != (start in quoted):
            part = _safe(text[start:end])
            parts.append(f"<mark>{part}</mark>" if start in quoted else part)
            start = end
    return "".join(parts)


def _card(passage: Passage, citations: Sequence[Citation] = (), turn: int = 0) -> str:
    """One passage with its place, and the numbers of the citations taken from it."""
    numbers = "".join(f'<b id="cite-{turn}-{cited.n}">[{cited.n}]</b> ' for cited in citations)
    lines = "、".join(dict.fromkeys(map(_lines, citations))) or _lines(passage)
    changed = any(cited.changed for cited in citations)
    return (
        f'<article class="card" tabindex="-1"><header>{numbers}{_where(passage, lines)}</header>'
        f"{'<p>このファイルは索引を作ったあとで変わりました。</p>' if changed else ''}"
        f"<pre>{_marked(passage, citations)}</pre></article>"
    )


def _holder(cited: Citation, answer: Answer) -> Passage:
    """The passage a citation was taken from, or its bare quote when no hit holds it."""
    for passage in (hit.passage for hit in answer.hits):
        inside = passage.start_line <= cited.start_line <= cited.end_line <= passage.end_line
        if inside and passage.path == cited.path:
            return passage
    return Passage(cited.path, cited.start_line, cited.end_line, cited.heading, cited.quote)


def _with_links(line: str, answer: Answer, turn: int) -> str:
    """A line of the answer; only the markers at its end are links, a note's own [1] is text."""
    text = re.sub(r"(\s*\[\d+\])+$", "", line)
    quotes = {str(cited.n): cited.quote for cited in answer.citations}
    links = [
        f' <a class="cite" href="#cite-{turn}-{n}" title="{_safe(quotes[n])}">[{n}]</a>'
        for n in re.findall(r"\d+", line[len(text) :])
        if n in quotes
    ]
    return f"<p>{_safe(text)}{''.join(links)}</p>"


def answer_html(answer: Answer, turn: int) -> str:
    """An answer and, under it, its sources; ``turn`` keeps the anchors of one chat apart."""
    parts = [_with_links(line, answer, turn) for line in answer.text.splitlines()]
    if answer.absent:
        words = "".join(f"「{_safe(word)}」" for word in answer.absent)
        parts.append(f"<p>どのノートにもないことば: {words}</p>")
    cited: dict[Passage, list[Citation]] = {}
    for citation in answer.citations:
        cited.setdefault(_holder(citation, answer), []).append(citation)
    parts += [_card(passage, group, turn) for passage, group in cited.items()]
    others = [_card(hit.passage) for hit in answer.hits if hit.passage not in cited]
    if others and answer.found:
        summary = f"<summary>ほかに近い箇所 {len(others)}件</summary>"
        parts.append(f"<details>{summary}{''.join(others)}</details>")
    elif others:
        parts += ["<h2>答えではありませんが、近い箇所</h2>", *others]
    return "".join(parts)


def messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The whole chat as Gradio messages. Typed text parts, since Gradio dedents plain strings."""
    shown = []
    for number, turn in enumerate(turns, start=1):
        question = turn.question[:SHOWN] + ("…" if len(turn.question) > SHOWN else "")
        shown.append(("user", f"<p>{_safe(question)}</p>"))
        if turn.answer:
            shown.append(("assistant", answer_html(turn.answer, number)))
        elif turn.error:
            shown.append(("assistant", f"<p>{SORRY}</p><p><code>{_safe(turn.error)}</code></p>"))
        else:
            shown.append(("assistant", f'<p class="wait">{WAIT}</p>'))
    return [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in shown]


def status_html(status: Status) -> str:
    """One line: what is indexed, and how far the search by meaning has come."""
    if status.error:
        return f'<p role="status">索引を作れませんでした: {_safe(status.error)}</p>'
    line = f"ノート {status.notes:,}件 ・ 箇所 {status.passages:,}件"
    if status.busy:
        line += f" ・ 意味検索の準備中 {status.encoded:,}/{status.passages:,}"
    return f'<p role="status">{line}</p>'
