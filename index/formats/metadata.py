"""What a note says of itself: title, tags, other names, date.

    path, text ─ about ▶ About     YAML front matter and #タグ of Markdown, #+KEY: lines of Org,
                                   else the date in the file's name

Whatever a note holds, about() returns: what cannot be understood is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import yaml

from index.words.dates import iso_date, path_date
from index.words.markup import Fences, front_matter

MARKDOWN = frozenset({".md", ".markdown"})
MAX_YAML_CHARS = 8_000  # YAML is read slowly, 30,000 characters a second; people write a few lines
MAX_CHARS = 80  # A title, tag or alias is cut there, as a heading is.
MAX_COUNT = 200  # tags or aliases of one note: more are not a person's

_TITLE_KEYS = ("title", "タイトル", "題名")
_TAG_KEYS = ("tags", "tag", "タグ")
_ALIAS_KEYS = ("aliases", "alias", "別名")
_DATE_KEYS = ("date", "created", "日付", "作成日")
_YAML_LINE = re.compile(r"([^\s:#-][^:]*):(?:\s+(.*))?$")
_LIST_LINE = re.compile(r"\s*-\s+(.*)")
# As Obsidian reads it: after a space or an opening mark, and with a character that is no digit.
_INLINE_TAG = re.compile(r"(?<![^\s(（「『【、。,;])(?<!\]\()#(?=[\w/-]*[^\W\d])([\w/-]+)")
_INLINE_CODE = re.compile(r"(?<!`)(`{1,3})(?!`)[^`]+\1(?!`)")
_ORG_KEY = re.compile(r"#\+(title|filetags|date):\s*(.*)", re.IGNORECASE)
_ORG_TAGS = re.compile(r"\*+\s.*\s:([\w@#%:]+):\s*$")


@dataclass(frozen=True, slots=True)
class About:
    """A note in its own words; each empty where it says nothing."""

    title: str = ""
    tags: tuple[str, ...] = ()  # without their #, in order, none twice
    aliases: tuple[str, ...] = ()
    date: str = ""  # yyyy-mm-dd; front matter's, else the file name's


def about(path: str, text: str) -> About:
    """What a note says of itself; a bad date, broken YAML or an odd value says nothing.

    Args:
        path: relative, "/" between parts; its suffix says the format.
        text: the note's, lines ending in LF.
    """
    name = PurePosixPath(path)
    lines = text.split("\n")
    if name.suffix.lower() in MARKDOWN:
        said = _markdown(lines)
    elif name.suffix.lower() == ".org":
        said = _org(lines)
    else:
        said = About()
    return About(said.title, said.tags, said.aliases, said.date or _named(name))


def _markdown(lines: Sequence[str]) -> About:
    body = front_matter(lines)
    values = _yaml("\n".join(lines[1 : body - 1])) if body else {}

    def first(keys: Iterable[str]) -> object:
        return next((values[key] for key in keys if values.get(key)), "")

    dates = (iso_date(value) for key in _DATE_KEYS if isinstance(value := values.get(key), str))
    title = first(_TITLE_KEYS)
    tags = (tag.strip().lstrip("#") for tag in _names(first(_TAG_KEYS), r"[,、，\s]+"))
    return About(
        title=_short(title) if isinstance(title, str) else "",
        tags=_distinct((*tags, *_inline_tags(lines))),
        aliases=_distinct(_names(first(_ALIAS_KEYS), r"[,、，]")),
        date=next(filter(None, dates), ""),
    )


def _yaml(text: str) -> Mapping[str, object]:
    """Front matter's keys, in lower case; values are strings as typed, lists or mappings.

    BaseLoader makes nothing but these: no dates that do not exist, no huge numbers, no merged
    mappings that grow, no objects. What is no YAML (title: 会議: 第3回) is read line by line.
    """
    try:
        values = yaml.load(text[:MAX_YAML_CHARS], Loader=yaml.BaseLoader) or {}
    except (yaml.YAMLError, RecursionError, ValueError):
        values = _plain_yaml(text[:MAX_YAML_CHARS])
    if not isinstance(values, dict):
        return {}
    return {key.strip().lower(): value for key, value in values.items() if isinstance(key, str)}


def _plain_yaml(text: str) -> dict[str, object]:
    values: dict[str, object] = {}
    items: list[str] = []
    for line in text.split("\n"):
        if match := _YAML_LINE.match(line):
            items = []
            values[match[1]] = _unquoted(match[2] or "") or items
        elif match := _LIST_LINE.match(line):
            items.append(_unquoted(match[1]))
    return values


def _unquoted(value: str) -> str:
    return re.sub(r"^([\"'\[])(.*)[\"'\]]$", r"\2", value.strip())


def _names(value: object, between: str) -> Iterator[str]:
    """The names in a value: a list holds one each, a string several with marks between them."""
    if isinstance(value, str):
        yield from re.split(between, value)
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))


def _inline_tags(lines: Sequence[str]) -> Iterator[str]:
    """Each #タグ outside code; front matter too: YAML takes `tags: #仕事` for a comment."""
    at, fences = 0, Fences(lines)
    while at < len(lines):
        if "#" in lines[at]:
            for match in _INLINE_TAG.finditer(_INLINE_CODE.sub(" ", lines[at])):
                yield match[1]
        at = max(fences.end(at), at + 1)


def _org(lines: Sequence[str]) -> About:
    keys: dict[str, str] = {}
    file_tags: list[str] = []
    tags: list[str] = []
    for line in lines:
        if match := _ORG_KEY.match(line):
            key, value = match[1].lower(), match[2].strip()
            if key == "filetags":
                file_tags += re.split(r"[:\s]+", value)
            else:
                keys.setdefault(key, value)
        elif match := _ORG_TAGS.match(line):
            tags += match[1].split(":")
    return About(
        title=_short(keys.get("title", "")),
        tags=_distinct((*file_tags, *tags)),
        date=iso_date(keys.get("date", "")),
    )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    kept = dict.fromkeys(filter(None, map(_short, names)))
    return tuple(kept)[:MAX_COUNT]


def _named(path: PurePosixPath) -> str:
    found = path_date(path)
    return found.first.isoformat() if found else ""


def _short(name: str) -> str:
    """One line, no longer than a heading."""
    return " ".join(name.replace("\x00", "").split())[:MAX_CHARS]
