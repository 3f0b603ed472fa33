"""``python -m convlint``."""

import sys

if not getattr(sys.flags, "safe_path", sys.flags.isolated):
    del sys.path[0]  # the working folder, which may be anybody's: a file there named `typer.py` would be run

from convlint.cli import main

main()
