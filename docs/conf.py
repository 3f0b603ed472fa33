"""Sphinx's configuration of the documentation site: ``make docs``."""

from __future__ import annotations

from convlint import __version__

project = html_title = "convlint"
release = __version__
copyright = "the convlint authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_show_sourcelink = False
html_show_sphinx = False
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
exclude_patterns = ["changes"]
