"""Sphinx's configuration of the documentation site: ``make docs``."""

from __future__ import annotations

from convlint import __version__

project = "convlint"
release = __version__
copyright = "the convlint authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = "convlint"
html_static_path = ["screen.svg"]
html_theme_options = {"source_view_link": ""}
html_show_sourcelink = False
html_show_sphinx = False
myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
nitpicky = False
