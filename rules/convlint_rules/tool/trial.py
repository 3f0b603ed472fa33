"""CVL01: what running the model showed and no rule explains. ``convlint preflight`` makes these findings itself."""

from __future__ import annotations

from convlint.rule import Rule


class ExportStops(Rule):
    """
    ## What it does
    Reports the line at which an exporter stopped when `convlint preflight` ran the model: the innermost line of your
    own code, not of torch's. Where the exporter names none, it is the line whose decision the exporter refuses at its
    end, that which returns outputs that it does not take, or the model's `forward`. Where the limit of time has ended
    an export the finding is a warning, and no verdict.

    ## Why it breaks
    There is no graph. What stands behind the line was not reached either: run again after the repair.
    """

    code, name, since = "CVL010", "export-stops", "0.1"
    events = ()


class GraphRefused(Rule):
    """
    ## What it does
    Reports that an exporter wrote a file which `onnx.checker` or ONNX Runtime does not take, at the line that the
    refused node comes from.

    ## Why it breaks
    The export reports success. The file fails where it is to run.
    """

    code, name, since = "CVL011", "graph-refused", "0.1"
    events = ()


class ResultDiffers(Rule):
    """
    ## What it does
    Reports that an exported graph gives another result than the model in eager: on the inputs it was traced with (an
    error), on other values (an error), or on another batch or size only (a warning). The line is the one whose value or
    size the graph has kept, from which the numbers part, or at which the model asks whether it is exported and then
    does something else. Where the limit of time has ended the graph's runs the finding is a warning, and no verdict.

    ## Why it breaks
    Nothing fails, and the answer is wrong. Exporters compare on the traced inputs at most.
    """

    code, name, since = "CVL012", "result-differs", "0.1"
    events = ()
