from __future__ import annotations

from convlint.events import IteratesTensor, Taint
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(Level.frozen, Level.breaks, Level.frozen, Level.breaks)
COUNTED = Harm(Level.wrong, Level.breaks, Level.wrong, Level.breaks)
SELECTED = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class IteratesOverTensor(Rule):
    """
    ## What it does
    Finds iteration over a tensor: `for row in x`, `zip(boxes, scores)`, `[f(r) for r in x]`, `first, *rest = x`.

    ## Why it breaks
    A tensor is iterated by unbinding its first axis, mostly the batch: the loop is unrolled for the traced length. The
    TorchScript routes then drop or repeat what another batch holds; `torch.export` and the dynamo exporter stop. Where
    the length depends on values, as that of `mask.nonzero()` does, the graph is wrong for other values too.
    Unpacking into a fixed number of names is harmless, as Python itself demands that length. What a mask keeps of a
    tensor that no input changes is as long in every run, but the dynamo routes do not know how long.

    ## Fix safety
    There is no fix; compute on the whole batch at once.

    ## References
    - xiuqhou/Salience-DETR#62
    """

    code, name, since = "CVL304", "iterates-tensor", "0.1"
    events = (IteratesTensor,)
    examples = [
        Example(
            title="One image at a time",
            bad=forward("""
                out = []
                for row in x.abs():  # <-
                    out.append(row / row.max())
                return torch.stack(out)
            """),
            good=forward("""
                return x.abs() / x.abs().amax(dim=1, keepdim=True)
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
        Example(
            title="Two tensors side by side",
            bad=forward(
                """
                return torch.stack([a * b.sum() for a, b in zip(x.abs(), y.abs())])  # <-
                """,
                parameters="x, y",
            ),
            good=forward(
                """
                return x.abs() * y.abs().sum(dim=1, keepdim=True)
                """,
                parameters="x, y",
            ),
            inputs="x: float32[N=3, 4]; y: float32[N, 4]",
            harm=HARM,
        ),
        Example(
            title="The positions of a mask",
            bad=forward("""
                total = x.sum() * 0
                for i in (x[:, 0] > 0).nonzero():  # <-
                    total = total + x[i].sum()
                return total
            """),
            good=forward("""
                return torch.where(x[:, :1] > 0, x, 0.0).sum()
            """),
            inputs="x: float32[N=3, 4]",
            harm=COUNTED,
        ),
        Example(
            title="What a mask keeps of a buffer",
            bad=forward(
                """
                for scale in self.scales[self.scales > 1]:  # <-
                    x = x * scale
                return x
                """,
                init='self.register_buffer("scales", torch.tensor([0.5, 2.0, 3.0]))',
            ),
            good=forward(
                """
                return x * torch.where(self.scales > 1, self.scales, 1.0).prod()
                """,
                init='self.register_buffer("scales", torch.tensor([0.5, 2.0, 3.0]))',
            ),
            inputs="x: float32[N=3, 4]",
            harm=SELECTED,
        ),
    ]

    def check(self, event: IteratesTensor, context: Context) -> Finding | None:
        """Frozen on TorchScript, breaks dynamo; harmless where the length is fixed."""
        text = event.short
        if not event.dynamic:
            return self.finding(event, f"`{text}` is unpacked into a fixed number of parts", Harm(), context)
        if event.counted and event.operand.taint is Taint.data:
            message = (
                f"the length of `{text}` depends on values, and the loop over it is unrolled for the traced ones; "
                f"compute on all rows at once, under a mask"
            )
            return self.finding(event, message, COUNTED, context)
        message = (
            f"the tensor `{text}` is iterated over: the loop is unrolled for the traced length of its first axis; "
            f"compute on the whole axis at once"
        )
        return self.finding(event, message, HARM, context)
