"""Fuzz what reads the users' files, for as long as is asked: ``python tests/data/fuzzing.py 60``.

Images, masks, tables, manifests and archives are made, mutated as bytes and, for DICOM, element by
element. An input that is answered in a new way (another refusal, other steps of reading) becomes a
seed of its own, so that the search goes deeper. Nothing but the refusal may come out, in bounded
time, and memory stays under a gigabyte; a finding is kept in a file and printed.
"""

import argparse
import gzip
import io
import random
import re
import resource
import sys
import time
import traceback
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np
import pydicom
import pydicom.data
import tifffile
from openjpeg.utils import encode_array
from PIL import Image

from isnet_cxr.data.datasets import ADAPTERS
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import find_files, read_found
from isnet_cxr.data.manifests.manifest import read_manifest
from isnet_cxr.data.readers import UnreadableImage, read_image, read_mask
from isnet_cxr.data.writers import write_dicom

MOST_MIB, LONGEST_S = 1024, 90
SHIPPED = Path(pydicom.data.__file__).parent / "test_files"
DICOM = (
    "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm",
    "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jpeg_gdcm.dcm", "SC_rgb_jpeg_dcmtk.dcm",
    "image_dfl.dcm", "MR_small_implicit.dcm", "OBXXXX1A.dcm",
)  # fmt: skip
MAXIMAL = (0, 1, 2, 7, 8, 9, 12, 15, 16, 17, 32, 255, 256, 32767, 65535, -1, 2**31 - 1)


@dataclass
class Target:
    """What is fuzzed: seeds, the name they are written under, and who reads them."""

    suffix: str
    read: Callable[[Path], object]
    refusal: type[Exception] | tuple[type[Exception], ...]
    seeds: list[bytes]
    found: list[Path] = field(default_factory=list)  # on disk: memory shall be the readers' own
    seen: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)

    def pick(self, rng: random.Random) -> bytes:
        """Return a seed, given or found on the way."""
        number = rng.randrange(len(self.seeds) + len(self.found)) - len(self.seeds)
        return self.found[number].read_bytes() if number >= 0 else self.seeds[number]


def image_seeds() -> dict[str, list[bytes]]:
    """Make small images of every kind that is read."""
    rng = np.random.default_rng(0)
    grey, deep = rng.integers(0, 256, (40, 30), np.uint8), rng.integers(0, 65536, (40, 30))
    pictures = [
        Image.fromarray(grey), Image.fromarray(deep.astype(np.uint16)),
        Image.fromarray(np.stack([grey] * 3, axis=2)), Image.fromarray(grey).convert("P"),
        Image.fromarray(np.stack([grey] * 4, axis=2)), Image.fromarray(grey > 100),
    ]  # fmt: skip
    seeds: dict[str, list[bytes]] = {}
    for suffix, kind in (
        (".png", "PNG"),
        (".tif", "TIFF"),
        (".jpg", "JPEG"),
        (".jp2", "JPEG2000"),
        (".gif", "GIF"),
    ):
        for picture in pictures:
            stream = io.BytesIO()
            try:
                picture.save(stream, kind)
            except OSError:
                continue  # this kind does not hold that picture
            seeds.setdefault(suffix, []).append(stream.getvalue())
    colours = np.stack([np.pad(deep, ((0, 0), (0, 4)))] * 3, axis=-1).astype(np.uint16)
    seeds[".jp2"].append(encode_array(colours, bits_stored=16, use_mct=False))
    for options in ({"photometric": "rgb"}, {"photometric": "rgb", "planarconfig": "separate"}):
        stream = io.BytesIO()
        planes = colours if len(options) == 1 else np.moveaxis(colours, -1, 0)
        tifffile.imwrite(stream, planes, **options)
        seeds[".tif"].append(stream.getvalue())
    for compression in ("jpeg", "tiff_lzw", "tiff_adobe_deflate"):
        stream = io.BytesIO()
        pictures[0].save(stream, "TIFF", compression=compression)
        seeds[".tif"].append(stream.getvalue())
    nifti = [
        nibabel.Nifti1Image(values[:, :, None].astype(kind), np.eye(4)).to_bytes()
        for values, kind in ((grey, np.uint8), (deep, np.int16), (deep / 65535, np.float32))
    ]
    seeds[".nii"], seeds[".nii.gz"] = nifti, [gzip.compress(one) for one in nifti]
    seeds[".nii.gz"].append(gzip.compress(nifti[0][:900]) + gzip.compress(nifti[0][900:]))
    seeds[".dcm"] = [(SHIPPED / name).read_bytes() for name in DICOM if (SHIPPED / name).is_file()]
    with TemporaryDirectory() as folder:
        write_dicom(grey[None].astype(np.float32) / 255, Path(folder) / "f.dcm", None)
        seeds[".dcm"].append((Path(folder) / "f.dcm").read_bytes())
    return seeds


