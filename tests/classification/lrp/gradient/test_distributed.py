"""Two processes that share a batch get the gradients of one.

This file is also the program of those processes: a fork of pytest's own would inherit torch's
threads, which do not survive it, and may wait for them for ever.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from isnet_cxr.classification.losses import HeatmapLossSettings, heatmap_loss
from isnet_cxr.classification.lrp import prepare


def gradients(rank: int, world: int, store: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2)
    ).eval()  # batch statistics are each process's own, by design
    images = torch.rand(4, 1, 8, 8)[rank::world]
    masks = torch.zeros(len(images), 1, 8, 8)
    masks[..., 2:6, 2:6] = 1
    prepared = prepare(network)
    called: nn.Module = network
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
        called = DistributedDataParallel(network)
    with prepared.record() as recording:
        logits = called(images)
    scored = heatmap_loss(recording.heatmaps(logits), masks, settings=HeatmapLossSettings())
    (scored.total + logits.square().sum(dim=1).mean()).backward()
    return {name: weight.grad for name, weight in network.named_parameters()}


@pytest.mark.slow
def test_two_processes_get_the_gradients_of_one(tmp_path):
    started = [
        subprocess.Popen(
            [sys.executable, __file__, str(rank), str(tmp_path / "store"), str(tmp_path)]
        )
        for rank in range(2)
    ]
    try:
        assert [process.wait(timeout=300) for process in started] == [0, 0]
    finally:
        for process in started:
            process.kill()
    alone = gradients(0, 1, "")
    for rank in range(2):
        shared = torch.load(tmp_path / f"gradients-{rank}.pt")
        assert shared.keys() == alone.keys()
        for name, gradient in alone.items():
            torch.testing.assert_close(shared[name], gradient)


if __name__ == "__main__":
    rank, store, out = sys.argv[1:]
    torch.set_num_threads(1)
    torch.save(gradients(int(rank), 2, store), Path(out) / f"gradients-{rank}.pt")
    dist.barrier()
    os._exit(0)  # gloo's threads may abort a process that takes itself apart
