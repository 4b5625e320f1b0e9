"""Two processes that share a batch get the gradients of one."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from classification.losses import HeatmapLossSettings, heatmap_loss
from classification.lrp import prepare


def gradients(rank: int, world: int, store: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2)
    ).eval()  # batch statistics are each process's own, by design
    films = torch.rand(4, 1, 8, 8)[rank::world]
    masks = torch.zeros(len(films), 1, 8, 8)
    masks[..., 2:6, 2:6] = 1
    prepared = prepare(network)
    called: nn.Module = network
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
        called = DistributedDataParallel(network)
    with prepared.record() as recording:
        logits = called(films)
    scored = heatmap_loss(recording.heatmaps(logits), masks, settings=HeatmapLossSettings())
    (scored.total + logits.square().sum(dim=1).mean()).backward()
    if world > 1:
        dist.destroy_process_group()
    return {name: weight.grad for name, weight in network.named_parameters()}


def run(rank: int, store: str, out: str) -> None:
    torch.set_num_threads(1)
    found = gradients(rank, 2, store)
    if rank == 0:
        torch.save(found, out)


@pytest.mark.slow
def test_two_processes_get_the_gradients_of_one(tmp_path):
    out = tmp_path / "gradients.pt"
    mp.start_processes(run, (str(tmp_path / "store"), str(out)), nprocs=2, start_method="fork")
    shared, alone = torch.load(out), gradients(0, 1, "")
    assert shared.keys() == alone.keys()
    for name, gradient in alone.items():
        torch.testing.assert_close(shared[name], gradient)
