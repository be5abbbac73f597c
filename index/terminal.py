"""What the commands share in a terminal: messages, progress, numbers, odd characters."""

from __future__ import annotations

import argparse
import codecs
import io
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import IO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from index.errors import NotesError
from index.folder import Skipped
from index.messages import Said, said
from index.names import visible
from index.sync.update import Stage

NAMED = 5  # skipped files named for each reason; the count tells of the rest
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def messages() -> Console:
    """Where messages go: stderr, never cut into lines of its own, nothing taken for markup."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True, style="yellow")


def writable(*streams: IO[str]) -> None:
    """Let a terminal that lacks a character show another in its place, rather than fail."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def command(main: Callable[[Sequence[str] | None], int]) -> Callable[..., int]:
    """A command's main, which says what ended it: 1 a named error, 130 Ctrl-C."""

    @wraps(main)
    def run(argv: Sequence[str] | None = None) -> int:
        writable(sys.stdout, sys.stderr)
        try:
            return main(argv)
        except NotesError as error:
            messages().print(error.said.local, style="red")
            return 1
        except KeyboardInterrupt:
            return 130
        except BrokenPipeError:  # whoever reads has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0

    return run


def harmless(text: str) -> str:
    """Text without control characters: a note's own could steer the terminal. Tabs stay."""
    return _CONTROL.sub(lambda sign: chr(0x2400 + ord(sign[0])) if sign[0] < " " else "␦", text)


def print_json(content: object, indent: int | None = None) -> None:
    """Print JSON that is exact on any terminal: one that knows no Unicode gets it escaped."""
    unicode = codecs.lookup(sys.stdout.encoding).name.startswith("utf")
    sys.stdout.write(json.dumps(content, ensure_ascii=not unicode, indent=indent) + "\n")
    sys.stdout.flush()


def whole_number(text: str) -> int:
    """A number of at least 1, for argparse.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(said("not_a_number", text=text).local)
    return int(text)


class ProgressBars:
    """The progress of a build as bars in a terminal; silent where there is none."""

    def __init__(self, console: Console) -> None:
        """Name the console to draw on."""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,  # a file or a pipe gets no bars
        )
        self._tasks: dict[Stage, TaskID] = {}

    def __enter__(self) -> ProgressBars:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing and leave a clean line."""
        self._progress.stop()

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        """Show that done of total are finished."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(said(f"stage_{stage}").local, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)


def skipped_lines(skipped: Iterable[Skipped]) -> list[str]:
    """One line a reason: how many files were left out for it, and the first of them by name."""
    by_reason: dict[Said, list[str]] = defaultdict(list)
    for item in skipped:
        by_reason[item.reason].append(visible(item.path))
    return [
        said("files_skipped", count=len(paths), reason=reason, names=named(paths, NAMED)).local
        for reason, paths in by_reason.items()
    ]


def named(names: Sequence[str], most: int) -> str:
    """The first of some names, and that there are more."""
    return ", ".join(names[:most]) + (f" … ({len(names):,})" if len(names) > most else "")
