"""The networks as one ONNX graph: members, the mean of their log-probabilities, temperature, softmax."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from role_network import RoleNet
from torch import nn

from services.beats.classifier import INPUT, WIDTH
from services.beats.types import INSTRUMENTS

OPSET = 17
LARGE = 64  # numbers from which a constant is kept at half precision


class Ensemble(nn.Module):
    """(n, WIDTH) to calibrated probabilities (n, 15)."""

    def __init__(self, members: list[RoleNet], temperature: float) -> None:
        super().__init__()
        self.members, self.temperature = nn.ModuleList(members), temperature

    def forward(self, sounds: torch.Tensor) -> torch.Tensor:
        answers = torch.stack([torch.log_softmax(member(sounds), dim=1) for member in self.members])
        return torch.softmax(answers.mean(dim=0) / self.temperature, dim=1)


def build(members: list[RoleNet], temperature: float) -> bytes:
    """The file's bytes: (n, WIDTH) in, calibrated probabilities (n, 15) out; the classes' names in its metadata."""
    held = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter that needs nothing but onnx is called an old one
        torch.onnx.export(
            Ensemble(members, temperature).eval(),
            (torch.zeros(2, WIDTH),),
            held,
            input_names=[INPUT],
            output_names=["instruments"],
            dynamic_axes={INPUT: {0: "n"}, "instruments": {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(held.getvalue())
    halve(model.graph)
    helper.set_model_props(model, {"classes": ",".join(INSTRUMENTS)})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def halve(graph: onnx.GraphProto) -> None:
    """Large constants at half precision, widened where the graph begins: the file is half as large."""
    casts = []
    for constant in graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.dtype == np.float32 and values.size >= LARGE:
            name = constant.name
            constant.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
