"""A job's DICOM objects to an address, once its predictions are kept: ``predict --send``.

Imported where it is asked for alone, as ``dicom_objects``. An address that takes nothing costs no
prediction: ``run.json`` says so, and the same command later sends what is left.
"""

import json
from pathlib import Path

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.pacs.address import read_address
from isnet_cxr.data.pacs.sending import AwayError, send_folder
from isnet_cxr.data.pacs.sent import NOT_SENT
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.pipeline.errors import DONE, PARTLY_FAILED
from isnet_cxr.pipeline.prediction.dicom_objects import FOLDER
from isnet_cxr.pipeline.prediction.record import RUN


def check_address(to: str, *, kinds: str) -> None:
    """Refuse, before hours are spent, what cannot be sent.

    Raises:
        InputError: If ``to`` is no address, or no ``kinds`` of objects are asked for.
    """
    read_address(to)
    if not kinds:
        raise InputError("--send: nothing to send without --dicom, expected some of seg,sc,sr")


def send_results(out: Path, to: str) -> tuple[str, bool]:
    """Send the objects in ``out/dicom`` that were not sent yet, and note it in ``run.json``.

    Args:
        out: Folder of a job's results.
        to: An address, see ``check_address``.

    Returns:
        One line for the user, and whether all that there is was taken.
    """
    folder = out / FOLDER
    if not any(folder.glob("*.dcm")):
        _note(out, {"sent": 0, "sent_before": 0, "failed": 0, "reason": ""})
        return f"{folder}: no objects to send", True
    away = ""
    try:
        sending = send_folder(folder, to)
    except AwayError as error:
        sending, away = error.sending, str(error)
    failed = len(sending.failures)
    counts = {"sent": sending.sent, "sent_before": sending.before, "failed": failed}
    _note(out, {**counts, "reason": away or (f"see {NOT_SENT}" if failed else "")})
    listed = f", see {folder / NOT_SENT}; the same command sends them later" if failed else ""
    return f"{away or to}: {sending}{listed}", not failed


def _note(out: Path, sending: dict[str, int | str]) -> None:
    """Write into ``run.json`` what was sent; a job that was done and not all of it sent is 3."""
    record = json.loads((out / RUN).read_text(encoding="utf-8"))
    record["sending"] = sending
    if sending["failed"] and record["exit_code"] == DONE:
        record["exit_code"] = PARTLY_FAILED
    with replacing(out / RUN) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
