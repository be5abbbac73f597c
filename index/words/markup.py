"""A line as its reader reads it: without the marks that stand between its words.

    ｜東京《とうきょう》の[[サーバ|鯖]] ─ plain ▶ 東京の サーバ 鯖

For search only; a quote is always the note's own characters. Also the marks of structure that more
than one reader of a note must know: front matter and blocks of code.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

# Nothing to see, yet they would part a word: joiners and direction marks, soft hyphens, which of a
# kanji's shapes is meant. A NUL would end the text for the dictionary's C code.
_UNSEEN = re.compile(
    "[\x00\x7f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
    "\U000e0100-\U000e01ef]"
)
_OTHER_SPACES = re.compile("[\x0b\x0c\x1c-\x1f\x85\u2028\u2029]")  # ends of lines to some programs
_MAY_HOLD = re.compile(f"{_UNSEEN.pattern[:-1]}{_OTHER_SPACES.pattern[1:]}")  # either, in one look

_KANJI = "々〆〇ヶ㐀-䶿一-鿿豈-﫿𠀀-\U0003ffff"
_KANA = "ぁ-ゖゝゞァ-ヺヽヾー・ｦ-ﾟ"
# Ruby as Aozora Bunko writes it: 打《う》, and ｜ where the run does not begin at the kanji.
_RUBY_RUN = re.compile(f"[｜|]([^｜|《》\n]{{1,40}})《[{_KANA} 　]+》")
_RUBY = re.compile(f"(?<=[{_KANJI}])《[{_KANA} 　]+》")
# To the end of the line where nothing closes it, so that no opening after it looks there again.
_AOZORA_NOTE = re.compile(r"［＃[^］\n]*(］?)")
_WIKI_LINK = re.compile(r"\[\[([^\[\]\n]+)\](?:\[([^\[\]\n]*)\])?\]")  # Obsidian's, and Org's
_LINK = re.compile(r"\[([^\[\]\n]*)\]\(([^()\n]*)\)")
_URL = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]{0,14}://([A-Za-z0-9._:@-]+)((?:/[A-Za-z0-9._~!$&'*+,;=:@%-]*)*)"
    r"(?:[?#][A-Za-z0-9._~!$&'*+,;=:@%/?#-]*)?"
)
LONGEST_ID = 15  # characters of a URL's part with digits in it; longer ones are keys of a machine

# 日　時 as a label or a table's head: letters with spaces between, up to a colon or a wide space.
_SPACED = re.compile(
    r"(?:^|(?<=[|｜,\t]))(?:[^\S\n]{0,12}(?:[•・][^\S\n]{0,3})?)"
    rf"([{_KANJI}](?:[ 　]{{1,3}}[{_KANJI}]){{1,4}})"
    r"(?=[^\S\n]{0,12}(?:[:：|｜,\t]|$)|[ 　]{2})",
    re.M,
)

# Signs in a row, combining marks among them (ﾞ and ﾟ become such): no letter carries so many.
_SIGNS = re.compile(r"(?:[^\w\s\x00-\u02ff]|[ﾞﾟ]){64}")
_FENCE = re.compile(r"`{3,}|~{3,}")


def plain(text: str) -> str:
    """A text without ruby, links' brackets, a URL's tail, and what nobody sees.

    Both what a link shows and what it leads to are kept; brackets become spaces, so that words on
    either side stay apart. Most texts have no such marks and are returned as they are.
    """
    if _MAY_HOLD.search(text):
        text = _OTHER_SPACES.sub(" ", _UNSEEN.sub("", text))
    if "《" in text:
        text = _RUBY.sub("", _RUBY_RUN.sub(r"\1", text))
    if "［＃" in text:
        text = _AOZORA_NOTE.sub(lambda note: "" if note[1] else note[0], text)
    if "[[" in text:
        text = _WIKI_LINK.sub(_link_words, text)
    if "](" in text:
        text = _LINK.sub(r" \1 \2 ", text)
    if "://" in text:
        text = _URL.sub(_url_words, text)
    if "　" in text or " " in text:
        text = _SPACED.sub(lambda label: re.sub("(?<=\\S)[ 　]+(?=\\S)", "", label[0]), text)
    return text


def composed(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """Unicode's normal form of a text, but in pieces where combining marks run on without end.

    Putting marks in their order takes the square of how many there are in a row: minutes for a
    megabyte of them.
    """
    pieces = []
    done = 0
    for signs in _SIGNS.finditer(text):
        pieces.append(unicodedata.normalize(form, text[done : signs.end()]))
        done = signs.end()
    return "".join([*pieces, unicodedata.normalize(form, text[done:])])


def well_formed(text: str) -> str:
    """A text with "?" for lone surrogates, which broken file names hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode()


def front_matter(lines: Sequence[str]) -> int:
    """How many lines of YAML between --- and --- open a Markdown note; 0 where there are none."""
    if lines[0].rstrip() != "---":
        return 0
    ends = (at for at in range(1, len(lines)) if lines[at].rstrip() in ("---", "..."))
    return next(ends, -1) + 1


class Fences:
    """The blocks of fenced code in a note's lines."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._fences = {
            at: match[0] for at, line in enumerate(lines) if (match := _FENCE.match(line.strip()))
        }
        # From below, as a note may have thousands of openings that nothing closes, and looking at
        # all the lines below each would take a time that grows with the square of their number.
        self._closed: set[int] = set()
        longest = {"`": 0, "~": 0}
        for at, fence in reversed(self._fences.items()):
            if longest[fence[0]] >= len(fence):
                self._closed.add(at)
            longest[fence[0]] = max(longest[fence[0]], len(fence))

    def end(self, at: int) -> int:
        """Where the block that opens at a line (from 0) ends; that line itself where none does."""
        if at not in self._closed:
            return at  # never closed: a stray mark, not a block
        end = at + 1
        while not self._fences.get(end, "").startswith(self._fences[at]):
            end += 1
        return end + 1


def _link_words(link: re.Match[str]) -> str:
    target = link[1].replace("\\", " ").replace("|", " ").replace("#", " ")
    return f" {target} {link[2] or ''} "


def _url_words(url: re.Match[str]) -> str:
    """A URL's host and those parts of its path that a person might look for."""
    parts = [part for part in url[2].split("/") if part and "%" not in part]
    words = (p for p in parts if len(p) <= LONGEST_ID or not any(map(str.isdigit, p)))
    return "/".join([url[1], *words]) + " "
