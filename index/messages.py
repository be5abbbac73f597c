"""Each sentence to the user, once, in Japanese and English: messages.tsv has them side by side.

messages.tsv ─ said(key, facts) ▶ Said(ja, en) ─┬─ the page: both, of which it shows one
                                                ├─ a terminal: the one that LANG asks for
                                                └─ an error's text, JSON and logs: both
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("messages.tsv")  # key, Japanese, English


class Said(NamedTuple):
    """A text to the user in both languages; str() gives both."""

    ja: str
    en: str

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return bool(self.ja)

    def __str__(self) -> str:
        """「日本語 (English)」, or the text alone where both are the same."""
        return self.ja if self.ja == self.en else f"{self.ja} ({self.en})"

    @property
    def local(self) -> str:
        """The one for a reader at a terminal: English where LANG says so, else Japanese."""
        return self.en if language() == "en" else self.ja


NOTHING = Said("", "")


def said(key: str, **facts: object) -> Said:
    """A sentence of messages.tsv with the facts that it names put in.

    A fact that is itself a Said is put in by language.
    """
    return Said(*(_filled(text, facts, at) for at, text in enumerate(_messages()[key])))


def same(text: str) -> Said:
    """A text that is the same in both languages, such as a name."""
    return Said(text, text)


def joined(parts: Iterable[Said], between: str, english: str = "") -> Said:
    """Texts one after the other, without those that say nothing.

    Args:
        parts: the texts.
        between: what stands between two of them.
        english: the same in English, where that is another sign.
    """
    each = [part for part in parts if part]
    return Said(
        between.join(part.ja for part in each), (english or between).join(part.en for part in each)
    )


def packed(text: Said) -> str:
    """A text in both languages as one string, for `unpacked`."""
    return "\t".join(text)


def unpacked(text: str) -> Said:
    """A text as it was packed."""
    japanese, _, english = text.partition("\t")
    return Said(japanese, english)


def language() -> str:
    """What a terminal's reader reads: en where LC_ALL, LC_MESSAGES or LANG begin so, else ja."""
    settings = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "en" if next(filter(None, settings), "").startswith("en") else "ja"


def _filled(text: str, facts: Mapping[str, object], at: int) -> str:
    return text.format(
        **{name: fact[at] if isinstance(fact, Said) else fact for name, fact in facts.items()}
    )


@lru_cache(maxsize=1)
def _messages() -> dict[str, tuple[str, str]]:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    rows = (line.replace("\\n", "\n").split("\t") for line in lines if line[:1] not in ("", "#"))
    return {key: (ja, en) for key, ja, en in rows}
