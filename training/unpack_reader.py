"""python -m training.unpack_reader PACKED OUT: a shipped reader as a folder to train on from.

What `pack_reader` wrote, the other way round: float32 again, with the word embeddings and tokenizer
of the encoder that it shares. The optimiser's state is not shipped, so `python -m training.reader`
begins anew from OUT, without --resume.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from index.settings import DEFAULT_MODEL
from training.graph import WEIGHTS, WORDS
from training.log import logged


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.unpack_reader", description=__doc__)
    parser.add_argument("packed", type=Path, help="folder from training.pack_reader")
    parser.add_argument("out", type=Path, help="new folder, 120 MB")
    parser.add_argument("--encoder", type=Path, default=DEFAULT_MODEL, help="what it shares")
    options = parser.parse_args(argv)
    with logged("unpack_reader", packed=options.packed):
        unpack(options.packed, options.out, options.encoder)
    return 0


def unpack(packed: Path, out: Path, encoder: Path) -> None:
    """Write the folder.

    Raises:
        OSError: OUT is there already, or cannot be written.
    """
    from safetensors.torch import load_file, save_file

    out.mkdir(parents=True)
    depth = json.loads((packed / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"]
    weights = {f"layers.{WORDS}": load_file(encoder / WEIGHTS)[WORDS].float()}
    for name, tensor in load_file(packed / WEIGHTS).items():
        head = name.startswith("heads.")
        name = name.replace("heads.", f"heads.{depth}") if head else f"layers.{name}"
        weights[name] = tensor.float()
    save_file(weights, out / WEIGHTS, metadata={"format": "pt"})
    shutil.copy(packed / "config.json", out / "config.json")
    shutil.copy(encoder / "tokenizer.json", out / "tokenizer.json")


if __name__ == "__main__":
    sys.exit(main())
