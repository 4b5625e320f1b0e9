"""The how-to's code is run as it stands."""

import re
from pathlib import Path

import torch

HOWTO = Path(__file__).parents[2] / "docs" / "howto-own-network.md"


def test_a_strangers_network_is_trained_as_the_howto_says():
    (code,) = re.findall(r"```python\n(.*?)```", HOWTO.read_text(), flags=re.DOTALL)
    torch.manual_seed(0)
    names: dict[str, object] = {}
    exec(code, names)
    assert bool(torch.isfinite(names["loss"]))
    assert type(names["network"][1]) is torch.nn.ReLU
