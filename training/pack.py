"""python -m training.pack MODEL OUT: the folder that is shipped, a quarter of the size.

    model.safetensors  8-bit floats (E4M3); SentenceTransformer(OUT) reads them as they are
    model.onnx         the graph that ONNX Runtime runs in int8, from the same bytes; see graph.py
    kikigaki.json      fingerprint, and each file's bytes and SHA-256

With --pairs it measures what that costs: the cosine of each vector to the one by MODEL in float32.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from index.models.onnx_encoder import OnnxEncoder
from index.models.onnx_model import MANIFEST, sha256
from training.graph import build_encoder
from training.log import logged
from training.pairs import read_rows

MEASURED = 300  # held-out questions, and passages in each layout
VECTORS_DEPEND_ON = (
    *("model.safetensors", "model.onnx", "tokenizer.json", "sentence_bert_config.json"),
    "config_sentence_transformers.json",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.pack",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="folder from training.prune or finetune")
    parser.add_argument("out", type=Path, help="new folder")
    parser.add_argument("--pairs", type=Path, help="folder from training.pairs")
    options = parser.parse_args(argv)
    with logged("pack", model=options.model, pairs=options.pairs) as scores:
        pack(options.model, options.out)
        scores["bytes"] = sum(f.stat().st_size for f in options.out.rglob("*") if f.is_file())
        if options.pairs:
            scores |= measure(options.model, options.out, options.pairs)
        print(json.dumps(scores))
    return 0


def pack(model: Path, out: Path) -> None:
    """Write a model's folder anew, its matrices in 8-bit floats, with the graph beside it.

    Raises:
        OSError: OUT is there already, or cannot be written.
    """
    import onnx
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(model, out, ignore=shutil.ignore_patterns("*.safetensors"))
    weights = {
        name: tensor.to(torch.float8_e4m3fn if tensor.dim() == 2 else torch.float32)
        for name, tensor in load_file(model / "model.safetensors").items()
    }
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    config["dtype"] = "float32"  # what they are turned into when they are loaded
    (out / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    (out / "model.safetensors").chmod(0o644)
    onnx.save(build_encoder(out), out / "model.onnx")
    seal(out)


def seal(folder: Path) -> None:
    """Write the manifest."""
    (folder / MANIFEST).unlink(missing_ok=True)
    files: dict[str, dict[str, Any]] = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "README.md"
    }
    sums = [files[name]["sha256"] for name in VECTORS_DEPEND_ON]
    fingerprint = hashlib.sha256("".join(sums).encode()).hexdigest()[:16]
    manifest = {"fingerprint": fingerprint, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def measure(model: Path, packed: Path, pairs: Path) -> dict[str, Any]:
    """Cosines of both engines' vectors to the float32 model's, over held-out texts."""
    from sentence_transformers import SentenceTransformer

    held = [row for row in read_rows(pairs / "pairs.jsonl") if row["held"]]
    passages = [row["text"] for row in read_rows(pairs / "passages.jsonl")]
    step = max(1, len(held) // (2 * MEASURED))
    questions = [row["question"] for row in held[:: 2 * step]]
    answers = [passages[row["positive"]] for row in held[::step]]
    exact, loaded = SentenceTransformer(str(model)), SentenceTransformer(str(packed))
    quantised = OnnxEncoder(packed)
    wanted, torch_path = (
        np.concatenate([
            m.encode(questions, prompt_name="query"), m.encode(answers, prompt_name="passage")
        ])
        for m in (exact, loaded)
    )  # fmt: skip
    onnx_path = np.concatenate(
        [quantised.encode_questions(questions), quantised.encode_passages(answers)]
    )
    scores: dict[str, Any] = {"texts": len(wanted)}
    for name, vectors in (("float8", torch_path), ("int8", onnx_path)):
        cosines = (wanted * vectors).sum(axis=1)
        scores[name] = {
            "mean": round(float(cosines.mean()), 4),
            "least": round(float(cosines.min()), 4),
        }
    return scores


if __name__ == "__main__":
    sys.exit(main())
