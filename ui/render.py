"""Answers as HTML: question → user message, Answer → quoted lines, then a card for each source.

Whatever comes from a note, a file name or the reader becomes HTML in `_safe` and nowhere else.
Gradio shows this HTML as it is (no Markdown, no LaTeX); its sanitiser and the page's
Content-Security-Policy only stand behind it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from index.passages import Passage
from qa import Answer, Citation
from qa.desk import Status
from qa.show import reason
from ui.note_page import note_address

SHOWN = 1000  # characters of a question repeated in the chat, so that a pasted book stays readable
SIGN = re.compile(r"[!-/:-@\[-`{-~]")  # ASCII punctuation: all of HTML's and Markdown's signs
LISTED = 20  # skipped files named under the status line; python -m index names them all
WAIT = "ノートを見ています…"
SORRY = "答えを作れませんでした。もう一度たずねるか、別の聞き方をしてみてください。"


@dataclass(frozen=True)
class Turn:
    """A question and what came of it: an answer, an error, or neither while it is being asked."""

    question: str
    answer: Answer | None = None
    error: str = ""


def _safe(text: str) -> str:
    """HTML that shows exactly this text, also if it went through Markdown: no ASCII sign is left.

    Lone surrogates (broken file names) show as "?".
    """
    return SIGN.sub(lambda sign: f"&#{ord(sign[0])};", text.encode("utf-8", "replace").decode())


def _short(question: str) -> str:
    return question[:SHOWN] + ("…" if len(question) > SHOWN else "")


def _lines(place: Passage | Citation) -> str:
    """「12–14行」, and of a document with pages 「12–14行 3ページ」."""
    start, end = place.start_line, place.end_line
    lines = f"{start}行" if start == end else f"{start}–{end}行"
    return f"{lines} {place.page}ページ" if place.page else lines


def _where(passage: Passage, places: Sequence[Passage | Citation]) -> str:
    """「file › heading › 12–14行」, a link to these lines in the whole note."""
    names = (f"<bdi>{_safe(name)}</bdi>" for name in (passage.path, *passage.heading))
    lines = "、".join(dict.fromkeys(map(_lines, places)))
    address = note_address(passage.path, ((at.start_line, at.end_line) for at in places))
    return (
        f'<a href="{_safe(address)}" target="_blank" rel="noopener">'
        f"{' › '.join([*names, f'<span>{lines}</span>'])}</a>"
    )


def _marked(passage: Passage, citations: Sequence[Citation]) -> str:
    """The passage's text with the quotes marked; where quotes overlap, one mark holds them."""
    text, lines = passage.text, passage.text.split("\n")
    quoted: set[int] = set()
    for cited in citations:
        before = sum(len(line) + 1 for line in lines[: cited.start_line - passage.start_line])
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
    where = _where(passage, citations or [passage])
    changed = any(cited.changed for cited in citations)
    why = "".join(
        f'<p class="why">[{cited.n}] {_safe(reason(cited.why))}</p>' for cited in citations
    )
    return (
        f'<article class="card" tabindex="-1"><header>{numbers}{where}</header>'
        f"{'<p>このファイルは索引を作ったあとで変わりました。</p>' if changed else ''}"
        f"<pre>{_marked(passage, citations)}</pre>{why}</article>"
    )


def _holder(cited: Citation, answer: Answer) -> Passage:
    """The passage a citation was taken from, or its bare quote when no hit holds it."""
    for passage in (hit.passage for hit in answer.hits):
        inside = passage.start_line <= cited.start_line <= cited.end_line <= passage.end_line
        if inside and passage.path == cited.path:
            return passage
    return Passage(cited.path, cited.start_line, cited.end_line, cited.heading, cited.quote, 0)


def _quoted(citation: Citation, turn: int) -> str:
    """A quote and its number, which leads to the card; a [1] of the note's own stays text."""
    link = f'<a class="cite" href="#cite-{turn}-{citation.n}">[{citation.n}]</a>'
    return f"<p>{_safe(citation.quote)} {link}</p>"


