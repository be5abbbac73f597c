"""python -m training.finetune MODEL PAIRS OUT: teach the encoder which passage answers a question.

Contrastive: of all passages in a batch, the question's own must be the nearest (InfoNCE, cosines
over a temperature). A batch is made of neighbours, questions whose passages the search takes for
one another's: the others' passages are hard negatives at no cost, and --negatives adds mined ones.
Word embeddings stay as they are: a few hundred articles use too few of the pieces to move them.

With the same seed, data, threads and machine, the weights come out the same.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.log import logged
from training.pairs import read_rows

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

CLUSTER = 24  # questions taken around one before a batch goes on from another
TYPED = 0.3  # of the questions: how many are put as people type them
GROUP = 32  # texts of like length that are run together
SAVE_EVERY = 100  # steps


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run depends on, besides the data."""

    steps: int
    batch: int
    rate: float
    temperature: float
    max_tokens: int  # longer passages are left out
    negatives: int  # mined ones for each question, besides the batch's
    warm_up: float  # share of the steps
    seed: int


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.finetune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="sentence-transformers folder to start from")
    parser.add_argument("pairs", type=Path, help="folder from training.pairs")
    parser.add_argument("out", type=Path, help="folder for the trained model")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=256, help="questions a step")
    parser.add_argument("--rate", type=float, default=6e-5)
    parser.add_argument("--temperature", type=float, default=0.02)
    parser.add_argument("--max-tokens", type=int, default=448)
    parser.add_argument("--negatives", type=int, default=1)
    parser.add_argument("--warm-up", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    options = vars(parser.parse_args(argv))
    model, pairs, out = options.pop("model"), options.pop("pairs"), options.pop("out")
    settings = Settings(**options)
    with logged("finetune", model=model, pairs=pairs, **options) as scores:
        scores |= finetune(model, pairs, out, settings)
        print(scores)
    return 0


def finetune(folder: Path, pairs: Path, out: Path, settings: Settings) -> dict[str, Any]:
    """Train a model and write it; returns the loss and accuracy of the last steps."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.manual_seed(settings.seed)
    model = SentenceTransformer(str(folder))
    model.train()
    for module in model.modules():  # a short training by so many examples needs none
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for name, parameter in model.named_parameters():
        parameter.requires_grad = ".encoder.layer." in name
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=settings.rate, weight_decay=0.01)
    warm_up = max(1, round(settings.steps * settings.warm_up))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min((step + 1) / warm_up, (settings.steps - step) / settings.steps),
    )
    passages = [row["text"] for row in read_rows(pairs / "passages.jsonl")]
    rows = [row for row in read_rows(pairs / "pairs.jsonl") if not row["held"]]
    lengths = _lengths(model, passages)
    rows = [row for row in rows if lengths[row["positive"]] <= settings.max_tokens]
    print(f"{len(rows)} pairs on {model.device}", flush=True)

    chosen = random.Random(settings.seed)
    losses: list[float] = []
    rights: list[float] = []
    started = time.monotonic()
    batches = neighbours(rows, settings.batch, chosen)
    for step, batch in zip(range(1, settings.steps + 1), batches, strict=False):
        loss, right = _step(model, batch, passages, lengths, settings, chosen)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        rights.append(right)
        if step % 10 == 0:
            seconds = (time.monotonic() - started) / step
            print(f"{step:6} loss {_last(losses):.3f} right {_last(rights):.3f} "
                  f"{seconds:.2f} s a step", flush=True)  # fmt: skip
        if step % SAVE_EVERY == 0 or step == settings.steps:
            _save(model, folder, out)
    return {"pairs": len(rows), "loss": _last(losses), "right": _last(rights)}


def neighbours(
    rows: Sequence[dict[str, Any]], size: int, chosen: random.Random
) -> Iterator[list[dict[str, Any]]]:
    """Batches without end, each pair once in a round, no passage twice in a batch.

    A batch gathers clusters: a pair, those whose passages are its negatives, theirs, and so on.
    """
    while True:
        order = list(rows)
        chosen.shuffle(order)
        of_passage: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for row in order:
            of_passage[row["positive"]].append(row)
        batch: dict[int, dict[str, Any]] = {}
        for start in order:
            waiting, taken = [start["positive"]], 0
            while waiting and taken < CLUSTER:
                passage = waiting.pop(0)
                if passage in batch or not of_passage[passage]:
                    continue
                row = of_passage[passage].pop()
                batch[passage] = row
                taken += 1
                waiting += row["negatives"]
                if len(batch) == size:
                    yield list(batch.values())
                    batch = {}


def _step(
    model: SentenceTransformer,
    batch: Sequence[dict[str, Any]],
    passages: Sequence[str],
    lengths: Sequence[int],
    settings: Settings,
    chosen: random.Random,
) -> tuple[torch.Tensor, float]:
    """The loss of one batch, and the share of questions whose own passage is nearest."""
    import torch

    questions = [
        chosen.choice(row["typed"]) if row["typed"] and chosen.random() < TYPED else row["question"]
        for row in batch
    ]
    numbers = [row["positive"] for row in batch]
    for row in batch:
        fit = [n for n in row["negatives"] if lengths[n] <= settings.max_tokens]
        numbers += chosen.sample(fit, min(settings.negatives, len(fit)))
    numbers = list(dict.fromkeys(numbers))
    prompts = model.prompts
    asked = _vectors(model, [prompts["query"] + text for text in questions])
    found = _vectors(model, [prompts["passage"] + passages[number] for number in numbers])
    cosines = asked @ found.T
    own = torch.arange(len(batch), device=cosines.device)
    loss = torch.nn.functional.cross_entropy(cosines / settings.temperature, own)
    return loss, (cosines.argmax(1) == own).float().mean().item()


def _vectors(model: SentenceTransformer, texts: Sequence[str]) -> torch.Tensor:
    """(len(texts), dim) with gradients; texts of like length are run together."""
    import torch

    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    parts = []
    with torch.autocast("cuda", torch.bfloat16, enabled=model.device.type == "cuda"):
        for start in range(0, len(order), GROUP):
            features = model.preprocess([texts[i] for i in order[start : start + GROUP]])
            features = {
                k: v.to(model.device) if hasattr(v, "to") else v for k, v in features.items()
            }
            parts.append(model(features)["sentence_embedding"].float())
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(parts)[back.to(model.device)]


def _lengths(model: SentenceTransformer, texts: Sequence[str]) -> list[int]:
    tokenizer = model.tokenizer.backend_tokenizer
    return [len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]


def _last(values: Sequence[float], count: int = 20) -> float:
    return round(sum(values[-count:]) / len(values[-count:]), 4)


def _save(model: SentenceTransformer, source: Path, out: Path) -> None:
    """The source's folder with these weights: the library would write settings of its own."""
    from safetensors.torch import save_file

    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial, ignore=shutil.ignore_patterns("*.safetensors"))
    layers: Any = model[0]
    state = layers.auto_model.state_dict()
    weights = {name: tensor.cpu().contiguous() for name, tensor in state.items()}
    save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)


if __name__ == "__main__":
    sys.exit(main())
