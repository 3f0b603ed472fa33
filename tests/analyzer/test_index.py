"""How names are found: imports of every form, within the project and out of it."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

HELPER = "def peak(t):\n    return t.max().item()  # CVL202\n"


@pytest.mark.parametrize(
    ("statement", "call"),
    [
        ("from pkg.ops import peak", "peak(x)"),
        ("from pkg.ops import peak as top", "top(x)"),
        ("from .ops import peak", "peak(x)"),
        ("from . import ops", "ops.peak(x)"),
        ("from .ops import *", "peak(x)"),
        ("import pkg.ops", "pkg.ops.peak(x)"),
        ("import pkg.ops as o", "o.peak(x)"),
        ("from pkg import ops as o", "o.peak(x)"),
        ("if True:\n    from .ops import peak", "peak(x)"),
    ],
)
def test_a_helper_is_found_through_any_import(agree: Agree, statement: str, call: str) -> None:
    agree(
        {"pkg/__init__.py": "", "pkg/ops.py": HELPER, "pkg/model.py": f"{statement}\n" + forward(f"return x / {call}")}
    )


def test_a_package_needs_no_init(agree: Agree) -> None:
    model = "from lab.core.ops import peak\n" + forward("return x / peak(x)")
    agree({"lab/core/ops.py": HELPER, "lab/nets/net.py": model})


def test_an_import_that_may_fail_has_a_second_source(agree: Agree) -> None:
    imports = "try:\n    from missing import peak\nexcept ImportError:\n    from ops import peak\n"
    agree({"ops.py": HELPER, "model.py": imports + forward("return x / peak(x)")})


def test_an_import_inside_a_function(agree: Agree) -> None:
    agree({"ops.py": HELPER, "model.py": forward("from ops import peak\nreturn x / peak(x)")})


def test_a_name_that_a_package_passes_on(agree: Agree) -> None:
    agree(
        {
            "pkg/__init__.py": "from .deep.ops import peak\n",
            "pkg/deep/__init__.py": "",
            "pkg/deep/ops.py": HELPER,
            "model.py": "from pkg import peak\n" + forward("return x / peak(x)"),
        }
    )


def test_modules_that_import_each_other(agree: Agree) -> None:
    agree(
        {
            "pkg/__init__.py": "",
            "pkg/ops.py": "from . import model\n\n\n" + HELPER,
            "pkg/model.py": "from .ops import peak\n" + forward("return x / peak(x)"),
        }
    )


def test_a_helper_that_does_not_parse_is_one_finding_and_no_more(agree: Agree) -> None:
    agree({"ops.py": "def peak(:  # CVL001\n", "model.py": "from ops import peak\n" + forward("return x / peak(x)")})


def test_an_imported_constant_is_configuration(agree: Agree) -> None:
    agree({"config.py": "WIDTH = 4\n", "model.py": "from config import WIDTH\n" + forward("return x * int(WIDTH)")})


def test_a_package_outside_the_project_is_not_read(agree: Agree) -> None:
    agree("from somewhere import peak\n" + forward("return x / peak(x)"))


def test_two_scripts_of_one_name_are_two_modules(agree: Agree) -> None:
    model = forward("return self.part(x)", init="self.part = Part()")
    part = "\n\nclass Part(nn.Module):\n    def forward(self, t):\n        return t / t.max().item()  # CVL202\n"
    agree({"one/model.py": model + part, "two/model.py": model + part})


def test_star_imports_in_a_circle_end(agree: Agree) -> None:
    agree(
        {
            "pkg/__init__.py": "from .model import *\n",
            "pkg/model.py": "from . import *\n" + forward("return x / x.max().item()  # CVL202"),
        }
    )


def test_a_name_that_no_star_import_in_a_circle_has_is_pythons_own(agree: Agree) -> None:
    body = "n = len(x.shape)\nreturn x / x.max().item()  # CVL202"
    agree({"one.py": "from two import *\n" + forward(body), "two.py": "from one import *\nfrom two import *\n"})


@pytest.mark.parametrize(
    "definition",
    [
        "match sys.platform:\n    case 'linux':\n{}\n    case _:\n        pass\n",
        "if sys.platform:\n    try:\n{}\n    except OSError:\n        peak = None\n",
        "with open('x') as f:\n    while f:\n{}\n",
    ],
)
def test_a_definition_under_a_condition(agree: Agree, definition: str) -> None:
    helper = "        def peak(t):\n            return t.max().item()  # CVL202"
    agree("import sys\n\n" + definition.format(helper) + forward("return x / peak(x)"))


def test_a_method_under_a_condition(agree: Agree) -> None:
    method = "    try:\n        def peak(self, t):\n            return t.item()  # CVL202\n    finally:\n        pass\n"
    agree(forward("return x / self.peak(x)") + "\n" + method)