def table_seeds() -> list[bytes]:
    """Write a small table as several programs would."""
    rows = ["path,label,site,patient_id", "a.png,normal,Köln,1", 'b.png,"covid, bad",Ort,2']
    text = "\r\n".join(rows) + "\r\n"
    return [
        text.encode(), text.encode("latin-1"), text.encode("utf-8-sig"), text.encode("utf-16"),
        text.replace(",", ";").encode(), text.replace(",", "\t").encode(),
    ]  # fmt: skip


def manifest_seed() -> bytes:
    """Write a small manifest."""
    head = "image_id,path,dataset,patient_id,height_px,width_px,label,split"
    row = f"{'0' * 16},a.png,here,here/{'0' * 12},40,30,normal,train"
    return f"{head}\n{row}\n".encode()


def archive_seed(seeds: dict[str, list[bytes]]) -> bytes:
    """Pack some images."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, suffix in enumerate((".png", ".dcm", ".nii.gz")):
            archive.writestr(f"folder/{number}{suffix}", seeds[suffix][0])
    return stream.getvalue()


def read_archive(path: Path) -> object:
    """Find and read what an archive holds."""
    found = find_files([path])
    return sorted(type(image).__name__ for _, image in read_found(found.images))


def read_table(path: Path) -> object:
    """List a table's images, none of which is there."""
    return ADAPTERS["csv"].read(path)


def mutate(content: bytes, suffix: str, rng: random.Random) -> bytes:
    """Change some bytes; of DICOM also whole elements, of what is packed mostly the inside."""
    if suffix == ".dcm" and rng.random() < 0.5:
        return mutate_elements(content, rng)
    if suffix == ".nii.gz" and rng.random() < 0.8:
        try:
            return gzip.compress(mutate_bytes(gzip.decompress(content), rng), 1)
        except (OSError, EOFError, zlib.error):  # mutated as a whole before
            pass
    return mutate_bytes(content, rng)


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """Cut, or change, drop, insert and repeat bytes, of the head more often."""
    if rng.random() < 0.1:
        return content[: rng.randrange(len(content) or 1)]
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4, 8, 32]) if content else 0):
        length = len(changed) or 1
        place = rng.randrange(min(length, rng.choice([200, 1500, length])))
        start = rng.randrange(length)
        kind = rng.random()
        if kind < 0.6:
            changed[place : place + 1] = bytes([rng.choice([0, 255, 127, 128, 10, 44, 59])])
        elif kind < 0.75:
            del changed[place : place + rng.randrange(1, 40)]
        else:
            inserted = changed[start : start + rng.randrange(1, 200)]
            changed[place:place] = inserted if kind < 0.85 else rng.randbytes(rng.randrange(1, 9))
    return bytes(changed[:200_000])


