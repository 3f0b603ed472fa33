from __future__ import annotations

from convlint.events import UnsupportedOperator
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(onnx_torchscript=Level.breaks)
BOTH = Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)
ALL = Harm(torch_export=Level.breaks, onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)


OPERATOR = """import torch


@torch.library.custom_op("example::scale", mutates_args=())
def scale(x: torch.Tensor) -> torch.Tensor:
    return x / x.max().item()


@scale.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)
"""


class NoSuchOperator(Rule):
    """
    ## What it does
    Finds functions and layers that the TorchScript ONNX exporter (`dynamo=False`) has no operator for at its default
    opset: `torch.diff`, `median`, `quantile`, `trunc`, `nn.RMSNorm`, `F.interpolate(antialias=True)` and many
    more. Which these are was measured by exporting each of torch's functions once. Of some it has one, but not for
    these options: `mode="nearest-exact"`, `roll` of all axes at once, another `threshold` than 0, norms of singular
    values, an adaptive pool to a size that does not divide the one that it is given; the dynamo exporter
    takes `scaled_dot_product_attention` of tensors with four axes only. Of `torchvision.ops` no ONNX
    exporter knows `ps_roi_align` and `ps_roi_pool`; `deform_conv2d` needs the dynamo exporter, `roi_pool` the
    TorchScript one. An operator of one's own (`torch.library.custom_op`) is known to neither ONNX exporter; what is in
    it is not traced and not reported.

    ## Why it breaks
    The export stops with `UnsupportedOperatorError`, after the whole model was traced, and names the operator inside
    torch (`aten::_upsample_bilinear2d_aa`), not the line. The dynamo exporter takes most of them apart; for others,
    such as `cummax`, `median`, `searchsorted` and most of `torch.linalg`, it has no operator either, and no repair but
    another computation. `torch.cov`, `torch.corrcoef` or `torch.linalg.lstsq` look at values or give sizes that depend
    on them, so `torch.export` stops at them already, and the dynamo exporter with it. A
    `TransformerEncoderLayer` with `batch_first=True`, and a `MultiheadAttention` whose query, key and value are one
    tensor, are exported in parts, but under `torch.no_grad()` torch calls one fused kernel, which is refused.

    ## Fix safety
    Safe for `x.mT` of a tensor, which becomes `x.transpose(-2, -1)`, the same view; unsafe where `x` may be an array.
    Else there is no fix: write it with operators that are known, or register a symbolic
    (`torch.onnx.register_custom_op_symbolic("aten::diff", ...)`). A registration anywhere in the project counts; for
    operators of one's own so does a `custom_translation_table`.

    ## References
    - `torch.onnx`, "TorchScript-based ONNX exporter", supported operators
    """

    code, name, since = "CVL801", "unsupported-operator", "0.1"
    events = (UnsupportedOperator,)
    examples = [
        Example(
            title="Differences along an axis",
            bad=forward("return torch.diff(x, dim=1)  # <-"),
            good=forward("return x[:, 1:] - x[:, :-1]"),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
        Example(
            title="An attribute",
            bad=forward("return x @ x.mT  # <-", "x: torch.Tensor"),
            good=forward("return x @ x.transpose(-2, -1)", "x: torch.Tensor"),
            inputs="x: float32[N=3, 4, 5]",
            harm=HARM,
            fix=Applicability.safe,
        ),
        Example(
            title="What the dynamo exporter alone does not have",
            bad=forward("return x.masked_select(x > 0)  # <-"),
            good=forward("return x[x > 0]"),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_dynamo=Level.breaks),
        ),
        Example(
            title="A layer",
            bad=forward("return self.norm(x)  # <-", init="self.norm = nn.RMSNorm(4)"),
            good=forward(
                "return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight",
                init="self.eps = torch.finfo(torch.float32).eps\nself.weight = nn.Parameter(torch.ones(4))",
            ),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
        Example(
            title="What the dynamo exporter does not take apart either",
            bad=forward("return torch.cummax(x, dim=1).values  # <-"),
            good=forward("""
                steps = torch.arange(x.shape[1])
                later = steps[None] > steps[:, None]
                return x[:, None].masked_fill(later, -torch.inf).amax(-1)
            """),
            inputs="x: float32[N=3, 4]",
            harm=BOTH,
        ),
        Example(
            title="What `torch.export` stops at already",
            bad=forward("return x / torch.cov(x[0])  # <-"),
            good=forward("return x / x[0].var()"),
            inputs="x: float32[N=3, 4]",
            harm=ALL,
        ),
        Example(
            title="All axes at once",
            bad=forward("return x / x.amax()  # <-"),
            good=forward("return x / x.max()"),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_dynamo=Level.breaks),
        ),
        Example(
            title="An operator of one's own",
            bad=OPERATOR + "\n\n" + forward("return scale(x)  # <-").removeprefix("import torch\n"),
            good=forward("return x / x.max()"),
            inputs="x: float32[N=3, 4]",
            harm=BOTH,
        ),
        Example(
            title="A switch",
            bad=forward('return nn.functional.interpolate(x, size=(4, 4), mode="bilinear", antialias=True)  # <-'),
            good=forward('return nn.functional.interpolate(x, size=(4, 4), mode="bilinear")'),
            inputs="x: float32[N=2, 3, 8, 8]",
            harm=HARM,
            same_in_eager=False,
        ),
        Example(
            title="Several axes at once",
            bad=forward("return x.squeeze((2, 3))  # <-"),
            good=forward("return x.squeeze(3).squeeze(2)"),
            inputs="x: float32[N=3, 4, 1, 1]",
            harm=HARM,
        ),
        Example(
            title="A fused kernel",
            bad=forward(
                "return self.layer(x)  # <-", init="self.layer = nn.TransformerEncoderLayer(8, 2, batch_first=True)"
            ),
            good=forward(
                "return self.layer(x.transpose(0, 1)).transpose(0, 1)",
                init="self.layer = nn.TransformerEncoderLayer(8, 2)",
            ),
            inputs="x: float32[N=2, 4, 8]",
            harm=HARM,
        ),
        Example(
            title="Self-attention by a fused kernel",
            bad=forward(
                "return self.attention(x, x, x)[0]  # <-",
                init="self.attention = nn.MultiheadAttention(8, 2, batch_first=True)",
            ),
            good=forward(
                """
                x = x.transpose(0, 1)
                return self.attention(x, x, x)[0].transpose(0, 1)
                """,
                init="self.attention = nn.MultiheadAttention(8, 2)",
            ),
            inputs="x: float32[N=2, 4, 8]",
            harm=HARM,
        ),
        Example(
            title="A way to interpolate",
            bad=forward('return nn.functional.interpolate(x, scale_factor=2, mode="nearest-exact")  # <-'),
            good=forward('return nn.functional.interpolate(x, scale_factor=2, mode="nearest")'),
            inputs="x: float32[N=2, 3, 4, 4]",
            harm=HARM,
        ),
        Example(
            title="A layer that cuts at a threshold",
            bad=forward("return self.cut(x)  # <-", init="self.cut = nn.Threshold(0.1, 2.0)"),
            good=forward("return torch.where(x > 0.1, x, 2.0)"),
            inputs="x: float32[N=2, 3]",
            harm=HARM,
        ),
        Example(
            title="Rolled as one axis",
            bad=forward("return torch.roll(x, 2)  # <-"),
            good=forward("return torch.roll(x.flatten(), 2, 0).reshape(3, 4)"),
            inputs="x: float32[3, 4]",
            harm=HARM,
        ),
        Example(
            title="The largest singular value",
            bad=forward("return torch.linalg.matrix_norm(x, 2)  # <-"),
            good=forward("return torch.linalg.matrix_norm(x)"),
            inputs="x: float32[3, 4]",
            harm=BOTH,
            same_in_eager=False,
        ),
        Example(
            title="A pool to a size that does not divide",
            bad=forward("return nn.functional.adaptive_max_pool2d(x.reshape(2, 3, 8, 8), 3)  # <-"),
            good=forward("return nn.functional.adaptive_max_pool2d(x.reshape(2, 3, 8, 8), 4)"),
            inputs="x: float32[2, 192]",
            harm=BOTH,
            same_in_eager=False,
        ),
        Example(
            title="Attention without heads",
            bad=forward("""
                x = x.reshape(2, 3, 4)
                return nn.functional.scaled_dot_product_attention(x, x, x)  # <-
            """),
            good=forward("""
                x = x.reshape(2, 1, 3, 4)
                return nn.functional.scaled_dot_product_attention(x, x, x).reshape(2, 3, 4)
            """),
            inputs="x: float32[2, 12]",
            harm=Harm(onnx_dynamo=Level.breaks),
        ),
    ]

    def check(self, event: UnsupportedOperator, context: Context) -> Finding | None:
        """Breaks onnx_torchscript; an operator of the user's own onnx_dynamo as well."""
        if event.since:
            return None  # a matter of the opset
        what = f"`{event.callee}` with `{event.switch}=True`" if event.switch else f"`{event.callee}`"
        if event.custom:
            message = (
                f"no ONNX exporter knows your operator {what}: register a symbolic for `dynamo=False` "
                f"(`torch.onnx.register_custom_op_symbolic`), give `custom_translation_table=` for `dynamo=True`"
            )
            return self.finding(event, message, BOTH, context)
        if event.fused:
            message = (
                f"under `torch.no_grad()` {what} is one fused kernel, for which the TorchScript ONNX exporter has no "
                f"operator: call `torch.backends.mha.set_fastpath_enabled(False)` before the export"
            )
            return self.finding(event, message, HARM, context)
        if event.callee == "mT":
            message = f"{_refusal(event, what)}: write `.transpose(-2, -1)`"
            return self.finding(event, message, HARM, context, fixable=_applicability(event))
        if event.form:
            message = f"{_refusal(event, f'{what} {event.form}')}: {event.instead}"
            return self.finding(event, message, BOTH, context)
        return self.finding(event, f"{_refusal(event, what)}: write it with others, {_remedy(event)}", ALL, context)

    def fix(self, event: UnsupportedOperator, context: Context) -> Fix | None:
        """``transpose`` for ``mT``."""
        import libcst as cst

        if event.callee != "mT":
            return None
        matrices = cst.ensure_type(event.cst, cst.Attribute).value
        swapped = edit(event.span, "{matrices}.transpose(-2, -1)", matrices=matrices)
        return Fix("Swap the last two axes", (swapped,), _applicability(event))


