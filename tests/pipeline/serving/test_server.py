"""``mlflow models serve`` for real: many at once, wrong requests, and memory that stays flat.

``ISNET_CXR_SERVING_FULL=1`` makes the counts those that the figures in the documents come from.
"""

import json
import os
import socket
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from serve import SECRET, Server, request_of, serving, wrong_requests

from isnet_cxr.data.phantoms import EXTERNAL, make_phantom
from isnet_cxr.data.readers import read_image, read_mask
from isnet_cxr.data.writers import write_dicom, write_png
from isnet_cxr.pipeline.prediction.predictor import Predictor

pytestmark = pytest.mark.slow
FULL = bool(os.environ.get("ISNET_CXR_SERVING_FULL"))
AT_ONCE = 50 if FULL else 12
WRONG = 500 if FULL else 60
WARM, ASKED = (200, 2_000) if FULL else (30, 60)
GROWTH = 1.05 if FULL else 1.15  # a short run still fills caches


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serve") / "log.txt"


@pytest.fixture(scope="module")
def server(model: Path, log: Path) -> Iterator[Server]:
    with serving(model, log) as running:
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Generated chests, PNG and DICOM in turn."""
    folder = tmp_path_factory.mktemp("chests")
    paths = []
    for number in range(10):
        phantom = make_phantom(EXTERNAL[0], ("normal", "covid")[number % 2], number, seed=2)
        path = folder / f"{number}.{('png', 'dcm')[number % 2]}"
        spacing = (phantom.spacing_mm, phantom.spacing_mm)
        if number % 2:
            write_dicom(phantom.pixels, path, spacing, patient_id=SECRET)
        else:
            write_png(phantom.pixels, path)
        paths.append(path)
    return paths


def test_many_at_once_are_each_answered_right(server, package, files, tmp_path):
    predictor = Predictor.load(package)
    expected = [predictor.predict([read_image(path).pixels])[0] for path in files]
    contents = [path.read_bytes() for path in files]
    with ThreadPoolExecutor(AT_ONCE) as people:
        answers = list(
            people.map(lambda n: server.ask_for(contents[n % 10], refuse=False), range(AT_ONCE))
        )
    for number, one in enumerate(answers):
        right = expected[number % 10]
        assert (one["image_id"], one["predicted"]) == (right.image_id, right.predicted)
        probabilities = [one["probabilities"][name] for name in right.classes]
        np.testing.assert_allclose(probabilities, right.probabilities, atol=1e-5)
        mask = tmp_path / f"{number}.png"
        mask.write_bytes(b64decode(one["mask"]))
        assert (read_mask(mask) == right.lungs.mask).all()


def test_wrong_requests_never_kill_it(server, files, log):
    good = files[1].read_bytes()
    statuses = set()
    for body, kind in wrong_requests(good, count=WRONG, seed=1):
        status, content = server.ask(body, kind=kind)
        statuses.add(status)
        if status != 200:
            assert status in (400, 415)
            assert set(json.loads(content)) == {"error"}
            assert SECRET.encode() not in content
    assert 400 in statuses
    assert server.ask_for(good, refuse=False)["predicted"]
    said = log.read_text()
    assert SECRET not in said
    assert "Traceback" not in said


def test_broken_connections_and_large_bodies_never_kill_it(server, files):
    place = urlsplit(server.address)
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for sent in (
        b"\x00\xff" * 100,
        head + b"Content-Length: 1000\r\n\r\n{",
        head + b"Content-Length: -5\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\nzzz\r\n",
        head + b"Content-Length: 99999999999999999999\r\n\r\n{",
    ):
        with socket.create_connection((place.hostname, place.port), timeout=60) as line:
            line.sendall(sent)
    with socket.create_connection((place.hostname, place.port), timeout=60) as line:
        line.sendall(head + b"Content-Length: 3000000000\r\n\r\n{")
        assert b" 413 " in line.recv(4096).splitlines()[0]
    before = server.memory()
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with socket.create_connection((place.hostname, place.port), timeout=60) as line:
        line.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(2000):  # 130 MB, twice the limit
                line.sendall(chunk)
        except OSError:
            pass  # it hung up, as it may
    assert server.memory() < before + 200e6
    assert server.ask_for(files[0].read_bytes(), refuse=False)["predicted"]


def test_memory_stays_flat(server, files):
    requests = [request_of(path.read_bytes(), refuse=False) for path in files]

    def ask(count: int) -> int:
        with ThreadPoolExecutor(4) as people:
            statuses = set(people.map(lambda n: server.ask(requests[n % 10])[0], range(count)))
        assert statuses == {200}
        return server.memory()

    before = ask(WARM)
    after = ask(ASKED)
    print(f"memory {before / 1e6:.0f} MB after {WARM}, {after / 1e6:.0f} MB after {ASKED} more")
    assert after < GROWTH * before
