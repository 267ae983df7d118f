"""Shipped ONNX networks, read once their hash is right and run on one thread of the CPU."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from services.models import registry

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    Session: TypeAlias = InferenceSession


@cache
def session(model: registry.Model) -> InferenceSession:
    """A session of the model, one a process (no unit). Raises DamagedModel when its file is missing or not ours.

    One thread: several workers share the machine, and pool threads do not survive a fork.
    """
    import onnxruntime  # a tenth of a second that only those who hear need to spend

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(registry.verify(model), options, providers=["CPUExecutionProvider"])
