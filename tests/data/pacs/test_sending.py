"""Objects into a PACS and back: unchanged, each once, and every failure said."""

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO

import pydicom
import pytest
from tests_pacs import make_all, write_all  # beside this file, see conftest

pytest.importorskip("pynetdicom", reason="the extra dicom is not installed")
pytest.importorskip("dicomweb_client", reason="the extra dicom is not installed")

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.pacs.address import Node, Service, read_address
from isnet_cxr.data.pacs.sending import send_folder


@pytest.fixture
def objects(chest, tmp_path):
    path, mask = chest()
    return write_all(make_all(path, mask), tmp_path / "dicom")


@pytest.fixture
def folder(objects):
    return objects["seg"].parent


@pytest.mark.parametrize("way", ["node", "web"])
def test_a_pacs_gives_back_what_it_was_sent(way, pacs, objects, folder, tmp_path):
    outcome = send_folder(folder, getattr(pacs, way))
    assert (outcome.sent, outcome.before, outcome.failures) == (3, 0, [])
    assert pacs.count() == 3
    for kind, path in objects.items():
        sent = pydicom.dcmread(path)
        back = pacs.fetch(tmp_path / "back.dcm", sent.SOPInstanceUID)
        assert back is not None, kind
        assert back == sent  # every attribute, pixels among them
        if kind != "sr":
            assert (back.pixel_array == sent.pixel_array).all()


def test_a_pacs_is_asked_by_patient_and_study(pacs, objects, folder):
    from dicomweb_client import DICOMwebClient
    from pynetdicom import AE
    from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find

    send_folder(folder, pacs.node)
    sent = pydicom.dcmread(objects["sr"])
    found = DICOMwebClient(pacs.web).search_for_series(sent.StudyInstanceUID)
    assert {one["00080060"]["Value"][0] for one in found} == {"SEG", "OT", "SR"}
    asked = pydicom.Dataset()
    asked.QueryRetrieveLevel, asked.PatientID, asked.StudyInstanceUID = "STUDY", "17", ""
    node = read_address(pacs.node)
    entity = AE(ae_title="ASKING")
    entity.add_requested_context(Find)
    association = entity.associate(node.host, node.port, ae_title=node.title)
    answers = [one for status, one in association.send_c_find(asked, Find) if one is not None]
    association.release()
    assert [one.StudyInstanceUID for one in answers] == [sent.StudyInstanceUID]


def test_nothing_is_sent_twice_and_what_is_new_is_sent(pacs, chest, folder):
    assert send_folder(folder, pacs.node).sent == 3
    again = send_folder(folder, pacs.node)
    assert (again.sent, again.before) == (0, 3)
    path, mask = chest("other.dcm", PatientID="18")
    write_all(make_all(path, mask), folder, "fedcba9876543210")
    more = send_folder(folder, pacs.node)
    assert (more.sent, more.before) == (3, 3)
    assert send_folder(folder, pacs.web).sent == 6  # another address has none of them yet
    assert pacs.count() == 6


def test_a_list_that_was_cut_off_costs_one_object_at_most(pacs, folder):
    send_folder(folder, pacs.node)
    listed = folder / "sent.csv"
    listed.write_bytes(listed.read_bytes()[:-30])
    again = send_folder(folder, pacs.node)
    assert (again.sent, again.before) == (1, 2)
    assert send_folder(folder, pacs.node).before == 3


def test_the_node_that_rejects_us_is_named(pacs, folder):
    wrong = pacs.node.replace("TESTED", "OTHER")
    with pytest.raises(InputError, match=f"{wrong}: .*it may not know|{wrong}: .*does not know"):
        send_folder(folder, wrong)
    assert pacs.count() == 0


def test_a_web_address_without_a_service_is_said(pacs, folder):
    with pytest.raises(InputError, match="no DICOMweb service"):
        send_folder(folder, f"{pacs.rest}/nothing")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pynetdicom's
