"""The conversation as HTML: a question, its quoted lines or a refusal, then a card a source.

Whatever comes from a note, a file name or the reader becomes HTML in `ui.html` and nowhere else.
Gradio shows this HTML as it is (no Markdown, no LaTeX); its sanitiser and the page's
Content-Security-Policy only stand behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from index.messages import Said, said, same
from index.passages import Passage
from qa import Answer, Citation, Hit
from qa.citations import place
from ui.cards import Card, card
from ui.html import both, rendered, safe, shown
from ui.note_page import note_address

SHOWN = 1000  # characters of a question repeated in the chat, so that a pasted book stays readable


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


@dataclass(frozen=True, slots=True)
class Quote:
    """A citation as the answer's template needs it."""

    n: int
    quote: Markup
    address: str
    place: Said


def answer_html(turn: Turn, number: int) -> str:
    """An answer and, under it, its sources; `number` keeps the anchors of one chat apart."""
    answer = turn.answer
    assert answer is not None
    anchor = f"cite-{number}"
    taken: dict[Hit, list[Citation]] = {}
    for citation in answer.citations:
        taken.setdefault(_holder(citation, answer), []).append(citation)
    asked = answer.question != turn.question.strip()

    def near(hits: Sequence[Hit]) -> list[Card]:
        return [card(hit, _near(hit, answer)) for hit in hits]

    return rendered(
        "answer.html",
        answer=answer,
        anchor=anchor,
        message=answer.message or same(answer.text),
        restored=f"{datetime.fromtimestamp(turn.when):%Y-%m-%d %H:%M}" if turn.restored else "",
        searched=_short(answer.question) if asked else "",
        quotes=[
            Quote(
                cited.n,
                _quote(cited, answer),
                note_address(cited.path, [cited]),
                place(cited),
            )
            for cited in answer.citations
        ],
        cited=[card(hit, _near(hit, answer), group, anchor=anchor) for hit, group in taken.items()],
        others=near([hit for hit in answer.hits if hit not in taken]),
        nearest=near(answer.nearest),
        suggestions=turn.suggestions,
    )


def messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The whole chat as Gradio messages. Typed text parts, since Gradio dedents plain strings."""
    drawn = []
    for number, turn in enumerate(turns, start=1):
        drawn.append(("user", f'<p lang="ja">{safe(_short(turn.question))}</p>'))
        if turn.answer:
            drawn.append(("assistant", answer_html(turn, number)))
        elif turn.error:
            sorry = both(said("sorry"))
            drawn.append(("assistant", f"<p>{sorry}</p><p><code>{safe(turn.error)}</code></p>"))
        else:
            state = both(said("stopped" if turn.stopped else "waiting"))
            drawn.append(("assistant", f'<p class="wait">{state}</p>'))
    return [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in drawn]


def warning_html(wrong: Sequence[Said]) -> str:
    """What is wrong with what was typed, read out as it appears; empty when nothing is."""
    return "".join(f'<p class="notice" role="alert">{shown(text)}</p>' for text in wrong)


def _quote(cited: Citation, answer: Answer) -> Markup:
    """A quote, the very words that answer in bold."""
    span = answer.span
    if span is None or span.n != cited.n:
        return shown(cited.shown)
    start, end = span.within(cited)
    before, words, after = cited.shown[:start], cited.shown[start:end], cited.shown[end:]
    return shown(before) + Markup("<b>{}</b>").format(shown(words)) + shown(after)


def _near(hit: Hit, answer: Answer) -> float | None:
    """How near a passage is, 0 to 1: the answer's confidence, and less in the hits' proportion.

    None of one that was not found, but cited for the day that it names.
    """
    if hit not in answer.hits:
        return None
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
    where = (cited.path, cited.start_line, cited.end_line, cited.heading)
    return Hit(Passage(*where, cited.quote, 0, cited.page), 0.0, 0.0, None)


def _short(question: str) -> str:
    return question[:SHOWN] + ("…" if len(question) > SHOWN else "")
