"""Takes pictures of a report's page: ``make pictures`` (needs Chromium; on Debian: apt-get install chromium)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
MODEL = "atss_detector/detector.py:Detector"
TARGETS = "onnxruntime,tensorrt,ncnn,opencv"
WIDTH, MARGIN = 1000, 12
PICTURES = {
    "summary": ("#summary", 700),
    "finding": (".finding:has-text('CVL101')", 700),
    "numbers": (".plot:has-text('onnx_torchscript')", 460),
    "operators": ("#matrix", 620),
    "graph": ("#graph", 600),
}
"""What is shown of the page, and at most how much of its height."""


def main() -> None:
    """Writes them beside this file."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        report = made(Path(folder))
        browser = driver.chromium.launch(executable_path=chromium, args=root)
        size = {"width": WIDTH, "height": 900}
        page = browser.new_page(viewport=size, color_scheme="light", reduced_motion="reduce", bypass_csp=True)
        page.goto(report.as_uri())
        page.add_style_tag(content=".top { position: static !important }")  # or it lies over what is below
        page.locator("[data-graph-target]").select_option("tensorrt")  # as the text below the picture says
        page.get_by_role("button", name="Show the cut").click()
        for name, (selector, height) in PICTURES.items():
            box = page.locator(selector).first.bounding_box()
            top = box["y"] + page.evaluate("scrollY") - MARGIN
            clip = {"x": 0, "y": top, "width": WIDTH, "height": min(height, box["height"] + 2 * MARGIN)}
            page.screenshot(path=ROOT / f"docs/page-{name}.png", clip=clip, full_page=True)
        browser.close()


def made(folder: Path) -> Path:
    """The page of the example detector."""
    shutil.copytree(ROOT / "examples/atss_detector", folder / "atss_detector")
    command = ["preflight", MODEL, "--isolated", "--target", TARGETS, "--html", "report.html"]
    ran = subprocess.run(
        [sys.executable, "-m", "convlint", *command], cwd=folder, stdout=subprocess.DEVNULL, check=False
    )
    if ran.returncode != 1:
        raise SystemExit(f"`convlint {' '.join(command)}` exits with {ran.returncode}")
    return folder / "report.html"


if __name__ == "__main__":
    main()
