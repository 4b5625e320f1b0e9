"""Whether a file is to be read: by its content, and by its name where that is no image's."""

from isnet_cxr.data.finding.found import Verdict, failed, ignored
from isnet_cxr.data.readers import is_dicom, may_be_image
from isnet_cxr.data.readers.content import DIRECTORY, Content

SYSTEM_NAMES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir"}
SYSTEM_NAMES |= {"$recycle.bin", "system volume information", "lost+found"}
DIRECTORY_NAME = "dicomdir"
UNREAD = {
    **dict.fromkeys(("zip", "archive"), "not opened: unpack it first"),
    "foreign": "not read: convert it to DICOM, PNG or TIFF",
}


def is_hidden(name: str) -> bool:
    """Claim that a file or folder of this name is the system's, or hidden from people."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def is_archive(content: Content) -> bool:
    """Claim that a file is a zip archive, which can be searched."""
    return content.kind == "zip" and content.words == "zip archive"


def judge(name: str, content: Content) -> Verdict:
    """Say what is to be done with a file that is no archive to be searched.

    Args:
        name: Its name, without folders.
        content: What it holds.
    """
    if name.lower() == DIRECTORY_NAME:
        return ignored(DIRECTORY)
    if content.no_image:
        return ignored(content.no_image)
    if content.kind in UNREAD:
        return failed(f"{content.words} that is {UNREAD[content.kind]}")
    if may_be_image(name, content):
        return Verdict("image", is_dicom=is_dicom(name, content))
    if content.kind == "empty":
        return ignored("empty file")
    return ignored(f"not an image ({content.words})")
