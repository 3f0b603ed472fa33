"""Torch's tools, watched at work on a model (``tools``).

``lines`` notes what they reach, ``taken`` the Python values that a trace freezes, ``shapes`` what ``torch.export``
decides of sizes, ``failures`` where they end; all through ``hooks``. ``places`` finds the line that any of it belongs
to, ``statements`` its statement.
"""
