"""Documents and rules to findings: one run."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from convlint import backends, baseline
from convlint.analyzer import Analyzer, Asked, roomy
from convlint.config import TARGETS, Settings
from convlint.errors import nearest, raised
from convlint.events import Call, ClassDef, Event, Failed, Generic, OfLibrary, OperatorCall
from convlint.findings import Applicability, Edit, Finding, Fix, Severity, Span
from convlint.rule import Context, Rule, current, faults, registry
from convlint.source.discovery import absolute
from convlint.source.document import TOO_DEEP, Document, SourceError, TooLargeError
from convlint.source.suppressions import Suppression, suppressions, without

if TYPE_CHECKING:
    import libcst as cst

    from convlint.analyzer.files import Files
    from convlint.analyzer.known import Store
    from convlint.analyzer.project import Grounds

EVERYWHERE = tuple(Context(targets=dict.fromkeys(TARGETS), opset=one, backends=backends) for one in (None, 9))
"""All exporters and targets, a new and an old opset: where a suppression may be of use to somebody."""


@dataclass(frozen=True)
class Repairable:
    """A finding with what it takes to compute its fix."""

    finding: Finding
    rule: Rule | None = None
    event: Event | None = None

    def fix(self, context: Context) -> Fix | None:
        """The edits, computed when asked for; None also where a rule fails to (its finding stays)."""
        made = self.attempt(context)
        return made if isinstance(made, Fix) else None

    def attempt(self, context: Context) -> Fix | str | None:
        """The edits, or what the rule raised."""
        if self.finding.fix is not None or self.rule is None:
            return self.finding.fix
        try:
            return self.rule.fix(self.event, context)
        except Exception as error:  # a third party's rule must not end the run
            return raised(error)


@dataclass
class LintResult:
    """What a run found, suppressed and baselined findings left out."""

    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    repairables: list[Repairable] = field(default_factory=list)
    documents: dict[str, Document] = field(default_factory=dict)
    grounds: Grounds | None = None
    """Where what is learnt is kept: what it rests on."""


def lint(
    paths: Sequence[Path],
    settings: Settings,
    *,
    stdin: Document | None = None,
    files: Files | None = None,
    want_fixes: bool = False,
    store: Store | None = None,
    alone: bool = False,
) -> LintResult:
    """The findings of files, or of one document that is not on disk.

    ``files`` is where those around are read from, ``store`` keeps what is learnt of files from run to run. Where the
    files are ``alone``, no other calls what they define: none is asked how it would.

    Raises:
        UsageError: the baseline cannot be read, or an entry point is named that is not there.
    """
    from convlint.analyzer.files import Files

    files = files or Files()
    documents: list[Document] = []
    unreadable: list[Finding] = []
    for path in paths:
        try:
            documents.append(files.document(path))
        except SourceError as error:
            severity: Severity = "info" if isinstance(error, TooLargeError) else "error"
            unreadable.append(_not_parsed(str(path), error, severity))
    if stdin is not None:
        documents.append(stdin)
    result = lint_documents(documents, settings, files, store, alone)
    result.findings += [finding for finding in unreadable if _wanted(finding, settings)]
    result.files += len(unreadable)
    if want_fixes:
        result.findings = [finding for finding in result.findings if finding.fixable is None]
        result.findings += [replace(r.finding, fix=r.fix(settings.context)) for r in result.repairables]
    result.findings.sort(key=lambda finding: (finding.path, finding.span, finding.code))
    return result


def lint_documents(
    documents: Sequence[Document],
    settings: Settings,
    files: Files | None = None,
    store: Store | None = None,
    alone: bool = False,
) -> LintResult:
    """The findings of documents in memory; ``files`` is where those around them are read from, as for ``lint``.

    A ``store`` is only for documents whose digest is that of their text.
    """
    with roomy():
        return _lint_documents(documents, settings, files, store, alone)


def _lint_documents(
    documents: Sequence[Document], settings: Settings, files: Files | None, store: Store | None, alone: bool
) -> LintResult:
    rules = _selected(settings)
    named, excluded = settings.entry_points, settings.exclude_entry_points
    analyzer = Analyzer(files, _asked(rules.values()), named, excluded, settings.jobs, store, alone)
    found: dict[str, list[Repairable]] = defaultdict(list)
    excused = baseline.read(settings.baseline) if settings.baseline is not None else None
    by_path = {document.path: document for document in documents}
    events, errors = analyzer.events(documents)
    result = LintResult(files=len(documents), documents=by_path, grounds=analyzer.grounds)
    for document in documents:
        path = Path(document.path)
        ignored = {r.code for r in rules.values() if settings.ignores_in(path, r.code)}
        if error := errors.get(absolute(document.path)):
            found[document.path].append(Repairable(_syntax(document, error)))
        found[document.path] += [Repairable(_syntax(document, error)) for error in document.broken]
        found[document.path] += _judged(events.get(document.path, []), rules, settings.context, ignored)
        kept = _suppressed(document, found[document.path], events.get(document.path, []), rules)
        kept = [r for r in kept if _wanted(r.finding, settings)]
        if not settings.show_harmless:
            kept = [r for r in kept if r.finding.severity != "info" or r.finding.code == "CVL001"]
        result.repairables += kept
    findings = [r.finding for r in result.repairables]
    if excused is not None and settings.baseline is not None:
        left = {id(f) for f in baseline.left(findings, excused, by_path, settings.baseline)}
        result.repairables = [r for r in result.repairables if id(r.finding) in left]
    result.findings = [r.finding for r in result.repairables]
    result.repairables = [r for r in result.repairables if r.finding.fixable is not None]
    return result


def events(paths: Sequence[Path], settings: Settings) -> list[Event]:
    """The events of files, by no rule's judgement; what does not parse has none.

    Raises:
        UsageError: an entry point is named that is not there.
    """
    with roomy():
        analyzer = Analyzer(None, Asked(operators=True), settings.entry_points, settings.exclude_entry_points)
        documents = []
        for path in paths:
            with suppress(SourceError):
                documents.append(Document.read(path))
        found, _ = analyzer.events(documents)
        return [event for events in found.values() for event in events]


def _wanted(finding: Finding, settings: Settings) -> bool:
    return settings.selects(finding.code) and not settings.ignores_in(Path(finding.path), finding.code)


def _selected(settings: Settings) -> dict[str, Rule]:
    return {
        code: rule()
        for code, rule in registry().items()
        if rule.events
        and settings.selects(code)
        and (rule.status != "preview" or settings.preview)
        and (settings.context.chosen or not rule.for_targets)
    }


def asked_of(settings: Settings) -> list[object]:
    """What the rules of settings want to know besides what every run finds, as plain data."""
    asked = _asked(_selected(settings).values())
    return [sorted(asked.callees), sorted(asked.attributes), asked.classes, asked.operators]


def _asked(rules: Iterable[Rule]) -> Asked:
    """What rules want to know besides what every run finds."""
    return Asked(
        frozenset(callee for rule in rules for callee in rule.callees),
        frozenset(attribute for rule in rules for attribute in rule.attributes),
        any(ClassDef in rule.events for rule in rules),
        any(OperatorCall in rule.events for rule in rules),
    )


def _wants(rule: Rule, event: Generic) -> bool:
    match event:
        case Call(callee=callee):
            return callee in rule.callees
        case OfLibrary(qualified=qualified):
            return qualified in rule.attributes
        case _:
            return type(event) in rule.events


def _judged(
    events: Iterable[Event], rules: dict[str, Rule], context: Context, ignored: Iterable[str] = ()
) -> list[Repairable]:
    """The findings that rules make of events; the same sentence at the same place, as in a chain of calls, once."""
    by_event: dict[type[Event], list[Rule]] = {}
    seen: set[tuple[str, int, int, str]] = set()
    judged: list[Repairable] = []
    for event in events:
        kind = type(event)
        if isinstance(event, Failed):
            judged.append(Repairable(_not_followed(event)))
            continue
        if kind not in by_event:
            by_event[kind] = [r for r in rules.values() if issubclass(kind, r.events) and r.code not in ignored]
        for rule in by_event[kind]:
            if isinstance(event, Generic) and not _wants(rule, event):
                continue
            finding = _checked(rule, event, context)
            if finding is None:
                continue
            same = (finding.code, finding.span.row, finding.span.column, finding.message)
            if same not in seen:
                seen.add(same)
                judged.append(Repairable(finding, rule, event))
    return judged


def _checked(rule: Rule, event: Event, context: Context) -> Finding | None:
    try:
        found = rule.check(event, context)
        if not isinstance(found, Finding | None):
            raise TypeError(f"`check` returned a {type(found).__name__}, no finding")
        return found
    except Exception as error:  # a third party's rule must not end the run
        message = (
            f"rule {rule.code} failed here ({raised(error)}); report it to the authors of "
            f"`{type(rule).__module__}` with this line"
        )
        return Finding("CVL005", "rule-crashed", message, event.document.path, event.span, "error")


def _not_followed(event: Failed) -> Finding:
    message = (
        f"convlint itself failed in `{event.function}` ({event.why}), so that problems of it are not seen; "
        f"please report it with this function"
    )
    return Finding("CVL005", "rule-crashed", message, event.document.path, event.span, "error")


# --- files that do not parse -------------------------------------------------------------------------------------


def _not_parsed(path: str, error: SourceError, severity: Severity, hint: str = "") -> Finding:
    span = Span(error.row, error.column, error.row, error.column + 1)
    return Finding("CVL001", "syntax-error", f"{error}{hint}", path, span, severity)


def _syntax(document: Document, error: SourceError) -> Finding:
    newer = _newer_python(document.text, str(error))
    if newer:
        return _not_parsed(
            document.path, error, "info", f"; needs Python {newer}, run convlint with it to lint this file"
        )
    return _not_parsed(document.path, error, "error")


_LONGEST = 200_000
"""Characters of a text that LibCST, which is slow, is asked about."""
_DEEPEST = 200
"""How deeply Python lets brackets nest; far beyond, LibCST's parser overflows the stack and ends the process."""


