"""A classifier's settings from plain YAML values, and back, and checked before anything runs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from isnet_cxr.classification.methods import METHODS, needs_of
from isnet_cxr.classification.networks import build_network, check_network
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.settings import build_settings, plain_settings

OWN = "method_settings"
RENAMED = {
    "method": {"plain": "baseline", "masked": "masked_input", "mixed": "exchange"},
    "keys": {"marks": "bias_tests, in the study", "mixed": "exchange"},
    "isnet": {
        "explained": "target_class",
        "quantity": "attribution_target",
        "mixed_share": "exchange_share",  # old
        "epsilon": "epsilon, beside `method`",
    },
}
"""Names of earlier versions, and the ones that took their places."""


def read_classifier(
    values: Mapping[str, Any], *, where: str, shared: bool = False
) -> ClassifierSettings:
    """Make settings of ``values``; what is not given keeps its default.

    Args:
        values: Plain values; the method's own stand in a block of the method's name.
        where: Their place in the configuration, for messages.
        shared: Whether blocks of other methods may stand there too, as in a study's defaults. They
            are checked and then not looked at.

    Raises:
        InputError: If a key or name is unknown or of an earlier version, or a value of the wrong
            type or out of its range; names the key.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"{where}: expected a mapping of settings, got {values!r}")
    method = values.get("method", ClassifierSettings.method)
    if not isinstance(method, str):
        raise InputError(f"{where}.method: expected a method's name, got {method!r}")
    _refuse_old(values, where)
    if method not in METHODS:
        try:
            METHODS[method]
        except InputError as error:
            raise InputError(f"{where}.method: {error}") from None
    common = {key: value for key, value in values.items() if key not in METHODS}
    if OWN in common:
        raise InputError(f"{where}.{OWN}: write the block `{method}:` instead")
    blocks = {name: values[name] for name in METHODS if name in values}
    own = {
        name: build_settings(METHODS[name].settings, block, where=f"{where}.{name}")
        for name, block in blocks.items()
    }
    for name in blocks:
        if name != method and not shared:
            raise InputError(f"{where}.{name}: has no use with method {method!r}")
    settings = build_settings(ClassifierSettings, common, where=where)
    return replace(settings, method_settings=own[method]) if method in own else settings


def plain_classifier(settings: ClassifierSettings) -> dict[str, Any]:
    """Turn settings back into plain values, as they stand in YAML."""
    plain = plain_settings(settings)
    own = plain.pop(OWN)
    return {**plain, settings.method: own} if own else plain


def new_network(
    settings: ClassifierSettings, *, classes: int, seed: int, trusted: bool = True
) -> nn.Module:
    """Build the network of a classifier: its method's own, or the one of its settings.

    Args:
        settings: Of the classifier.
        classes: Outputs.
        seed: Of the first weights.
        trusted: False for settings that a model package brings; see ``build_network``.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        own = METHODS[settings.method].build_network(settings.method_settings, classes=classes)
    if own is not None:
        return own
    weights = settings.network_weights if trusted else None
    return build_network(
        settings.network, classes=classes, seed=seed, weights=weights, trusted=trusted
    )


def check_classifier(settings: ClassifierSettings, *, classes: int, where: str) -> None:
    """Find what can be known to be wrong before hours are spent: networks, weights, layers.

    Raises:
        InputError: Naming the key.
    """
    try:
        method, own = METHODS[settings.method], settings.method_settings
        if not needs_of(settings).own_network:
            check_network(
                settings.network,
                classes=classes,
                size_px=settings.preprocessing.size_px,
                weights=settings.network_weights,
            )
        if method.needs_check(own):
            method.check(new_network(settings, classes=classes, seed=0), own)
    except InputError as error:
        raise InputError(f"{where}.{error}") from None


def _refuse_old(values: Mapping[str, Any], where: str) -> None:
    """Refuse the names of earlier versions by the new ones."""
    method = values.get("method")
    if method in RENAMED["method"]:
        raise InputError(f"{where}.method: {method!r} is called {RENAMED['method'][method]!r} now")
    for key in values:
        if key in RENAMED["keys"] and key not in METHODS:
            raise InputError(f"{where}.{key}: is {RENAMED['keys'][key]} now")
    block = values.get("isnet")
    for key in block if isinstance(block, Mapping) else ():
        if key in RENAMED["isnet"]:
            raise InputError(f"{where}.isnet.{key}: is {RENAMED['isnet'][key]} now")
