"""What ``predict`` does for an archive, if asked to: DICOM objects, and sending them.

highdicom and what sends are imported where they are asked for alone.
"""

from dataclasses import dataclass
from pathlib import Path

import typer

from isnet_cxr.pipeline.commands.extras import require


@dataclass(frozen=True)
class Archive:
    """What a user asked for.

    Attributes:
        kinds: Of objects, as ``--dicom`` names them; empty for none.
        to: Where they are sent, as ``--send`` names it; empty for nowhere.
    """

    kinds: str
    to: str

    def __post_init__(self) -> None:
        """Refuse, before anything is predicted, what could not be made or sent.

        Raises:
            InputError: If a library is missing, or ``to`` is no address or has no objects.
        """
        if self.kinds:
            require("--dicom", ["highdicom"], extra="dicom")
        if self.to:
            require("--send", ["highdicom", "pynetdicom", "dicomweb_client"], extra="dicom")
            from isnet_cxr.pipeline.prediction.sending import check_address

            check_address(self.to, kinds=self.kinds)

    def asked(self, model: Path, lungs: Path | None) -> list[str]:
        """Return the name of the output that makes the objects."""
        if not self.kinds:
            return []
        from isnet_cxr.pipeline.prediction.dicom_objects import ask_for

        return [ask_for(self.kinds, model, lungs)]

    def send(self, out: Path) -> tuple[str, bool]:
        """Send a job's objects; return what to say of it, and whether all were taken."""
        if not self.to:
            return "", True
        from isnet_cxr.pipeline.prediction.sending import send_results

        return send_results(out, self.to)

    def tell(self, out: Path) -> None:
        """Say which objects there are, and of which images there are none."""
        if self.kinds:
            from isnet_cxr.pipeline.prediction.dicom_objects import describe_objects

            typer.echo(describe_objects(out))
