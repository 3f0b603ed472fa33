"""Modules that nobody would write: whatever the text, a run ends, and what it reports and repairs is sound.

Half of the time is for examples that are changed.
"""

from __future__ import annotations

import ast
import io
import random
import re
import textwrap
import tokenize
from collections.abc import Callable
from pathlib import Path

import pytest
from budget import seeds
from convlint_rules.examples import forward
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from mutations import comments_of, mutated

from convlint.config import Settings
from convlint.fixer import add_ignores, fix_paths
from convlint.linter import LintResult, lint
from convlint.rule import registry
from convlint.source.document import Document, SourceError

SHARE = 0.06
EXAMPLES = sorted({text for rule in registry().values() for one in rule.examples for text in (one.source, one.good)})
LINES = sorted({line.strip() for text in EXAMPLES for line in text.splitlines() if line.startswith(" " * 8)})
WHOLE = [line for line in LINES if not line.endswith((":", "[", "(", ",")) and line[0] not in ":])"]
HEAD = "import math\nimport numpy as np\nimport torch\nfrom torch import nn\n\n\nclass Model(nn.Module):\n"
NAMES = ("x", "y", "n", "torch", "nn", "Model", "self", "self.k", "mask", "f", "i")


# --- a grammar of forward bodies -----------------------------------------------------------------------------------

