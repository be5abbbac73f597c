"""Following a notes folder: a build whenever something in it changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from index.build import BuildReport, Progress, build
from index.folder import check_folder

QUIET_MS = 300  # editors save in several steps; after this long without one, the build begins


def watch(
    notes: Path,
    store: Path,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Iterator[BuildReport]:
    """Build now, and again after every change below the notes folder, until stopped.

    Args:
        notes: the notes folder.
        store: the store's folder.
        progress: called as each build goes on.
        stop: ends the watch when set; None means Ctrl-C does.

    Yields:
        The report of each build.

    Raises:
        NotesError: as `build` does.
    """
    from watchfiles import watch as changes

    folder = check_folder(notes)
    # The watch begins before the build, so that nothing changes unseen between the two.
    events = changes(
        folder,
        debounce=QUIET_MS,
        stop_event=stop,
        yield_on_timeout=True,
        rust_timeout=500,
        ignore_permission_denied=True,
    )
    next(events)
    yield build(folder, store, progress=progress)
    for change in events:
        if change:
            yield build(folder, store, progress=progress)
