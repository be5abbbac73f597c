"""A conversation as text that a browser keeps, and back: the server holds none once a tab is gone.

    turn ─ record ▶ JSON ▶ localStorage (ui/web/talks.js) ▶ JSON ─ read_talk ▶ turns, rendered anew

What comes back was in other hands: it is read by its types, and shown as any other text is.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from index.words.markup import well_formed
from ui.render import Turn

VERSION = 1  # raise when a kept turn of before cannot be read any more
LATEST = 2**33  # seconds, in the year 2242: no clock says more, and not every one could be shown
_TURN = TypeAdapter(Turn)


def record(turns: Sequence[Turn]) -> str:
    """The last turn as JSON, with the `when` of all of them: what the browser is to keep.

    Lone surrogates (broken file names) are written as "?", as they are shown.
    """
    kept: dict[str, Any] = {"version": VERSION, "order": [turn.when for turn in turns]}
    if turns:
        kept["turn"] = asdict(_lean(turns[-1]))
    return well_formed(json.dumps(kept, ensure_ascii=False))


def read_talk(text: str) -> list[Turn]:
    """The turns of {"version": 1, "turns": [...]}, as restored; without those that are no turns.

    One that was still being asked counts as stopped: nobody waits for it any more.
    """
    try:
        talk = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(talk, dict) or talk.get("version") != VERSION:
        return []
    found = talk.get("turns")
    read = map(_read, found if isinstance(found, list) else [])
    return stopped([replace(turn, restored=True) for turn in read if turn])


def stopped(turns: Sequence[Turn]) -> list[Turn]:
    """The turns, those still being asked as stopped."""
    return [turn if turn.done else replace(turn, stopped=True) for turn in turns]


def earlier(turns: Sequence[Turn], question: str) -> list[str]:
    """The questions that one may lean on: none before one that the chat itself has offered.

    What is offered stands on its own, and was tried as it stands.
    """
    asked = [turn.question for turn in turns] + [question]
    offered = {text for turn in turns for text in turn.suggestions}
    last = max((at for at, text in enumerate(asked) if text in offered), default=0)
    return asked[last:-1]


def _read(kept: object) -> Turn | None:
    try:
        turn = _TURN.validate_json(json.dumps(kept), strict=True)
    except (ValidationError, RecursionError):  # as deep as could just be read, but not written
        return None
    return turn if 0 <= turn.when < LATEST else None


def _lean(turn: Turn) -> Turn:
    """The turn without what ranked its hits: that is not shown, and is much of the text."""
    if not turn.answer:
        return turn
    hits = tuple(replace(hit, signs=None, finding=None) for hit in turn.answer.hits)
    return replace(turn, answer=replace(turn.answer, hits=hits))
