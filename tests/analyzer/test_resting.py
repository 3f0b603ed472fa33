"""A module that rests keeps its names; functions are parsed again when somebody asks, as they are in the whole text."""

import ast
import sysconfig
from pathlib import Path

import pytest

from convlint.analyzer.index import FunctionInfo, ModuleInfo, build
from convlint.source.document import Document
from convlint.source.reparsing import parsed

TOP = "@decorated(\n    1,\n)\n# between\ndef first(a: int = 1) -> str:\n    '''Text\nof two lines.'''\n    return a\n"
METHODS = "class Net:\n\n\t@property\n\tdef forward(self):\n\t\tdef inner():\n\t\t\tpass\n\t\treturn inner\n"
TEXTS = {
    "decorators, a text over lines": TOP,
    "methods behind tabs": TOP + METHODS,
    "in branches": f"import torch\nif torch:\n    def one(): return 1; x = 2\nelse:\n    async def two(): ...\n{TOP}",
    "form feeds": f"x = 1\n\f{TOP}\fclass A:\n  \f  def f(self): return 1\n",
    "a backslash before an empty line": "def f():\n    return 1 \\\n\ndef g(): return 2 \\\n\n",
    "no end of the last line": TOP + "def last(): return 'ä', 1",
    "carriage returns": TOP.replace("\n", "\r\n") + "def last():\r    return 1\r",
    "type comments": "def f(a):\n    # type: (int) -> int\n    return a\n",
    "a malformed type comment": "def f(a):\n    x = a  # type: int\n    return x\n\ny = 1  # type: (\n",
    "lines of another language": "class A:\n    def f(self): return '''\x0c\u2028'''\n    def g(self): return 1\n",
}


def rested(text: str) -> tuple[ModuleInfo, list[FunctionInfo], list[str]]:
    """A module that rests, its functions, and what these were before."""
    module = build(parsed(Document("m.py", text)), "m", False)
    functions = module.all_functions()
    before = [ast.dump(function.node, include_attributes=True) for function in functions]
    module.rest([])
    return module, functions, before


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_function_is_parsed_again_as_in_the_whole(text: str) -> None:
    _, functions, before = rested(text)
    assert functions
    assert [ast.dump(function.node, include_attributes=True) for function in functions] == before


@pytest.mark.parametrize("name", ["ast.py", "dataclasses.py", "inspect.py", "typing.py", "tkinter/__init__.py"])
def test_functions_of_real_files(name: str) -> None:
    path = Path(sysconfig.get_path("stdlib"), name)
    if not path.is_file():
        pytest.skip(f"this Python has no {name}")
    _, functions, before = rested(path.read_text(encoding="utf-8"))
    assert [ast.dump(function.node, include_attributes=True) for function in functions] == before


def test_only_what_is_asked_for_is_parsed_again() -> None:
    module, functions, _ = rested(TOP + METHODS)
    assert not module.body
    assert not module.awake
    assert functions[1].node is functions[1].node
    assert module.awake == [functions[1]]
    functions[1].sleep()
    assert functions[1].node.lineno == 12


def test_names_and_decorators_wake_nobody() -> None:
    module, functions, _ = rested(TOP + METHODS)
    assert [(one.key[1:], one.decorators) for one in functions] == [
        (("first", 5), ["decorated"]),
        (("Net.forward", 12), ["property"]),
    ]
    assert module.names.keys() == {"first", "Net"}
    assert not module.awake
