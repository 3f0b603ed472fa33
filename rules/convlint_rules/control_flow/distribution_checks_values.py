from __future__ import annotations

from convlint.events import ChecksArguments
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import with_options

HARM = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class DistributionChecksValues(Rule):
    """
    ## What it does
    Finds distributions of `torch.distributions` that a model makes of tensors, `Normal(mean, std)`, and methods of
    others that are given a tensor: `Normal(0.0, 1.0).log_prob(x)`.

    ## Why it breaks
    A distribution checks what it is given (`std > 0`, and that `x` is of its range), and `torch.export` cannot know
    the answer: it stops with `Could not guard on data-dependent expression` at a line of torch's own. The
    TorchScript routes drop the check. Most distributions leave it out for `validate_args=False`; a few, such as
    `StudentT` and `OneHotCategorical`, make others inside that check all the same. (Once `torch.compile` or an
    export with `strict=True` has run in a process, the checks are off for all of it; a fresh process stops.)

    ## Fix safety
    Unsafe: values that are not allowed raise no error any more.

    ## References
    - `torch.distributions.Distribution`, `validate_args`
    """

    code, name, since = "CVL307", "distribution-checks-values", "0.1"
    events = (ChecksArguments,)
    examples = [
        Example(
            title="The encoder of a variational autoencoder",
            bad=forward("""
                posterior = torch.distributions.Normal(x, x.exp())  # <-
                return posterior.log_prob(x * 2)
            """),
            good=forward("""
                posterior = torch.distributions.Normal(x, x.exp(), validate_args=False)
                return posterior.log_prob(x * 2)
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A prior made of numbers",
            bad=forward("""
                prior = torch.distributions.Normal(0.0, 1.0)
                return prior.log_prob(x)  # <-
            """),
            good=forward("""
                prior = torch.distributions.Normal(0.0, 1.0, validate_args=False)
                return prior.log_prob(x)
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
        Example(
            title="One that makes another one inside",
            bad=forward("""
                t = torch.distributions.StudentT(x.abs() + 3, validate_args=False)  # <-
                return t.variance
            """),
            good=forward("""
                degrees = x.abs() + 3
                return degrees / (degrees - 2)
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
    ]

    def check(self, event: ChecksArguments, context: Context) -> Finding | None:
        """Breaks the dynamo routes."""
        if event.asked:
            advice = "make the distribution with `validate_args=False`"
            message = f"`{event.short}` checks the value that it is given, which stops `torch.export`: {advice}"
            return self.finding(event, message, HARM, context)
        advice = "pass `validate_args=False`" if event.avoidable else "compute with its formula instead"
        message = f"`{event.short}` checks the values of its arguments, which stops `torch.export`: {advice}"
        return self.finding(event, message, HARM, context, fixable=Applicability.unsafe if event.avoidable else None)

    def fix(self, event: ChecksArguments, context: Context) -> Fix | None:
        """Leaves the checks out."""
        if event.asked or not event.avoidable:
            return None
        edit = with_options(event, {"validate_args": "False"}, without="validate_args")
        return Fix("Pass `validate_args=False`", (edit,), Applicability.unsafe)