def mutate_elements(content: bytes, rng: random.Random) -> bytes:
    """Give elements of a DICOM file values that contradict each other."""
    try:
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        for element in rng.sample(list(dataset), min(len(dataset), rng.choice([1, 2, 4]))):
            if rng.random() < 0.15:
                del dataset[element.tag]
            elif element.VR in {"US", "SS", "UL", "SL", "IS", "DS", "FD", "FL"}:
                value = rng.choice(MAXIMAL)
                element.value = [value] * rng.choice([1, 1, 3]) if rng.random() < 0.3 else value
            elif element.VR == "CS":
                element.value = rng.choice(["", "RGB", "PALETTE COLOR", "MONOCHROME1", "X" * 16])
            elif isinstance(element.value, bytes):
                element.value = element.value[: rng.randrange(len(element.value) + 1)]
        stream = io.BytesIO()
        dataset.save_as(stream)
        return stream.getvalue()
    except Exception:  # pydicom refuses to write what it would not read: bytes then
        return mutate_bytes(content, rng)


def targets() -> list[Target]:
    """Say what is fuzzed."""
    images = image_seeds()
    found = [Target(s, read_image, UnreadableImage, list(seeds)) for s, seeds in images.items()]
    found += [
        Target(suffix, read_mask, UnreadableImage, list(images[suffix]))
        for suffix in (".png", ".dcm", ".nii.gz")
    ]
    refused = (InputError, FileNotFoundError)  # no image that a table names is there
    found.append(Target(".csv", read_table, refused, table_seeds()))
    found.append(Target(".csv", read_manifest, InputError, [manifest_seed()]))
    found.append(Target(".zip", read_archive, InputError, [archive_seed(images)]))
    return found


def answer_of(target: Target, path: Path) -> str:
    """Read a file; return the kind of answer, without its numbers."""
    try:
        result = target.read(path)
    except target.refusal as error:
        said = str(error).removeprefix(str(path))
        if "\n" in said:
            raise AssertionError("a refusal of several lines") from error
        return re.sub(r"\d+|'[^']*'", "#", said)[:120]
    pixels = getattr(result, "pixels", None)
    if pixels is not None and not (
        np.isfinite(pixels).all() and 0 <= pixels.min() <= pixels.max() <= 1
    ):
        raise AssertionError("pixels out of range")
    return "read: " + re.sub(r"\d+", "#", "; ".join(getattr(result, "steps", ())))[:120]


def most_mib() -> int:
    """Return the most memory of this process; ``getrusage`` counts what its parent had before."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def fuzz(minutes: float, seed: int, findings: Path) -> int:
    """Fuzz for some minutes; return the number of findings, each kept in ``findings``."""
    rng, all_targets, count, bad = random.Random(seed), targets(), 0, 0
    end = time.monotonic() + 60 * minutes
    with TemporaryDirectory() as folder:
        while time.monotonic() < end:
            target = rng.choice(all_targets)
            content = mutate(target.pick(rng), target.suffix, rng)
            path = Path(folder) / f"f{target.suffix}"
            path.write_bytes(content)
            begun, count = time.monotonic(), count + 1
            try:
                answer = answer_of(target, path)
                if time.monotonic() - begun > LONGEST_S:
                    raise AssertionError("took too long")
            except BaseException as error:
                bad += 1
                kept = findings / f"finding-{seed}-{bad}{target.suffix}"
                findings.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(content)
                print(
                    f"{kept}: {target.read.__name__}: {type(error).__name__}: {error}", flush=True
                )
                traceback.print_exc()
                if isinstance(error, KeyboardInterrupt):
                    break
                continue
            target.answers[answer] += 1
            if answer not in target.seen and len(content) < 100_000:
                target.seen.add(answer)
                target.found.append(Path(folder) / f"seed-{count}")
                target.found[-1].write_bytes(content)
    mib = most_mib()
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    kinds = sum(len(target.seen) for target in all_targets)
    print(
        f"{count} inputs, {kinds} kinds of answers, {bad} findings; {mib} MiB, decoders {children}"
    )
    return bad + (max(mib, children) > MOST_MIB)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # pydicom's, of what was made wrong on purpose
    sys.exit(bool(fuzz(asked.minutes, asked.seed, asked.findings)))
