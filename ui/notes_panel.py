"""How the notes stand: one line over the chat, and the panel with all of it.

The panel is polled while it is open; each of its sections is drawn anew only when it changes
(ui/web/notes.js), and stands under an id for that.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from index import folder as rules
from index.messages import NOTHING, Said, said
from ui.desk import Desk, Status
from ui.html import rendered
from ui.note_page import note_address

LISTED = 200  # notes in the list; with more, the newest


@dataclass(frozen=True, slots=True)
class LastChange:
    """The last change of a note that was taken in."""

    when: str
    name: str  # of the note's file
    more: bool  # others changed with it


@dataclass(frozen=True, slots=True)
class Given:
    """A note that was put in from the page, and what became of it."""

    path: str
    address: str
    known: bool  # to the index
    state: Said
    was_there: bool


def status_html(status: Status) -> str:
    """What is indexed, how far the search by meaning has come, the last change, what is wrong."""
    reading = status.following.busy and not status.passages
    counts = said("notes_passages", notes=status.notes, passages=status.passages)
    return rendered(
        "status.html",
        status=status,
        line=said("reading") if reading else counts,
        doing=NOTHING if reading else _doing(status),
        last=_last_change(status),
    )


def notes_panel(
    desk: Desk, new: Sequence[str], same: Sequence[str], *, refused: Said | None = None
) -> str:
    """The panel: state of the index, what was put in or not read, rebuilding, the notes.

    Args:
        desk: whose notes.
        new: paths of notes that were put in from this page, to say when each can be found.
        same: those of them that were there before.
        refused: why this page may not change anything; None if it may.
    """
    status = desk.status()
    listed = desk.newest(LISTED)
    doing: object = _doing(status) or said("ready")
    if not status.passages:
        doing = said("reading") if status.following.busy else "–"
    return rendered(
        "notes_panel.html",
        status=status,
        folder=str(desk.notes),
        share=status.encoded / status.passages if status.passages else 0.0,
        doing=doing,
        last=_last_change(status),
        written=_when(status.changed) if status.changed else "",
        refused=refused,
        largest=rules.MAX_BYTES,
        suffixes=" ".join(sorted(rules.SUFFIXES)),
        given=[_given(desk, status, path, path in same) for path in new],
        listed=[(note, note_address(note.path)) for note in listed],
        left=status.notes - len(listed),
    )


def _doing(status: Status) -> Said:
    """What is going on behind, in a few words; nothing when nothing is."""
    following = status.following
    if following.unread > 1:
        return said("reading_left", count=following.unread)
    if following.rebuilding:
        return said("rebuilding")
    if status.encoded < status.passages:
        return said("vectors_being_made", encoded=status.encoded, passages=status.passages)
    return said("preparing") if following.busy else NOTHING  # the model is loading


def _last_change(status: Status) -> LastChange | None:
    changed, names = status.following.changed, status.following.names
    if not changed:
        return None
    name = PurePosixPath(names[0]).name if names else ""
    return LastChange(_when(changed), name, more=len(names) > 1)


def _when(seconds: float) -> str:
    when = datetime.fromtimestamp(seconds).astimezone()
    today = when.date() == datetime.fromtimestamp(time.time()).astimezone().date()
    return f"{when:%H:%M}" if today else f"{when:%Y-%m-%d %H:%M}"


def _given(desk: Desk, status: Status, path: str, was_there: bool) -> Given:
    known = desk.known(path)
    reason = next((item.reason for item in status.skipped if item.path == path), said("saved"))
    state = said("can_be_searched") if known else reason
    return Given(path, note_address(path), known, state, was_there)
