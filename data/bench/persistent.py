"""The same epochs with MONAI's own: LoadImage, resized, kept by PersistentDataset.

As its tutorials have it: one process, defaults, the same squares, batches and order of magnitude of
work as ``isnet_cxr.data.bench.images``. It opens one file per image in every epoch.
"""

from pathlib import Path

import pandas as pd
from monai.data import DataLoader, PersistentDataset
from monai.transforms import Compose, LoadImaged, Resized, ScaleIntensityd

from isnet_cxr.data.bench.images import BATCH_SIZE, Speeds, disk_bytes, seconds

KEYS = ("image", "mask")


def measure_persistent(
    manifest: pd.DataFrame, cache: Path, *, size_px: int, repeats: int
) -> Speeds:
    """Time MONAI on the same files; see ``isnet_cxr.data.bench.images.measure_cache``."""
    items = [
        dict(zip(KEYS, paths, strict=True))
        for paths in manifest[["path", "lung_mask"]].itertuples(index=False, name=None)
    ]
    transform = Compose(
        [
            LoadImaged(KEYS, image_only=True, ensure_channel_first=True),
            ScaleIntensityd(KEYS),
            Resized(KEYS, (size_px, size_px), mode=("area", "nearest")),
        ]
    )

    def epoch() -> None:
        images = PersistentDataset(items, transform, cache_dir=cache)
        for _ in DataLoader(images, batch_size=BATCH_SIZE, shuffle=True):
            pass

    first = seconds(epoch)
    later = min(seconds(epoch) for _ in range(repeats))
    return Speeds(len(items) / first, len(items) / later, disk_bytes(cache))
