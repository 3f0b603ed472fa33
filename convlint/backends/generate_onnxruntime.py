"""Makes the facts of an older ONNX Runtime: ``python -m convlint.backends.generate_onnxruntime``.

Of the one that is installed beside it, from its own registry; ``convlint.backends.generate`` makes those of the newest.
"""

from __future__ import annotations

import msgspec

from convlint.backends import live
from convlint.backends.facts import FOLDER, OLDEST_OPSET
from convlint.backends.generate import trimmed, write


def main() -> None:
    """Writes the file of the installed version, by the first two parts of its number."""
    known = live.of_onnxruntime()
    told = msgspec.to_builtins(known)
    rows = [trimmed(row) for row in told["rows"] if row[2] != "no" or row[1] >= OLDEST_OPSET]
    version = ".".join(known.version.split(".")[:2])
    write(FOLDER / f"onnxruntime@{version}.json", told | {"version": version, "rows": rows})


if __name__ == "__main__":
    main()
