"""Letters that are one and the same to a reader, though Unicode has several of them.

    ⻘, ス－パ－ ─ nfkc ▶ 青, スーパー           濵田 ─ common ▶ 浜田

Radicals and dashes are slips of fonts and keyboards: nobody means them. Variants of a kanji are
meant, as in names: so `common` is another spelling of a word, and nfkc keeps them.
"""

from __future__ import annotations

import re
from pathlib import Path

from index.words.markup import composed, plain

FILE = Path(__file__).with_name("kanji.tsv")  # kind, letter, those that stand for it

_DASH = "[-‐‑‒–—―−─]"
_LONG_MARK = re.compile(f"(?<=[ァ-ヺー]){_DASH}(?![A-Za-z0-9])")
_NARROW = re.compile(r"[\x00-\u2e7f｡-ﾟ]+")
_SIGN = re.compile("(?<=[A-Za-z0-9])[ー‐‑‒–—―−](?=[A-Za-z0-9])")


def _table(kind: str) -> dict[int, str]:
    rows = (line.split("\t") for line in FILE.read_text(encoding="utf-8").splitlines())
    pairs = ((row[1], row[2]) for row in rows if row[0] == kind)
    return {ord(other): letter for letter, others in pairs for other in others}


_RADICALS, _VARIANTS = _table("radical"), _table("variant")


def nfkc(text: str) -> str:
    """A text as its reader reads it, in NFKC: without marks, radicals as kanji, dashes as meant."""
    text = composed(plain(text).translate(_RADICALS), "NFKC")
    if text.isascii():
        return text
    return _SIGN.sub("-", _LONG_MARK.sub("ー", text))


def common(text: str) -> str:
    """A text in NFKC with the common letter for each variant; as long as it was."""
    return text.translate(_VARIANTS)


def is_wide(char: str) -> bool:
    """Whether a character is Japanese in the sense of line breaks: no space stands beside it."""
    return bool(char) and (
        "\u2e80" <= char <= "\ud7ff" or "\uf900" <= char <= "\uffef" or char >= "\U00020000"
    )


def columns(line: str) -> int:
    """How wide a line is in East Asian columns: two for a Japanese character, one for a Latin."""
    return len(line) + len(_NARROW.sub("", line))
