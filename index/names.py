r"""File names as people see them: what misleads the eye is spelled out, as in 「\u202ecod.exe」.

The store, JSON and links keep a name as it is; only what is shown goes through `visible`.
"""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

_JOINERS = "\u200c\u200d"  # within a name these shape its letters, as in an emoji of a family
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # letters that have no shape
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def visible(path: str) -> str:
    r"""A path whose every sign can be seen, where it stands.

    Spelled out as \u202e: what turns the direction of a line, ends it or has no shape, and all of
    a part (a folder's name, or a file's without its suffix) that would look empty.
    """
    return "/".join(map(_visible_part, path.split("/")))


def _visible_part(name: str) -> str:
    stem = PurePosixPath(name).stem
    if stem and not any(map(_has_shape, stem)):
        return "".join(map(_spelled, stem)) + name[len(stem) :]
    return "".join(sign if _is_plain(sign) else _spelled(sign) for sign in name)


def _has_shape(sign: str) -> bool:
    category = unicodedata.category(sign)
    return category[0] not in "ZC" and category not in ("Mn", "Me") and sign not in _BLANK


def _is_plain(sign: str) -> bool:
    return sign in _JOINERS or unicodedata.category(sign) not in _UNSEEN


def _spelled(sign: str) -> str:
    return f"\\u{ord(sign):04x}" if ord(sign) < 0x1_0000 else f"\\U{ord(sign):08x}"
