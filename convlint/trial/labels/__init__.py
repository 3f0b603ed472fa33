"""Labels by measurement: which lines of a package the tracers and exporters complain of, on real models.

``python -m convlint.trial.labels SUITE.py --output labels.jsonl``: a *suite* (``suite``) is a file that lists models.
Each goes through the routes of ``convlint.trial`` in its worker, which here watches the tools at work (``perform``):
``lines`` what they reach, ``taken`` the Python values that a trace freezes, ``shapes`` what ``torch.export`` decides
of sizes, ``failures`` where they end; all through ``hooks``. ``places`` finds the package's line that any of it
belongs to, ``statements`` its statement; ``records`` is what is written.
"""
