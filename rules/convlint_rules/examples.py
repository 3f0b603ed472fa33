"""How the rules write their examples: the body of one ``forward``, made into a whole module."""

from __future__ import annotations

import textwrap


def forward(body: str, parameters: str = "x", imports: str = "", init: str = "") -> str:
    """The source of a module whose ``Model.forward`` has this body (and ``__init__`` those statements)."""
    head = [*(f"import {name}\n" for name in imports.split(", ") if name), "\n" if imports else ""]
    made = textwrap.indent(textwrap.dedent(init).strip("\n"), " " * 8)
    setup = f"    def __init__(self):\n        super().__init__()\n{made}\n\n" if init else ""
    code = textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8)
    return (
        "".join(head)
        + "import torch\nfrom torch import nn\n\n\nclass Model(nn.Module):\n"
        + setup
        + f"    def forward(self, {parameters}):\n{code}\n"
    )


def script(
    body: str,
    forward_body: str = "return self.layer(x)",
    init: str = "self.layer = nn.Linear(4, 4)",
    parameters: str = "x",
) -> str:
    """The source of a script that defines ``Model`` and then does this at module level."""
    return f"{forward(forward_body, parameters, init=init)}\n\n{textwrap.dedent(body).strip(chr(10))}\n"
