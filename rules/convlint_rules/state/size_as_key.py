from __future__ import annotations

from convlint.events import SizeAsKey, Taint
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

UNHASHABLE = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)
OF_METHOD = Harm(torch_export=Level.breaks)
LOOKUP = Harm(Level.wrong, Level.breaks, Level.wrong, Level.breaks)
CACHED = """
@functools.lru_cache
def positions(n):
    return torch.arange(n, dtype=torch.float32)


class Model(nn.Module):
    def forward(self, x):
        return x + positions(x.shape[0])[:, None]  # <-
"""
UNCACHED = CACHED.replace("@functools.lru_cache\n", "").replace("  # <-", "")
CACHED_METHOD = """
class Model(nn.Module):
    @functools.lru_cache
    def positions(self, n):
        return torch.arange(n, dtype=torch.float32)

    def forward(self, x):
        return x + self.positions(x.shape[0])[:, None]  # <-
"""
UNCACHED_METHOD = CACHED_METHOD.replace("    @functools.lru_cache\n", "").replace("  # <-", "")
HEAD = "import functools\n\nimport torch\nfrom torch import nn\n\n"


class SizeLookedUp(Rule):
    """
    ## What it does
    Finds sizes of tensors that are looked up: in a set (`x.shape[0] in {1, 2}`), as keys of a dict (`self.cache[h, w]`,
    `table.get(n)`), or as arguments of a function under `functools.lru_cache`.

    ## Why it breaks
    A set, a dict and a cache find what has the same hash. While TorchScript's tracer records, every size is a tensor,
    whose hash is its place in memory: `3 in {3}` is false then, without a word, for sizes that never change too.
    `torch.export` stands in numbers for sizes that are dynamic which have no hash at all: it stops.

    ## Fix safety
    There is no fix: compare (`n == 1 or n == 2`, or `in` with a tuple), and make what was cached in each call, or by
    `int(n)` where the size never changes.

    ## References
    - `torch.SymInt`
    """

    code, name, since = "CVL706", "size-as-key", "0.1"
    events = (SizeAsKey,)
    examples = [
        Example(
            title="A fixed size in a set",
            bad=forward("channels = x.shape[1]\nreturn x * 2 if channels in {4, 8} else x  # <-"),
            good=forward("channels = x.shape[1]\nreturn x * 2 if channels in (4, 8) else x"),
            inputs="x: float32[N=3, 4]",
            harm=Harm(jit_trace=Level.wrong, onnx_torchscript=Level.wrong),
        ),
        Example(
            title="A table by a fixed size",
            bad=forward(
                "channels = x.shape[1]\nreturn x * self.scales.get(channels, 1.0)  # <-",
                init="self.scales = {4: 0.5, 8: 0.25}",
            ),
            good=forward(
                "channels = x.shape[1]\nreturn x * self.scales.get(int(channels), 1.0)",
                init="self.scales = {4: 0.5, 8: 0.25}",
            ),
            inputs="x: float32[N=3, 4]",
            harm=Harm(jit_trace=Level.wrong, onnx_torchscript=Level.wrong),
        ),
        Example(
            title="How many sizes there are",
            bad=forward(
                """
                channels, dim = x.shape[1], x.shape[1]
                return x * len({size for size in (channels, dim)})  # <-
                """
            ),
            good=forward(
                """
                channels, dim = x.shape[1], x.shape[1]
                return x * len({int(size) for size in (channels, dim)})
                """
            ),
            inputs="x: float32[N=3, 4]",
            harm=Harm(jit_trace=Level.wrong, onnx_torchscript=Level.wrong),
        ),
        Example(
            title="A cache by a dynamic size",
            bad=forward(
                """
                grids, n = {}, x.shape[0]
                grids[n] = torch.arange(n, dtype=torch.float32)  # <-
                return x + grids[n][:, None]
                """
            ),
            good=forward(
                """
                grid = torch.arange(x.shape[0], dtype=torch.float32)
                return x + grid[:, None]
                """
            ),
            inputs="x: float32[N=3, 4]",
            harm=UNHASHABLE,
        ),
        Example(
            title="A cached function",
            bad=HEAD + CACHED,
            good=HEAD + UNCACHED,
            inputs="x: float32[N=3, 4]",
            harm=UNHASHABLE,
        ),
        Example(
            title="A cached method",
            bad=HEAD + CACHED_METHOD,
            good=HEAD + UNCACHED_METHOD,
            inputs="x: float32[N=3, 4]",
            harm=OF_METHOD,
        ),
    ]

    def check(self, event: SizeAsKey, context: Context) -> Finding | None:
        """A table's own keys are never found while TorchScript records; a key must have a hash for `torch.export`."""
        key = event.quote(event.size.span)
        if event.how == "table":
            never = f"while TorchScript's tracer records, the size `{key}` is a tensor, which no key equals by its hash"
            stops = "" if event.size.taint is Taint.fixed else "; `torch.export` stops, as a dynamic size has none"
            return self.finding(event, f"{never}{stops}; compare with `==`, or `in` a tuple", LOOKUP, context)
        if event.how == "set":
            message = (
                f"while TorchScript's tracer records, the sizes in `{event.short}` are tensors, of which no two are "
                f"one element; compare them with `==`"
            )
            return self.finding(event, message, LOOKUP, context)
        what = f"`{event.cached}` is cached by its arguments" if event.cached else f"`{key}` is a key"
        message = f"{what}, and `torch.export` stops, as a dynamic size has no hash; make the value in each call"
        return self.finding(event, message, OF_METHOD if event.bound else UNHASHABLE, context)
