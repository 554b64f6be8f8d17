"""NVIDIA's AISimulate (Rust core, Python wheel) as the peer of the serving benchmark; optional.

It replays Mooncake's format on the same model, device, batch limits and round-robin router, by step costs of its own,
to which those of hardware.yaml were fitted. It knows one eviction policy, LRU.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import yaml

from kvreplay.simulator.serving.model import Model

# Our names of devices -> its.
HARDWARE = {"a100": "a100_sxm", "h100": "h100_sxm", "h200": "h200_sxm", "b200": "b200_sxm", "l40s": "l40s"}


class Prediction(NamedTuple):
    """What it took, its start included, and what it says."""

    wall: float  # s
    cpu: float  # s
    own_wall: float  # s of simulating, as it says itself
    figures: dict[str, float]  # of its report


def is_installed() -> bool:
    return importlib.util.find_spec("aisimulate") is not None


def predict(trace: Path, model: Model, device: str, replicas: int, sequences: int, batched: int) -> Prediction:
    """Replay a file in Mooncake's format, pages of 512 tokens. Raises CalledProcessError where it fails."""
    shape = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": model.layers,
        "hidden_size": model.hidden,
        "intermediate_size": model.feed_forward,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "head_dim": model.head_size,
        "vocab_size": model.vocabulary,
        "max_position_embeddings": 131072,
        "torch_dtype": "bfloat16",
        "tie_word_embeddings": model.tied,
    }
    worker = {
        "parallelism": {"replicas": replicas},
        "scheduler": {"max_sequences": sequences, "max_batched_tokens": batched},
    }
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(shape))
        source = {"type": "trace", "paths": [str(trace)], "format": "mooncake", "block_size": 512}
        config = {
            "traffic": {"source": source, "load": {"type": "trace_timestamps"}},
            "engine": {
                **{"mode": "aggregated", "model": folder, "hardware": HARDWARE[device], "backend": "vllm"},
                "workers": {"aggregated": worker},
            },
        }
        file = Path(folder) / "predict.yaml"
        file.write_text(yaml.safe_dump(config))
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [
            sys.executable,
            "-m",
            "aisimulate",
            "predict",
            "--config",
            str(file),
            "--output-dir",
            f"{folder}/out",
        ]
        subprocess.run(command, check=True, capture_output=True)
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        report = json.loads((Path(folder) / "out" / "prediction.json").read_text())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Prediction(wall, cpu, report["wall_time_ms"] / 1e3, report)
