from __future__ import annotations

from convlint.events import Call
from convlint.findings import ROUTES, Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script

BREAKS = Harm(Level.breaks, Level.breaks, Level.breaks, Level.breaks)


class PickledModel(Rule):
    """
    ## What it does
    Finds `torch.load` whose result, or what stands in it under a key, is used as a model (`.eval()`, `model(x)`,
    `checkpoint["model"].float().state_dict()`, an export), and `weights_only=False`. Files that call
    `torch.serialization.add_safe_globals`, what stands in a `try`, and what is looked at first (`if isinstance(loaded,
    nn.Module)`), are not reported.

    ## Why it breaks
    Since torch 2.6 `torch.load` reads weights only: a file that holds the whole model stops it with
    `Weights only load failed`, and so does a TorchScript archive. `weights_only=False` reads such a file, but runs
    whatever code stands in it and needs the very source that the model was saved with; exports are not concerned, so
    that it is reported by `--show-harmless` only.

    ## Fix safety
    There is no fix: save the `state_dict` and load it into a model that the code makes, or `torch.jit.load` an archive.
    A bare `state_dict` describes no graph, and loads into changed code without a word: `convlint lock` writes down
    beside it which model it belongs to, and `convlint preflight --locked` says where the code has departed from that.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/serialization.html
    """

    code, name, since = "CVL906", "pickled-model", "0.1"
    events, callees = (Call,), ("torch.load",)
    examples = [
        Example(
            title="A whole model in a file",
            bad=script("""
                torch.save(Model(), "model.pt")
                model = torch.load("model.pt")  # <-
                exported = torch.jit.trace(model.eval(), torch.randn(3, 4))
            """),
            good=script("""
                torch.save(Model().state_dict(), "model.pt")
                model = Model()
                model.load_state_dict(torch.load("model.pt"))
                exported = torch.jit.trace(model.eval(), torch.randn(3, 4))
            """),
            inputs="x: float32[3, 4]",
            harm=BREAKS,
            script=ROUTES,
        ),
        Example(
            title="A model in a checkpoint",
            bad=script("""
                torch.save({"epoch": 3, "model": Model()}, "model.pt")
                checkpoint = torch.load("model.pt", map_location="cpu")  # <-
                model = Model()
                model.load_state_dict(checkpoint["model"].float().state_dict())
                exported = torch.jit.trace(model.eval(), torch.randn(3, 4))
            """),
            good=script("""
                torch.save({"epoch": 3, "model": Model().state_dict()}, "model.pt")
                checkpoint = torch.load("model.pt", map_location="cpu")
                model = Model()
                model.load_state_dict(checkpoint["model"])
                exported = torch.jit.trace(model.eval(), torch.randn(3, 4))
            """),
            inputs="x: float32[3, 4]",
            harm=BREAKS,
            script=ROUTES,
        ),
        Example(
            title="With all that stands in the file",
            bad=script("""
                torch.save(Model(), "model.pt")
                model = torch.load("model.pt", weights_only=False)
                exported = torch.jit.trace(model.eval(), torch.randn(3, 4))
            """),
            good=script("""
                torch.save(Model().state_dict(), "model.pt")
                model = Model()
                model.load_state_dict(torch.load("model.pt", weights_only=True))
                exported = torch.jit.trace(model.eval(), torch.randn(3, 4))
            """),
            inputs="x: float32[3, 4]",
            harm=Harm(),
            script=("jit_trace",),
        ),
    ]

    def check(self, event: Call, context: Context) -> Finding | None:
        """Breaks all routes by default; harmless to them where the file is trusted."""
        weights_only = event.argument("weights_only")
        if weights_only is not None and weights_only.value is False:
            message = (
                f"`{event.short}` runs whatever code stands in the file: load weights only, into a model that your "
                f"code makes"
            )
            return self.finding(event, message, Harm(), context)
        if not event.makes_model or weights_only is not None or not event.complete or _knows(event):
            return None
        message = (
            f"`{event.short}` is used as a model, but since torch 2.6 only weights are read by default and this stops: "
            f"load a `state_dict` into a model that your code makes"
        )
        return self.finding(event, message, BREAKS, context)


def _knows(event: Call) -> bool:
    """Whether a failure is caught, or torch is told which classes to read: `torch.serialization.add_safe_globals`."""
    return event.attempted or "safe_globals" in event.document.text
