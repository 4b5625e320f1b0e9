"""Which of several files with the same pixels is predicted: the first, whoever reads faster."""

from collections.abc import Callable, Iterable
from threading import Condition


class Claims:
    """The images that are predicted, or were but are not kept yet, by the order of their files.

    A file that comes later than one that was predicted is a duplicate. One that comes earlier, but
    was read later, is predicted after the other and takes its place, as if it had been faster.
    """

    def __init__(self, is_kept: Callable[[str], object]) -> None:
        """Begin with the images that are kept already.

        Args:
            is_kept: Tells of an image whether it was predicted, for a file that came earlier.
        """
        self._is_kept = is_kept
        self._changed = Condition()
        self._busy: set[str] = set()
        self._predicted: dict[str, int] = {}

    def take(self, image_id: str, order: int) -> bool:
        """Wait for whoever predicts the same image; then tell whether to predict it, too.

        Whoever is told to must ``leave`` it.
        """
        with self._changed:
            self._changed.wait_for(lambda: image_id not in self._busy)
            if self._is_kept(image_id) or self._predicted.get(image_id, order) < order:
                return False
            self._busy.add(image_id)
            return True

    def leave(self, image_id: str, order: int, *, predicted: bool) -> None:
        """Say what came of an image that was taken."""
        with self._changed:
            self._busy.discard(image_id)
            if predicted:
                self._predicted[image_id] = min(order, self._predicted.get(image_id, order))
            self._changed.notify_all()

    def forget(self, image_ids: Iterable[str]) -> None:
        """Drop what is kept from now on."""
        with self._changed:
            for image_id in image_ids:
                self._predicted.pop(image_id, None)
