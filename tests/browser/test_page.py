"""What a reader of a page can do with it, in a real browser."""

from __future__ import annotations

import re
import shutil
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_pages import Opened, convlint, large_model
from conftest import CHROMIUM
from convlint_rules.examples import forward

pytest.importorskip("playwright.sync_api", reason="needs Playwright: make test-browser")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe: make test-browser")
pytest.importorskip("jinja2")
pytest.importorskip("onnx")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")
EXAMPLE = Path(__file__).parents[2] / "examples" / "atss_detector"
VERDICTS = ["no", "unknown", "partial", "yes"]

Open = Callable[..., Opened]


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Open]:
    """Opens a page; that it logs an error or asks for anything else than itself fails the test."""
    opened: list[Opened] = []

    def call(path: Path, width: int = 1280, **options: Any) -> Opened:
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        one = Opened(context.new_page())
        one.on("console", lambda message: one.told.append(message.text))
        one.on("pageerror", lambda error: one.told.append(str(error)))
        one.on("dialog", lambda dialog: (one.told.append(dialog.message), dialog.dismiss()))
        one.on("request", lambda request: one.told.append(request.url))
        one.goto(path.as_uri())
        assert one.told.pop(0) == path.as_uri()
        opened.append(one)
        return one

    yield call
    for one in opened:
        one.context.close()
        foreign = [told for told in one.told if not told.startswith(("file:", "data:"))]
        assert not foreign, foreign


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the example detector, with everything that a page can show."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("detector")
    shutil.copytree(EXAMPLE, folder / "atss_detector")
    name = "atss_detector/detector.py:Detector"
    targets = "onnxruntime,tensorrt,ncnn,opencv"
    assert convlint(folder, "preflight", name, "--isolated", "--target", targets, "--html", "report.html") == 1
    return folder / "report.html"


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a matrix of sources, at several opsets."""
    folder = tmp_path_factory.mktemp("sources")
    shutil.copytree(EXAMPLE, folder / "atss_detector")
    targets = ("--target", "tensorrt,opencv,tract,coreml", "--opset", "13-20")
    assert convlint(folder, "matrix", "atss_detector", "--isolated", *targets, "--html", "matrix.html") == 1
    return folder / "matrix.html"


def texts(page: Any, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(selector).all_inner_texts()]


def shown_rows(page: Any) -> Any:
    return page.locator("#matrix tr.use:visible")


def chip(page: Any, section: str, text: str) -> Any:
    return page.locator(f"{section} .filters label.chip", has_text=text).locator("input")


# --- by itself ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "width"), [("detector", 1440), ("sources", 390)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_accessible_in_light_and_dark(
    request: pytest.FixtureRequest, open_page: Open, name: str, scheme: str, width: int
) -> None:
    page = open_page(request.getfixturevalue(name), width, color_scheme=scheme)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.locator("#matrix td.verdict button").first.click()
    found = axe.Axe().run(page.page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [390, 834, 1440])
def test_only_tables_and_code_scroll_sideways(open_page: Open, detector: Path, width: int) -> None:
    page = open_page(detector, width)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_page_reads_without_a_script(open_page: Open, detector: Path) -> None:
    page = open_page(detector, java_script_enabled=False)
    assert page.get_by_role("heading", name="atss_detector/detector.py:Detector").is_visible()
    assert page.locator(".finding").count() == page.locator(".finding:visible").count() > 10
    assert page.locator("#matrix td.verdict:visible").count() > 50


def test_injected_code_does_not_run(open_page: Open, detector: Path) -> None:
    page = open_page(detector)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'ran = 1'}))")
    page.wait_for_timeout(500)
    assert page.evaluate("window.ran") is None
    refused = [told for told in page.told if "Content Security Policy" in told]
    assert len(refused) == 3  # the picture, its handler and the script
    page.told.clear()


# --- findings ----------------------------------------------------------------------------------------------------


def test_a_finding_shows_its_code_reason_and_repair(open_page: Open, detector: Path) -> None:
    page = open_page(detector)
    finding = page.locator(".finding", has_text="CVL101").first
    assert "".join(finding.locator("mark").all_inner_texts()) == "xs.clamp_(min=0, max=width - 1)"
    assert "loses this write" in finding.locator(".message").inner_text()
    assert "onnx_torchscript wrong" in re.sub(r"\s+", " ", finding.locator(".harm").inner_text())
    assert [text.strip() for text in finding.locator(".diff .added pre").all_inner_texts()] == [
        "self.boxes[:, 0::2] = xs"
    ]
    finding.locator("summary").click()
    assert finding.locator(".why p").first.is_visible()


def test_findings_are_filtered_by_severity_and_words(open_page: Open, detector: Path) -> None:
    page = open_page(detector)
    warnings = page.locator(".finding.warning").count()
    assert warnings
    chip(page, "#findings", "error").uncheck()
    assert page.locator(".finding:visible").count() == warnings
    assert f"{warnings} of" in page.locator("#status").inner_text()
    chip(page, "#findings", "error").check()
    page.locator("#findings [data-search]").fill("suppress cvl201")
    assert set(texts(page, ".finding:visible .rule")) == {"CVL201"}
    assert texts(page, ".file:visible h3 .path") == ["atss_detector/suppress.py"]
    page.locator("#findings [data-search]").fill("no such thing")
    assert page.locator("#findings .empty").is_visible()


def test_a_link_leads_to_the_source_line_and_back(open_page: Open, detector: Path) -> None:
    page = open_page(detector)
    link = page.locator(".finding", has_text="CVL101").first.locator(".where a")
    assert link.inner_text() == "atss_detector/detections.py:21:9"
    link.click()
    line = page.locator("tr:target")
    assert line.is_visible()
    assert "xs.clamp_(min=0, max=width - 1)" in line.inner_text()
    line.get_by_role("link", name="error").click()
    assert page.locator(".finding:target h4").inner_text().split()[2] == "CVL101"


# --- the matrix --------------------------------------------------------------------------------------------------


def test_operators_are_filtered_by_verdict_target_and_words(open_page: Open, detector: Path) -> None:
    page = open_page(detector)
    everything = shown_rows(page).count()
    for verdict in ("not known", "part", "yes"):
        chip(page, "#matrix", verdict).uncheck()
    assert 0 < shown_rows(page).count() < everything
    assert page.locator("[data-shown]").inner_text() == f"{shown_rows(page).count()} of {everything} operators"
    for row in shown_rows(page).all():
        assert "no" in row.inner_text().split()
    for target in ("tensorrt", "ncnn"):  # onnxruntime and opencv refuse nothing
        chip(page, "#matrix", target).uncheck()
    assert page.locator("#matrix .empty").is_visible()
    assert not page.locator("#matrix th", has_text="tensorrt").is_visible()
    for verdict in ("not known", "part", "yes"):
        chip(page, "#matrix", verdict).check()
    page.locator("#matrix [data-search]").fill("nonzero")
    assert texts(page, "#matrix tr.use:visible .operator") == ["NonZero bool"]


def test_an_opset_shows_what_is_true_at_it(open_page: Open, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(forward("return nn.functional.grid_sample(x, grid)", "x, grid"))
    at = ("--target", "opencv,coreml", "--opset", "13-20")
    convlint(tmp_path, "matrix", "model.py", "--isolated", *at, "--html", "matrix.html")
    page = open_page(tmp_path / "matrix.html")
    row = page.locator("#matrix tr.use", has_text="grid_sample").first
    cell = row.locator("td.verdict").nth(0)  # the exporter writes it from opset 16 on
    assert "16-20" in cell.inner_text()
    page.locator("[data-opset]").select_option("13")
    assert "no" in cell.inner_text().split()
    page.locator("[data-opset]").select_option("16")
    assert "no" not in cell.inner_text().split()
    page.locator("[data-opset]").select_option("all")
    assert "16-20" in cell.inner_text()


def test_columns_sort_both_ways(open_page: Open, detector: Path) -> None:
    page = open_page(detector)
    head = page.locator("#matrix th[data-sort=number]")
    head.get_by_role("button").click()
    uses = [int(text) for text in texts(page, "#matrix tr.use td.number")]
    assert uses == sorted(uses)
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").click()
    assert [int(text) for text in texts(page, "#matrix tr.use td.number")] == sorted(uses, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    page.locator("#matrix th", has_text="tensorrt").get_by_role("button").click()
    column = texts(page, "#matrix thead th").index("tensorrt")
    cells = page.locator(f"#matrix tr.use > :nth-child({column + 1})").all()
    order = [VERDICTS.index(cell.get_attribute("data-verdict")) for cell in cells]
    assert order == sorted(order)
    assert order[0] == 0
    assert head.get_attribute("aria-sort") == "none"


def test_a_cell_opens_its_evidence(open_page: Open, detector: Path) -> None:
    page = open_page(detector)
    row = page.locator("#matrix tr.use", has_text="NonZero")
    button = row.get_by_role("button", name="no", exact=True)
    button.click()
    evidence = page.locator(f"#{button.get_attribute('aria-controls')}")
    assert evidence.is_visible()
    assert button.get_attribute("aria-expanded") == "true"
    first = evidence.locator("dl > div").first
    assert first.locator("dt").inner_text() == "tensorrt"
    assert "TensorRT 10.0 takes NonZero only of float16, float32, float64" in first.inner_text()
    assert "onnx/onnx-tensorrt" in first.inner_text()
    evidence.get_by_role("link", name="detections.py:27").click()
    assert "nonzero()" in page.locator("tr:target").inner_text()
    button.click()
    assert evidence.is_hidden()


# --- the graph ---------------------------------------------------------------------------------------------------


def test_a_module_opens_and_a_node_tells(open_page: Open, detector: Path) -> None:
    page = open_page(detector)
    graph = page.locator("[data-graph]")
    assert graph.locator("strong").inner_text() == "the whole graph"
    graph.get_by_role("button", name="backbone, 6 nodes").click()
    assert graph.locator("strong").inner_text() == "backbone"
    graph.get_by_role("button", name=re.compile("^Conv, ")).first.click()
    told = graph.locator("[data-detail]")
    assert told.locator("h3").inner_text() == "Conv"
    assert "atss_detector/detector.py" in told.inner_text()
    assert "TensorRT" in told.inner_text()
    told.get_by_role("link", name="its row in the matrix").click()
    assert page.locator("tr.use:target .operator").inner_text().startswith("Conv")
    graph.get_by_role("button", name="the whole graph").click()
    assert graph.locator("strong").inner_text() == "the whole graph"


def test_the_cut_and_the_colours_are_those_of_the_target(open_page: Open, detector: Path) -> None:
    page = open_page(detector)
    graph = page.locator("[data-graph]")
    assert "Proposed cut for " in graph.locator(".cut:visible").inner_text()  # of the target that refuses most
    graph.locator("[data-graph-target]").select_option("tensorrt")
    assert "Proposed cut for tensorrt" in graph.locator(".cut:visible").inner_text()
    graph.get_by_role("button", name="Show the cut").click()
    assert graph.locator("[data-canvas] path.crossing").count()
    assert graph.locator("[data-letter=n]").count()
    assert graph.locator("[data-part='1']").count()
    graph.locator("[data-graph-target]").select_option("onnxruntime")
    assert graph.locator(".cut:visible").inner_text().startswith("No cut is needed")
    assert not graph.get_by_role("button", name="Show the cut").is_visible()
    assert not graph.locator("[data-canvas] path.crossing").count()
    assert not graph.locator("[data-letter=n]").count()


def test_a_large_model_stays_readable_and_quick(open_page: Open, tmp_path: Path) -> None:
    large_model(tmp_path / "large.onnx", 1200)
    convlint(tmp_path, "matrix", "large.onnx", "--isolated", "--target", "ncnn", "--html", "large.html")
    assert (tmp_path / "large.html").stat().st_size < 1_000_000
    started = time.monotonic()
    page = open_page(tmp_path / "large.html")
    assert time.monotonic() - started < 3
    assert 1 < page.locator(".box").count() <= 80
    seen = set()
    for _ in range(3):  # a fold of a fold of nodes
        folds = page.locator(".box.fold")
        if not folds.count():
            break
        folds.first.click()
        seen.add(page.locator("[data-trail] strong").inner_text())
        assert page.locator(".box").count() <= 82
    assert seen
    assert page.locator(".box.node").count()


def test_a_graph_that_is_little_wider_than_the_page_is_drawn_smaller(open_page: Open, detector: Path) -> None:
    page = open_page(detector, 1440)
    assert (
        page.evaluate("(({scrollWidth, clientWidth}) => scrollWidth - clientWidth)(document.querySelector('.canvas'))")
        == 0
    )


# --- numbers -----------------------------------------------------------------------------------------------------


def test_the_error_is_drawn_along_the_graph(open_page: Open, detector: Path) -> None:
    page = open_page(detector)
    assert page.locator(".plot", has_text="jit_trace").locator(".dot.right").count() > 50
    plot = page.locator(".plot", has_text="onnx_torchscript")
    right, wrong = plot.locator(".errors .dot.right"), plot.locator(".errors .dot.wrong")
    assert right.count() > 50
    assert wrong.count()
    assert max(box["y"] for box in (one.bounding_box() for one in wrong.all())) < min(
        box["y"] for box in (one.bounding_box() for one in right.all())
    )
    plot.locator("summary").click()
    assert plot.locator(".listed tbody tr").count() == min(12, wrong.count())


@pytest.mark.parametrize("width", [390, 1440])
def test_where_the_numbers_part_is_in_view(open_page: Open, detector: Path, width: int) -> None:
    page = open_page(detector, width)
    for plot in page.locator(".plot").all():
        line, view = plot.locator(".first").bounding_box(), plot.locator(".scroll").first.bounding_box()
        assert view["x"] <= line["x"] <= view["x"] + view["width"]


# --- colours, keyboard, paper ------------------------------------------------------------------------------------


def test_light_and_dark_follow_the_system_and_the_choice(open_page: Open, detector: Path) -> None:
    page = open_page(detector, color_scheme="dark")

    def lightness() -> int:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    dark = lightness()
    page.emulate_media(color_scheme="light")
    light = lightness()
    assert dark < 200 < 600 < light
    page.get_by_role("button", name="Dark").click()
    assert lightness() == dark
    assert page.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "true"
    page.reload()
    page.told.clear()
    assert lightness() == dark
    page.get_by_role("button", name="Auto").click()
    assert lightness() == light


def test_everything_is_reached_by_keyboard(open_page: Open, detector: Path) -> None:
    page = open_page(detector)
    focused = "document.activeElement"
    page.keyboard.press("Tab")
    assert page.evaluate(f"{focused}.textContent") == "Skip to the report"
    outline = page.evaluate(f"getComputedStyle({focused}).outlineStyle + getComputedStyle({focused}).outlineWidth")
    assert outline == "solid3px"
    page.keyboard.press("Enter")
    assert page.evaluate(f"{focused}.id") == "main"

    page.locator("#matrix th[data-sort=text] button").focus()
    page.keyboard.press("Enter")
    assert page.locator("#matrix th[data-sort=text]").get_attribute("aria-sort") == "ascending"

    page.locator("#matrix td.verdict button:visible").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    place = page.evaluate(f"[{focused}.closest('tr').rowIndex, {focused}.closest('td').cellIndex]")
    assert place == [3, 3]  # every second row is the evidence of the one above
    page.keyboard.press("Enter")
    assert page.locator("tr.evidence:visible").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("tr.evidence:visible").count() == 0

    page.locator("[data-canvas] .box[tabindex='0']").focus()
    while page.evaluate(f"{focused}.dataset.open") is None:
        page.keyboard.press("ArrowDown")
    name = page.evaluate(f"{focused}.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    assert name.startswith(page.locator("[data-trail] strong").inner_text())
    page.keyboard.press("Escape")
    assert page.locator("[data-trail] strong").inner_text() == "the whole graph"
    assert page.evaluate(f"{focused}.getAttribute('aria-label')") == name


def test_paper_has_all_of_it_and_no_controls(open_page: Open, detector: Path) -> None:
    page = open_page(detector)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert not page.locator(".filters:visible, .contents:visible, .top:visible").count()
    assert page.locator(".why p").first.is_visible()
    assert page.locator(".source-file tr").first.is_visible()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert not page.locator(".why p").first.is_visible()
    assert page.pdf().startswith(b"%PDF")


# --- many models, and strange ones -------------------------------------------------------------------------------

MODELS = """
    import torch
    from torch import nn


    class Right(nn.Module):
        def forward(self, x):
            return x.relu()


    class Decides(nn.Module):
        def forward(self, x):
            return x + 1 if x.sum() > 15 else x
