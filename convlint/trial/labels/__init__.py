"""Labels by measurement: which lines of a package the tracers and exporters complain of, on real models.

``python -m convlint.trial.labels SUITE.py --output labels.jsonl``: a *suite* (``suite``) is a file that lists models.
Each goes through the routes of ``convlint.trial`` in its worker, where the tools are watched (``perform``, and
``convlint.trial.watch``); ``records`` is what is written.
"""
