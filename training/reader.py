"""python -m training.reader MODEL PAIRS OUT: teach the lower layers of the encoder to read.

For a question and a window of a passage: how likely the window answers, and which of its tokens
begin and end the answer. Each of some depths has heads of its own, all trained at once, so one run
tells what each further layer is worth, and the one that is fast enough is packed.

    start, end     a linear layer over each token's state
    answers        a linear layer over the first token's state + what the start and end scores reach

Losses: -log of the probability of a right start, and end, in the answering window (any place where
the answer stands is right); whether each window answers; and which window of its group does. Word
embeddings stay as they are.

A deeper reader that is trained already can teach a shallower one (--teacher): what it takes for the
answer in each window, and how likely it takes the window to answer, is learnt besides.

The learning rate stays level, then falls to 0 over the last part of the steps. What is saved every
SAVE_EVERY steps can be gone on from (--resume), also to fewer steps than were planned.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.evaluate_reader import Exam, judge
from training.log import logged
from training.reader_net import TOGETHER, odds, open_cutter, open_reader, padded, read_windows
from training.reading import Example, Examples

if TYPE_CHECKING:
    import torch

SAVE_EVERY = 200  # steps
HELD = 200  # held-out questions that are looked at then
EARLIER = 0.3  # of the loss at the last depth, what each depth before it counts


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run depends on, besides the data."""

    depths: tuple[int, ...]  # layers after which there are heads
    steps: int
    batch: int  # questions a step
    negatives: int  # windows of each that do not answer
    windows: tuple[int, ...]  # tokens; each question's group takes one of them
    rate: float
    head_rate: float
    warm_up: int  # steps
    fall: float  # share of the steps, the last ones
    frozen: int  # layers, the lowest, that stay as they are, like the word embeddings
    seed: int
    bfloat16: bool  # also on a CPU, where not each has it built in; a GPU always takes it


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.reader",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="the encoder's folder, to start from")
    parser.add_argument("pairs", type=Path, help="folder from training.pairs")
    parser.add_argument("out", type=Path, help="folder for the trained reader")
    parser.add_argument("--depths", type=int, nargs="+", default=[6, 8])
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=32, help="questions a step")
    parser.add_argument("--negatives", type=int, default=3)
    parser.add_argument("--windows", type=int, nargs="+", default=[96, 160, 256])
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--head-rate", type=float, default=1e-3)
    parser.add_argument("--warm-up", type=int, default=100)
    parser.add_argument("--fall", type=float, default=0.3)
    parser.add_argument("--frozen", type=int, default=0, help="lowest layers to leave alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bfloat16", action="store_true", help="on a CPU too, if it is faster")
    parser.add_argument("--teacher", type=Path, help="a deeper reader's folder, to learn from too")
    parser.add_argument("--resume", action="store_true", help="go on from what OUT holds")
    options = vars(parser.parse_args(argv))
    places = [options.pop(name) for name in ("model", "pairs", "out")]
    resume, teacher = options.pop("resume"), options.pop("teacher")
    options["depths"], options["windows"] = tuple(options["depths"]), tuple(options["windows"])
    model, pairs, out = places
    with logged(
        "reader", model=model, pairs=pairs, teacher=teacher, resume=resume, **options
    ) as scores:
        scores |= train(model, pairs, out, Settings(**options), resume=resume, teacher=teacher)
        print(json.dumps(scores))
    return 0


