"""The layer-wise engine's forward pass: every step's value, and the linear steps as maps."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, fx, nn

from isnet_cxr.classification.lrp.layerwise.layer_graph import Kind, LayerGraph
from isnet_cxr.classification.lrp.layerwise.linear_maps import (
    LinearMap,
    fuse_norm,
    map_of_average,
    map_of_layer,
    map_of_norm,
    normalise,
)


@dataclass
class Recorded:
    """What a forward pass left behind.

    Attributes:
        values: Of every step, with its graph.
        linear: Every linear step's map and output, both fused with the batch norm behind it; that
            norm then is no linear step of its own.
        fused: The layer that each such norm is fused with.
    """

    values: dict[fx.Node, Any] = field(default_factory=dict)
    linear: dict[fx.Node, tuple[LinearMap, Tensor]] = field(default_factory=dict)
    fused: dict[fx.Node, fx.Node] = field(default_factory=dict)


def record_forward(graph: LayerGraph, images: Tensor) -> Recorded:
    """Compute all steps of ``graph`` from ``images`` (B, C, ...)."""
    recorded = Recorded({graph.images: images})
    for step in graph.steps:
        if graph.kind(step) not in {Kind.IMAGES, Kind.OUTPUT}:
            recorded.values[step] = _compute(graph, step, recorded.values)
            _note_map(graph, step, recorded)
    return recorded


def _compute(graph: LayerGraph, step: fx.Node, values: dict[fx.Node, Any]) -> Any:
    """Compute a step from the ``values`` before it, never in place, moving no statistics."""
    args: Any = fx.node.map_arg(step.args, values.__getitem__)
    kwargs: Any = fx.node.map_arg(step.kwargs, values.__getitem__)
    kind = graph.kind(step)
    if kind is Kind.RELU:
        return F.relu(args[0])
    if kind is Kind.SUM:
        return args[0] + args[1]
    if kind is Kind.NORM:
        return normalise(graph.batch_norm(step), args[0])
    if step.op == "call_function":
        return step.target(*args, **kwargs)  # type: ignore[operator]
    if step.op == "call_method":
        return getattr(args[0], str(step.target))(*args[1:], **kwargs)
    if kind is Kind.PASS:
        args = (args[0].clone(), *args[1:])  # dropout may work in place
    return graph.layer(step)(*args, **kwargs)


def compute_at(
    graph: LayerGraph, step: fx.Node, values: dict[fx.Node, Any], inputs: Tensor
) -> Tensor:
    """Compute a step that reads one activation as if that were ``inputs``."""
    (source,) = graph.read(step)
    computed: Tensor = _compute(graph, step, {**values, source: inputs})
    return computed


def _note_map(graph: LayerGraph, step: fx.Node, recorded: Recorded) -> None:
    """Note a linear step as the map that it is, with the batch norm that alone reads it."""
    kind, values, linear = graph.kind(step), recorded.values, recorded.linear
    if kind is Kind.WEIGHTS:
        linear[step] = map_of_layer(graph.layer(step)), values[step]
    elif kind is Kind.AVERAGE:
        pool = partial(compute_at, graph, step, values)
        linear[step] = map_of_average(pool, values[graph.read(step)[0]]), values[step]
    elif kind is Kind.NORM:
        (before,) = graph.read(step)
        norm = map_of_norm(graph.batch_norm(step), values[before])
        if graph.fused_with(step) is None or not _is_by_row(graph, before, values[before]):
            linear[step] = norm, values[step]
        else:
            linear[before] = fuse_norm(linear[before][0], norm), values[step]
            recorded.fused[step] = before


def _is_by_row(graph: LayerGraph, before: fx.Node, output: Tensor) -> bool:
    """Whether a batch norm scales the rows of the weight of ``before``.

    It scales dimension 1, which is not the last one, a linear layer's, on more than two dimensions.
    """
    is_linear = before.op == "call_module" and isinstance(graph.layer(before), nn.Linear)
    return not is_linear or output.dim() == 2  # noqa: PLR2004
