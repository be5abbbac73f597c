"""Text as HTML: what comes from notes and readers, and what the interface says in two languages."""

from __future__ import annotations

import re

SIGN = re.compile(r"[!-/:-@\[-`{-~]")  # ASCII punctuation: all of HTML's and Markdown's signs


def safe(text: str) -> str:
    """HTML that shows exactly this text, also if it went through Markdown: no ASCII sign is left.

    Lone surrogates (broken file names) show as "?".
    """
    return SIGN.sub(lambda sign: f"&#{ord(sign[0])};", text.encode("utf-8", "replace").decode())


def both(japanese: str, english: str) -> str:
    """The same in both languages; the page's style sheet shows the one that the reader chose."""
    return f'<span class="ja">{japanese}</span><span class="en" lang="en">{english}</span>'
