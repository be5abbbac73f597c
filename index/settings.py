"""Where things are: a flag, else the environment, else the default. The README has the table."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import platformdirs

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "seeds"
DEFAULT_MODEL = ROOT / "models" / "kikigaki-e5-small-ja"
DEFAULT_READER = ROOT / "models" / "kikigaki-reader-ja"


def notes_folder(flag: str | os.PathLike[str] | None = None) -> Path:
    """The notes folder: --notes, else KIKIGAKI_NOTES, else seeds/."""
    return _path(flag or os.environ.get("KIKIGAKI_NOTES") or SEEDS)


def store_folder(notes: Path, flag: str | os.PathLike[str] | None = None) -> Path:
    """The store: --store, else KIKIGAKI_STORE, else one per notes folder in the user's cache.

    The default's name is readable and its hash, of the folder's absolute path, keeps two folders
    of one name apart.
    """
    if given := flag or os.environ.get("KIKIGAKI_STORE"):
        return _path(given)
    absolute = os.path.realpath(notes)
    readable = re.sub(r"[^\w-]+", "_", Path(absolute).name)[:40] or "notes"
    digest = hashlib.sha256(absolute.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return cache_folder() / "stores" / f"{readable}-{digest}"


def cache_folder() -> Path:
    """The folder of this user's cache where stores are kept."""
    return platformdirs.user_cache_path("kikigaki")


def _path(given: str | os.PathLike[str]) -> Path:
    return Path(os.path.expanduser(given))  # noqa: PTH111 - leaves a ~ of nobody as it is
