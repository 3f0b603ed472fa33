"""What the editor offers to do about findings: repair one, repair all, suppress one."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from lsprotocol import types as lsp

from convlint.findings import Applicability, Edit, Finding, Span
from convlint.fixer import suppression, together, wanted_repairs
from convlint.linter import Repairable
from convlint.server.checking import Checked
from convlint.server.documents import Text
from convlint.server.positions import Positions
from convlint.server.told import Teller, touches
from convlint.source.document import split

FIX_ALL = "source.fixAll.convlint"
KINDS = (lsp.CodeActionKind.QuickFix, FIX_ALL)


def wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Whether an editor that asks for some kinds of actions takes one of a kind."""
    return only is None or any(kind == one or kind.startswith(f"{one}.") for one in only)


class Actions:
    """What can be done in one state of a text; ``versions`` says whether the editor takes edits of a version."""

    def __init__(self, checked: Checked, teller: Teller, positions: Positions, *, versions: bool) -> None:
        self._checked = checked
        self._teller = teller
        self._positions = positions
        self._versions = versions

    def at(self, span: Span) -> list[lsp.CodeAction]:
        """Repairs and suppressions of what is found at a place."""
        result, opened = self._checked.result, self._checked.opened
        repairs = {id(repairable.finding): repairable for repairable in result.repairables}
        actions: list[lsp.CodeAction] = []
        for finding in result.findings:
            if not touches(finding.span, span):
                continue
            repairable = repairs.get(id(finding))
            made = [self._repair(repairable)] if repairable is not None else []
            made.append(self._suppress(finding))
            for action in filter(None, made):
                action.diagnostics = [self._teller.diagnostic(opened, finding)]
                actions.append(action)
        return sorted(actions, key=lambda action: not action.is_preferred)

    def can_fix_all(self) -> bool:
        """Whether there is anything that ``--fix`` would repair."""
        return bool(wanted_repairs(self._checked.result, self._checked.settings))

    def replaced(self, text: str) -> lsp.WorkspaceEdit:
        """The edit that makes the document's text another one."""
        by_text: dict[Text, list[lsp.TextEdit]] = {}
        for old, new in self._checked.opened.new_texts(text):
            edits = [self._edit(old, edit) for edit in _differences(old.lines, split(new))]
            if edits:
                by_text[old] = edits
        return self._workspace_edit(by_text)

    def _repair(self, repairable: Repairable) -> lsp.CodeAction | None:
        """What ``--fix`` would make of one finding, also where it is unsafe, which is said."""
        finding, settings = repairable.finding, self._checked.settings
        if finding.fixable is Applicability.display or not settings.may_fix(finding.code):
            return None
        chosen = together(self._checked.opened.document, [repairable], settings)
        edit = self._edited(edit for repair in chosen for edit in repair.edits)
        if edit is None:
            return None
        safe = finding.fixable is Applicability.safe
        title = f"Repair {finding.code} ({finding.name})" + ("" if safe else ", unsafe: may change what eager computes")
        return lsp.CodeAction(title, lsp.CodeActionKind.QuickFix, edit=edit, is_preferred=safe or None)

    def _suppress(self, finding: Finding) -> lsp.CodeAction | None:
        edit = suppression(self._checked.opened.document, finding)
        written = self._edited([edit]) if edit is not None else None
        if written is None:
            return None
        return lsp.CodeAction(f"Suppress {finding.code} here", lsp.CodeActionKind.QuickFix, edit=written)

    def _edited(self, edits: Iterable[Edit]) -> lsp.WorkspaceEdit | None:
        by_text: dict[Text, list[lsp.TextEdit]] = defaultdict(list)
        for edit in dict.fromkeys(edits):
            placed = self._checked.opened.placed(edit)
            if placed is None:
                return None
            text, moved = placed
            by_text[text].append(self._edit(text, moved))
        return self._workspace_edit(by_text) if by_text else None

    def _edit(self, text: Text, edit: Edit) -> lsp.TextEdit:
        return lsp.TextEdit(self._positions.range(text.lines, edit.span), edit.content)

    def _workspace_edit(self, by_text: dict[Text, list[lsp.TextEdit]]) -> lsp.WorkspaceEdit:
        if not self._versions:
            return lsp.WorkspaceEdit(changes={text.uri: edits for text, edits in by_text.items()})
        return lsp.WorkspaceEdit(
            document_changes=[
                lsp.TextDocumentEdit(lsp.OptionalVersionedTextDocumentIdentifier(text.uri, text.version), list(edits))
                for text, edits in by_text.items()
            ]
        )


def _differences(old: Sequence[str], new: Sequence[str]) -> Iterator[Edit]:
    """The edits, whole lines each, that make one text of another."""
    first = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    matcher = difflib.SequenceMatcher(None, old[first:], new[first:], autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind != "equal":
            span = Span(first + start + 1, 1, first + end + 1, 1)
            yield Edit(span, "".join(new[first + new_start : first + new_end]))
