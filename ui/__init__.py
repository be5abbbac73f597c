"""The web chat: what it shows (render.py, note_page.py), who may ask (door.py)."""

import index.offline  # noqa: F401 - before the libraries that it keeps silent
