"""The report as a page for a browser: one file that needs no network, or an index and a page a model.

Each module makes what one part of the page shows out of what convlint found; ``writing`` fills the templates with it.
"""
