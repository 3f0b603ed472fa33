"""How right convlint is, by labels that were measured: ``python benchmarks/accuracy.py [--misses N] [--per-rule]``.

The labels are the project's own (``benchmarks/labels``): those of packages that were looked at while building, and
apart from them those of packages that were not (``packages.py``). With ``--oracle DIR`` those of another oracle too:
``dev.jsonl`` for packages unpacked in ``--oracle-site``, ``wild_dev.jsonl`` and ``wild_clean_dev.jsonl`` for check-outs
in ``--wild-root``.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from label_files import LEVELS, SYMPTOM, Labels, Statement, oracle_labels, own_labels, read_lines
from packages import HELD_OUT, LABELLED, LABELLED_SITE, SEEN, download
from scoring import CLEAN, NOT_EXECUTED, SUSPECT, UNREACHED, Named, Score, by_rule, lint, score

from convlint.trial.watch.statements import statement_at

HERE = Path(__file__).parent
ALL = "--show-harmless"
_COUNTED = {
    "named, clean: false positives": CLEAN,
    "named, a tool failed at an earlier line": UNREACHED,
    "named, a graph is wrong on A, no line known": SUSPECT,
    "named, not executed": NOT_EXECUTED,
}


def main() -> None:
    """Lint, score and print."""
    options = _options()
    download(LABELLED, LABELLED_SITE)
    for title, paths in _own(options.labels).items():
        _judge(title, own_labels(paths), LABELLED_SITE, options)
    if options.oracle and options.oracle_site:
        _judge("dev.jsonl", oracle_labels(options.oracle / "dev.jsonl"), options.oracle_site, options)
    if options.oracle and options.wild_root:
        _judge_reports(options.oracle, options.wild_root)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--labels", type=Path, nargs="+", metavar="PATH")
    parser.add_argument("--oracle", type=Path, metavar="DIR")
    parser.add_argument("--oracle-site", type=Path, metavar="DIR")
    parser.add_argument("--wild-root", type=Path, metavar="DIR")
    parser.add_argument("--misses", type=int, default=0, metavar="N")
    parser.add_argument("--false-positives", type=int, default=0, metavar="N")
    parser.add_argument("--per-rule", action="store_true")
    options = parser.parse_args()
    if options.oracle and not (options.oracle_site or options.wild_root):
        parser.error("--oracle needs --oracle-site, --wild-root or both: the files that its labels are about")
    return options


def _own(given: list[Path] | None) -> dict[str, list[Path]]:
    """The files of the project's own labels, by group, or those that are given instead."""
    if given:
        return {"labels as given": given}
    groups = {"seen while building": SEEN, "held out": HELD_OUT}
    return {title: [HERE / f"labels/{suite}.jsonl" for suite in group] for title, group in groups.items()}


def _judge(title: str, labels: Labels, root: Path, options: argparse.Namespace) -> None:
    folders = [folder for folder in labels.folders if (root / folder).exists()]
    named = {"default": lint(root, folders), ALL: lint(root, folders, ALL)}
    scores = {run: score(found, labels, root) for run, found in named.items()}
    print(f"{title}: {labels.models} models of {', '.join(folders)}")
    _print_scores(scores)
    if options.per_rule:
        _print_rules(named[ALL], scores[ALL])
    for statement in scores["default"].misses[: options.misses]:
        label = labels.statements[statement]
        print(f"  missed {label.level}: {_place(statement)}  {label.code}")
    for statement in scores["default"].false_positives[: options.false_positives]:
        codes = " ".join(sorted(named["default"][statement]))
        print(f"  false positive: {_place(statement)}  {codes}  {_code(root, statement)}")


def _print_scores(scores: dict[str, Score]) -> None:
    print(f"  {'':44}" + "".join(f"{run:>22}" for run in scores))
    rows = {f"found of {level}": [s.found(level) for s in scores.values()] for level in LEVELS}
    rows["named, executed and judged: harm or dyn"] = [s.share(*LEVELS[:2]) for s in scores.values()]
    rows["named, executed and judged: any event"] = [s.share(*LEVELS, SYMPTOM) for s in scores.values()]
    for row, shares in rows.items():
        print(f"  {row:44}" + "".join(f"{_percent(*share):>22}" for share in shares))
    for row, what in _COUNTED.items():
        print(f"  {row:44}" + "".join(f"{s.count(what):>22}" for s in scores.values()))


def _print_rules(named: Named, scored: Score) -> None:
    kinds = (*LEVELS, SYMPTOM, CLEAN, UNREACHED, SUSPECT, NOT_EXECUTED)
    print(f"  {'':8}" + "".join(f"{kind:>14}" for kind in kinds))
    for code, counts in by_rule(named, scored.seen).items():
        print(f"  {code:8}" + "".join(f"{counts[kind]:14}" for kind in kinds))


def _judge_reports(oracle: Path, root: Path) -> None:
    """Lines that users reported, and look-alikes that are fine."""
    loud, named = lint(root, ["."]), lint(root, ["."], ALL)
    for title, name in (("reported by users", "wild_dev.jsonl"), ("look-alikes that are fine", "wild_clean_dev.jsonl")):
        labels = read_lines(oracle / name)
        places = [_reported(root, label) for label in labels]
        there = [(label, place) for label, place in zip(labels, places, strict=True) if (root / place[0]).exists()]
        print(f"{title}: {len(there)} of {len(labels)} lines are there")
        _print_shares(
            "named with --show-harmless", named, there, lambda label: label.get("kind", label.get("category"))
        )
        _print_shares("named by default", loud, there, lambda label: f"harmful={label.get('harmful')}")


def _reported(root: Path, label: dict[str, Any]) -> Statement:
    folder = label["repo"].replace("/", "+")
    if label["commit"].startswith("pypi:"):
        folder += "@" + label["commit"].removeprefix("pypi:")
    path = f"{folder}/{label['path']}"
    return path, statement_at(root / path, label["line"])[0]


def _print_shares(title: str, named: Named, there: Iterable[tuple[dict[str, Any], Statement]], key: Any) -> None:
    hits: dict[str, Counter[bool]] = defaultdict(Counter)
    for label, place in there:
        for group in (str(key(label)), "all"):
            hits[group][place in named] += 1
    print(f"  {title}")
    for group, counts in sorted(hits.items(), key=lambda item: -item[1].total()):
        print(f"    {group:28}{_percent(counts[True], counts.total()):>22}")


def _percent(part: int, whole: int) -> str:
    return f"{part} of {whole}  {part / whole:6.1%}" if whole else "-"


def _place(statement: Statement) -> str:
    return f"{statement[0]}:{statement[1]}"


def _code(root: Path, statement: Statement) -> str:
    return (root / statement[0]).read_text(encoding="utf-8").splitlines()[statement[1] - 1].strip()[:100]


if __name__ == "__main__":
    main()