def _newer_python(text: str, error: str) -> str | None:
    """The Python version whose syntax a text needs that this one cannot parse; None where it is plainly wrong."""
    import libcst as cst

    if error == TOO_DEEP or len(text) > _LONGEST or _depth(text) > _DEEPEST:
        return None
    try:
        module = cst.parse_module(text)
    except (cst.ParserSyntaxError, RecursionError, ValueError):
        return None
    needed = max(_versions(module), default=(0, 0))
    return f"{needed[0]}.{needed[1]} or newer" if needed > sys.version_info[:2] else None


def _depth(text: str) -> int:
    """How deeply brackets nest at most, those in strings and comments counted too."""
    depth = deepest = 0
    for bracket in re.findall(r"[()\[\]{}]", text):
        depth = depth + 1 if bracket in "([{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _versions(module: cst.Module) -> Iterator[tuple[int, int]]:
    """The Python versions that the newer parts of a tree came with."""
    import libcst as cst

    stack: list[cst.CSTNode] = [module]
    while stack:
        node = stack.pop()
        stack.extend(node.children)
        if type(node).__name__ == "TemplatedString":  # which the oldest LibCST does not know
            yield 3, 14
        elif isinstance(node, cst.ExceptHandler):
            if isinstance(node.type, cst.Tuple) and not node.type.lpar:
                yield 3, 14
        elif isinstance(node, cst.TypeParam):
            yield (3, 13) if node.default is not None else (3, 12)
        elif isinstance(node, cst.TypeAlias) or (isinstance(node, cst.FormattedString) and _nests_freely(module, node)):
            yield 3, 12


