"""Answering by quotation: the fewest lines of the notes that answer, or a plain refusal.

    question ─ search ▶ Hit[] ─ lines of the best hits ▶ choose ▶ read back from the file ▶ Answer

Nothing is said that is not quoted, and a quote is always an exact piece of the file as it is now.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from index.filters import Filter
from index.messages import NOTHING, Said, said
from index.models.encoder import encoder_failed
from index.storage.searcher import Searcher
from index.storage.store import Store
from index.words.dates import shown
from index.words.tokens import normalize
from qa.choose import choose
from qa.citations import AnswerSpan, Citation, answer_span, at_length, cite
from qa.confidence import ANSWERS_FROM, confidence
from qa.hit import Hit
from qa.rank import best_first
from qa.reader import reader_failed
from qa.retrieve import CANDIDATES, candidates
from qa.stores import searching
from qa.understanding.followup import asks_on, standalone
from qa.understanding.question import MAX_CHARS, clean, read_question
from qa.understanding.time import dated
from qa.why import found_words

NOT_FOUND = said("not_found").ja
NOTHING_CLOSE, NO_ANSWER = "nothing_close", "close_but_no_answer"  # messages, too
CLOSE = 0.25  # share of the question's weight that a passage holds, from which it is near
CLOSE_IN_MEANING = 3.0  # deviations above the usual cosine, likewise
NAMED = 3  # notes that a notice names
NEAREST = 3  # passages shown beside a refusal: enough to see that the right one is not there


@dataclass(frozen=True, slots=True)
class Answer:
    """What the notes say to a question."""

    question: str  # This is what was searched: a follow-up stands on its own here.
    text: str
    found: bool
    confidence: float  # probability that the citations answer, 0 to 1
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    absent: tuple[str, ...] = ()  # content words of the question that stand in no note
    notices: tuple[Said, ...] = ()  # what the reader should know besides
    span: AnswerSpan | None = None  # the very words of a quote, where they are sure
    close: bool = True  # Beside a refusal: whether something near might have answered.
    message: Said = NOTHING  # This stands in an answer's place.
    more: int = 0  # lines besides that answer as well as those that are cited

    @property
    def notice(self) -> str:
        """The notices in both languages."""
        return "; ".join(map(str, self.notices))

    @property
    def nearest(self) -> tuple[Hit, ...]:
        """Up to three passages, the best there are, of a refusal; none beside an answer."""
        return () if self.found else self.hits[:NEAREST]

    @property
    def refusal(self) -> str:
        """Why there is no answer: NOTHING_CLOSE or NO_ANSWER; empty beside one."""
        if self.found or self.text != NOT_FOUND:
            return ""
        return NO_ANSWER if self.close and self.hits else NOTHING_CLOSE


def ask(
    question: str,
    store: Store | str | os.PathLike[str] | None = None,
    *,
    history: Sequence[str] = (),
    k: int = 5,
    within: Filter | None = None,
    today: date | None = None,
) -> Answer:
    """Answer a question with the fewest exact lines of the notes, or say they do not answer it.

    Args:
        question: as a person types it.
        store: an open store or its folder; None stands for the default notes folder's.
        history: earlier questions of the conversation, oldest first; a question that leans on
            them (それはいつ？) is completed from them, and 他には？ leaves out what was said.
        k: how many passages to give beside the answer.
        within: which notes to ask; all when None.
        today: what 昨日 and the like are counted from; the system's day when None.

    Raises:
        StoreError: the store is missing, damaged, or of another version or model.
        NotesFolderError: the default store is to be built, and there are no notes.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    asking = partial(answer, question, history=history, k=k, within=within, today=today)
    return searching(store, asking)


