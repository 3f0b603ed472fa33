from __future__ import annotations

from convlint.events import NeedsSize
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import with_options

TORCHSCRIPT = Harm(onnx_torchscript=Level.breaks)
FROZEN = Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.frozen)
REFUSED = Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)
DYNAMO = Harm(onnx_dynamo=Level.breaks)
EXPORT = Harm(torch_export=Level.breaks)
EXPORT_FROZEN = Harm(torch_export=Level.breaks, onnx_dynamo=Level.frozen)
EXPORT_REFUSED = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class NeededSize(Rule):
    """
    ## What it does
    Finds functions and layers that an exporter takes only where a size is a number, given a size of an input:
    recurrent layers and `max_pool1d` (the length), adaptive pooling to more than one value (height and width),
    `unfold` and `chunk` (the axis that they cut), instance normalisation (the channels), `BatchNorm2d` without
    running statistics (the batch) and `InstanceNorm2d` with them, and convolutions by a kernel that is repeated or
    expanded to a tensor's size. Which these are was measured, axis by axis.

    ## Why it breaks
    `torch.export` unrolls `nn.LSTM`, `GRU` and `RNN` for the traced length: where that axis is declared dynamic it
    stops (`Constraints violated`), where it is left to it (`Dim.AUTO`) the length is silently a constant. The dynamo
    ONNX exporter of torch 2.13 writes a loop for `LSTM` and `GRU` instead; where the first axis is time that file takes
    no other length than the traced one, with `batch_first=True` it takes any. It does so in the first export of a
    process only: a later one finds what the one before it had used, and unrolls. For `RNN` it stops as `torch.export`
    does, or, where the axis has a name of its own (`Dim("time")`), leaves the name out and writes a file for the traced
    length without a word. `max_pool1d` runs a kernel of its own that fixes the length for `torch.export` and the dynamo
    ONNX exporter; asked for the indices too it does not. The TorchScript ONNX exporter writes one LSTM node that takes
    any length, but computes the windows of adaptive pooling and of `unfold` while it exports, and stops where the axis
    is declared dynamic (`input size not accessible`). The dynamo ONNX exporter writes adaptive pooling with the windows
    of the traced size: the file answers wrongly for every other one. It fails on `chunk` along an axis that is declared
    dynamic, into however many parts (its optimizer reads a size that is not known); slices that are cut at a
    size it takes. A convolution by `kernel.repeat(x.size(1), 1, 1, 1)` stops the TorchScript ONNX exporter (`kernel of
    unknown shape`) as soon as any axis is declared dynamic, though the channels are none of them: `x.size(1)` is read
    in the graph then. For one fixed size all of them are fine, and the finding is a warning.

    ## Fix safety
    Safe for `max_pool1d`, which is asked for its indices too (`return_indices=True`): the values and gradients are the
    same. There is no other fix. Give `nn.MaxPool1d` the same option, export for one size or by the other exporter, or
    pool to one value (`AdaptiveAvgPool2d(1)`).

    ## References
    - pytorch/pytorch#126339
    - pytorch/pytorch#74034
    """

    code, name, since = "CVL802", "needed-size", "0.1"
    events = (NeedsSize,)
    examples = [
        Example(
            title="A recurrent layer and sequences of any length",
            bad=forward("return self.rnn(x)[0]  # <-", init="self.rnn = nn.LSTM(4, 4, batch_first=True)"),
            good=forward(
                "return self.conv(nn.functional.pad(x.transpose(1, 2), (2, 0))).transpose(1, 2)",
                init="self.conv = nn.Conv1d(4, 4, 3)",
            ),
            inputs="x: float32[N=2, T=6, 4]",
            harm=EXPORT,
            same_in_eager=False,
        ),
        Example(
            title="A recurrent layer whose first axis is time",
            bad=forward("return self.rnn(x)[0]  # <-", init="self.rnn = nn.GRU(4, 4)"),
            good=forward(
                "return self.conv(nn.functional.pad(x.permute(1, 2, 0), (2, 0))).permute(2, 0, 1)",
                init="self.conv = nn.Conv1d(4, 4, 3)",
            ),
            inputs="x: float32[T=6, N=2, 4]",
            harm=EXPORT_FROZEN,
            same_in_eager=False,
        ),
        Example(
            title="A recurrent layer that is written as no loop",
            bad=forward("return self.rnn(x)[0]  # <-", init="self.rnn = nn.RNN(4, 4, batch_first=True)"),
            good=forward(
                "return self.conv(nn.functional.pad(x.transpose(1, 2), (2, 0))).transpose(1, 2)",
                init="self.conv = nn.Conv1d(4, 4, 3)",
            ),
            inputs="x: float32[N=2, T=6, 4]",
            harm=EXPORT_REFUSED,
            same_in_eager=False,
        ),
        Example(
            title="Pooling along a sequence",
            bad=forward("return nn.functional.max_pool1d(x, 2)  # <-"),
            good=forward("return nn.functional.max_pool1d(x, 2, return_indices=True)[0]"),
            inputs="x: float32[N=2, 3, T=16]",
            harm=EXPORT_REFUSED,
            fix=Applicability.safe,
        ),
        Example(
            title="Pooling to more than one value",
            bad=forward("return self.pool(x)  # <-", init="self.pool = nn.AdaptiveAvgPool2d(4)"),
            good=forward("return self.pool(x)", init="self.pool = nn.AdaptiveAvgPool2d(1)"),
            inputs="x: float32[2, 3, H=8, W=8]",
            harm=FROZEN,
            same_in_eager=False,
        ),
        Example(
            title="Windows of a sequence",
            bad=forward("return x.unfold(1, 4, 2)  # <-"),
            good=forward("""
                starts = torch.arange((x.shape[1] - 4) // 2 + 1) * 2
                return x[:, starts[:, None] + torch.arange(4)]
            """),
            inputs="x: float32[2, T=12]",
            harm=TORCHSCRIPT,
        ),
        Example(
            title="One kernel for all channels",
            bad=forward(
                "return nn.functional.conv2d(x, self.kernel.repeat(x.size(1), 1, 1, 1), groups=3)  # <-",
                init="self.kernel = nn.Parameter(torch.ones(1, 1, 3, 3))",
            ),
            good=forward(
                "return nn.functional.conv2d(x, self.kernel.repeat(3, 1, 1, 1), groups=3)",
                init="self.kernel = nn.Parameter(torch.ones(1, 1, 3, 3))",
            ),
            inputs="x: float32[N=2, 3, 8, 8]",
            harm=TORCHSCRIPT,
        ),
        Example(
            title="Halves of a batch",
            bad=forward("""
                plain, guided = x.chunk(2)  # <-
                return plain.relu(), guided
            """),
            good=forward("""
                n = (x.shape[0] + 1) // 2
                return x[:n].relu(), x[n:]
            """),
            inputs="x: float32[N=4..9, 6]",
            harm=DYNAMO,
        ),
        Example(
            title="Statistics of the batch itself",
            bad=forward("return self.norm(x)  # <-", init="self.norm = nn.BatchNorm2d(3, track_running_stats=False)"),
            good=forward("return self.norm(x)", init="self.norm = nn.BatchNorm2d(3)"),
            inputs="x: float32[N=2, 3, 4, 4]",
            harm=TORCHSCRIPT,
            same_in_eager=False,
        ),
    ]

    def check(self, event: NeedsSize, context: Context) -> Finding | None:
        """Breaks where the size is declared dynamic."""
        what = event.callee.rpartition(".")[2]
        if event.kernel:
            message = (
                f"the TorchScript ONNX exporter takes `{what}` only by a kernel whose sizes are plain numbers, and one "
                f"of these is a tensor's size: it stops where any axis is declared dynamic; write the number of "
                f"channels, or export with `dynamo=True`"
            )
            return self.finding(event, message, TORCHSCRIPT, context, at_most="warning")
        if what in ("MaxPool1d", "max_pool1d"):
            message = (
                f"`torch.export` takes `{what}` only of the traced length, and stops where that is declared dynamic: "
                f"with `return_indices=True` it takes any, and `[0]` is the same tensor"
            )
            fixable = Applicability.safe if _is_function(event) else None
            return self.finding(event, message, EXPORT_REFUSED, context, at_most="warning", fixable=fixable)
        if event.by == "torch_export":
            rest, harm = _EXPORT[event.dynamo]
            message = (
                f"`torch.export` unrolls `{what}` for the traced length, and stops where that is declared dynamic{rest}"
            )
            return self.finding(event, message, harm, context, at_most="warning")
        if event.by == "onnx_dynamo":
            message = (
                f"the dynamo ONNX exporter fails on `{what}` along an axis that is declared dynamic: cut the "
                f"parts by slices, at sizes, or export with `dynamo=False`"
            )
            return self.finding(event, message, DYNAMO, context, at_most="warning")
        rest, harm = _OTHER[event.dynamo]
        message = (
            f"the TorchScript ONNX exporter takes `{what}` only of fixed sizes, and stops where they are declared "
            f"dynamic: export for one size{rest}"
        )
        return self.finding(event, message, harm, context, at_most="warning")

    def fix(self, event: NeedsSize, context: Context) -> Fix | None:
        """``max_pool1d(x, 2, return_indices=True)[0]``."""
        if not _is_function(event):
            return None
        asked = with_options(event, {"return_indices": "True"}, without="return_indices")
        return Fix("Ask for the indices too", (Edit(asked.span, f"{asked.content}[0]"),), Applicability.safe)


def _is_function(event: NeedsSize) -> bool:
    return event.callee == "torch.nn.functional.max_pool1d"


_EXPORT = {
    "": (": export for one length, or by `torch.onnx.export`, which takes any", EXPORT),
    "frozen": (
        "; the file of the dynamo ONNX exporter takes no other: export for one length, or with `dynamo=False`",
        EXPORT_FROZEN,
    ),
    "breaks": (": export for one length, or with `dynamo=False`, which takes any", EXPORT_REFUSED),
}
"""What to say of the dynamo ONNX exporter, by what it does."""
_OTHER = {
    "": (", or with `dynamo=True`", TORCHSCRIPT),
    "frozen": ("; the other one computes with the traced size for all", FROZEN),
    "breaks": ("; the other one does not know it at all", REFUSED),
}
"""What to say of the other ONNX exporter, by what it does."""
