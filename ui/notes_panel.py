"""How the notes stand: one line over the chat, and the panel with all of it.

The panel is polled while it is open; each of its sections is drawn anew only when it changes
(ui/web/notes.js), and stands under an id for that.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import quote

from index import folder as rules
from index.names import visible
from index.storage.store import ListedNote
from qa.desk import Desk, Status
from ui.html import both, safe

LISTED = 200  # notes in the list; with more, the newest
TITLE = both("ノート", "Notes")
READING = both("ノートを読んでいます…", "Reading the notes…")
REBUILD = both("索引を作り直す", "Rebuild the index")
REBUILDING = both("作り直しています…", "Rebuilding…")
REBUILD_DOES = both(
    "ノートをすべて読み直し、意味検索の準備もやり直します。ノートそのものは変えません。"
    "終わるまでは、読み終えた分から答えます。",
    "Reads all notes again and makes the vectors anew. The notes themselves stay as they are. "
    "Until it is done, answers come from what has been read.",
)
SURE = both("本当に作り直しますか。", "Rebuild now?")
YES = both("作り直す", "Rebuild")
NO = both("やめる", "Cancel")
CHOOSE = both("ファイルを選ぶ", "Choose files")
DROP = both(
    "ここに限らず、画面のどこにでもファイルを離せます。",
    "Files can be dropped anywhere on the page.",
)


def status_html(status: Status) -> str:
    """What is indexed, how far the search by meaning has come, the last change, what is wrong."""
    following = status.following
    line = both(
        f"ノート {status.notes:,}件 ・ 箇所 {status.passages:,}件",
        f"Notes {status.notes:,} ・ Passages {status.passages:,}",
    )
    if following.busy and not status.passages:
        line = READING
    elif doing := _doing(status):
        line += f" ・ {doing}"
    line = f"<span>{line}</span>"
    if status.skipped:
        line += f'<button type="button" class="open-notes">{_skipped_words(status)}</button>'
    if following.changed:
        line += f"<span>{both('最後の変更', 'Last change')} {_last_change(status)}</span>"
    error = f'<p class="notice">{safe(status.error)}</p>' if status.error else ""
    return f'<p role="status">{line}</p>{error}'


def notes_panel(desk: Desk, new: Sequence[str], same: Sequence[str], *, refused: str = "") -> str:
    """The panel: state of the index, what was put in or not read, rebuilding, the notes.

    Args:
        desk: whose notes.
        new: paths of notes that were put in from this page, to say when each can be found.
        same: those of them that were there before.
        refused: why this page may not change anything; empty if it may.
    """
    status = desk.status()
    shut = f'<p class="notice">{safe(refused)}</p>'
    sections = {
        "notes-state": _state(desk, status),
        "notes-drop": shut if refused else _drop_area(),
        "notes-given": "".join(_given(desk, status, path, path in same) for path in new),
        "notes-skipped": _skipped(status),
        "notes-rebuild": "" if refused else _rebuild(status),
        "notes-list": _list(desk.newest(LISTED), status.notes),
    }
    drawn = "".join(f'<section id="{name}">{drawn}</section>' for name, drawn in sections.items())
    return f'<h1>{TITLE}</h1><main data-largest="{rules.MAX_BYTES}">{drawn}</main>'


def _doing(status: Status) -> str:
    """What is going on behind, in a few words; empty when nothing is."""
    following, encoded = status.following, f"{status.encoded:,}/{status.passages:,}"
    if following.unread > 1:
        return both(
            f"読んでいる途中 残り {following.unread:,}件", f"reading, {following.unread:,} to go"
        )
    if following.rebuilding:
        return REBUILDING
    if status.encoded < status.passages:
        return both(f"意味検索の準備中 {encoded}", f"preparing search by meaning {encoded}")
    if following.busy:  # the model is loading
        return both("意味検索の準備中", "preparing search by meaning")
    return ""


def _last_change(status: Status) -> str:
    names = status.following.names
    name = PurePosixPath(names[0]).name if names else ""
    more = both(" ほか", " and more") if len(names) > 1 else ""
    return f"{_when(status.following.changed)} <bdi>{safe(visible(name))}</bdi>{more}"


def _when(seconds: float) -> str:
    when = datetime.fromtimestamp(seconds).astimezone()
    today = when.date() == datetime.fromtimestamp(time.time()).astimezone().date()
    return f"{when:%H:%M}" if today else f"{when:%Y-%m-%d %H:%M}"


def _skipped_words(status: Status) -> str:
    count = f"{len(status.skipped):,}"
    return both(f"読まなかったもの {count}件", f"{count} not read")


def _state(desk: Desk, status: Status) -> str:
    share = status.encoded / status.passages if status.passages else 0.0
    doing = _doing(status) or both("できています", "ready")
    if status.following.busy and not status.passages:
        doing = READING
    elif not status.passages:
        doing = "–"
    bar = f'<progress max="1" value="{share:.3f}">{share:.0%}</progress> ' if 0 < share < 1 else ""
    last = _last_change(status) if status.following.changed else ""
    if not last and status.changed:
        last = _when(status.changed)
    facts = [
        (both("フォルダ", "Folder"), f"<bdi>{safe(str(desk.notes))}</bdi>"),
        (TITLE, f"{status.notes:,}"),
        (both("箇所", "Passages"), f"{status.passages:,}"),
        (both("意味検索", "Search by meaning"), f"{bar}{doing}"),
        (both("モデル", "Model"), safe(status.model) or "–"),
        (both("最後の変更", "Last change"), last or "–"),
    ]
    wrong = f'<p class="notice" role="alert">{safe(status.error)}</p>' if status.error else ""
    return f"<dl>{''.join(f'<dt>{what}</dt><dd>{how}</dd>' for what, how in facts)}</dl>{wrong}"


def _drop_area() -> str:
    suffixes = " ".join(sorted(rules.SUFFIXES))
    size = f"{rules.MAX_BYTES / 1_000_000:g}"
    limits = both(
        f"1件 {size} MB まで: {suffixes}。同じ名前があれば番号を付け、上書きはしません。",
        f"Up to {size} MB each: {suffixes}. A name that is taken gets a number; nothing is "
        f"overwritten.",
    )
    return (
        f"<h2>{both('ノートを入れる', 'Add notes')}</h2>"
        f'<p><label class="choose"><input type="file" multiple>{CHOOSE}</label> {DROP}</p>'
        f"<p>{limits}</p>"
    )


def _given(desk: Desk, status: Status, path: str, was_there: bool) -> str:
    """What became of a note that was put in."""
    reason = next((item.reason for item in status.skipped if item.path == path), "")
    if desk.known(path):
        name = _link(path)
        said = both("検索できます", "can be searched")
    else:
        name = f"<bdi>{safe(visible(path))}</bdi>"
        said = safe(reason) or both("保存しました。読んでいます…", "saved; being read…")
    if was_there:
        said += both("（同じ内容がもうありました）", " (the very same was there already)")
    return f'<p class="given">{name} {said}</p>'


def _skipped(status: Status) -> str:
    if not status.skipped:
        return ""
    items = "".join(
        f"<li><bdi>{safe(visible(item.path))}</bdi>: {safe(item.reason)}</li>"
        for item in status.skipped
    )
    summary = f"<summary>{_skipped_words(status)}</summary>"
    return f'<details id="skipped">{summary}<ul>{items}</ul></details>'


def _list(notes: Sequence[ListedNote], count: int) -> str:
    if not notes:
        return ""
    items = "".join(map(_item, notes))
    left = count - len(notes)
    more = both(f"ほか {left:,}件", f"{left:,} more") if left > 0 else ""
    title = both("新しい順", "Newest first")
    return f"<h2>{title}</h2><ul>{items}</ul>{f'<p>{more}</p>' if more else ''}"


def _item(note: ListedNote) -> str:
    tags = "".join(f" <span>#{safe(tag)}</span>" for tag in note.tags)
    return f"<li>{_link(note.path)} <small>{note.day}{tags}</small></li>"


def _link(path: str) -> str:
    """A note's path, opening it in the pane (ui/web/source.js)."""
    address = safe(f"/note/{quote(path, safe='/', errors='replace')}")
    shown = safe(visible(path))
    return (
        f'<a class="source" href="{address}" target="_blank"><bdi>{shown}</bdi></a>'
        f'<span class="place" hidden>{shown}</span>'
    )


def _rebuild(status: Status) -> str:
    if status.following.rebuilding:
        return f'<p role="status">{_doing(status)}</p>'
    return (
        f'<p>{REBUILD_DOES}</p><p><button type="button" class="ask">{REBUILD}</button></p>'
        f'<p class="sure" hidden>{SURE} <button type="button" class="yes">{YES}</button> '
        f'<button type="button" class="no">{NO}</button></p>'
    )
