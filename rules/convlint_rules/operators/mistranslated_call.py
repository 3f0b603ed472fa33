from __future__ import annotations

from convlint.events import Mistranslated
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

TORCHSCRIPT, REFUSED = Harm(onnx_torchscript=Level.wrong), Harm(onnx_torchscript=Level.breaks)
BOTH = Harm(onnx_torchscript=Level.wrong, onnx_dynamo=Level.wrong)
HARM = {
    "divisor": BOTH,
    "axes": TORCHSCRIPT,
    "axes_by_both": BOTH,
    "axes_refused": Harm(onnx_torchscript=Level.wrong, onnx_dynamo=Level.breaks),
    "axes_by_dynamo": Harm(onnx_dynamo=Level.wrong),
    "fractions": TORCHSCRIPT,
    "floats": REFUSED,
    "norm": TORCHSCRIPT,
    "spread": TORCHSCRIPT,
    "bend": TORCHSCRIPT,
    "same": REFUSED,
    "tiles": REFUSED,
    "trains": Harm(onnx_dynamo=Level.wrong),
}
ALL_AXES = "keeps all axes in torch, {who}: name them, `dim=(...)`"
TOLD = {
    "divisor": (
        "divides by the size of the window in what both ONNX exporters write, which leave `divisor_override` out: "
        "multiply its result"
    ),
    "axes": ALL_AXES.format(who="none in what the TorchScript ONNX exporter writes"),
    "axes_by_both": ALL_AXES.format(who="none in what both ONNX exporters write"),
    "axes_refused": ALL_AXES.format(
        who="none in what the TorchScript ONNX exporter writes, and ONNX Runtime refuses the file of the dynamo one"
    ),
    "axes_by_dynamo": ALL_AXES.format(who="one in what the dynamo ONNX exporter writes"),
    "fractions": (
        "adds whole numbers in what the TorchScript ONNX exporter writes: what is between -1 and 1 does not count, and "
        "what is negative counts against the rest; compare first, `(... != 0).any()`"
    ),
    "floats": (
        "takes floats, of which the TorchScript ONNX exporter writes `Not`, which ONNX Runtime refuses: compare first, "
        "`(... != 0).all()`"
    ),
    "norm": (
        "scales rows down to `max_norm`, which the TorchScript ONNX exporter leaves out: scale them after, or the "
        "weight before"
    ),
    "spread": (
        "brings both tensors to one shape first; what the TorchScript ONNX exporter writes takes their norms before: "
        "expand both yourself"
    ),
    "bend": (
        "is a line from `threshold` on, which the TorchScript ONNX exporter leaves out: write it with `torch.where`"
    ),
    "same": (
        'pads by `"same"`, and ONNX Runtime stops when it runs what the TorchScript exporter writes for that and a '
        "dilation above 1: give the number, `dilation * (kernel_size - 1) // 2` for an odd kernel"
    ),
    "trains": (
        "takes the statistics of the batch, and what the dynamo ONNX exporter writes takes the running ones: "
        "leave these out"
    ),
    "tiles": (
        "makes more axes than there are, and ONNX Runtime refuses what the TorchScript ONNX exporter writes for that: "
        "`repeat` gives the same"
    ),
}


