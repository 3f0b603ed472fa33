"""Plain code for anybody's rule: found under any name, only where a rule asks for it."""

from __future__ import annotations

import pytest
from conftest import Agree, Install

HEAD = """
from convlint.events import UNKNOWN, Assign, Attribute, Call, ClassDef, Subscript
from convlint.rule import Rule


class Asks(Rule):
    code, name = "ACME101", "asks"
    events, callees = ({kind},), ("acme.load",)
    attributes = ("torch.float64", "os.environ", "torch.backends.cudnn.benchmark", "acme.DEBUG", "acme.old.Net")

    def check(self, event, context):
        return self.finding(event, "found", None, context) if {condition} else None


def pack():
    return [Asks]
"""


@pytest.fixture
def asked(install: Install, agree: Agree):
    def compare(kind: str, source: str, condition: str = "True") -> None:
        install(HEAD.format(kind=kind, condition=condition))
        agree(source)

    return compare


@pytest.mark.parametrize(
    "source",
    [
        "import torch\nx = y.to(torch.float64)  # ACME101",
        "import torch as t\ndef f(x):\n    return x.to(dtype=t.float64)  # ACME101",
        "from torch import float64\nx = y.to(float64)  # ACME101",
        "from torch import float64 as double\n\ndef f(x):\n    return x.to(double)  # ACME101",
        "def f(x):\n    from torch import float64\n    return [x.to(float64)]  # ACME101",
        "import torch\nclass A:\n    def f(self, x):\n        return x.to(torch.float64)  # ACME101",
        "import torch\nclass A:\n    kind = torch.float64  # ACME101",
        "import torch\nx = [\n    y\n    for y in z(torch.float64)  # ACME101\n    if y == torch.float64  # ACME101\n]",
        "import torch\ndef f(x, *, dtype=torch.float64):  # ACME101\n    return x",
        "import torch\nclass A:\n    def f(x, dtype=torch.float64):  # ACME101\n        return x",
        "import torch\nclass A:\n    torch = None\n    kind = torch.float64\nkind = torch.float64  # ACME101",
        "import torch\nfloat64 = 3\nprint(float64, torch.float32, x.float64)",
        "import torch\ntorch = object()\nprint(torch.float64)",
    ],
)
def test_something_of_a_library_is_found_under_any_name(asked, source: str) -> None:
    asked("Attribute", source)


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.backends.cudnn.benchmark = True  # ACME101",
        "import torch\ndef f():\n    torch.backends.cudnn.benchmark = True  # ACME101",
        "from torch.backends import cudnn\nfast = True\ncudnn.benchmark = fast  # ACME101",
        "import torch\ntorch.backends.cudnn.benchmark = False\ntorch.backends.cudnn.benchmark = flag",
        "import torch\ncudnn.benchmark = True\ntorch.backends.cudnn.deterministic = True",
    ],
)
def test_what_a_library_is_set_to_is_known(asked, source: str) -> None:
    asked("Assign", source, "event.value.value is True")


@pytest.mark.parametrize(
    ("source", "condition"),
    [
        ("import os\nos.environ['OTHER'] = '1'\nos.environ['KEY'] = '1'  # ACME101", "event.index.value == 'KEY'"),
        ("import os\nprint(os.environ['KEY'])  # ACME101", "event.value is None"),
        ("import os\ndel os.environ['KEY']  # ACME101", "event.value is None"),
        ("from os import environ\nenviron['KEY'] = '1'  # ACME101", "event.value.value == '1'"),
        ("import os\nos.environ[key] = '1'  # ACME101", "event.index.value is UNKNOWN"),
        ("import os\nenviron = {}\nenviron['KEY'] = '1'", "True"),
    ],
)
def test_elements_that_are_read_and_set(asked, source: str, condition: str) -> None:
    asked("Subscript", source, condition)


@pytest.mark.parametrize(
    ("source", "condition"),
    [
        ("from torch import nn\nclass A(nn.Module):  # ACME101\n    pass", "'torch.nn.Module' in event.bases"),
        (
            "from torch import nn\nclass A(nn.Module): ...  # ACME101\nclass B(A):  # ACME101\n    x = 1",
            "'torch.nn.Module' in event.bases",
        ),
        ("class A:\n    class B(A):  # ACME101\n        pass", "event.bases == ('model.A',)"),
        ("class A:\n    def f(self): ...\nclass B:  # ACME101\n    def g(self): ...", "event.methods == ('g',)"),
        (
            "import x\n@x.y\nclass A(  # ACME101\n    x.B,\n):\n    '''A.'''\n",
            "event.cst_statement.name.value == event.name == 'A'",
        ),
    ],
)
def test_classes_with_all_that_they_derive_from(asked, source: str, condition: str) -> None:
    asked("ClassDef", source, condition)


def test_calls_of_any_library(asked) -> None:
    source = "from acme import load as get\n\ndef f():\n    return get('x', map=1)  # ACME101\n"
    asked("Call", source, "event.argument('map').value == 1 and event.arguments[0].value == 'x'")


INIT = {"acme/__init__.py": "from .files import load\nDEBUG = False\n", "acme/files.py": "def load(path): ...\n"}


@pytest.mark.parametrize(
    "source",
    [
        "import acme\nacme.load('x')  # ACME101",
        "import acme as a\ndef f():\n    a.load('x')  # ACME101",
        "from acme import load\nload('x')  # ACME101",
        "from acme import load as get\ndef f():\n    return get('x')  # ACME101",
        "def f():\n    from acme import load\n    load('x')  # ACME101",
    ],
)
def test_a_function_of_the_project_itself_is_found_by_the_name_that_it_is_used_by(asked, source: str) -> None:
    asked("Call", INIT | {"use.py": source})


def test_a_module_of_the_same_package_is_read_though_it_does_not_name_it(asked) -> None:
    asked("Call", INIT | {"acme/use.py": "from . import load\n\ndef f():\n    load('x')  # ACME101\n"})


OLD = {"acme/old.py": "class Net: ...\n"}


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("Attribute", OLD | {"acme/new.py": "from .old import Net\nnet = Net()  # ACME101\n"}),
        ("Attribute", {"use.py": "import acme\nprint(acme.DEBUG)  # ACME101\n"}),
        ("Assign", {"use.py": "import acme\nacme.DEBUG = True  # ACME101\nprint(acme.DEBUG)\n"}),
    ],
)
def test_constants_and_classes_of_the_project_are_attributes_too(asked, kind: str, files: dict[str, str]) -> None:
    asked(kind, INIT | files)


def test_a_rule_for_all_events_is_given_what_it_names_only(asked) -> None:
    asked("Call", "import torch\nclass A:\n    x = torch.float64\n")
