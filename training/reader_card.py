"""python -m training.reader_card READER: the reader's card, from reader_card.md and the log."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.card import command
from training.log import LOG
from training.pairs import read_rows

CARD = Path(__file__).with_name("reader_card.md")
MADE_BY = ("reader", "pack_reader", "unpack_reader")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.reader_card", description=__doc__)
    parser.add_argument("reader", type=Path, help="folder from training.pack_reader")
    options = parser.parse_args(argv)
    rows = list(read_rows(Path(os.environ.get("KIKIGAKI_TRAINING_LOG") or LOG)))
    (options.reader / "README.md").write_text(card(options.reader, rows), encoding="utf-8")
    return 0


def card(reader: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    """The card of a packed folder, by the last of each step that the log holds.

    Raises:
        LookupError: a step is not in the log.
    """
    last = {row["step"]: row for row in rows}
    try:
        trained, packed, judged = (
            last[step] for step in ("reader", "pack_reader", "evaluate_reader")
        )
    except KeyError as error:
        raise LookupError(f"no {error} in the log") from error
    config = json.loads((reader / "config.json").read_text(encoding="utf-8"))
    return CARD.read_text(encoding="utf-8").format(
        name=reader.name,
        layers=config["num_hidden_layers"],
        megabytes=packed["scores"]["bytes"] / 1e6,
        **judged["scores"],
        scores="\n".join(
            "| {depth} | {first:.3f} | {auroc:.3f} | {EM:.3f} | {F1:.3f} |".format(
                depth=depth, **scores
            )
            for depth, scores in trained["scores"].items()
            if isinstance(scores, dict)
        ),
        commands="\n".join(command(row) for row in rows if row["step"] in MADE_BY),
    )


if __name__ == "__main__":
    sys.exit(main())
