"""Does a stated probability keep its word: calibration error, and a diagram of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

BINS = 10  # of equal width, from 0 to 1
SIDE, MARGIN = 320, 44  # of the diagram, in pixels


def bins(stated: Sequence[float], right: Sequence[bool]) -> list[tuple[int, float, float]]:
    """For each tenth of the scale: how many, their mean stated probability, the share right."""
    held: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for probability, was_right in zip(stated, right, strict=True):
        held[min(int(probability * BINS), BINS - 1)].append((probability, was_right))
    return [
        (
            len(of_bin),
            sum(p for p, _ in of_bin) / len(of_bin),
            sum(r for _, r in of_bin) / len(of_bin),
        )
        if of_bin
        else (0, 0.0, 0.0)
        for of_bin in held
    ]


def calibration_error(stated: Sequence[float], right: Sequence[bool]) -> float:
    """Mean gap between stated probability and share right, weighted by how many are in each bin.

    Source: expected calibration error, Naeini et al., AAAI 2015.
    """
    of_all = max(len(stated), 1)
    return sum(count / of_all * abs(said - was) for count, said, was in bins(stated, right))


def write_diagram(stated: Sequence[float], right: Sequence[bool], path: Path) -> None:
    """Write the reliability diagram as SVG: a bar is the share right, a tick what was stated."""

    def x(value: float) -> float:
        return MARGIN + SIDE * value

    def y(value: float) -> float:
        return MARGIN + SIDE * (1 - value)

    parts = [f'<path d="M{x(0)} {y(0)}L{x(1)} {y(1)}" stroke="#888" stroke-dasharray="4 4"/>']
    for at, (count, said, was) in enumerate(bins(stated, right)):
        left, width = x(at / BINS) + 2, SIDE / BINS - 4
        parts.append(
            f'<rect x="{left:.1f}" y="{y(was):.1f}" width="{width:.1f}" '
            f'height="{SIDE * was:.1f}" fill="#5b8db8"/>'
            f'<path d="M{left:.1f} {y(said):.1f}h{width:.1f}" stroke="#c0392b" stroke-width="2"/>'
            f'<text x="{left + width / 2:.1f}" y="{y(0) + 30:.1f}">{count}</text>'
        )
    for tenth in range(0, 11, 2):
        value = tenth / 10
        parts.append(
            f'<text x="{x(value):.1f}" y="{y(0) + 15:.1f}">{value:g}</text>'
            f'<text x="{x(0) - 18:.1f}" y="{y(value) + 4:.1f}">{value:g}</text>'
        )
    parts.append(f'<text x="{x(0) - 18:.1f}" y="{y(0) + 30:.1f}">askings</text>')
    size = SIDE + 2 * MARGIN
    title = (
        f"stated (red) and share right (blue), {len(stated)} askings; "
        f"error {calibration_error(stated, right):.3f}"
    )
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" '
        f'font-family="sans-serif" font-size="10" text-anchor="middle">'
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{size / 2}" y="24" font-size="12">{title}</text>{"".join(parts)}</svg>\n',
        encoding="utf-8",
    )
