"""python -m training.pack_reader READER OUT --depth 6: the reader's folder that is shipped.

    model.safetensors  the layers up to that depth in 8-bit floats, their heads in float32
    model.onnx         the graph that ONNX Runtime runs in int8 from these bytes; see graph.py
    kikigaki.json      fingerprint, each file's bytes and SHA-256, and the encoder's file that holds
                       the word embeddings

Word embeddings and tokenizer stay where they are, in the encoder's folder: both models share them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from index.models.onnx_model import MANIFEST, sha256
from index.settings import DEFAULT_MODEL
from training.graph import WEIGHTS, WORDS, build_reader, places
from training.log import logged


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.pack_reader",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("reader", type=Path, help="folder from training.reader")
    parser.add_argument("out", type=Path, help="new folder")
    parser.add_argument("--depth", type=int, required=True, help="one of the trained ones")
    parser.add_argument("--encoder", type=Path, default=DEFAULT_MODEL, help="what it began from")
    options = parser.parse_args(argv)
    with logged("pack_reader", reader=options.reader, depth=options.depth) as scores:
        pack(options.reader, options.out, options.depth, options.encoder)
        scores["bytes"] = sum(f.stat().st_size for f in options.out.iterdir())
        print(json.dumps(scores))
    return 0


def pack(reader: Path, out: Path, depth: int, encoder: Path) -> None:
    """Write the folder.

    Raises:
        OSError: OUT is there already, or cannot be written.
        KeyError: the reader has no heads at that depth.
    """
    import onnx
    import torch
    from safetensors.torch import load_file, save_file

    out.mkdir(parents=True)
    kept: dict[str, Any] = {}
    for name, tensor in load_file(reader / "model.safetensors").items():
        plain = name.removeprefix("layers.")
        layer = int(plain.split(".")[2]) if plain.startswith("encoder.layer.") else 0
        if plain != WORDS and not plain.startswith("heads.") and layer < depth:
            kept[plain] = tensor.to(torch.float8_e4m3fn) if tensor.dim() == 2 else tensor
        for head in ("span", "answers"):
            if plain.startswith(f"heads.{depth}{head}."):
                kept[f"heads.{head}.{plain.rsplit('.', 1)[1]}"] = tensor
    if "heads.span.weight" not in kept:
        raise KeyError(f"no heads at depth {depth}")
    save_file(kept, out / WEIGHTS, metadata={"format": "pt"})
    (out / WEIGHTS).chmod(0o644)
    config = json.loads((reader / "config.json").read_text(encoding="utf-8"))
    config |= {"num_hidden_layers": depth}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    onnx.save(build_reader(out, encoder), out / "model.onnx")
    seal(out, encoder)


def seal(out: Path, encoder: Path) -> None:
    """Write the manifest."""
    (out / MANIFEST).unlink(missing_ok=True)
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(out.iterdir())
        if path.name != "README.md"
    }
    sums = "".join(str(file["sha256"]) for file in files.values())
    kind, shape, start, end = places(encoder / WEIGHTS)[WORDS]
    manifest = {
        "fingerprint": hashlib.sha256(sums.encode()).hexdigest()[:16],
        "files": files,
        "shared": {
            "name": WORDS, "shape": shape, "type": kind, "offset": start, "bytes": end - start,
            "encoder": {name: sha256(encoder / name) for name in (WEIGHTS, "tokenizer.json")},
        },
    }  # fmt: skip
    (out / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
