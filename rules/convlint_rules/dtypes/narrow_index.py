from __future__ import annotations

from convlint.events import NarrowIndex
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

READ = Harm(onnx_dynamo=Level.breaks)
WRITTEN = Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)


class NarrowIndexOfTensor(Rule):
    """
    ## What it does
    Finds tensors that are indexed by integers of 32 bits, `table[ids.int()]`, where the source names that dtype.

    ## Why it breaks
    Eager takes indices of 32 and of 64 bits. The dynamo exporter hands them on to `GatherND`, and both exporters to
    `ScatterND` where an element is written, and these take 64 bits alone: the file is written, and ONNX Runtime refuses
    it (`INVALID_GRAPH`, `Type 'tensor(int32)' of input parameter is invalid`). `index_select` and `nn.Embedding` take
    both.

    ## Fix safety
    Unsafe, though the numbers are the same: where a function is given masks as well, `.long()` would make indices of
    them.

    ## References
    - ONNX operators `GatherND`, `ScatterND`
    """

    code, name, since = "CVL512", "narrow-index", "0.1"
    events = (NarrowIndex,)
    examples = [
        Example(
            title="Rows of a table",
            bad=forward(
                """
                ids = (x[:, 0] * 4).clamp(0, 3).to(torch.int32)
                return self.table[ids] * 2  # <-
                """,
                init="self.table = nn.Parameter(torch.ones(4, 4))",
            ),
            good=forward(
                """
                ids = (x[:, 0] * 4).clamp(0, 3).to(torch.int32)
                return self.table[ids.long()] * 2
                """,
                init="self.table = nn.Parameter(torch.ones(4, 4))",
            ),
            inputs="x: float32[N=3, 4]",
            harm=READ,
            fix=Applicability.unsafe,
        ),
        Example(
            title="Elements that are written",
            bad=forward("""
                y = torch.zeros(4, 4) + x.sum()
                y[x.argmax(1).int()] = 1.0  # <-
                return y
            """),
            good=forward("""
                y = torch.zeros(4, 4) + x.sum()
                y[x.argmax(1).int().long()] = 1.0
                return y
            """),
            inputs="x: float32[N=3, 4]",
            harm=WRITTEN,
            fix=Applicability.unsafe,
        ),
    ]

    def check(self, event: NarrowIndex, context: Context) -> Finding | None:
        """Breaks onnx_dynamo, and both ONNX exporters where it is written to."""
        index = event.document.segment(event.index.span)
        who = "what both exporters write" if event.writes else "what the dynamo exporter writes"
        message = (
            f"`{event.short}` is indexed by integers of 32 bits, and ONNX Runtime refuses {who} for that: make them 64 "
            f"bits, `{index if index.isidentifier() else '...'}.long()`"
        )
        return self.finding(event, message, WRITTEN if event.writes else READ, context, fixable=Applicability.unsafe)

    def fix(self, event: NarrowIndex, context: Context) -> Fix | None:
        """Indices of 64 bits."""
        index = event.cst_at(event.index.span)
        return Fix(
            "Index by 64 bits",
            (edit(event.index.span, "{index}.long()", index=primary(index)),),
            Applicability.unsafe,
        )