GRAMMAR = {
    "atom": "TENSOR|TENSOR|TENSOR|NUMBER|NUMBER|None|True|''|...|x.shape|self.items|self.f|{}",
    "tensor": "x|x|y|v|mask|self.k|x.abs()|x[0]|x[mask]|y[:, 0]|x.view(-1)|torch.ones(2)",
    "number": "n|i|2|-1|2.5|x.shape[0]|x.shape[1]|x.size(-1)|len(x)|self.on|int(n)",
    "method": "sum|abs|item|tolist|numpy|cpu|detach|view|reshape|unsqueeze|chunk|unbind|split|nonzero|squeeze|clone"
    "|mul_|add_|zero_|clamp_|float|long|bool|size|numel|dim|t|expand|topk|max|min|any|copy_|append|items"
    "|masked_select",
    "callee": "int|float|bool|len|range|zip|enumerate|list|tuple|min|max|round|sum|isinstance|torch.tensor"
    "|torch.where|torch.arange|torch.cat|torch.stack|torch.from_numpy|torch.jit.is_tracing|np.exp|np.array|math.ceil"
    "|math.sqrt|self.layer|self.helper|f|nn.functional.pad|super().forward",
    "op": "+|-|*|/|//|%|**|@|&",
    "word": "<|>|==|!=|is|is not|in|and|or|and not",
    "index": "EXPR|EXPR|:|:, 0|..., 1:|::2|None|mask|EXPR, EXPR",
    "args": "|EXPR|EXPR|EXPR, EXPR|EXPR, *EXPR, k=EXPR|-1|dim=1, **EXPR",
    "expr": "ATOM|ATOM|(EXPR OP EXPR)|(EXPR WORD EXPR)|(EXPR).METHOD(ARGS)|TENSOR.METHOD(ARGS)|CALLEE(ARGS)"
    "|CALLEE(ARGS)|(EXPR)[INDEX]|(EXPR if EXPR else EXPR)|[EXPR for i in EXPR if EXPR]|{'a': EXPR, **EXPR}"
    "|(lambda t, *a: EXPR)(EXPR)|(y := EXPR)|(EXPR, *EXPR)|[ELEMENTS]|(not EXPR)|(-EXPR)"
    '|f"é {TENSOR} {TENSOR!r:>{NUMBER}}"|(\n EXPR  # note\n)|(EXPR \\\n OP EXPR)',
    "elements": "|EXPR|EXPR, EXPR|*EXPR",
    "target": "x|y|v|n|mask|(a, b)|(a, *b)|[a, [b, *c]]|self.k|self.items[0]|y[INDEX]|v[INDEX]|y[:, 0][INDEX]"
    "|self.k[0]",
    "simple": "pass|return|raise|del y|import torch as y|y = x.clone()|v = y[1]|v += EXPR|EXPR|EXPR|TARGET = EXPR"
    "|TARGET = EXPR|y OP= EXPR|y[INDEX] OP= EXPR|n: int = EXPR|return EXPR|yield EXPR|assert EXPR, EXPR"
    "|EXPR; n = EXPR|n = EXPR  # convlint: ignore[CVL202] why|v.METHOD(ARGS)|y[INDEX].METHOD(ARGS)|LINE",
    "statement": "SIMPLE|SIMPLE|SIMPLE|SIMPLE|if EXPR:BLOCK|if EXPR:BLOCKelif EXPR:BLOCKelse:BLOCK|while EXPR:BLOCK"
    "|for TARGET in EXPR:BLOCKelse:BLOCK|with EXPR as TARGET:BLOCK|try:BLOCKexcept E as e:BLOCKfinally:BLOCK"
    "|def f(t, n=EXPR, *a, k=1, **b):BLOCK|match EXPR:\n case [a, *b] if EXPR:BLOCK|class Inner(Model):BLOCK"
    "|if EXPR: SIMPLE\n|for i in EXPR: SIMPLE\n|async def g():BLOCK",
}
"""Symbols are the keys in capitals."""
RUNS = {
    "ten": "x|y|t|t|(TEN + TEN)|(TEN * WHO)|(TEN / FLO)|TEN.abs()|(TEN - SCA)|torch.where(TEN > 0, TEN, TEN)|TEN[:WHO]"
    "|(TEN if YES else TEN)|TEN.clone()",
    "sca": "TEN.sum()|TEN.max()|(SCA * WHO)|self.b|max(SCA, 1.0)|min(2, SCA)",
    "who": "i|i|2|x.shape[0]|x.shape[1]|y.size(-1)|self.k|(WHO + WHO)|(WHO // 2)|int(WHO)|int(FLO)|len(TEN)|len([TEN])"
    "|math.ceil(WHO / 4)|math.floor(WHO / 2)|math.floor(FLO)|min(WHO, 3)|int(SCA)|TEN.argmax().item()"
    "|(WHO if YES else WHO)|round(FLO)|-WHO",
    "flo": "f|f|0.5|self.scale|(WHO / 3)|(WHO * 0.5)|SCA.item()|float(SCA)|float(WHO)|(FLO + 1)|math.sqrt(WHO ** 2)",
    "yes": "self.on|WHO > 2|SCA > 0|SCA.item() > 0|not self.on|len(TEN) == 3",
    "run": "t = TEN|i = WHO|f = FLO|if YES:\n    i = WHO|if YES:\n    t = TEN\nelse:\n    t = TEN|v = t[0]; v = v * FLO"
    "|for j in range(2):\n    i = i + WHO|print(f'é {WHO} {FLO}')|g = lambda n: n * WHO; f = g(1)",
}
"""What can be executed: tensors, scalar tensors, whole numbers, fractions and conditions."""
CHOICES = {name.upper(): text.split("|") for name, text in (GRAMMAR | RUNS).items()} | {"LINE": WHOLE}
SYMBOL = re.compile(r"\b(?:" + "|".join(sorted(CHOICES, key=len, reverse=True)) + r"|BLOCK)(?![A-Z])")


def grown(chance: random.Random, symbol: str, depth: int) -> str:
    """A text that a symbol of the grammar stands for; at the end of the depth an atom."""
    if symbol == "BLOCK":
        some = [grown(chance, "STATEMENT" if depth > 0 else "SIMPLE", depth - 1) for _ in range(chance.randint(1, 3))]
        return "\n" + textwrap.indent("\n".join(some), "    ") + "\n"
    choices = CHOICES["ATOM"] if symbol == "EXPR" and depth <= 0 else CHOICES[symbol]
    if symbol.lower() in RUNS and depth <= 0:
        choices = choices[:2]
    return SYMBOL.sub(lambda match: grown(chance, match[0], depth - 1), chance.choice(choices))


RUNNING = 'self.k, self.scale, self.on = 3, 0.5, True\nself.register_buffer("b", torch.tensor(2.0))'
HEADERS = ("self, x", "self, x: torch.Tensor, *, n=2", "self, x, y=None", "self, *xs, **more", "self")
START = "y = x.clone()\nv = y[1]\nn = x.shape[0]\nmask = x > 0"