def answer(
    question: str,
    index: Searcher,
    behind: Said | None = None,
    *,
    history: Sequence[str] = (),
    k: int = 5,
    within: Filter | None = None,
    today: date | None = None,
) -> Answer:
    """Answer from one generation of an index; see `ask`.

    Args:
        question: as a person types it.
        index: what is searched and quoted.
        behind: why that may not be as the notes are, for the reader.
        history: earlier questions of the conversation, oldest first.
        k: how many passages to give beside the answer.
        within: which notes to ask; all when None.
        today: what 昨日 and the like are counted from; the system's day when None.
    """
    full = standalone(clean(question), [clean(earlier) for earlier in history])
    full = dated(full, index, today)
    topic, on = asks_on(full)
    asked = read_question(topic, index)
    if asked.empty:
        return _nothing_asked(full)
    found = candidates(asked, index, max(k, CANDIDATES), within)
    there = {path: _still_there(index, path) for path in {hit.passage.path for hit in found}}
    hits = best_first(asked, [hit for hit in found if there[hit.passage.path]])
    lost = {hit.passage.path for hit in found[:k] if not there[hit.passage.path]}
    probability = confidence(asked, hits)
    citations: tuple[Citation, ...] = ()
    span, more = None, 0
    days: tuple[str, ...] = ()
    if probability >= ANSWERS_FROM:
        lines, more = choose(asked, hits)
        if on == "other" and history:
            lines, more = choose(asked, hits, said=lines)
            probability = probability if lines else 0.0
        citations, gone, days = cite(asked, hits, lines, index)
        lost |= gone
        if on == "more":
            citations = at_length(citations, index)
        elif not on:
            span = answer_span(topic, hits, lines, citations)
    unread = bool(found) and not hits
    message = NOTHING if citations else said("files_unreadable" if unread else "not_found")
    return Answer(
        question=full,
        text="\n".join(f"{cited.shown} [{cited.n}]" for cited in citations) or message.ja,
        found=bool(citations),
        confidence=probability,
        citations=citations,
        hits=tuple(replace(hit, words=found_words(asked, hit.passage.text)) for hit in hits[:k]),
        absent=tuple(word for word in asked.absent if not _shown(word, hits)),
        notices=tuple(
            filter(
                None,
                [
                    *_lost(lost),
                    *_besides(more, days),
                    behind,
                    *_limits(full, index, hits, within),
                ],
            )
        ),
        span=span,
        close=any(map(_close, hits[:NEAREST])),
        message=message,
        more=more,
    )


def _close(hit: Hit) -> bool:
    held = hit.signs.sentences if hit.signs else 0.0
    return held >= CLOSE or (hit.meaning or 0.0) >= CLOSE_IN_MEANING


def _still_there(index: Searcher, path: str) -> bool:
    indexed = index.note(path)
    return indexed is not None and os.access(indexed.file, os.R_OK)


def _shown(word: str, hits: Sequence[Hit]) -> bool:
    """Whether a word stands in a hit after all, as part of one that is cut elsewhere (幅広い)."""
    return any(normalize(word) in normalize(hit.passage.text) for hit in hits)


def _lost(paths: Iterable[str]) -> list[Said]:
    """What to say of notes that cannot be quoted as they were indexed."""
    return [said("note_lost", path=path) for path in sorted(paths)[:NAMED]]


def _besides(more: int, days: Sequence[str]) -> Iterator[Said]:
    """How many more lines answer, and the days that answer because quotes stand under them."""
    if more:
        yield said("more_lines", count=more)
    if days:
        yield said("of_day", date=", ".join(map(shown, days)))


def _limits(
    question: str, index: Searcher, hits: Sequence[Hit], within: Filter | None
) -> Iterator[Said]:
    """What limits an answer, for the reader."""
    if len(question) > MAX_CHARS:
        yield said("question_cut", count=MAX_CHARS)
    if within:
        count = len(index.notes_within(within))
        yield said("searched_within" if count else "none_within", within=within.said, count=count)
    counts = index.counts
    by_words = bool(hits) and all(hit.meaning is None for hit in hits)
    if by_words and encoder_failed():
        yield said("no_model")
    elif counts.encoded < counts.passages:
        yield said("vectors_being_made", encoded=counts.encoded, passages=counts.passages)
    elif by_words:
        yield said("by_words_only")
    if hits and reader_failed():
        yield said("no_reader")


def _nothing_asked(question: str) -> Answer:
    message = said("no_words" if question else "nothing_asked")
    return Answer(
        question, message.ja, found=False, confidence=0.0, citations=(), hits=(), message=message
    )
