"""A question as people type it into a search box: fewer particles, no ending, other spellings.

JaQuAD's questions are whole sentences by careful writers. A model that has seen nothing else learns
to want their endings.
"""

from __future__ import annotations

import random
import re
import unicodedata
from functools import lru_cache

import fugashi

ENDING = re.compile(
    r"(?:は|が|とは|って)?(?:(?:なん|何|どこ|誰|だれ|いつ|どれ|いくつ)(?:です|でした|なの|なのです|だった|でしょう)?"
    r"|(?:です|でした|ました|ます|なの|なのです|のです|でしょう))?か?[?？。]*$"
)
LONG_MARK = re.compile(r"(?<=[ァ-ヺ]{2})ー(?![ァ-ヺー])")  # サーバー, サーバ
DROPPED = frozenset({"係助詞", "格助詞", "副助詞", "終助詞", "準体助詞"})  # unidic's pos2


def as_typed(question: str, random: random.Random) -> list[str]:
    """Up to three rewritings of a question, none equal to it: keywords, a short form, a spelling.

    Args:
        question: a whole sentence.
        random: decides which particles a short form keeps, and which spelling is tried.
    """
    written = [
        " ".join(_keywords(question)),
        _short(question, random),
        random.choice([_without_marks, _full_width, _lower])(question),
    ]
    return [text for text in dict.fromkeys(written) if len(text) > 3 and text != question]


def _keywords(question: str) -> list[str]:
    """Runs of words between particles: 奈良の大仏の高さは何m? → 奈良 大仏 高さ 何m."""
    runs: list[str] = [""]
    for word in _tagger()(ENDING.sub("", question)):
        if word.feature.pos1 in ("助詞", "助動詞", "補助記号"):
            runs.append("")
        elif word.feature.pos1 != "接続詞":
            runs[-1] += word.surface
    return [run for run in runs if run]


def _short(question: str, random: random.Random) -> str:
    """Without its ending and about half of its particles."""
    words = _tagger()(ENDING.sub("", question))
    return "".join(
        word.surface
        for word in words
        if not (word.feature.pos2 in DROPPED and random.random() < 0.5)
    )


def _without_marks(question: str) -> str:
    return LONG_MARK.sub("", question).rstrip("?？。")


def _full_width(question: str) -> str:
    """ASCII as a Japanese keyboard gives it."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in question)


def _lower(question: str) -> str:
    return unicodedata.normalize("NFKC", question).lower()


@lru_cache(maxsize=1)
def _tagger() -> fugashi.Tagger:
    return fugashi.Tagger()