@st.composite
def grown_modules(draw: st.DrawFn) -> str:
    """A module whose class has methods made of the grammar."""
    text = HEAD
    for name in ("__init__", "helper", "forward"):
        seeds = draw(st.lists(st.integers(0, 1 << 32), min_size=1, max_size=4))
        body = "\n".join([START, *(grown(random.Random(one), "STATEMENT", 4) for one in seeds)])
        text += f"    def {name}({draw(st.sampled_from(HEADERS))}):\n{textwrap.indent(body, ' ' * 8)}\n\n"
    return text


@st.composite
def running_modules(draw: st.DrawFn) -> str:
    """A module that can be executed, for the most part."""
    seeds = draw(st.lists(st.integers(0, 1 << 32), min_size=1, max_size=5))
    lines = ["t, i, f = x, 2, 0.5", *(grown(random.Random(one), "RUN", 4) for one in seeds), "return t, i, f"]
    return forward("\n".join(lines), "x, y", "math", RUNNING)


# --- the rules' examples, changed ----------------------------------------------------------------------------------


@st.composite
def spliced_modules(draw: st.DrawFn) -> str:
    """An example with lines of others in its forward, some of its own wrapped, some names exchanged."""
    lines = draw(st.sampled_from(EXAMPLES)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines)))
        depth = len(lines[at - 1]) - len(lines[at - 1].lstrip()) if at else 8
        change = draw(st.sampled_from(["insert", "wrap", "rename", "drop", "repeat", "join"]))
        if change == "insert":
            lines.insert(at, " " * depth + draw(st.sampled_from(LINES)))
        elif change == "wrap":
            header = draw(st.sampled_from(["if x.sum() > 0:", "for i in range(x.shape[0]):", "while n:", "try:"]))
            rest = [f"    {line}" for line in lines[at:]]
            tail = [" " * depth + "finally:", " " * depth + "    pass"] if header == "try:" else []
            lines = [*lines[:at], " " * depth + header, *rest, *tail] if rest else lines
        elif change == "rename":
            old, new = draw(st.sampled_from(["x", "y", "v", "s"])), draw(st.sampled_from(NAMES))
            lines = [re.sub(rf"\b{old}\b", new, line) for line in lines]
        elif change == "drop" and at < len(lines):
            del lines[at]
        elif change == "repeat":
            lines[at:at] = lines[max(0, at - 3) : at]
        elif change == "join" and 0 < at < len(lines):
            lines[at - 1 : at + 1] = [f"{lines[at - 1]}; {lines[at].strip()}"]
    return draw(st.sampled_from(["\n", "\r\n", "\r"])).join([*lines, ""][: draw(st.sampled_from([None, -1]))])


@st.composite
def mutated_modules(draw: st.DrawFn) -> str:
    """An example with its statements, calls and layout changed."""
    return mutated(draw(st.sampled_from(EXAMPLES)), random.Random(draw(st.integers(0, 1 << 32))))


