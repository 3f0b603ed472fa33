"""What a message keeps of paths."""

from __future__ import annotations

import pytest

from convlint.trial.job import without_folders


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ('File "/home/me/lib/torch/onnx.py", line 3', 'File "onnx.py", line 3'),
        ("scope: Model:: # /home/me/lib/torch/onnx", "scope: Model:: # onnx"),
        ("shapes 3/4 differ from 4/4", "shapes 3/4 differ from 4/4"),
    ],
)
def test_a_message_names_no_folder_even_where_it_is_cut(message: str, kept: str) -> None:
    assert without_folders(message) == kept
