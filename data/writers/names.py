"""File names as text."""


def written_name(name: str) -> str:
    r"""Return a file name as it is written in tables and said in messages.

    A name that is not UTF-8 keeps its other characters; every byte that fits nowhere is written
    as ``\xfc``.
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
