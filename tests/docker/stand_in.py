"""Stands in for Docker: what compose would run in a container runs here, on the mounted folders.

Usage, as a script called ``docker`` on the path; every call is kept in the file ``$CALLS``.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

PROGRAM = str(Path(sys.executable).with_name("isnet-cxr"))


def compose(arguments: list[str]) -> int:
    """Run the service of ``compose ... run``, as the compose file describes it."""
    at = arguments.index("run")
    said = subprocess.run(
        ["docker-compose", *arguments[:at], "config"], capture_output=True, text=True, check=True
    ).stdout
    service = yaml.safe_load(said)["services"][arguments[-1]]
    places = dict(reversed(mount.split(":")[:2]) for mount in service["volumes"])
    command = service["command"]
    for inside, here in places.items():
        command = [re.sub(rf"^{inside}(?=/|$)", here, word) for word in command]
    return subprocess.run([PROGRAM, *command], check=False).returncode


def main(arguments: list[str]) -> int:
    """Do what a call of Docker asks for, or nothing where it is about images."""
    with Path(os.environ["CALLS"]).open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    if arguments[0] == "compose":
        return compose(arguments[1:])
    if arguments[0] == "run" and "isnet-cxr" in arguments and "--entrypoint" not in arguments:
        inside = arguments[arguments.index("isnet-cxr") + 1 :]
        return subprocess.run([PROGRAM, *inside], check=False).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
