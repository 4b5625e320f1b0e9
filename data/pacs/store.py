"""Objects to a DICOM node, by C-STORE over one association."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pynetdicom import AE
from pynetdicom.association import Association

from isnet_cxr.data.pacs.address import Node
from isnet_cxr.data.pacs.files import Stored
from isnet_cxr.data.pacs.target import UnreachableError

CALLING_TITLE = "ISNET-CXR"
CONNECT_S, ANSWER_S, IDLE_S = 10, 60, 300
WARNINGS = (0xB000, 0xB006, 0xB007)
"""Statuses of an object that was stored, with something about it changed or doubted."""

# It logs what it sends, which names patients.
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)


class NodeTarget:
    """A node with an open association; it is opened anew when the node ended it."""

    def __init__(self, node: Node, objects: Sequence[Stored]) -> None:
        """Say which kinds of objects will come; ``opened`` opens the association."""
        self._node = node
        self._entity = AE(ae_title=CALLING_TITLE)
        self._entity.connection_timeout = CONNECT_S
        self._entity.acse_timeout = CONNECT_S
        self._entity.dimse_timeout, self._entity.network_timeout = ANSWER_S, IDLE_S
        for sop_class, syntax in sorted({(one.sop_class, one.syntax) for one in objects}):
            self._entity.add_requested_context(sop_class, syntax)
        self._association: Association | None = None

    def open(self) -> None:
        """Open the association, if there is none.

        Raises:
            UnreachableError: If nobody answers, or the node does not want us.
        """
        if self._association is not None and self._association.is_established:
            return
        node = self._node
        try:
            association = self._entity.associate(node.host, node.port, ae_title=node.title)
        except OSError:
            raise UnreachableError("no such host") from None
        if not association.is_established:
            raise UnreachableError(_why(association))
        self._association = association

    def send(self, one: Stored) -> str:
        """Send an object; return why the node did not take it, or nothing.

        Raises:
            UnreachableError: If the node is gone.
        """
        self.open()
        assert self._association is not None
        try:
            status = self._association.send_c_store(one.path)
        except ValueError:
            return "this node takes no objects of this kind"
        except RuntimeError:
            status = {}
        code = status.get("Status")
        if code is None:
            self._drop()
            return f"no answer within {ANSWER_S} s, or the node ended the association"
        return "" if code == 0 or code in WARNINGS else f"refused with status 0x{code:04X}"

    def _drop(self) -> None:
        """Forget an association that answers no more: the next object opens another one."""
        assert self._association is not None
        self._association.abort()
        self._association = None

    def close(self) -> None:
        """End the association, if there is one."""
        if self._association is not None and self._association.is_established:
            self._association.release()


@contextmanager
def opened(node: Node, objects: Sequence[Stored]) -> Iterator[NodeTarget]:
    """Lend a node with an open association.

    Raises:
        UnreachableError: If nobody answers, or the node does not want us.
    """
    target = NodeTarget(node, objects)
    target.open()
    try:
        yield target
    finally:
        target.close()


def _why(association: Any) -> str:
    if association.is_rejected:
        return "the node rejects us: it may not know this sender or its own title"
    if association.is_aborted:  # also of a node that hangs up before its refusal is read
        return (
            "nobody answers as a DICOM node, or one that does not know this sender or its own title"
        )
    return "no answer"