def _nests_freely(module: cst.Module, node: cst.FormattedString) -> bool:
    """Whether an f-string holds, between braces, what only Python 3.12 allows there."""
    import libcst as cst

    forbidden = {"\\", "#", node.end} | ({"\n", "\r"} if len(node.end) == 1 else set())
    for part in node.parts:
        if isinstance(part, cst.FormattedStringExpression):
            around = (part.whitespace_before_expression, part.expression, part.whitespace_after_expression)
            if any(word in module.code_for_node(piece) for piece in around for word in forbidden):
                return True
    return False


# --- suppressions ------------------------------------------------------------------------------------------------


def _suppressed(
    document: Document, found: list[Repairable], events: list[Event], rules: dict[str, Rule]
) -> list[Repairable]:
    """The findings that no comment silences, and findings about the comments themselves."""
    known = registry()
    comments, malformed = suppressions(document, (*known, *(old for rule in known.values() for old in rule.formerly)))
    if not comments and not malformed:
        return found
    for comment in comments:
        comment.renamed = {code: new for code in comment.codes if (new := current(code)) != code}
    everywhere = [r.finding for context in EVERYWHERE for r in _judged(events, rules, context)]
    everywhere += [r.finding for r in found]
    for finding in everywhere:
        for comment in comments:
            if comment.covers(finding):
                comment.used.update(code for code in comment.codes if comment.means(code, finding))
    kept = [r for r in found if not any(comment.covers(r.finding) for comment in comments)]
    about = [_about("CVL003", "malformed-suppression", one.message, document, one.span) for one in malformed]
    for comment in comments:
        about += _about_comment(document, comment, rules)
    return kept + [Repairable(finding) for finding in about]


