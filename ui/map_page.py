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
from urllib.parse import quote

from index.names import visible
from index.passages import Passage
from qa.desk import Status
from qa.map import Drawing, Plane
from ui.html import both, safe

COLOURS = 7  # that ui/web/map.css tells apart, also for the colour-blind
BEGINNING = 80  # characters of a passage under the pointer: three lines of the tip
PLOT = f"""<div class="plot"><canvas tabindex="0" role="application"></canvas>
<div class="zoom"><button type="button" class="in" title="拡大 (zoom in: +)">＋</button><button
type="button" class="out" title="縮小 (zoom out: −)">−</button><button
type="button" class="all" title="全体 (all: 0)">{both("全体", "All")}</button></div></div>
<p class="at" aria-live="polite"></p>"""
CAPTION = both(
    "近い点ほど内容が似ています。向きと軸に意味はありません。離れた点どうしの距離も目安にすぎません。",
    "Near points are alike. Directions mean nothing, and far distances are only a hint.",
)
QUESTION = both(
    "質問は、意味の近い5か所の重み付き平均の位置に置いています。",
    "The question stands at the weighted mean of the five passages nearest to it in meaning.",
)
MARKS = (
    f'<li class="asked"><i></i>{both("質問", "question")}</li>'
    f'<li class="cited"><i></i>{both("引用した箇所", "quoted")}</li>'
    f'<li class="near"><i></i>{both("ほかに近い箇所", "also near")}</li>'
)
WAITING = both("意味検索の準備中 {0:,}/{1:,}", "Preparing the search by meaning {0:,}/{1:,}")
DRAWING = both("地図を作っています {0:.0%}", "Drawing the map {0:.0%}")
FAILED = both("地図を作れませんでした。", "The map could not be drawn.")
POINTS = both("{0:,}か所", "{0:,} passages")
COLOURED = {
    "folder": both("色: フォルダ", "Colours: folders"),
    "note": both("色: ノート", "Colours: notes"),
    "heading": both("色: 見出し", "Colours: headings"),
}
NO_HEADING = both("見出しなし", "no heading")
OTHERS = both("ほか {0:,}件は淡い色", "{0:,} others, pale")
NOTES = both("ノートの一覧", "List of the notes")


def map_page(drawing: Drawing, status: Status, seen: int = 0) -> str:
    """How the map stands, and the map itself if it is another than the one seen.

    Args:
        drawing: as far as it is drawn.
        status: how far the index is.
        seen: number of the plane that the page has; 0 for none.
    """
    plane = drawing.plane
    said = []
    if status.encoded < status.passages or not status.passages:
        said.append(WAITING.format(status.encoded, status.passages))
    elif drawing.share < 1:
        said.append(DRAWING.format(drawing.share))
    elif not plane:
        said.append(FAILED)
    if plane:
        said.insert(0, POINTS.format(len(plane.ids)))
    busy = bool(len(said) > 1 or not plane)
    state = f'<p class="state">{" ・ ".join(said)}</p>'
    fresh = _fresh(plane) if plane and plane.number != seen else ""
    return (
        f"<h1>{both('ノートの地図', 'Map of the notes')}</h1>"
        f'<main class="map" data-number="{plane.number if plane else 0}" data-busy="{busy:d}">'
        f'{state}{PLOT}<ul class="marks">{MARKS}</ul>'
        f'<p class="caption">{CAPTION}</p><p class="caption asked">{QUESTION}</p>{fresh}</main>'
    )


def _fresh(plane: Plane) -> str:
    """The legend, the list of the notes, and the points."""
    by, groups = _groups(plane.passages)
    sizes = Counter(groups).most_common()
    shown = "".join(
        f'<li><i class="c{number}"></i><bdi>{_short(name)}</bdi> {count:,}</li>'
        for number, (name, count) in enumerate(sizes[:COLOURS])
    )
    rest = f"<li>{OTHERS.format(len(sizes) - COLOURS)}</li>" if len(sizes) > COLOURS else ""
    notes = "".join(
        f'<li><a class="source" href="/note/{safe(quote(path, errors="replace"))}" target="_blank">'
        f"<bdi>{safe(visible(path))}</bdi></a>"
        f'<span class="place" hidden>{safe(visible(path))}</span> {count:,}</li>'
        for path, count in sorted(Counter(p.path for p in plane.passages).items())
    )
    return (
        f'<div class="legend"><p>{COLOURED[by]}</p><ul>{shown}{rest}</ul></div>'
        f'<details class="notes"><summary>{NOTES}</summary><ul>{notes}</ul></details>'
        f'<script type="application/json">{_points(plane, groups, [name for name, _ in sizes])}'
        f"</script>"
    )


def _points(plane: Plane, groups: Sequence[str], names: Sequence[str]) -> str:
    """The points as JSON that can stand in a page: columns of equal length, names told once."""
    passages = plane.passages
    paths, path = _numbered(_written(p.path) for p in passages)
    headings, heading = _numbered(tuple(map(_written, p.heading)) for p in passages)
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
        "text": [_written(_beginning(p.text)) for p in passages],
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


def _short(name: str) -> str:
    return safe(visible(name)[:20] + ("…" if len(name) > 20 else "")) or NO_HEADING


def _written(text: str) -> str:
    """Without lone surrogates (broken file names), which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()
