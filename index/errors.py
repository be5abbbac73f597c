"""What can go wrong outside the program, each with what, where and what to do next.

    NotesError
    ├── NotesFolderError   the notes folder is missing, unreadable, or suddenly empty
    ├── ModelUnavailable   the encoder's weights cannot be found or loaded
    └── StoreError         the store cannot be used as it is
        ├── StoreMissing   nothing has been built there yet
        ├── StoreMismatch  built from other notes, by another model or another version
        └── StoreDamaged   the SQLite file fails its own checks

Messages are written for the reader of notes, in both languages (messages.tsv). A mistake of the
calling code raises Python's own ValueError or TypeError instead. Unreadable is no error of a
command: one file is no note, which is told beside the rest.

`way_to` says where a mistake of the program was made, for the log.
"""

import traceback

from index.messages import Said, same

FRAMES = 8  # So many calls on the way to a fault are told, the nearest first.


class NotesError(Exception):
    """Root of every error a user can meet; its message is shown as it is."""

    def __init__(self, message: Said | str) -> None:
        """Say what is wrong, and what to do next."""
        super().__init__(message)
        self.said = message if isinstance(message, Said) else same(message)


class NotesFolderError(NotesError):
    """Raised when the notes folder is missing, not a folder, unreadable, or suddenly empty."""


class ModelUnavailable(NotesError):
    """Raised when the encoder's weights cannot be found or loaded; keyword search still works."""


class StoreError(NotesError):
    """Raised when the store cannot be used as it is."""


class StoreMissing(StoreError):
    """Raised when a store is opened that nobody has built yet."""


class StoreMismatch(StoreError):
    """Raised when a store belongs to other notes, another model or another version."""


class StoreDamaged(StoreError):
    """Raised when the SQLite file fails its own checks; the notes themselves are untouched."""


class Unreadable(Exception):
    """Raised when one file is no note; its message is the reason shown to the reader.

    Attributes:
        lasting: false when the system refused to read it, which says nothing of its content.
    """

    def __init__(self, reason: Said, *, lasting: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lasting = lasting


def way_to(error: BaseException) -> str:
    """An exception's type and the calls it came through, in a line: what a log may keep of it.

    Neither its message, which may quote a question or a note, nor anybody's folders.
    """
    told = []
    cause: BaseException | None = error
    while cause is not None:
        frames = [
            f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}:{line}"
            for frame, line in traceback.walk_tb(cause.__traceback__)
        ]
        way = " < ".join(frames[: -FRAMES - 1 : -1])
        told.append(f"{type(cause).__name__} at {way}" if way else type(cause).__name__)
        cause = cause.__cause__
    return ", from ".join(told)
