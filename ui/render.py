"""The conversation as HTML: a question, its quoted lines or a refusal, then a card a source.

Whatever comes from a note, a file name or the reader becomes HTML in `ui.html.safe` and nowhere
else. Gradio shows this HTML as it is (no Markdown, no LaTeX); its sanitiser and the page's
Content-Security-Policy only stand behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from index.passages import Passage
from qa import Answer, Citation, Hit
from qa.answer import NO_ANSWER, NOT_FOUND, NOTHING_CLOSE
from ui.cards import card, source
from ui.html import both, safe

SHOWN = 1000  # characters of a question repeated in the chat, so that a pasted book stays readable
WAIT = both("ノートを見ています…", "Looking at the notes…")
STOPPED = both("止めました。", "Stopped.")
SORRY = both(
    "答えを作れませんでした。もう一度たずねるか、別の聞き方をしてみてください。",
    "No answer could be made. Ask again, or in other words.",
)
SEARCHED = both("探した質問", "Searched for")
EDIT = both("直す", "Edit")
ABSENT = both("どのノートにもない言葉", "Words in no note")
OTHERS = both("ほかに近い箇所 {0}件", "{0} more near places")
NEAR = both("答えではありませんが、いちばん近い箇所", "Not an answer, but the nearest")
COVERED = both("ノートにあるのは、たとえば", "What the notes do cover, for example")
RESTORED = both(
    "{0} の答え。引用はそのときのノートからです。",
    "Answered on {0}; quoted from the notes as they were then.",
)
REFUSED = both(NOT_FOUND, "Not found in the notes")
REFUSALS = {
    NOTHING_CLOSE: both(
        "近い内容の箇所も見つかりませんでした。", "Nothing close was found either."
    ),
    NO_ANSWER: both(
        "近い箇所はありますが、答えは書かれていないようです。",
        "Some passages are close, but none of them seems to answer.",
    ),
}


@dataclass(frozen=True)
class Turn:
    """A question and what came of it: an answer, an error, or neither while it is being asked."""

    question: str
    answer: Answer | None = None
    error: str = ""
    stopped: bool = False
    suggestions: tuple[str, ...] = ()  # questions that the notes do answer, beside a refusal
    when: float = 0.0  # it was asked, in seconds since 1970
    restored: bool = False  # kept by the browser from before: what it quotes was so then

    @property
    def done(self) -> bool:
        """Whether nothing more will come of it."""
        return bool(self.answer or self.error or self.stopped)


def answer_html(turn: Turn, number: int) -> str:
    """An answer and, under it, its sources; `number` keeps the anchors of one chat apart."""
    answer = turn.answer
    assert answer is not None
    anchor = f"cite-{number}"
    parts = [
        f'<p lang="ja">{_quote(cited, answer)} {source(cited, anchor)}</p>'
        for cited in answer.citations
    ]
    if answer.question != turn.question.strip():
        parts.insert(0, _searched(answer.question))
    if turn.restored:
        when = datetime.fromtimestamp(turn.when)
        parts.insert(0, f'<p class="when">{RESTORED.format(f"{when:%Y-%m-%d %H:%M}")}</p>')
    if not answer.found:
        parts.append(_refused(answer))
    if answer.absent:
        words = "".join(f'<span lang="ja">「{safe(word)}」</span>' for word in answer.absent)
        parts.append(f'<p class="notice">{ABSENT}: {words}</p>')
    if answer.notice:
        parts.append(f'<p class="notice">{safe(answer.notice)}</p>')
    cited: dict[Hit, list[Citation]] = {}
    for citation in answer.citations:
        cited.setdefault(_holder(citation, answer), []).append(citation)
    parts += [card(hit, _near(hit, answer), group, anchor=anchor) for hit, group in cited.items()]
    others = [hit for hit in answer.hits if hit not in cited]
    if others and answer.found:
        cards = "".join(card(hit, _near(hit, answer)) for hit in others)
        summary = f"<summary>{OTHERS.format(len(others))}</summary>"
        parts.append(f"<details>{summary}{cards}</details>")
    if turn.suggestions:
        parts.append(f'<p class="covered">{COVERED}: {_questions(turn.suggestions)}</p>')
    if others and not answer.found:
        parts.append(f"<h2>{NEAR}</h2>")
        parts += [card(hit, _near(hit, answer)) for hit in answer.nearest]
    return "".join(parts)


def _refused(answer: Answer) -> str:
    """That there is no answer, and why."""
    if not answer.refusal:
        return f"<p>{safe(answer.text)}</p>"
    return f"<p>{REFUSED}<br>{REFUSALS[answer.refusal]}</p>"


def _quote(cited: Citation, answer: Answer) -> str:
    """A quote, the very words that answer in bold."""
    span = answer.span
    if span is None or span.n != cited.n:
        return safe(cited.quote)
    before, after = cited.quote[: span.start], cited.quote[span.end :]
    return f"{safe(before)}<b>{safe(cited.quote[span.start : span.end])}</b>{safe(after)}"


def messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The whole chat as Gradio messages. Typed text parts, since Gradio dedents plain strings."""
    shown = []
    for number, turn in enumerate(turns, start=1):
        shown.append(("user", f'<p lang="ja">{safe(_short(turn.question))}</p>'))
        if turn.answer:
            shown.append(("assistant", answer_html(turn, number)))
        elif turn.error:
            shown.append(("assistant", f"<p>{SORRY}</p><p><code>{safe(turn.error)}</code></p>"))
        else:
            said = STOPPED if turn.stopped else WAIT
            shown.append(("assistant", f'<p class="wait">{said}</p>'))
    return [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in shown]


def _searched(question: str) -> str:
    """What a follow-up was completed to, with a button that puts it into the box."""
    shown = f'<span class="question" lang="ja">{safe(_short(question))}</span>'
    return (
        f'<p class="searched">{SEARCHED}: {shown} '
        f'<button type="button" class="edit">{EDIT}</button></p>'
    )


def _questions(questions: Sequence[str]) -> str:
    """Questions to ask with a click."""
    return " ".join(
        f'<button type="button" class="suggested question" lang="ja">{safe(question)}</button>'
        for question in questions
    )


def _near(hit: Hit, answer: Answer) -> float:
    """How near a passage is, 0 to 1: the answer's confidence, and less in the hits' proportion."""
    best = max((other.score for other in answer.hits), default=0.0)
    share = max(hit.score, 0.0) / best if best > 0 else 0.0
    return answer.confidence * min(share, 1.0)


def _holder(cited: Citation, answer: Answer) -> Hit:
    """The hit a citation was taken from, or its bare quote when none of those shown holds it."""
    for hit in answer.hits:
        passage = hit.passage
        inside = passage.start_line <= cited.start_line <= cited.end_line <= passage.end_line
        if inside and passage.path == cited.path:
            return hit
    place = (cited.path, cited.start_line, cited.end_line, cited.heading)
    return Hit(Passage(*place, cited.quote, 0, cited.page), 0.0, 0.0, None)


def _short(question: str) -> str:
    return question[:SHOWN] + ("…" if len(question) > SHOWN else "")


def warning_html(wrong: Sequence[str]) -> str:
    """What is wrong with what was typed, read out as it appears; empty when nothing is."""
    return "".join(f'<p class="notice" role="alert">{safe(said)}</p>' for said in wrong)
