"""The map as the page gets it: what it says in words, and the points for ui/web/map.js to draw.

    <main class="map">  what is shown, its legend, a list of the notes
      <script type="application/json">  the points, column by column

The list is the map for who cannot see it; each note in it is a link, as each point is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from itertools import takewhile
from pathlib import PurePosixPath

from markupsafe import Markup

from index.messages import Said, said, same
from index.names import visible
from index.passages import Passage
from index.words.markup import well_formed
from ui.desk import Status
from ui.html import rendered
from ui.map.mapper import Drawing, Plane
from ui.note_page import note_address

COLOURS = 7  # that ui/web/map.css tells apart, also for the colour-blind
BEGINNING = 80  # characters of a passage under the pointer: three lines of the tip


def map_page(drawing: Drawing, status: Status, seen: int = 0) -> str:
    """How the map stands, and the map itself if it is another than the one seen.

    Args:
        drawing: as far as it is drawn.
        status: how far the index is.
        seen: number of the plane that the page has; 0 for none.
    """
    plane = drawing.plane
    states = [said("map_points", count=len(plane.ids))] if plane else []
    if status.encoded < status.passages or not status.passages:
        counts = {"encoded": status.encoded, "passages": status.passages}
        states.append(said("vectors_being_made", **counts))
    elif drawing.share < 1:
        states.append(said("map_drawing", share=drawing.share))
    elif not plane:
        states.append(said("map_failed"))
    fresh = plane is not None and plane.number != seen
    return rendered(
        "map_page.html",
        number=plane.number if plane else 0,
        busy=int(len(states) > 1 or not plane),
        states=states,
        fresh=fresh,
        **(_legend(plane) if plane and fresh else {}),
    )


def _legend(plane: Plane) -> dict[str, object]:
    """What the template needs of a new plane: the legend, the list of the notes, the points."""
    by, groups = _groups(plane.passages)
    sizes = Counter(groups).most_common()
    notes = sorted(Counter(passage.path for passage in plane.passages).items())
    return {
        "coloured": by,
        "shown": [(_short(name), count) for name, count in sizes[:COLOURS]],
        "rest": len(sizes) - COLOURS,
        "notes": [(path, note_address(path), count) for path, count in notes],
        "points": Markup(_points(plane, groups, [name for name, _ in sizes])),
    }


def _points(plane: Plane, groups: Sequence[str], names: Sequence[str]) -> str:
    """The points as JSON that can stand in a page: columns of equal length, names told once."""
    passages = plane.passages
    paths, path = _numbered(well_formed(p.path) for p in passages)
    headings, heading = _numbered(tuple(map(well_formed, p.heading)) for p in passages)
    group = {name: number for number, name in enumerate(names)}
    columns = {
        "x": [round(x, 3) for x in plane.places[:, 0].tolist()],
        "y": [round(y, 3) for y in plane.places[:, 1].tolist()],
        "paths": paths,
        "shown": [visible(str(path)) for path in paths],
        "path": path,
        "headings": headings,
        "heading": heading,
        "group": [group[name] for name in groups],
        "start": [p.start_line for p in passages],
        "end": [p.end_line for p in passages],
        "page": [p.page or 0 for p in passages],
        "text": [well_formed(_beginning(p.text)) for p in passages],
    }
    return json.dumps(columns, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _numbered(names: Iterable[Hashable]) -> tuple[list[Hashable], list[int]]:
    """Each name once, and for each that was given its number among these."""
    numbers: dict[Hashable, int] = {}
    column = [numbers.setdefault(name, len(numbers)) for name in names]
    return list(numbers), column


def _groups(passages: Sequence[Passage]) -> tuple[str, list[str]]:
    """What the points are coloured by, and the name that each has there.

    Notes; their topmost folders where there are more notes than colours; headings of a single note.
    """
    paths = {passage.path for passage in passages}
    if len(paths) == 1:
        levels = zip(*(p.heading for p in passages if p.heading), strict=False)
        depth = sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, levels))  # its title
        return "heading", ["".join(p.heading[depth : depth + 1]) for p in passages]
    tops = {path: PurePosixPath(path).parts[0] for path in paths}
    if len(paths) > COLOURS and len(set(tops.values())) <= len(paths) // 2:
        return "folder", [tops[p.path] for p in passages]
    return "note", [PurePosixPath(p.path).stem for p in passages]


def _beginning(text: str) -> str:
    text = " ".join(text.split())
    return text[:BEGINNING] + ("…" if len(text) > BEGINNING else "")


def _short(name: str) -> Said:
    return same(visible(name)[:20] + ("…" if len(name) > 20 else "")) or said("no_heading")