"""


def test_many_models_have_an_index(open_page: Open, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "models.py").write_text(textwrap.dedent(MODELS), encoding="utf-8")
    table = '[[tool.convlint.models]]\nname = "{0}"\nfactory = "models.py:{1}"\ninputs = "x: float32[N=2, 4]"\n'
    named = (("right <b>", "Right"), ("decides", "Decides"), ("gone", "Gone"))
    (tmp_path / "pyproject.toml").write_text("".join(table.format(*one) for one in named), encoding="utf-8")
    code = convlint(tmp_path, "preflight", "--all-models", "--exporter", "torchscript", "--html", "out")
    assert code == 2
    page = open_page(tmp_path / "out" / "index.html")
    assert page.locator(".outcome").inner_text().endswith("1 of 3 models passes.")
    assert texts(page, "tbody th") == ["right <b>", "decides", "gone"]
    assert axe.Axe().run(page.page).violations_count == 0
    page.locator("th[data-sort=text] button").click()
    assert texts(page, "tbody th") == ["decides", "gone", "right <b>"]
    chip(page, "#models", "do not pass").uncheck()
    assert texts(page, "tbody tr:visible th") == ["right <b>"]
    page.get_by_role("link", name="right <b>").click()
    assert "It passes." in page.locator(".outcome").inner_text()
    page.get_by_role("link", name="All models").click()
    assert page.url.endswith("/index.html")


HOSTILE = "</script><img src=x onerror=alert(1)>\"'`\u202egnp.\n\x1b]0;x\x07{{7*7}}<!--"


def test_names_of_whoever_do_nothing(open_page: Open, tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    node = helper.make_node("Relu", ["x" + HOSTILE], ["y" + HOSTILE], name="n" + HOSTILE)
    other = helper.make_node("Strange" + HOSTILE.replace("\n", ""), ["y" + HOSTILE], ["z"], domain="d" + HOSTILE)
    graph = helper.make_graph(
        [node, other],
        "g" + HOSTILE,
        [value("x" + HOSTILE, TensorProto.FLOAT, [1, "N" + HOSTILE])],
        [value("z", TensorProto.FLOAT, None)],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("d" + HOSTILE, 1)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name=HOSTILE)
    source = tmp_path / "a<b>'&.py"
    source.write_text("import torch  # </script><script>alert(2)</script> \u202e\n", encoding="utf-8")
    for one in model.graph.node:
        entry = one.metadata_props.add()
        entry.key, entry.value = "pkg.torch.onnx.stack_trace", f'File "{source}", line 1, in forward\n'
    name = "m<img src=x onerror=alert(3)>.onnx"
    (tmp_path / name).write_bytes(model.SerializeToString())
    convlint(tmp_path, "matrix", name, "--isolated", "--target", "ncnn,onnxruntime", "--html", "page.html")
    page = open_page(tmp_path / "page.html")
    assert page.title().startswith(name)
    for button in page.locator("td.verdict button").all():
        button.click()
    for box in page.locator(".box[role]").all():
        box.click()
    page.get_by_role("link", name="a<b>'&.py:1").first.click()
    assert "</script><script>alert(2)</script> \\u202e" in page.locator("tr:target").inner_text()
    assert not page.locator("img, main script:not([type='application/json'])").count()
    text = page.locator("body").inner_text()
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "49" not in text
    page.wait_for_timeout(200)


def test_findings_of_a_check_are_a_page(open_page: Open, tmp_path: Path) -> None:
    body = "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n        "
    name = 'a"><script>alert(1)</script>.py'.replace("/", "\u2215")
    (tmp_path / name).write_text(f"{body}return x * x.sum().item()  # </script>\u202e\n", encoding="utf-8")
    convlint(tmp_path, "check", ".", "--isolated", "--output-format", "html", "-o", "page.html")
    page = open_page(tmp_path / "page.html")
    assert texts(page, ".finding .rule") == ["CVL202"]
    assert "".join(page.locator(".finding mark").all_inner_texts()) == "x.sum().item()"
    assert "</script>\\u202e" in page.locator(".finding .c").inner_text()
    assert axe.Axe().run(page.page).violations_count == 0