def answer_html(answer: Answer, question: str, turn: int) -> str:
    """An answer and, under it, its sources; `turn` keeps the anchors of one chat apart."""
    parts = [_quoted(citation, turn) for citation in answer.citations]
    if answer.question != question:
        parts.insert(0, f'<p class="notice">探した質問: {_safe(_short(answer.question))}</p>')
    if not answer.found:
        parts.append(f"<p>{_safe(answer.text)}</p>")
    if answer.absent:
        words = "".join(f"「{_safe(word)}」" for word in answer.absent)
        parts.append(f'<p class="notice">どのノートにもない言葉: {words}</p>')
    if answer.notice:
        parts.append(f'<p class="notice">{_safe(answer.notice)}</p>')
    cited: dict[Passage, list[Citation]] = {}
    for citation in answer.citations:
        cited.setdefault(_holder(citation, answer), []).append(citation)
    parts += [_card(passage, group, turn) for passage, group in cited.items()]
    others = [_card(hit.passage) for hit in answer.hits if hit.passage not in cited]
    if others and answer.found:
        summary = f"<summary>ほかに近い箇所 {len(others)}件</summary>"
        parts.append(f"<details>{summary}{''.join(others)}</details>")
    elif others:
        parts += [
            "<h2>答えではありませんが、近い箇所</h2>",
            *map(_card, (hit.passage for hit in answer.nearest)),
        ]
    return "".join(parts)


def messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The whole chat as Gradio messages. Typed text parts, since Gradio dedents plain strings."""
    shown = []
    for number, turn in enumerate(turns, start=1):
        shown.append(("user", f"<p>{_safe(_short(turn.question))}</p>"))
        if turn.answer:
            shown.append(("assistant", answer_html(turn.answer, turn.question, number)))
        elif turn.error:
            shown.append(("assistant", f"<p>{SORRY}</p><p><code>{_safe(turn.error)}</code></p>"))
        else:
            shown.append(("assistant", f'<p class="wait">{WAIT}</p>'))
    return [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in shown]


def status_html(status: Status) -> str:
    """What is indexed, how far the search by meaning has come, the last change, what is wrong."""
    line = f"ノート {status.notes:,}件 ・ 箇所 {status.passages:,}件"
    following = status.following
    if following.busy and not status.passages:
        line = "ノートを読んでいます…"
    elif following.unread > 1:
        line += f" ・ 読んでいる途中 残り {following.unread:,}件"
    elif status.encoded < status.passages:
        line += f" ・ 意味検索の準備中 {status.encoded:,}/{status.passages:,}"
    elif following.busy:  # the model is loading
        line += " ・ 意味検索の準備中"
    line = f"<span>{line}</span>"
    if following.changed:
        when = datetime.fromtimestamp(following.changed).astimezone()
        day = "" if when.date() == datetime.now().astimezone().date() else f"{when:%Y-%m-%d} "
        name = PurePosixPath(following.names[0]).name if following.names else ""
        more = " ほか" if len(following.names) > 1 else ""
        line += f"<span>最後の変更 {day}{when:%H:%M} <bdi>{_safe(name)}</bdi>{more}</span>"
    error = f'<p class="notice">{_safe(status.error)}</p>' if status.error else ""
    return f'<p role="status">{line}</p>{error}'


def skipped_html(status: Status) -> str:
    """What was not read, and why; empty when everything was."""
    items = "".join(
        f"<li>{_safe(item.path)}: {_safe(item.reason)}</li>" for item in status.skipped[:LISTED]
    )
    more = "<li>…</li>" if len(status.skipped) > LISTED else ""
    summary = f"<summary>読まなかったもの {len(status.skipped):,}件</summary>"
    return f"<details>{summary}<ul>{items}{more}</ul></details>" if items else ""


def warning_html(wrong: Sequence[str]) -> str:
    """What is wrong with what was typed, read out as it appears; empty when nothing is."""
    return "".join(f'<p class="notice" role="alert">{_safe(said)}</p>' for said in wrong)
