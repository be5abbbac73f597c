"""The reader as a torch module: layers of the encoder, and heads at some of their depths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.models.onnx_model import open_tokenizer
from qa.hit import Finding
from qa.reader import Cutter, Window, finding

if TYPE_CHECKING:
    import torch

TOGETHER = 16  # windows of like length that are run together on a CPU


def open_cutter(model: Path) -> Cutter:
    """What cuts windows for a model's folder."""
    return Cutter(open_tokenizer(model))


def open_reader(folder: Path, depths: Sequence[int]) -> Any:  # noqa: ANN401 - a class made below
    """A torch module with the layers of an encoder's folder, or a trained reader's."""
    import torch
    from safetensors.torch import load_file
    from transformers import BertConfig, BertModel

    class Reader(torch.nn.Module):
        """Windows ▶ (start, end, answers) at each depth."""

        def __init__(self) -> None:
            super().__init__()
            config = BertConfig.from_pretrained(folder, num_hidden_layers=max(depths))
            config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
            self.layers = BertModel(config, add_pooling_layer=False)
            self.heads = torch.nn.ModuleDict(
                {
                    f"{depth}{name}": torch.nn.Linear(config.hidden_size, size)
                    for depth in depths
                    for name, size in (("span", 2), ("answers", 1))
                }
            )

        def forward(
            self, ids: torch.Tensor, there: torch.Tensor, piece: torch.Tensor
        ) -> dict[int, tuple[torch.Tensor, torch.Tensor]]:
            """At each depth (windows, tokens, 2), -inf outside of the piece, and (windows,).

            The latter is what the head says; `odds` adds what the spans reach.
            """
            states = self.layers(
                input_ids=ids, attention_mask=there, output_hidden_states=True
            ).hidden_states
            found = {}
            for depth in depths:
                span = self.heads[f"{depth}span"](states[depth]).float()
                span = span.masked_fill(~piece[:, :, None], -torch.inf)
                answers = self.heads[f"{depth}answers"](states[depth][:, 0]).float()[:, 0]
                found[depth] = span, answers
            return found

    reader = Reader()
    stored = load_file(folder / "model.safetensors")
    weights = {name: tensor.float() for name, tensor in stored.items()}
    if not any(name.startswith("heads.") for name in weights):  # an encoder's
        weights = {f"layers.{name}": tensor for name, tensor in weights.items()}
    missing, _ = reader.load_state_dict(weights, strict=False)
    absent = [name for name in missing if not name.startswith("heads.")]
    if absent:
        raise ValueError(f"{folder} lacks {absent[0]}")
    return reader


def odds(spans: torch.Tensor, answers: torch.Tensor, piece: torch.Tensor) -> torch.Tensor:
    """(windows,) log odds that each answers: a window with a likely start and end has an answer."""
    reached = spans.logsumexp(1) - piece.sum(1, keepdim=True).log()
    return answers + reached.sum(1)


def padded(
    windows: Sequence[Window],
    device: Any,  # noqa: ANN401
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """ids, there and piece of some windows, each (windows, tokens)."""
    import torch

    length = max(len(window.ids) for window in windows)
    ids = torch.ones(len(windows), length, dtype=torch.long)  # <pad>
    there = torch.zeros(len(windows), length, dtype=torch.long)
    piece = torch.zeros(len(windows), length, dtype=torch.bool)
    for row, window in enumerate(windows):
        ids[row, : len(window.ids)] = torch.tensor(window.ids)
        there[row, : len(window.ids)] = 1
        piece[row, window.first : len(window.ids) - 1] = True
    return ids.to(device), there.to(device), piece.to(device)


def read_windows(
    reader: Any,  # noqa: ANN401
    windows: Sequence[Window],
) -> dict[int, list[Finding]]:
    """At each depth what the reader makes of each window, as qa.reader.Reader.read_windows does."""
    import torch

    device = next(reader.parameters()).device
    order = sorted(range(len(windows)), key=lambda number: len(windows[number].ids))
    found: dict[int, dict[int, Finding]] = {}
    reader.eval()
    with torch.inference_mode():
        for start in range(0, len(order), 2 * TOGETHER):
            numbers = order[start : start + 2 * TOGETHER]
            read = reader(*padded([windows[number] for number in numbers], device))
            for depth, (spans, answers) in read.items():
                at_depth = found.setdefault(depth, {})
                for row, number in enumerate(numbers):
                    window = windows[number]
                    piece = spans[row, window.first : window.first + len(window.spans)]
                    at_depth[number] = finding(window, piece.cpu().numpy(), float(answers[row]))
    reader.train()
    return {depth: [of[number] for number in range(len(windows))] for depth, of in found.items()}
