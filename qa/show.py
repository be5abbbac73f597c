"""An answer for machines (JSON) and for people (a terminal)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from index.messages import Said, joined, said, same
from index.terminal import harmless
from index.words.markup import well_formed
from qa.answer import Answer
from qa.citations import place
from qa.hit import Hit
from qa.why import SAME, SIMILAR, Match, Why


def as_json(answer: Answer, question: str) -> dict[str, Any]:
    """The fixed JSON form of an answer, for json.dumps; question is as it was typed."""
    return {
        "question": well_formed(question),
        "found": answer.found,
        "confidence": round(answer.confidence, 4),
        "answer": answer.text,
        "answer_span": asdict(answer.span) if answer.span else None,
        "refusal": answer.refusal or None,
        "citations": [
            {
                "n": citation.n,
                "path": citation.path,
                "start_line": citation.start_line,
                "end_line": citation.end_line,
                "heading": list(citation.heading),
                "page": citation.page,
                "date": citation.date,
                "quote": citation.quote,
                "cells": [list(cell) for cell in citation.cells],
                "changed": citation.changed,
                "why": _why_json(citation.why),
            }
            for citation in answer.citations
        ],
        "more": answer.more,
        "hits": [_hit_json(hit) for hit in answer.hits],
        "nearest": [_hit_json(hit) for hit in answer.nearest],
        "absent": list(answer.absent),
        "notice": answer.notice,
    }


def _hit_json(hit: Hit) -> dict[str, Any]:
    return {
        "path": hit.passage.path,
        "start_line": hit.passage.start_line,
        "end_line": hit.passage.end_line,
        "heading": list(hit.passage.heading),
        "page": hit.passage.page,
        "text": hit.passage.text,
        "score": round(hit.score, 4),
    }


def _why_json(why: Why) -> dict[str, Any]:
    return {
        "words": [
            {"word": m.word, "found": m.found, "how": m.how, "in_heading": m.in_heading}
            for m in why.matches
        ],
        "keyword": round(why.by_words, 4),
        "vector": round(why.by_meaning, 4),
    }


def reason(why: Why) -> Said:
    """Why a quote was found, for people: 「server → サーバ、対応 · 言葉 81 %、意味 19 %」."""
    words = joined(map(_match, why.matches), "、", ", ") or said("no_common_word")
    return said("why_found", words=words, by_words=why.by_words, by_meaning=why.by_meaning)


def _match(match: Match) -> Said:
    word = match.word
    if match.how != SAME:
        word += f" {'≈' if match.how == SIMILAR else '→'} {match.found or '…'}"
    return said("in_heading", word=word) if match.in_heading else same(word)


def print_answer(answer: Answer, question: str, console: Console, *, explain: bool = False) -> None:
    """The quotes with their numbers, then where each stands; for a refusal, what is near.

    Before them what was searched, where that is not the question as it was typed.

    With explain also which words of the question each quote holds. Note text is printed as it is:
    nothing in it is taken for markup.
    """
    if answer.question != question.strip():
        console.print(Text(f"{said('searched').local}: {harmless(answer.question)}", style="dim"))
    if answer.found:
        _print_quotes(answer, console, explain=explain)
    else:
        console.print(Text(answer.message.local, style="bold"))
        if answer.refusal:
            console.print(Text(said(answer.refusal).local))
    if answer.absent:
        words = harmless("、".join(answer.absent))
        console.print(Text(f"{said('absent').local}: {words}"))
    if answer.nearest:
        console.print(Text(f"\n{said('near').local}:", style="dim"))
    for hit in answer.nearest:
        passage = hit.passage
        console.print(Text(harmless(f"· {place(passage).local}"), style="dim"))
        console.print(Text(harmless(passage.text.strip("\n")), style="dim"))
    for notice in answer.notices:
        console.print(Text(harmless(notice.local), style="yellow"))


def _print_quotes(answer: Answer, console: Console, *, explain: bool) -> None:
    for citation in answer.citations:
        quote = Text(harmless(citation.shown))
        if answer.span and answer.span.n == citation.n:
            quote.stylize("bold green", *answer.span.within(citation))
        console.print(quote + Text(f" [{citation.n}]", style="bold cyan"))
    console.print()
    for citation in answer.citations:
        changed = f" ({said('changed').local})" if citation.changed else ""
        where = harmless(place(citation).local + changed)
        console.print(Text(f"[{citation.n}] ", style="cyan") + Text(where, "dim"))
        if explain:
            console.print(Text(harmless(f"    {reason(citation.why).local}"), style="dim"))
