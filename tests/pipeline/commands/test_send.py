"""``isnet-cxr send`` as a user types it."""

import pytest

pytest.importorskip("highdicom", reason="the extra dicom is not installed")

from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.pacs import sending


def test_an_empty_folder_and_a_wrong_address_are_one_line(command, tmp_path):
    code, _, error = command("send", tmp_path, "--to", "PACS@127.0.0.1:104")
    assert code == 2
    assert error == f"isnet-cxr: {tmp_path}: no DICOM object that isnet-cxr made\n"
    code, _, error = command("send", tmp_path, "--to", "pacs")
    assert (code, error.count("\n")) == (2, 1)
    assert "expected AET@host:port" in error


@pytest.mark.parametrize(("failed", "expected"), [(0, 0), (1, 3)])
def test_the_exit_code_says_whether_all_were_taken(
    failed, expected, command, monkeypatch, tmp_path
):
    failures = [Failure(tmp_path, "refused")] * failed
    monkeypatch.setattr(sending, "send_folder", lambda *_: sending.Sending(2, 1, 0, failures))
    code, said, error = command("send", tmp_path, "--to", "PACS@127.0.0.1:104")
    assert code == expected
    assert f"{3 + failed} files: 2 sent, 1 sent before, {failed} failed" in said + error
    assert ("not-sent.csv" in error) == bool(failed)


def test_a_missing_library_is_one_line(command, monkeypatch, tmp_path):
    monkeypatch.setattr("isnet_cxr.pipeline.commands.extras.find_spec", lambda name: None)
    code, _, error = command("send", tmp_path, "--to", "PACS@127.0.0.1:104")
    assert code == 2
    assert "pip install 'isnet-cxr[dicom]'" in error