def _about(code: str, name: str, message: str, document: Document, span: Span, edit: Edit | None = None) -> Finding:
    what = "Correct" if edit and edit.content else "Remove"
    fix = Fix(f"{what} the suppression", (edit,), Applicability.safe) if edit else None
    fixable = Applicability.safe if edit else None
    return Finding(code, name, message, document.path, span, "warning", fix=fix, fixable=fixable)


def _about_comment(document: Document, comment: Suppression, rules: dict[str, Rule]) -> list[Finding]:
    about = _about_codes(document, comment)
    active = [c for c in comment.unused if any(r.startswith(comment.renamed.get(c, c)) for r in rules)]
    if active and comment.kind != "ignore-file" and _stands_alone(document, comment.span):
        message = "a comment on a line of its own suppresses nothing; put it behind the statement"
        about.append(_about("CVL002", "unused-suppression", message, document, comment.span))
    elif active:
        message = f"nothing to suppress here for {', '.join(active)}; remove it"
        edit = without(document, comment, active)
        about.append(_about("CVL002", "unused-suppression", message, document, comment.span, edit))
    return about


def _about_codes(document: Document, comment: Suppression) -> list[Finding]:
    """What is to be said of codes that no rule has, or none any more."""
    known, about = registry(), list[Finding]()
    for code in comment.codes:
        edit = None
        if new := comment.renamed.get(code):
            message = f"`{code}` is called {new} now, which this comment still means; write {new}"
            edit = Edit(comment.span, document.segment(comment.span).replace(code, new))
        elif code in known and known[code].status == "removed":
            message = f"`{code}` was removed: {known[code].reason.rstrip('.')}; remove it here too"
            edit = without(document, comment, [code])
        elif any(one.startswith(code) for one in known) or (faults() and not code.startswith("CVL")):
            continue
        else:
            message = f"`{code}` is no rule{nearest(code, known)}"
        about.append(_about("CVL004", "unknown-code-in-suppression", message, document, comment.span, edit))
    return about


def _stands_alone(document: Document, span: Span) -> bool:
    return not document.lines[span.row - 1][: span.column - 1].strip()
