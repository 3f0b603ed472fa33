"""Writes ``docs/comparison.md``, what convlint and its peers do, by commands: ``python benchmarks/comparison.py``.

A cell is a tick where its command does what the row says, in a folder that holds a file in which that tool finds
something. Where a tool has no way to ask for it, there is no command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from peers import peers

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "comparison.md"
TOOLS = ("convlint", "Ruff", "Fixit", "TorchFix", "Semgrep")
FILES = {
    "c.py": """import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        y = x.clone()
        v = y[1]
        v += 2
        return y.view(int(x.shape[0]), -1)
""",
    "r.py": "import os\n\nx = 1\n",
    "f.py": "x = None\nif x == None:\n    y = 1\n",
    "t.py": 'import torch\n\nx = torch.load("f.pt")\n',
    "s.py": 'import ast\n\nx = eval("1")\n',
    "rules.yml": """rules:
  - id: no-eval
    languages: [python]
    severity: ERROR
    message: eval runs what it is given
    pattern: eval($X)
    fix: ast.literal_eval($X)
""",
}
HELPERS = """
semgrep() { command semgrep scan --metrics=off --disable-version-check --quiet --config rules.yml "$@"; }
torchfix() { command torchfix --select ALL "$@"; }
exits() { local wanted=$1; shift; "$@" > /dev/null 2>&1; [ $? -eq "$wanted" ]; }
prints() { local wanted=$1; shift; "$@" 2>&1 | grep -qE -e "$wanted"; }
silent() { [ -z "$("$@" 2>/dev/null | grep -E 'TOR|CVL|F401|ByIs|eval')" ]; }
notebook() { printf '{"cells":[{"cell_type":"code","execution_count":null,"metadata":{},"outputs":[],"source":%s}],\
"metadata":{},"nbformat":4,"nbformat_minor":4}' \
"$(python -c 'import json,sys;print(json.dumps(open(sys.argv[1]).read()))' $1)"; }
speaks() { python - "$@" <<'END'
import json, subprocess, sys
body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize",
                   "params": {"processId": None, "rootUri": None, "capabilities": {}}}).encode()
