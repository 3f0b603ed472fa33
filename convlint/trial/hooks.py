"""Another function in the place of one of torch's, for a while."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SUBSCRIPTS = ("__getitem__", "__setitem__")
_WORD = ctypes.sizeof(ctypes.c_void_p)
_AS_SEQUENCE = object.__basicsize__ + 11 * _WORD
"""Where a type keeps what it does as a sequence."""
_ITEM, _SET_ITEM = 3 * _WORD, 5 * _WORD


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """While open, an attribute has another value; one that was inherited is inherited again afterwards."""
    own, before = name in vars(owner), getattr(owner, name)
    mapping = name in _SUBSCRIPTS and not _is_sequence(owner)
    setattr(owner, name, value)
    try:
        if mapping:
            _be_no_sequence(owner)
        yield
    finally:
        if own:
            setattr(owner, name, before)
        else:
            delattr(owner, name)
        if mapping:
            _be_no_sequence(owner)


def _is_sequence(kind: type) -> bool:
    return bool(ctypes.c_void_p.from_address(_sequence(kind) + _ITEM).value)


def _be_no_sequence(kind: type) -> None:
    """Python takes a type for a sequence once its ``__getitem__`` was set, for good; torch asks whether tensors are."""
    for slot in (_ITEM, _SET_ITEM):
        ctypes.c_void_p.from_address(_sequence(kind) + slot).value = None


def _sequence(kind: type) -> int:
    address = ctypes.c_void_p.from_address(id(kind) + _AS_SEQUENCE).value
    assert address
    return address
