"""python -m training.card MODEL: the model's card, card.md filled in from the log of its making."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.log import LOG
from training.pairs import read_rows

STEPS = ("unpack", "prune", "pairs", "finetune")
CARD = Path(__file__).with_name("card.md")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.card", description=__doc__)
    parser.add_argument("model", type=Path, help="folder from training.pack")
    options = parser.parse_args(argv)
    rows = list(read_rows(Path(os.environ.get("KIKIGAKI_TRAINING_LOG") or LOG)))
    (options.model / "README.md").write_text(card(options.model, rows), encoding="utf-8")
    return 0


def card(model: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    """The card of a packed folder, by what the log holds since the weights were last unpacked.

    Raises:
        LookupError: a step is not in the log.
    """
    begun = max((at for at, row in enumerate(rows) if row["step"] == "unpack"), default=0)
    made = [row for row in rows[begun:] if row["step"] in STEPS]
    finetuned = [row for row in made if row["step"] == "finetune"]
    packed: Mapping[str, Any] | None = None
    judged = []  # each with the weights that had been packed last
    for row in rows[begun:]:
        if row["step"] == "pack":
            packed = row
        elif row["step"] == "evaluate" and packed:
            judged.append((packed["settings"]["model"], row))
    if packed is None or not judged:
        raise LookupError("pack and evaluate the model first")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    licence = "cc-by-sa-3.0" if finetuned else "mit"
    return CARD.read_text(encoding="utf-8").format(
        name=model.name,
        licence=licence,
        pieces=config["vocab_size"],
        data=(
            "fine-tuned on JaQuAD's train part (CC BY-SA 3.0; So et al., 2022, arXiv:2202.01764)."
            if finetuned
            else "none; JaQuAD's train part (CC BY-SA 3.0) only decided which pieces were kept."
        ),
        licence_said=(
            "CC BY-SA 3.0, as the data they were tuned on; the base is MIT."
            if finetuned
            else "MIT, as the base."
        ),
        megabytes=packed["scores"]["bytes"] / 1e6,
        questions=judged[-1][1]["scores"]["questions"],
        passages=judged[-1][1]["scores"]["passages"],
        scores="\n".join(
            "| {weights} | {R@1:.3f} | {R@3:.3f} | {R@10:.3f} | {line:.3f} | {commit} |".format(
                weights=weights, commit=row["commit"], **row["scores"]
            )
            for weights, row in judged
        ),
        texts=packed["scores"]["texts"],
        float8=packed["scores"]["float8"],
        int8=packed["scores"]["int8"],
        commands="\n".join(command(row) for row in [*made, packed]),
    )


def command(row: Mapping[str, Any]) -> str:
    """How a step was called; one that was stopped gave what it had saved to the next."""
    if stopped := row.get("scores", {}).get("stopped_at"):
        saved = row["scores"]["saved_at"]
        return f"{row['command']}  # stopped after {stopped} steps; {saved} were saved"
    return str(row["command"])


if __name__ == "__main__":
    sys.exit(main())
