"""Any sentence-transformers folder as the encoder; a tiny one made here, with random weights."""

from pathlib import Path

import numpy as np
import pytest
from conftest import make_model

from index.errors import ModelUnavailable
from index.models.encoder import configured_model, load_encoder


def test_a_model_folder_with_its_own_prompts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = {"query": "query: ", "passage": "パス: "}
    first = make_model(tmp_path / "first", 0, prompts)
    plain = make_model(tmp_path / "plain", 0, {})
    other = make_model(tmp_path / "other", 1, prompts)
    encoders = {}
    for folder in (first, plain, other):
        monkeypatch.setenv("KIKIGAKI_MODEL", str(folder))
        assert str(folder) in configured_model()
        encoders[folder.name] = load_encoder()
        assert load_encoder() is encoders[folder.name]
    vectors = encoders["first"].encode_passages(["猫はこたつで丸くなる", "犬"])
    assert vectors.shape == (2, encoders["first"].dim) == (2, 16)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)
    question = encoders["first"].encode_questions(["犬"])
    assert not np.allclose(question, vectors[1:])  # another prompt, another vector
    assert np.allclose(question, encoders["plain"].encode_passages(["query: 犬"]), atol=1e-5)
    assert len({encoder.fingerprint for encoder in encoders.values()}) == 3


def test_what_is_no_model_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIKIGAKI_MODEL", str(tmp_path))
    with pytest.raises(ModelUnavailable, match="KIKIGAKI_MODEL"):
        load_encoder()