class MistranslatedCall(Rule):
    """
    ## What it does
    Finds calls that an ONNX exporter writes as another computation, or in another shape, without a word:

    - `divisor_override` of an average pool (both exporters leave it out), and `batch_norm` with `training=True` and
      running statistics (the dynamo exporter takes these);
    - `keepdim=True` where no axes are named: `norm` and `linalg.vector_norm` (both), `std` and `var` (TorchScript),
      `mean(dim=None)` (TorchScript; the dynamo exporter's file is refused), `argmax` and `argmin` (dynamo);
    - `any` of floats, `max_norm` of an embedding, `cosine_similarity` of tensors that are repeated along the axis, and
      `softplus` with a low `threshold` (TorchScript);
    - `all` of floats, a convolution with `padding="same"` and a dilation, and `tile` to more axes than there are
      (TorchScript; ONNX Runtime refuses the file, or stops when it runs).

    ## Why it breaks
    The export succeeds. ONNX Runtime takes most of these files, and what it computes is something else, for the very
    data that was traced: `any` of floats becomes a sum of integers, in which 0.5 counts nothing and -1 takes one away.
    `padding="same"` becomes `auto_pad`, which it does not take with a dilation.

    ## Fix safety
    There is no fix: what to write depends on what is meant.

    ## References
    - `torch.nn.functional.avg_pool2d`, `torch.linalg.vector_norm`, `torch.any`
    """

    code, name, since = "CVL810", "mistranslated-call", "0.1"
    events = (Mistranslated,)
    examples = [
        Example(
            title="A pool that adds",
            bad=forward("return nn.functional.avg_pool2d(x, 2, divisor_override=1)  # <-"),
            good=forward("return nn.functional.avg_pool2d(x, 2) * 4"),
            inputs="x: float32[N=2, 3, 4, 4]",
            harm=HARM["divisor"],
        ),
        Example(
            title="A layer that does",
            bad=forward("return self.pool(x)  # <-", init="self.pool = nn.AvgPool2d(2, divisor_override=3)"),
            good=forward("return self.pool(x) * 4 / 3", init="self.pool = nn.AvgPool2d(2)"),
            inputs="x: float32[N=2, 3, 4, 4]",
            harm=HARM["divisor"],
        ),
        Example(
            title="The spread of all",
            bad=forward("return x.std(keepdim=True)  # <-"),
            good=forward("return x.std(dim=(0, 1, 2), keepdim=True)"),
            inputs="x: float32[2, 3, 4]",
            harm=HARM["axes"],
        ),
        Example(
            title="The norm of all",
            bad=forward("return torch.linalg.vector_norm(x, keepdim=True)  # <-"),
            good=forward("return torch.linalg.vector_norm(x, dim=(0, 1, 2), keepdim=True)"),
            inputs="x: float32[2, 3, 4]",
            harm=HARM["axes_by_both"],
        ),
        Example(
            title="The mean of all",
            bad=forward("return x.mean(dim=None, keepdim=True)  # <-"),
            good=forward("return x.mean(dim=(0, 1, 2), keepdim=True)"),
            inputs="x: float32[2, 3, 4]",
            harm=HARM["axes_refused"],
        ),
        Example(
            title="The place of the largest",
            bad=forward("return x.argmax(keepdim=True)  # <-"),
            good=forward("return x.flatten().argmax(0).reshape(1, 1, 1)"),
            inputs="x: float32[2, 3, 4]",
            harm=HARM["axes_by_dynamo"],
        ),
        Example(
            title="Any of floats",
            bad=forward("return x.sigmoid().any(dim=1)  # <-"),
            good=forward("return (x.sigmoid() != 0).any(dim=1)"),
            inputs="x: float32[N=2, 3]",
            harm=HARM["fractions"],
        ),
        Example(
            title="An embedding of bounded length",
            bad=forward("return self.words(x)  # <-", init="self.words = nn.Embedding(9, 4, max_norm=0.5)"),
            good=forward(
                """
                rows = self.words(x)
                return rows * (0.5 / rows.norm(dim=-1, keepdim=True)).clamp(max=1.0)
            """,
                init="self.words = nn.Embedding(9, 4)",
            ),
            inputs="x: int64[N=2, 3] in 0..8",
            harm=HARM["norm"],
        ),
        Example(
            title="Likeness along an axis that one of them repeats",
            bad=forward(
                "return nn.functional.cosine_similarity(x.reshape(2, 3, 4), y.reshape(2, 1, 4), dim=1)  # <-",
                parameters="x, y",
            ),
            good=forward(
                "x, y = x.reshape(2, 3, 4), y.reshape(2, 1, 4).expand(2, 3, 4)\n"
                "return nn.functional.cosine_similarity(x, y, dim=1)",
                parameters="x, y",
            ),
            inputs="x: float32[2, 12]; y: float32[2, 4]",
            harm=HARM["spread"],
        ),
        Example(
            title="A line from early on",
            bad=forward("return nn.functional.softplus(x, threshold=0.5)  # <-"),
            good=forward("return torch.where(x > 0.5, x, nn.functional.softplus(x))"),
            inputs="x: float32[N=2, 3]",
            harm=HARM["bend"],
        ),
        Example(
            title="Statistics of the batch",
            bad=forward(
                "return nn.functional.batch_norm(x, self.mean, self.var, training=True)  # <-",
                init='self.register_buffer("mean", torch.zeros(3))\nself.register_buffer("var", torch.ones(3))',
            ),
            good=forward("return nn.functional.batch_norm(x, None, None, training=True)"),
            inputs="x: float32[4, 3, 5]",
            harm=HARM["trains"],
        ),
        Example(
            title="All of floats",
            bad=forward("return x.float().all(dim=1)  # <-"),
            good=forward("return (x != 0).all(dim=1)"),
            inputs="x: float32[N=2, 3]",
            harm=HARM["floats"],
        ),
        Example(
            title="A dilated convolution that keeps the size",
            bad=forward("return self.conv(x)  # <-", init='self.conv = nn.Conv1d(3, 4, 3, padding="same", dilation=2)'),
            good=forward("return self.conv(x)", init="self.conv = nn.Conv1d(3, 4, 3, padding=2, dilation=2)"),
            inputs="x: float32[N=2, 3, 8]",
            harm=HARM["same"],
        ),
        Example(
            title="Tiles along a new axis",
            bad=forward("return x.reshape(2, 3).tile((2, 1, 2))  # <-"),
            good=forward("return x.reshape(2, 3).repeat(2, 1, 2)"),
            inputs="x: float32[2, 3]",
            harm=HARM["tiles"],
        ),
    ]

    def check(self, event: Mistranslated, context: Context) -> Finding | None:
        """As measured."""
        message = f"`{event.short}` {TOLD[event.how]}"
        return self.finding(event, message, HARM[event.how], context, at_most="error" if event.certain else "warning")
