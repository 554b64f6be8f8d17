"""Tests of real memory: one thread, so that sums do not depend on the machine; Triton interpreted where no GPU is."""

from __future__ import annotations

import os

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # before anything imports triton, whose own functions are decorated, too


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)
