from convlint.events import Call
from convlint.findings import Applicability, Finding, Fix
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule


class LoadNamesDevice(Rule):
    """
    ## What it does
    Finds `torch.load(file)` without `map_location`, in any code, under any name.

    ## Why it breaks
    It puts tensors where they were saved from: a file from the training cluster does not load on a build machine.

    ## Fix safety
    Unsafe: the weights are on the CPU afterwards, where another device may have been meant.
    """

    code, name = "ACME201", "load-names-device"
    events, callees = (Call,), ("torch.load",)
    examples = [
        Example(
            bad="from torch import load as read\n\nweights = read('weights.pt')  # <-\n",
            good="from torch import load as read\n\nweights = read('weights.pt', map_location=\"cpu\")\n",
            fix=Applicability.unsafe,
        )
    ]

    def check(self, event: Call, context: Context) -> Finding | None:
        """Where nothing says the device, and no `*args` or `**options` may."""
        if event.argument("map_location") or not event.complete:
            return None
        message = f"`{event.short}` loads to the device it was saved from, which may be missing; pass `map_location`"
        fixable = Applicability.unsafe if len(event.arguments) == 1 else None
        return self.finding(event, message, None, context, fixable=fixable)

    def fix(self, event: Call, context: Context) -> Fix | None:
        """The device behind the file, if that is all that is given."""
        import libcst as cst
        import libcst.matchers as m

        call = cst.ensure_type(event.cst, cst.Call)
        if not m.matches(call, m.Call(args=[m.Arg(star="")])):
            return None
        changed = edit(event.span, '{load}({file}, map_location="cpu")', load=call.func, file=call.args[0].value)
        return Fix("Load to the CPU", (changed,), Applicability.unsafe)
