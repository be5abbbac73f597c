"""The consonants of a word as Japanese hears them, so that katakana and English meet.

    マイグレーション, migration ▶ mgrsn        ウィンドウズ, Windows ▶ wnds

The dictionary knows the English of common loan words only (サーバー-server). For the rest, what
stays through borrowing is the order of the consonants: vowels change, l becomes r, v becomes b, an
r that closes a syllable becomes a long vowel.
"""

from __future__ import annotations

import re
from functools import lru_cache

FEWEST = 4  # consonants; with fewer, too many different words sound alike

_KATAKANA = re.compile(r"[ァ-ヺー・]+")
_LATIN = re.compile(r"[a-z]+")
# Two-character sounds first: the small vowel decides the consonant before it.
_PAIRS = {
    "w": "ウィ ウェ ウォ ウイ",
    "s": "シェ ジェ",
    "C": "チェ",
    "t": "ティ トゥ ツァ",
    "d": "ディ デュ ドゥ",
    "kw": "クァ クィ クェ クォ クイ",
    "gw": "グァ",
    "y": "イェ",
}
_ROWS = {
    "k": "カキクケコ", "g": "ガギグゲゴ", "s": "サスセソシザズゼゾヅジヂ", "t": "タテトツ",
    "C": "チ", "d": "ダデド", "n": "ナニヌネノン", "h": "ハヒフヘホ", "b": "バビブベボヴ",
    "p": "パピプペポ", "m": "マミムメモ", "y": "ヤユヨ", "r": "ラリルレロ", "w": "ワ",
}  # fmt: skip
_SOUND = {kana: heard for heard, row in _ROWS.items() for kana in row}
_SOUND |= {pair: heard for heard, pairs in _PAIRS.items() for pair in pairs.split()}

_ENGLISH = (  # in order; each where the spelling hides the sound
    (r"[st]ion|[st]ian|cian", "sn"),
    (r"ture?(?=s?$)|tu(?=al)|tch|ch", "C"),
    (r"sh", "s"),
    (r"ph|gh(?=[aeiouy])|f", "F"),  # F until the silent h are gone
    (r"gh|(?<=^)k(?=n)|(?<=^)w(?=r)|(?<=m)b$", ""),
    (r"th|dge|dj|g(?=[eiy])", "s"),
    (r"ck|c(?![eiy])|q(?!u)", "k"),
    (r"qu", "kw"),
    (r"x", "ks"),
    (r"c", "s"),
    (r"v", "b"),
    (r"(?<=^)u(?=[snt])|(?<=^)eu", "y"),
    (r"(?<=[aeiouy])r(?![aeiouyr])|(?<=[aeiouy])r+e?$", ""),  # a long vowel
    (r"(?<=[aeiou])w(?![aeiouy])|(?<=[aeiou])y", ""),
    (r"h(?![aeiouy])", ""),
    (r"y(?![aeiou])", ""),
    (r"[aeiou]", ""),
)
_ALIKE = str.maketrans({"z": "s", "j": "s", "F": "h", "l": "r"})  # ears differ on these


@lru_cache(maxsize=65_536)
def sound(word: str) -> str:
    """The consonants of a katakana or Latin word; empty for others and for short ones.

    Args:
        word: normalised (NFKC, lower case).
    """
    if _KATAKANA.fullmatch(word):
        heard = _katakana(word)
    elif _LATIN.fullmatch(word):
        heard = _english(word)
    else:
        return ""
    heard = re.sub("n(?=[pb])", "m", heard.translate(_ALIKE))  # コンピュータ
    heard = re.sub(r"(.)\1+", r"\1", heard)
    return heard if len(heard) >= FEWEST else ""


def _katakana(word: str) -> str:
    heard = []
    at = 0
    while at < len(word):
        size = 2 if word[at : at + 2] in _SOUND else 1
        heard.append(_SOUND.get(word[at : at + size], ""))  # vowels and small kana add nothing
        at += size
    return "".join(heard)


def _english(word: str) -> str:
    for spelling, heard in _ENGLISH:
        word = re.sub(spelling, heard, word)
    return word