@pytest.mark.parametrize("form", ["PACS@127.0.0.1:{}", "http://127.0.0.1:{}/dicom-web"])
def test_nobody_there_is_one_line(form, folder, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as taken:  # bound and not listening: refused at once
        taken.bind(("127.0.0.1", 0))
        to = form.format(taken.getsockname()[1])
        with pytest.raises(InputError) as error:
            send_folder(folder, to)
    assert str(error.value).startswith(f"{to}: ")
    assert "\n" not in str(error.value)


def test_a_host_without_an_address_is_one_line(folder, monkeypatch):
    with pytest.raises(InputError, match="no such host"):
        send_folder(folder, "PACS@nowhere.invalid:104")


def test_an_answer_that_names_no_object_is_none(folder, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with _serving(_Answering, b"[{}]") as to, pytest.raises(InputError, match="does not say"):
        send_folder(folder, to)
    with _serving(_Answering, b"<html>") as to, pytest.raises(InputError, match="does not say"):
        send_folder(folder, to)


def test_what_is_refused_is_listed_and_tried_again(objects, folder, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (folder / "text.dcm").write_text("no object")
    with _serving(_AllButOne, b"") as to:
        outcome = send_folder(folder, to)
        assert str(outcome) == "4 files: 2 sent, 0 sent before, 1 failed, 1 not made by isnet-cxr"
        (failure,) = outcome.failures
        assert failure.reason == "refused with HTTP 409"
        assert str(failure.path) in (folder / "not-sent.csv").read_text()
        again = send_folder(folder, to)
        assert (again.sent, again.before, again.failures) == (1, 2, [])


def test_a_status_of_warning_is_taken_and_one_of_failure_is_not(folder, dicom_node):
    statuses = iter([0xB000, 0xA700, 0x0000])
    with dicom_node(lambda event: next(statuses)) as (to, _):
        outcome = send_folder(folder, to)
    assert outcome.sent == 2
    assert [one.reason for one in outcome.failures] == ["refused with status 0xA700"]


def test_a_node_that_ends_the_association_is_called_again(folder, dicom_node):
    calls = []

    def answer(event):
        calls.append(event.assoc)
        if len(calls) == 2:
            event.assoc.abort()
        return 0x0000

    with dicom_node(answer) as (to, _):
        outcome = send_folder(folder, to)
        assert outcome.sent == 2
        assert "the node ended the association" in outcome.failures[0].reason
        assert len({id(one) for one in calls}) == 2
        again = send_folder(folder, to)
    assert (again.sent, again.before) == (1, 2)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pynetdicom's
def test_a_node_that_is_gone_costs_nothing_of_what_was_taken(folder, dicom_node):
    calls = []

    def answer(event):
        calls.append(event.assoc)
        if len(calls) == 2:
            servers[0].server_close()  # nobody else comes in
            event.assoc.abort()
        return 0x0000

    servers = []
    with dicom_node(answer) as (to, server):
        servers.append(server)
        outcome = send_folder(folder, to)
        assert (outcome.sent, len(outcome.failures)) == (1, 2)
        with pytest.raises(InputError, match="nobody answers"):
            send_folder(folder, to)
    assert (folder / "sent.csv").read_text().count("NODE@") == 1


REFUSED = 2


class _Answering(BaseHTTPRequestHandler):
    """A service that says the same to everything."""

    content = b""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, self.content)

    def answer(self, code, content):
        self.send_response(code)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class _AllButOne(_Answering):
    """A service that takes every object but one."""

    asked = 0

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).asked += 1
        if type(self).asked == REFUSED:
            return self.answer(409, b"no")
        start = content.index(b"\0" * 128 + b"DICM")
        taken, item = pydicom.Dataset(), pydicom.Dataset()
        sent = pydicom.dcmread(BytesIO(content[start:]), stop_before_pixels=True)
        item.ReferencedSOPInstanceUID = sent.SOPInstanceUID
        taken.ReferencedSOPSequence = [item]
        return self.answer(200, taken.to_json().encode())


@contextmanager
def _serving(handler, content):
    one = type("Handler", (handler,), {"content": content})
    with HTTPServer(("127.0.0.1", 0), one) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_only_what_isnet_cxr_made_is_sent(chest, tmp_path):
    chest("image.dcm")
    with pytest.raises(InputError, match="no DICOM object that isnet-cxr made"):
        send_folder(tmp_path, "PACS@127.0.0.1:104")
    with pytest.raises(InputError, match="no such folder"):
        send_folder(tmp_path / "nothing", "PACS@127.0.0.1:104")


def test_addresses_are_read():
    assert read_address("PACS@pacs.example:104") == Node("PACS", "pacs.example", 104)
    assert read_address("A B@[::1]:104".replace(" ", "_")) == Node("A_B", "::1", 104)
    assert read_address("https://h/dicom-web/") == Service("https://h/dicom-web")


@pytest.mark.parametrize(
    "text", ["PACS", "PACS@host", "PACS@host:0", "@host:104", "ftp://host", "http://", "A@h:70000"]
)
def test_what_is_no_address_is_said(text):
    with pytest.raises(InputError, match="expected AET@host:port"):
        read_address(text)


def test_a_password_in_an_address_is_refused_without_saying_it():
    with pytest.raises(InputError, match="netrc") as error:
        read_address("https://me:secret@host/dicom-web")
    assert "secret" not in str(error.value)
