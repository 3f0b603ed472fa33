"""``python -m convlint``."""

from convlint.cli import main

main()