sent = b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
server.stdin.write(sent)
server.stdin.flush()
first = server.stdout.readline()
server.kill()
sys.exit(not first.startswith(b"Content-Length"))
END
}
"""


class Feature(NamedTuple):
    """A row: what it is, and by tool the command that shows it."""

    title: str
    commands: tuple[str, str, str, str, str]


FEATURES = (
    Feature(
        "says line and column",
        (
            "prints 'c.py:9:9' convlint c.py",
            "prints 'r.py:1:8' ruff check r.py",
            "prints 'f.py@2:3' fixit lint f.py",
            "prints 't.py:3:5' torchfix t.py",
            "prints 's.py:3:5' semgrep --vim s.py",
        ),
    ),
    Feature(
        "shows the code",
        (
            "prints '9 .* v .= 2' convlint c.py",
            "prints '1 . import os' ruff check r.py",
            "prints 'if x == None' fixit lint f.py",
            "prints '^x = torch.load' torchfix t.py",
            "prints '3. x = eval' semgrep s.py",
        ),
    ),
    Feature(
        "exits with 1 on a finding",
        (
            "exits 1 convlint c.py",
            "exits 1 ruff check r.py",
            "exits 1 fixit lint f.py",
            "exits 1 torchfix t.py",
            "exits 1 semgrep --error s.py",
        ),
    ),
    Feature(
        "repairs",
        (
            "convlint c.py --fix --unsafe-fixes > out; grep -q 'y\\[1\\] = v' c.py",
            "ruff check --fix r.py > out; ! grep -q os r.py",
            "fixit fix -a f.py > out 2>&1; grep -q 'is None' f.py",
            "torchfix --fix t.py > out 2>&1; grep -q weights_only t.py",
            "semgrep --autofix s.py > out; grep -q literal_eval s.py",
        ),
    ),
    Feature(
        "tells safe repairs from those that may change the result",
        (
            "convlint c.py --fix > out; ! grep -q 'y\\[1\\] = v' c.py && ! grep -q int c.py",
            "printf 'import os\\nx = dict(a=1)\\n' > r.py; ruff check --select C408,F401 --fix r.py > out; "
            "grep -q dict r.py && ! grep -q os r.py",
            "",
            "",
            "",
        ),
    ),
    Feature(
        "shows repairs as a patch",
        (
            "prints '^[+].*y\\[1\\] = v' convlint c.py --diff --unsafe-fixes",
            "prints '^-import os' ruff check --diff r.py",
            "prints '^[+]if x is None' fixit lint --diff f.py",
            "prints '^[+]x = torch.load.*only' torchfix t.py",
            "prints '[+] *x = ast.literal_eval' semgrep --autofix --dryrun s.py",
        ),
    ),
    Feature(
        "proves repairs by running the model",
        (
            "prints 'CVL101 repaired' convlint c.py --fix --unsafe-fixes --prove c.py:Net --input 'x: float32[3, 4]'",
            "",
            "",
            "",
            "",
        ),
    ),
    Feature(
        "chooses rules for a run",
        (
            "silent convlint c.py --ignore CVL1,CVL2",
            "silent ruff check --ignore F401 r.py",
            "silent fixit --rules fixit.rules.no_assert_equals lint f.py",
            "silent torchfix --select TOR203 t.py",
            "silent semgrep --exclude-rule no-eval s.py",
        ),
    ),
    Feature(
        "leaves rules out in some files",
        (
            "silent convlint c.py --per-file-ignores '*.py:CVL'",
            "silent ruff check --per-file-ignores '*.py:F401' r.py",
            'printf \'[[tool.fixit.overrides]]\\npath = "f.py"\\n'
            'disable = ["fixit.rules.compare_singleton_primitives_by_is"]\\n\' > pyproject.toml; '
            "silent fixit lint f.py",
            "silent flake8 --per-file-ignores 't.py:TOR' --select TOR t.py",
            "printf '    paths: {exclude: [s.py]}\\n' >> rules.yml; silent semgrep s.py",
        ),
    ),
    Feature(
        "silenced by a comment",
        (
            "sed -i 's/v += 2/v += 2  # noqa: CVL101/' c.py; ! prints 'CVL101' convlint c.py --output-format concise",
            "sed -i 's/os$/os  # noqa: F401/' r.py; silent ruff check r.py",
            "sed -i 's/None:/None:  # lint-ignore: CompareSingletonPrimitivesByIs/' f.py; silent fixit lint f.py",
            "sed -i 's/)$/)  # noqa: TOR102/' t.py; silent flake8 --select TOR t.py",
            "sed -i 's/)$/)  # nosemgrep/' s.py; silent semgrep s.py",
        ),
    ),
    Feature(
        "finds comments that silence nothing",
        (
            "echo 'a = 1  # convlint: ignore[CVL101]' > n.py; prints CVL002 convlint n.py",
            "echo 'a = 1  # noqa: F401' > n.py; prints RUF100 ruff check --select RUF100 n.py",
            "",
            "",
            "",
        ),
    ),
    Feature(
        "writes such comments",
        (
            "convlint c.py --add-ignores > out; silent convlint c.py",
            "ruff check --add-noqa r.py > out 2>&1; silent ruff check r.py",
            "",
            "",
            "",
        ),
    ),
    Feature(
        "starts from a baseline",
        (
            "convlint c.py --write-baseline b.json > out; silent convlint c.py --baseline b.json",
            "",
            "",
            "",
            "git init -q; git add .; git -c user.name=a -c user.email=a@b commit -qm a; "
            "silent semgrep --baseline-commit HEAD s.py",
        ),
    ),
    Feature(
        "configured in pyproject.toml",
        (
            "printf '[tool.convlint]\\nignore = [\"CVL\"]\\n' > pyproject.toml; silent convlint c.py",
            "printf '[tool.ruff.lint]\\nignore = [\"F401\"]\\n' > pyproject.toml; silent ruff check r.py",
            "printf '[tool.fixit]\\ndisable = [\"fixit.rules\"]\\n' > pyproject.toml; silent fixit lint f.py",
            "",
            "",
        ),
    ),
    Feature(
        "a misspelt setting is an error",
        (
            "printf '[tool.convlint]\\nignroe = []\\n' > pyproject.toml; exits 2 convlint c.py",
            "printf '[tool.ruff]\\nignroe = []\\n' > pyproject.toml; exits 2 ruff check r.py",
            "printf '[tool.fixit]\\nignroe = []\\n' > pyproject.toml; ! fixit lint s.py > out 2>&1",
            "",
            "",
        ),
    ),
    Feature(
        "reads standard input",
        (
            "convlint - < c.py | grep -q CVL101",
            "ruff check - < r.py | grep -q F401",
            "fixit lint - f.py < f.py 2>&1 | grep -q ByIs",
            "torchfix - < t.py 2>&1 | grep -q TOR102",
            "semgrep - < s.py 2>&1 | grep -q eval",
        ),
    ),
    Feature(
        "writes JSON",
        (
            "convlint c.py --output-format json | python -m json.tool > out",
            "ruff check r.py --output-format json | python -m json.tool > out",
            "",
            "",
            "semgrep --json s.py | python -m json.tool > out",
        ),
    ),
    Feature(
        "writes SARIF",
        (
            "prints 2.1.0 convlint c.py --output-format sarif",
            "prints 2.1.0 ruff check r.py --output-format sarif",
            "",
            "",
            "prints 2.1.0 semgrep --sarif s.py",
        ),
    ),
    Feature(
        "annotates a pull request on GitHub",
        (
            "prints '^::error' convlint c.py --output-format github",
            "prints '^::error' ruff check r.py --output-format github",
            "",
            "",
            "",
        ),
    ),
    Feature(
        "writes for GitLab",
        (
            "prints fingerprint convlint c.py --output-format gitlab",
            "prints fingerprint ruff check r.py --output-format gitlab",
            "",
            "",
            "prints vulnerabilities semgrep --gitlab-sast s.py",
        ),
    ),
    Feature(
        "writes JUnit",
        (
            "prints '<testsuite' convlint c.py --output-format junit",
            "prints '<testsuite' ruff check r.py --output-format junit",
            "",
            "",
            "prints '<testsuite' semgrep --junit-xml s.py",
        ),
    ),
    Feature(
        "prints a problem matcher",
        ("prints problemMatcher convlint problem-matcher github", "", "", "", ""),
    ),
    Feature(
        "reads notebooks",
        (
            "notebook c.py > n.ipynb; prints 'cell 1:9:9' convlint n.ipynb",
            "notebook r.py > n.ipynb; prints 'cell 1:1:8' ruff check n.ipynb",
            "notebook f.py > n.ipynb; prints ByIs fixit lint n.ipynb",
            "notebook t.py > n.ipynb; prints TOR102 torchfix n.ipynb",
            "notebook s.py > n.ipynb; prints eval semgrep n.ipynb",
        ),
    ),
    Feature(
        "counts findings by rule",
        (
            "prints '^1\\s+CVL101' convlint c.py --statistics",
            "prints '^1\\s+F401' ruff check r.py --statistics",
            "",
            "",
            "",
        ),
    ),
    Feature(
        "leaves out what git ignores",
        (
            "git init -q; echo c.py > .gitignore; ! prints 'c[.]py' convlint .",
            "git init -q; echo r.py > .gitignore; ! prints 'r[.]py' ruff check .",
            "git init -q; echo f.py > .gitignore; ! prints 'f[.]py' fixit lint .",
            "git init -q; echo t.py > .gitignore; ! prints 't[.]py' torchfix .",
            "git init -q; echo s.py > .gitignore; ! prints 's[.]py' semgrep .",
        ),
    ),
    Feature(
        "keeps results between runs",
        (
            "convlint c.py > out; test -d .convlint_cache",
            "ruff check r.py > out; test -d .ruff_cache",
            "",
            "",
            "",
        ),
    ),
    Feature(
        "completes in a shell",
        (
            "SHELL=bash prints complete convlint --show-completion",
            "prints complete ruff generate-shell-completion bash",
            "_FIXIT_COMPLETE=bash_source prints complete fixit",
            "",
            "_SEMGREP_COMPLETE=bash_source prints complete command semgrep",
        ),
    ),
    Feature(
        "watches files",
        (
            "timeout 8 convlint --watch c.py 2>&1 | grep -q CVL101",
            "timeout 8 ruff check --watch r.py 2>&1 | grep -q F401",
            "",
            "",
            "",
        ),
    ),
    Feature(
        "speaks to editors (LSP)",
        (
            "speaks convlint server",
            "speaks ruff server",
            "speaks fixit lsp --stdio true",
            "",
            "speaks semgrep lsp",
        ),
    ),
    Feature(
        "explains a rule",
        (
            "prints 'Why it breaks' convlint rule CVL101",
            "prints 'Why is this bad' ruff rule F401",
            "",
            "",
            "",
        ),
    ),
    Feature(
        "tests a rule by its examples",
        (
            "printf 'from convlint.rule import registry\\nfrom convlint.testing import check_rule\\n"
            'check_rule(registry()["CVL703"])\\n\' > test.py; python test.py',
            "",
            "prints OK fixit test fixit.rules.compare_singleton_primitives_by_is",
            "",
            "printf '# ruleid: no-eval\\nx = eval(1)\\n' > rules.py; "
            "prints '1/1' command semgrep --test --config rules.yml rules.py",
        ),
    ),
    Feature(
        "takes rules of your own",
        (
            "cp -r $ROOT/examples/custom_rules rules; "
            "pip install -q --no-deps --no-build-isolation --target site rules/; "
            "PYTHONPATH=site prints ACME convlint t.py",
            "",
            "mkdir acme; printf 'from fixit import LintRule\\nimport libcst\\n\\n\\nclass No(LintRule):\\n"
            '    MESSAGE = "no eval"\\n\\n    def visit_Call(self, node: libcst.Call) -> None:\\n'
            "        self.report(node)\\n' > acme/__init__.py; printf '[tool.fixit]\\nroot = true\\n"
            "enable = [\".acme\"]\\n' > pyproject.toml; prints 'no eval' fixit lint s.py",
            "",
            "prints 'no-eval' semgrep s.py",
        ),
    ),
    Feature(
        "finds a line that loses a write in an ONNX export",
        (
            "prints CVL101 convlint c.py",
            "prints 'c.py:9' ruff check --select ALL --output-format concise c.py",
            "prints 'c.py@9' fixit lint c.py",
            "prints 'c.py:9' torchfix c.py",
            "",
        ),
    ),
)


def does(command: str) -> bool:
    """Whether a command succeeds in a fresh folder."""
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
        for name, text in FILES.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        path = os.pathsep.join([str(Path(sys.executable).parent), str(peers()), os.environ["PATH"]])
        environment = os.environ | {"PATH": path, "COLUMNS": "120", "HOME": folder, "ROOT": str(ROOT)}
        ran = subprocess.run(
            [shutil.which("bash") or "bash", "-c", HELPERS + command], cwd=folder, env=environment, capture_output=True
        )
    return ran.returncode == 0


def table() -> Iterator[str]:
    """The rows."""
    yield f"| | {' | '.join(TOOLS)} |"
    yield f"|---|{':---:|' * len(TOOLS)}"
    for feature in FEATURES:
        cells = ["✓" if command and does(command) else "" for command in feature.commands]
        print(feature.title, *cells, flush=True)
        yield f"| {feature.title} | {' | '.join(cells)} |"


def main() -> None:
    """Writes the page."""
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition("<!-- table -->\n")
    _, _, tail = rest.partition("<!-- end -->")
    rows = "\n".join(table())
    PAGE.write_text(f"{head}<!-- table -->\n{rows}\n<!-- end -->{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
