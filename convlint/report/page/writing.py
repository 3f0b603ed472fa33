"""Fills the templates and writes the pages: what a page shows, and the policy by which a browser lets it act."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convlint import __version__
from convlint.backends.matrix import MatrixResult
from convlint.errors import UsageError
from convlint.preflighter import Preflighted, PreflightResult
from convlint.report import preflight as told
from convlint.report.formats import Report
from convlint.report.matrix_rows import outcome
from convlint.report.page.findings import findings
from convlint.report.page.graph import graph
from convlint.report.page.heatmap import heat_map
from convlint.report.page.plot import plots
from convlint.report.page.sources import Sources
from convlint.report.plain import printable
from convlint.report.style import Painter
from convlint.report.summary import by_severity, plural
from convlint.report.text import read
from convlint.source.replacing import replace_bytes

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_INDEX = "index.html"
_PAGES = (".html", ".htm")
_CODE = re.compile(r"(`[^`]+`)")
_PARTS = re.compile(r"[^/.:]*[/.:]+|[^/.:]+")


def is_folder(path: Path) -> bool:
    """Whether pages go into a folder of this name, and not into one file."""
    return path.suffix.lower() not in _PAGES


def write_preflight(result: PreflightResult, to: Path) -> Path:
    """Writes the page of a model; into a folder an index, and a page for each of several.

    Raises:
        UsageError: jinja2 is not installed, or a page cannot be written.
    """
    if not is_folder(to):
        _write(to, preflight_page(result.models[0]))
        return to
    entries = []
    for number, model in enumerate(result.models, 1):
        name = f"{number:02}-{_slug(model.label)}.html"
        _write(to / name, preflight_page(model, index=_INDEX))
        entries.append(_entry(model, name))
    routes = dict.fromkeys(route for model in result.models for route in model.trial.outcomes)
    targets = dict.fromkeys(name for one in entries for name in one["targets"])
    page = _Page("index.html", "Models")
    _write(to / _INDEX, page.filled(entries=entries, errors=result.errors, routes=list(routes), targets=list(targets)))
    return to / _INDEX


def write_matrix(result: MatrixResult, to: Path) -> Path:
    """Writes the page of a matrix; into a folder as its index.

    Raises:
        UsageError: jinja2 is not installed, or the page cannot be written.
    """
    path = to / _INDEX if is_folder(to) else to
    _write(path, matrix_page(result))
    return path


def preflight_page(model: Preflighted, index: str = "") -> str:
    """The page of a model, with a link to the index of several."""
    sources = Sources()
    found = findings(_report(model), sources)
    head, rows = told.table(model.trial)
    page = _Page("preflight.html", model.label, sources, index)
    return page.filled(
        model=model,
        passes=model.passes,
        conclusion=told.conclusion(model),
        tried=told.tried(model.trial),
        head=head,
        rows=rows,
        causes=[_cause(model, route, sources) for route in model.trial.outcomes],
        findings=found,
        heat_map=heat_map(model.matrix, sources) if model.matrix else None,
        graph=graph(model.matrix, sources) if model.matrix else None,
        plots=plots(list(model.trial.outcomes.values()), sources),
    )


def matrix_page(result: MatrixResult) -> str:
    """The page of a matrix."""
    sources = Sources()
    page = _Page("matrix.html", result.subject.name, sources)
    return page.filled(heat_map=heat_map(result, sources), graph=graph(result, sources))


def check(report: Report) -> Iterator[str]:
    """The page of ``convlint check``: the findings alone."""
    sources = Sources()
    page = _Page("check.html", "convlint check", sources)
    yield page.filled(findings=findings(report, sources))


def _report(model: Preflighted) -> Report:
    return Report(model.judged.findings, read, Painter(io.StringIO()), unsafe_fixes=True, root=Path.cwd())


def _cause(model: Preflighted, route: str, sources: Sources) -> dict[str, Any]:
    """What a route does that is not right, with what else is to be known of it."""
    one = model.trial.outcomes[route]
    nodes = model.diagnoses[route].bad if route in model.diagnoses else ()
    return {
        "route": route,
        "why": "; ".join(map(": ".join, told.wrongs(one, model.trial.reference.refused))),
        "place": sources.at(one.place) if one.place else None,
        "nodes": [told.bad(node) for node in nodes],
        "besides": list(told.besides(one, model.trial.reference.outputs)),
    }


def _entry(model: Preflighted, name: str) -> dict[str, Any]:
    """A model in the index."""
    matrix = model.matrix.matrix if model.matrix else None
    return {
        "label": model.label,
        "href": name,
        "passes": model.passes,
        "conclusion": told.conclusion(model)[1],
        "routes": {route: told.in_a_word(one) for route, one in model.trial.outcomes.items()},
        "counts": by_severity(model.judged.findings),
        "targets": {one.asked: outcome(matrix, one) for one in matrix.targets} if matrix else {},
    }


def _slug(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")[-48:].strip("-").lower() or "model"


def _write(path: Path, page: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_bytes(path, page.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UsageError(f"--html {path}: cannot be written: {error.strerror or error}") from None


# --- templates ---------------------------------------------------------------------------------------------------


@dataclass
class _Page:
    """A page to be filled."""

    template: str
    title: str
    sources: Sources = field(default_factory=Sources)
    index: str = ""

    def filled(self, **shown: Any) -> str:
        """The whole page; what the template shows of the sources comes last, when all links are known."""
        environment = _environment()
        style, script = _asset("page.css"), _asset("page.js")
        policy = {
            "default-src": "'none'",
            "style-src": _hash(style),
            "script-src": _hash(script),
            "img-src": "data:",
            "base-uri": "'none'",
            "form-action": "'none'",
        }
        return environment.get_template(self.template).render(
            shown,
            title=self.title,
            index=self.index,
            sources=self.sources,
            policy="; ".join(f"{name} {value}" for name, value in policy.items()),
            style=style,
            script=script,
            version=__version__,
        )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _asset(name: str) -> Markup:
    """A file of ours that goes into the page as it is."""
    from markupsafe import Markup

    text = _environment().get_template(name).render()
    return Markup(f"\n{text}\n")  # noqa: S704 - not of the user's


@cache
def _environment() -> Environment:
    """Jinja, set so that nothing of the user's is markup.

    Raises:
        UsageError: it is not installed.
    """
    try:
        from jinja2 import DictLoader, Environment, StrictUndefined, select_autoescape
    except ImportError:
        raise UsageError("a page needs the package jinja2; pip install 'convlint[html]'") from None
    folder = files("convlint.report.page") / "templates"
    texts = {one.name: one.read_text(encoding="utf-8") for one in folder.iterdir()}
    environment = Environment(
        loader=DictLoader(texts),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"prose": _prose, "breakable": _breakable, "data": _data, "plural": plural}
    return environment


def _finalized(value: Any) -> Any:
    """Text of whoever's on its way into a page: control characters and what turns its direction are spelled out."""
    return printable(value) if type(value) is str else value


def _prose(text: str) -> Markup:
    """A message whose code is code."""
    from markupsafe import Markup, escape

    parts = (escape(printable(part)) for part in _CODE.split(" ".join(text.split())))
    return Markup("").join(
        Markup("<code>{}</code>").format(part[1:-1]) if number % 2 else part for number, part in enumerate(parts)
    )


def _breakable(name: str) -> Markup:
    """A name that may go on in the next line behind a slash, a dot or a colon."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(part) for part in _PARTS.findall(printable(name)))


def _data(value: Mapping[str, Any] | Sequence[Any]) -> Markup:
    """A value as JSON that no text in it can end."""
    from markupsafe import Markup

    text = json.dumps(value, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)  # noqa: S704 - nothing in it is markup any more
