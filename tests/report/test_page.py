"""What a page is before a browser opens it: one file that may do nothing but show itself."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from conftest import Cli

pytest.importorskip("jinja2")

SOURCE = """
import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        return torch.cumsum(x, 1) * x.sum().item()
"""


@pytest.fixture
def page(cli: Cli) -> str:
    Path("net.py").write_text(SOURCE, encoding="utf-8")
    ran = cli(
        "matrix", "net.py", "--isolated", "--target", "tensorrt,tvm", "--opset", "17-18", "--html", "out/net.html"
    )
    assert ran.code in (0, 1)
    assert ran.err == "Wrote out/net.html.\n"
    assert "torch.cumsum" in ran.out or "taken by" in ran.out
    return Path("out/net.html").read_text(encoding="utf-8")


def test_a_page_may_run_and_paint_only_what_it_came_with(page: str) -> None:
    (found,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', page)
    policy = dict(part.split(" ", 1) for part in found.replace("&#39;", "'").split("; "))
    assert policy["default-src"] == "'none'"
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert policy[rule] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    assert not re.search(
        r"\son\w+=|\sstyle=|javascript:", re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    )


def test_a_page_asks_nothing_of_a_network(page: str) -> None:
    asked = re.findall(r'''(?:src|href|action)="([^"]*)"''', page)
    assert asked
    assert all(one.startswith(("#", "data:")) for one in asked)
    assert "url(" not in re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]  # type: ignore[index]


def test_the_matrix_of_sources_links_to_its_lines(page: str) -> None:
    row = re.search(r'<tr class="use"[^>]*>.*?</tr>', page, re.DOTALL)
    assert row
    href = re.search(r'href="#(s1-\d+)"', row[0])
    assert href
    assert href[1] == "s1-8"
    assert f'id="{href[1]}"' in page


def test_two_models_want_a_folder_before_they_run(cli: Cli) -> None:
    ran = cli("preflight", "a.py:A", "b.py:B", "--isolated", "--html", "page.html")
    assert (ran.code, ran.out) == (2, "")
    assert "--html page.html: is one page, and these are 2 models; name a folder" in ran.err


def test_a_page_is_no_folder(cli: Cli) -> None:
    Path("net.py").write_text(SOURCE, encoding="utf-8")
    Path("a.html").mkdir()
    Path("b").write_text("", encoding="utf-8")
    assert "is a folder" in cli("matrix", "net.py", "--html", "a.html").err
    assert "is a file" in cli("matrix", "net.py", "--html", "b").err


def test_a_folder_gets_an_index(cli: Cli) -> None:
    Path("net.py").write_text(SOURCE, encoding="utf-8")
    assert cli("matrix", "net.py", "--isolated", "--html", "out").err == "Wrote out/index.html.\n"
    assert Path("out/index.html").is_file()
