"""A link that opens a note in the reader's editor, as KIKIGAKI_EDITOR says."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote

EDITORS = {
    "vscode": "vscode://file{path}:{line}",
    "obsidian": "obsidian://open?path={whole}",
    "file": "file://{path}",  # most browsers open no such link from a page; it can be copied
}
SCRIPT = re.compile(r"(?i)\s*(?:javascript|data|vbscript|https?|blob):")


def editor_link(file: Path, at: str) -> str:
    """The address that opens a file at the first line of "12-14,20"; empty without the setting.

    KIKIGAKI_EDITOR names one of EDITORS, or is an address with {path} and {line}, and {whole} for
    a path whose slashes are encoded too. It tells a browser where on this machine the notes are.
    """
    chosen = os.environ.get("KIKIGAKI_EDITOR") or ""
    address = EDITORS.get(chosen, chosen)
    if ":" not in address or SCRIPT.match(address):
        return ""
    line = re.match(r"\d+", at)
    path = file.as_posix()
    path = path if path.startswith("/") else f"/{path}"  # C:/notes
    places = {
        "path": quote(path),
        "whole": quote(path, safe=""),
        "line": line[0] if line else "1",
    }
    return re.sub(r"\{(path|whole|line)\}", lambda name: places[name[1]], address)
