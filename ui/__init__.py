"""The web chat: what it shows (render.py, note_page.py), who may ask (door.py)."""