@st.composite
def torn_modules(draw: st.DrawFn) -> str:
    """An example with tokens dropped, doubled, exchanged and replaced: seldom Python at all."""
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    tokens = [t.string for t in tokenize.generate_tokens(io.StringIO(draw(st.sampled_from(EXAMPLES))).readline)]
    text = draw(st.sampled_from(EXAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        old, new = chance.choice(tokens), chance.choice([*tokens, "", "(", "\\", "'", '"""', "\t", "é", "\x0c", "0x"])
        at = chance.randrange(len(text))
        where = text.find(old, at)
        text = text[:where] + new + text[where + len(old) :] if where >= 0 else text
    return text


# --- what must hold ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def chosen(folder: Path) -> Settings:
    targets = (("onnxruntime", None), ("coreml", None), ("tensorrt", None))
    return Settings(root=folder, targets=targets, jobs=1, cache=False, preview=True, show_harmless=True)


def offset(text: str, row: int, column: int) -> int:
    """The index of a position, found without the code under test."""
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
    return starts[row - 1] + column - 1


def sound(folder: Path, text: str) -> None:
    """Lints, repairs and silences a text; everything that must hold for any text is asserted."""
    path = folder / "model.py"
    path.write_bytes(text.encode())
    options = chosen(folder)
    result = lint([path], options, want_fixes=True)
    assert [f.message for f in result.findings if f.code == "CVL005"] == []
    assert lint([path], options, want_fixes=True).findings == result.findings
    assert [f for f in result.findings if f.fixable is not None and f.fix is None] == []
    assert [f.message for f in result.findings if "\n" in f.message] == []
    _inside(result, text)
    unsafe = Settings(**{**vars(options), "unsafe_fixes": True})
    fix_paths([path], unsafe, write=True)
    after = path.read_bytes().decode()
    if after != text:
        Document("fixed.py", after).parse()
        assert comments_of(after) == comments_of(text)
    again = fix_paths([path], unsafe, write=True)
    assert (again.changed, path.read_bytes().decode()) == ({}, after)
    _silenced(path, options, text)


def _inside(result: LintResult, text: str) -> None:
    rows = len(re.findall(r"\r\n|\r|\n", text)) + 1
    for finding in result.findings:
        assert 1 <= finding.span.row <= finding.span.end_row <= rows
        if finding.code == "CVL001":
            continue
        start, end = offset(text, *finding.span[:2]), offset(text, *finding.span[2:])
        assert 0 <= start < end <= len(text)
        for edit in finding.fix.edits if finding.fix else ():
            first, last = offset(text, *edit.span[:2]), offset(text, *edit.span[2:])
            assert 0 <= first <= last <= len(text)
            assert Document("m.py", text).apply([edit]) == text[:first] + edit.content + text[last:]


def _statements(document: Document) -> list[str]:
    """What is run, without the comments that the parser keeps (``# type: ignore``)."""
    return [ast.dump(statement) for statement in document.parse().body]


def _silenced(path: Path, options: Settings, text: str) -> None:
    """``--add-ignores`` changes comments only, and silences what it says."""
    path.write_bytes(text.encode())
    before = lint([path], options).findings
    try:
        tree = _statements(Document(str(path), text))
    except SourceError:
        return
    count = add_ignores([path], options)
    after = Document.read(path)
    assert _statements(after) == tree
    left = [f for f in lint([path], options).findings if not f.code.startswith("CVL0")]
    assert len(left) < len(before) or not count


def executed(text: str) -> list[object]:
    """What eager computes on inputs of several sizes: tensors as lists, with their dtypes."""
    import torch

    names: dict[str, type] = {}
    exec(compile(text, "model.py", "exec"), names)
    model, found = names["Model"](), list[object]()
    for rows, columns in ((3, 4), (1, 5), (6, 2)):
        torch.manual_seed(rows)
        results = model(torch.randn(rows, columns), torch.randn(rows, columns))
        found += [(r.dtype, r.tolist()) if isinstance(r, torch.Tensor) else (type(r), r) for r in results]
    return found


def harmless(folder: Path, text: str) -> None:
    """What ``--fix`` writes computes in eager what was there before, to the last bit."""
    path = folder / "model.py"
    path.write_text(text)
    fix_paths([path], chosen(folder), write=True)
    if path.read_text() != text:
        try:
            before = executed(text)
        except Exception:  # the grammar does not look at sizes
            return
        assert repr(executed(path.read_text())) == repr(before)


def fuzz(strategy: st.SearchStrategy[str], check: Callable[[str], None], share: float = SHARE) -> None:
    """Tries texts until the time is over."""
    for number in seeds(share):
        quiet = settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        seed(number)(quiet(given(strategy)(check)))()


@pytest.mark.parametrize(
    "strategy", [grown_modules(), spliced_modules(), torn_modules()], ids=["grown", "spliced", "torn"]
)
def test_any_module_is_linted_and_repaired_soundly(strategy: st.SearchStrategy[str], folder: Path) -> None:
    fuzz(strategy, lambda text: sound(folder, text))


def test_an_example_that_was_changed_is_repaired_soundly(folder: Path) -> None:
    fuzz(mutated_modules(), lambda text: sound(folder, text), 4 * SHARE)


def test_a_safe_repair_changes_nothing_that_eager_computes(folder: Path) -> None:
    pytest.importorskip("torch")
    fuzz(running_modules(), lambda text: harmless(folder, text))
