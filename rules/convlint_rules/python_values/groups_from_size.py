from __future__ import annotations

from convlint.events import HiddenInt
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.measured import harm_of, needs_number

GROUPS = Harm(jit_trace=Level.frozen, onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)


class GroupsFromSize(Rule):
    """
    ## What it does
    Finds convolutions whose number of `groups` is computed from a size that varies, such as one group for each image of
    the batch. Channels alone do not vary and are not reported.

    ## Why it breaks
    The number of groups is an attribute of the graph's node, which must be a plain number. `torch.jit.trace` keeps the
    traced one, and both ONNX exporters stop where the axis is declared dynamic. For one fixed batch all of them are
    fine, and the finding is a warning.

    ## Fix safety
    There is no fix: whether a fixed number of groups or a batched product computes the same depends on the kernels.

    ## References
    - pytorch/pytorch#98497
    """

    code, name, since = "CVL208", "groups-from-size", "0.1"
    events = (HiddenInt,)
    examples = [
        Example(
            title="As many groups as images",
            bad=forward(
                """
                n = x.shape[0]
                kernels = self.kernel.expand(n * 3, 1, 3, 3)
                y = nn.functional.conv2d(x.reshape(1, n * 3, 8, 8), kernels, groups=n * 3)  # <-
                return y.reshape(n, 3, 6, 6)
                """,
                init="self.kernel = nn.Parameter(torch.ones(1, 1, 3, 3))",
            ),
            good=forward(
                "return nn.functional.conv2d(x, self.kernel.expand(3, 1, 3, 3), groups=3)",
                init="self.kernel = nn.Parameter(torch.ones(1, 1, 3, 3))",
            ),
            inputs="x: float32[N=2, 3, 8, 8]",
            harm=GROUPS,
        ),
    ]

    def check(self, event: HiddenInt, context: Context) -> Finding | None:
        """As measured; harmful only where the size varies, and so a warning."""
        if event.parameter != "groups":
            return None  # `hidden-int`
        message = needs_number(event, "use a fixed number of groups, or a batched product")
        return self.finding(event, message, harm_of(event), context, at_most="warning")