def train(
    model: Path,
    pairs: Path,
    out: Path,
    settings: Settings,
    *,
    resume: bool = False,
    teacher: Path | None = None,
) -> dict[str, Any]:
    """Train a reader and write it; returns the last losses and the scores on held-out articles."""
    import torch

    torch.manual_seed(settings.seed)
    chosen = random.Random(settings.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    reader = open_reader(out if resume else model, settings.depths).to(device)
    taught_by = open_reader(teacher, _depths(teacher)).to(device).eval() if teacher else None
    examples = Examples(pairs, open_cutter(model))
    held = _held_out(examples, max(settings.windows))
    heads = [p for name, p in reader.named_parameters() if name.startswith("heads.")]
    layers = list(reader.layers.encoder.layer[settings.frozen :].parameters())
    for part in (reader.layers.embeddings, *reader.layers.encoder.layer[: settings.frozen]):
        part.requires_grad_(False)
    optimiser = torch.optim.AdamW(
        [{"params": layers, "lr": settings.rate}, {"params": heads, "lr": settings.head_rate}],
        weight_decay=0.01,
    )
    begin = 0
    if resume:
        state = torch.load(out / "state.pt", weights_only=True)
        optimiser.load_state_dict(state["optimiser"])
        begin = state["step"]
        chosen.seed(settings.seed + begin)
    falls = settings.steps * settings.fall
    scores: dict[str, Any] = {}
    losses: list[float] = []
    started = time.monotonic()
    groups = examples.groups(settings.negatives, settings.windows, chosen)
    for step in range(begin + 1, settings.steps + 1):
        share = min(step / settings.warm_up, (settings.steps - step + 1) / falls, 1.0)
        for part, rate in zip(
            optimiser.param_groups, (settings.rate, settings.head_rate), strict=True
        ):
            part["lr"] = rate * share
        optimiser.zero_grad(set_to_none=True)
        batch = list(islice(groups, settings.batch))
        losses.append(_learn(reader, batch, settings, taught_by))
        torch.nn.utils.clip_grad_norm_([*layers, *heads], 1.0)
        optimiser.step()
        if step % 20 == 0:
            seconds = (time.monotonic() - started) / (step - begin)
            print(f"{step:6} loss {np.mean(losses[-40:]):.3f} {seconds:.2f} s a step", flush=True)
        if step % SAVE_EVERY == 0 or step == settings.steps:
            scores = _judged(reader, held)
            print(f"{step:6} {json.dumps(scores)}", flush=True)
            _save(reader, optimiser, step, model, out, settings)
    return {"loss": round(float(np.mean(losses[-40:])), 4), **scores}


def _learn(
    reader: Any,  # noqa: ANN401
    groups: list[list[Example]],
    settings: Settings,
    teacher: Any = None,  # noqa: ANN401
) -> float:
    """Add the gradients of one step; returns the loss.

    The groups' loss needs all windows at once, so all are kept; lengths keep the padding small.
    """
    import torch

    device, depths = next(reader.parameters()).device, settings.depths
    shorter = settings.bfloat16 or device.type == "cuda"
    flat = [example for group in groups for example in group]
    order = sorted(range(len(flat)), key=lambda i: len(flat[i].window.ids))
    size = TOGETHER if device.type == "cpu" else len(flat)
    answers: dict[int, list[torch.Tensor]] = {depth: [] for depth in depths}
    losses = dict.fromkeys(depths, torch.zeros((), device=device))
    with torch.autocast(device.type, torch.bfloat16, enabled=shorter):
        for start in range(0, len(order), size):
            part = [flat[i] for i in order[start : start + size]]
            batch = padded([example.window for example in part], device)
            taught = _taught(teacher, batch)
            for depth, (span, answer) in reader(*batch).items():
                answers[depth].append(odds(span, answer, batch[2]))
                losses[depth] = losses[depth] + _span_loss(span, part)
                if taught:
                    losses[depth] = losses[depth] + _unlike(span, answers[depth][-1], *taught)
    back = torch.tensor(sorted(range(len(order)), key=order.__getitem__), device=device)
    right = torch.tensor([float(bool(example.answers)) for example in flat], device=device)
    sizes = [len(group) for group in groups]
    total = torch.zeros((), device=device)
    for depth in depths:
        scores = torch.cat(answers[depth])[back]
        each = torch.nn.functional.binary_cross_entropy_with_logits(scores, right)
        among = sum(-group.log_softmax(0)[0] for group in torch.split(scores, sizes)) / len(groups)
        weight = 1.0 if depth == max(depths) else EARLIER
        total = total + weight * (losses[depth] / len(groups) + each + among)
    total.backward()  # type: ignore[no-untyped-call]
    return float(total.item())


def _span_loss(span: torch.Tensor, examples: Sequence[Example]) -> torch.Tensor:
    """The sum over answering windows of how unlikely the right starts and ends are."""
    import torch

    total = torch.zeros((), device=span.device)
    for row, example in enumerate(examples):
        if example.answers:
            likely = span[row].log_softmax(0)
            for side in (0, 1):
                places = {example.window.first + answer[side] for answer in example.answers}
                total = total - likely[sorted(places), side].logsumexp(0) / 2
    return total


def _taught(
    teacher: Any,  # noqa: ANN401
    batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """What a teacher says at its last depth of each token and window: probabilities."""
    import torch

    if teacher is None:
        return None
    with torch.no_grad():
        read = teacher(*batch)
        span, answer = read[max(read)]
        return span.softmax(1), odds(span, answer, batch[2]).sigmoid()


def _unlike(
    span: torch.Tensor, scores: torch.Tensor, wanted: torch.Tensor, sure: torch.Tensor
) -> torch.Tensor:
    """How far a batch is from what the teacher says of it: cross entropies, summed over windows.

    Tokens count in as far as the teacher takes the window to answer.
    """
    import torch

    likely = span.log_softmax(1).masked_fill(wanted == 0, 0.0)  # outside of the piece
    tokens = -(wanted * likely).sum((1, 2)) / 2
    each = torch.nn.functional.binary_cross_entropy_with_logits(scores, sure, reduction="none")
    return (sure * tokens + each).sum()


def _depths(folder: Path) -> tuple[int, ...]:
    settings = json.loads((folder / "reader.json").read_text(encoding="utf-8"))
    return tuple(settings["depths"])


def _judged(reader: Any, exams: Sequence[Exam]) -> dict[str, Any]:  # noqa: ANN401
    """The scores at each depth."""
    windows = [example.window for exam in exams for example in exam.examples]
    read = read_windows(reader, windows)
    return {str(depth): judge(findings, exams) for depth, findings in read.items()}


def _held_out(examples: Examples, limit: int) -> list[Exam]:
    """Some questions of held-out articles, with all windows of their own passage and of three more.

    Those that no window holds whole are left out.
    """
    exams = []
    for row in examples.held[:: max(1, len(examples.held) // HELD)]:
        asked = examples.question(row["question"])
        windows = [
            example
            for number in (row["positive"], *row["negatives"][:3])
            for example in examples.windows(asked, number, limit, row["answer"])
        ]
        if any(example.answers for example in windows):
            exams.append(Exam(row["answer"], examples.text(row["positive"]), windows))
    return exams


def _save(
    reader: Any,  # noqa: ANN401
    optimiser: torch.optim.Optimizer,
    step: int,
    model: Path,
    out: Path,
    settings: Settings,
) -> None:
    import torch
    from safetensors.torch import save_file

    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(model / name, partial / name)
    weights = {name: tensor.cpu().contiguous() for name, tensor in reader.state_dict().items()}
    save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
    state = {"optimiser": optimiser.state_dict(), "step": step}
    torch.save(state, partial / "state.pt")
    (partial / "reader.json").write_text(json.dumps(asdict(settings), indent=2), encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)


if __name__ == "__main__":
    sys.exit(main())
