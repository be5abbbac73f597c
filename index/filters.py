"""Which notes a question is asked of: by folder, file name, tag and date.

Filter.of(folder="仕事/", tags=["会議"], since="2024-04") ▶ Filter ─ admits(note) ▶ bool
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from index.messages import NOTHING, Said, joined, said, same
from index.words.dates import whole_date


@dataclass(frozen=True, slots=True)
class Filter:
    """Notes that fulfil all of it; an empty part asks nothing. Made by `Filter.of`."""

    folder: str = ""  # below the notes folder, "/" between parts
    name: str = ""  # part of the file's name, or with * and ? all of it
    tags: tuple[str, ...] = ()  # each of them; 仕事 is also borne by 仕事/会議
    since: str = ""  # yyyy-mm-dd, included
    until: str = ""  # yyyy-mm-dd, included

    @classmethod
    def of(
        cls,
        *,
        folder: str = "",
        name: str = "",
        tags: Iterable[str] = (),
        since: str = "",
        until: str = "",
    ) -> Filter:
        """A filter from what a person types.

        Args:
            folder: 仕事/ or 仕事/2024; those below it count too.
            name: 議事録, or a pattern such as 2024-*.md; upper and lower case are one.
            tags: with or without their #.
            since: from the first day of it: 2024, 2024-04, 2024-04-01, 20240401, 2024/4/1 or
                2024年4月1日 or 令和6年4月.
            until: to the last day of it.

        Raises:
            ValueError: a date is none, or until is before since; its argument is for the reader.
        """
        first = _day(since, last=False) if since.strip() else ""
        last = _day(until, last=True) if until.strip() else ""
        if first and last and last < first:
            raise ValueError(said("since_after_until", first=first, last=last))
        below = "/".join(part for part in _plain(folder).split("/") if part not in ("", "."))
        return cls(
            below,
            _plain(name).strip(),
            tuple(tag for tag in map(_tag, tags) if tag),
            first,
            last,
        )

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return self != Filter()

    @property
    def said(self) -> Said:
        """For the reader: 「仕事/ · #会議 · 2024-04-01 から」."""
        names = [self.folder and f"{self.folder}/", self.name, *(f"#{tag}" for tag in self.tags)]
        dates = [
            said("since", day=self.since) if self.since else NOTHING,
            said("until", day=self.until) if self.until else NOTHING,
        ]
        return joined([*map(same, names), *dates], " · ")

    def admits(self, path: str, date: str, tags: Iterable[str]) -> bool:
        """Whether a note is asked: its path as the store has it, yyyy-mm-dd, its tags."""
        if self.folder and not path.startswith(self.folder + "/"):
            return False
        if (self.since and date < self.since) or (self.until and date > self.until):
            return False
        if self.name and not _named(self.name, PurePosixPath(path).name):
            return False
        borne = [_tag(tag) for tag in tags]
        return all(
            any(tag == wanted or tag.startswith(wanted + "/") for tag in borne)
            for wanted in self.tags
        )


def _named(pattern: str, name: str) -> bool:
    pattern, name = pattern.casefold(), name.casefold()
    return fnmatchcase(name, pattern) if set("*?") & set(pattern) else pattern in name


def _tag(tag: str) -> str:
    return unicodedata.normalize("NFKC", tag).strip().lstrip("#").strip("/").casefold()


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("\\", "/")


def _day(text: str, *, last: bool) -> str:
    """First or last day, yyyy-mm-dd, of the day, month or year that is named."""
    if (found := whole_date(text)) is None:
        text = unicodedata.normalize("NFKC", text).strip()
        raise ValueError(said("not_a_date", text=text))
    return (found.last if last else found.first).isoformat()
