"""Which store a question is asked of: an open one, a folder's, or the default one; current first.

searching(store, work) ▶ the notes as they are now ▶ one Searcher ▶ work
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from index.errors import StoreDamaged
from index.folder import check_folder
from index.messages import Said
from index.settings import notes_folder, store_folder
from index.storage.searcher import Searcher
from index.storage.store import Store, open_store
from index.sync.build import bring_up_to_date, freshen
from index.sync.update import Progress, silent

ENCODE_SECONDS = 20.0  # how long the first question of a script or terminal waits for vectors
WAIT_SECONDS = 20.0  # and for another process that is reading the notes

log = logging.getLogger(__name__)
Found = TypeVar("Found")


def _log(remark: Said) -> None:
    log.warning("%s", remark)


def searching(
    store: Store | str | os.PathLike[str] | None,
    work: Callable[[Searcher, Said | None], Found],
    *,
    look: bool = True,
) -> Found:
    """What some work finds in the notes as they are now.

    A note that was saved a moment ago is read before. A store that proves to be damaged is made
    again from its notes, once.

    Args:
        store: an open one, which stays open; a folder's; or, for None, the default one.
        work: is given a searcher, and why it may be behind the notes, None when it is not.
        look: at the folder, which takes 0.1 s for 10,000 notes; false where that was done just now.
    """
    with ExitStack() as closing:
        if store is None:
            opened = default_store()
        elif isinstance(store, Store):
            opened = store
        else:
            opened = closing.enter_context(open_store(store))
        folder = opened.notes_folder
        behind = freshen(opened) if look else None
        try:
            with opened.searcher() as searcher:
                return work(searcher, behind)
        except StoreDamaged as error:
            if folder is None:
                raise
            log.warning("%s", error)
            current(opened, folder)
        with opened.searcher() as searcher:
            return work(searcher, None)


def fresh_store(
    notes: str | None = None,
    store: str | None = None,
    *,
    remark: Callable[[Said], object] = _log,
    progress: Progress = silent,
    encode_seconds: float = ENCODE_SECONDS,
) -> Store:
    """The open store of a notes folder, brought up to date with it first.

    Args:
        notes: the notes folder, else the configured one.
        store: the store's folder, else the configured one.
        remark: takes what the reader should know of the update.
        progress: called as the update goes on.
        encode_seconds: after which the rest is left to the next call: keywords answer at once,
            and a large new folder takes hours to encode.

    Raises:
        NotesError: as `index.build` does.
    """
    folder = check_folder(notes_folder(notes))
    opened = Store(store_folder(folder, store))
    current(opened, folder, remark=remark, progress=progress, encode_seconds=encode_seconds)
    return opened


def current(
    store: Store,
    folder: Path,
    *,
    remark: Callable[[Said], object] = _log,
    progress: Progress = silent,
    encode_seconds: float = ENCODE_SECONDS,
) -> None:
    """Bring a store up to date, for as long as a question can wait; see `fresh_store`."""
    report = bring_up_to_date(
        store,
        folder,
        progress=progress,
        encode_seconds=encode_seconds,
        wait_seconds=WAIT_SECONDS,
    )
    for line in report.remarks:
        remark(line)


_defaults: dict[Path, Store] = {}
_opening = threading.Lock()


def default_store() -> Store:
    """The store of the configured notes folder, brought up to date when first asked for.

    It stays open for the life of the process; what another process updates is seen at once.
    """
    place = store_folder(notes_folder())
    with _opening:
        if place not in _defaults:
            _defaults[place] = fresh_store()
        return _defaults[place]