def _applicability(event: UnsupportedOperator) -> Applicability:
    """Of a tensor it is the same view; an array of NumPy has another ``transpose``."""
    return Applicability.safe if event.sure else Applicability.unsafe


def _refusal(event: UnsupportedOperator, what: str) -> str:
    """Who refuses it."""
    if "torch_export" in event.routes:
        too = " and the TorchScript ONNX exporter" * ("onnx_torchscript" in event.routes)
        return f"`torch.export`{too} cannot take {what}"
    if "onnx_dynamo" not in event.routes:
        exporter = "the TorchScript ONNX exporter"
        return (
            f"{exporter} has no operator for {what}" if event.operator else f"{exporter} makes a broken graph of {what}"
        )
    if "onnx_torchscript" not in event.routes:
        return f"the dynamo ONNX exporter has no operator for {what} that works"
    return f"no ONNX exporter has an operator for {what}"


def _remedy(event: UnsupportedOperator) -> str:
    """What else helps."""
    if "torch_export" in event.routes:
        takes = "register a symbolic and " * ("onnx_torchscript" in event.routes)
        return f"or {takes}export with `dynamo=False`"
    if "onnx_dynamo" not in event.routes:
        return "register a symbolic, or export with `dynamo=True`"
    if "onnx_torchscript" not in event.routes:
        return "give `custom_translation_table=`, or export with `dynamo=False`"
    return "or register a symbolic for `dynamo=False`, give `custom_translation_table=` for `dynamo=True`"
