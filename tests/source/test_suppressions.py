"""Comments that silence findings, and what is said of those that do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Agree
from convlint_rules.examples import forward

from convlint import api
from convlint.config import Configuration, Layer, Options
from convlint.source.document import Document

LINE = "return x * int(x.shape[0])"


def linted(path: Path, **options: object) -> list[str]:
    layer = Layer(Options(**options), "test", path.parent)  # type: ignore[arg-type]
    return [f"{f.code} {f.message}" for f in api.check([path], Configuration([layer], isolated=True)).findings]


def lint_line(tmp_path: Path, line: str, **options: object) -> list[str]:
    path = tmp_path / "model.py"
    path.write_text(forward(line))
    return linted(path, **options)


def repaired(tmp_path: Path, line: str) -> str:
    """The last line after ``--fix``, its code not being repaired."""
    path = tmp_path / "model.py"
    path.write_text(forward(line))
    layer = Layer(Options(unfixable=["CVL2"]), "test", tmp_path)
    api.fix([path], Configuration([layer], isolated=True))
    return path.read_text().splitlines()[-1].strip()


@pytest.mark.parametrize(
    "comment",
    [
        "# convlint: ignore[CVL202]",
        "# convlint: ignore[CVL202] sizes are fixed here",
        "#convlint:ignore[CVL202]",
        "# convlint: ignore [ CVL202 ]",
        "# convlint: ignore[CVL2]",
        "# convlint: ignore[CVL]",
        "# convlint: ignore[CVL202,]",
        "# fixed  # convlint: ignore[CVL202]",
        "# type: ignore  # convlint: ignore[CVL202]  # pragma: no cover",
        "# noqa: CVL202",
        "# noqa:CVL202",
        "# NOQA: cvl202",
        "# noqa: E501, CVL202",
        "# noqa: E501 CVL202 too long",
        "# noqa",
        "# convlint: ignore-file[CVL202]",
    ],
)
def test_a_comment_silences_its_line(tmp_path: Path, comment: str) -> None:
    assert lint_line(tmp_path, f"{LINE}  {comment}") == []


@pytest.mark.parametrize(
    "comment",
    ["# noqa: E501", "# noqa: because CVL202", "# noqax", "# CVL202", "# convlint ignore[CVL202]", "'# noqa'"],
)
def test_other_comments_silence_nothing_and_are_nobodys_business(tmp_path: Path, comment: str) -> None:
    separator = "; " if comment.startswith("'") else "  "
    (one,) = lint_line(tmp_path, LINE.replace("return", "y =") + separator + comment)
    assert one.startswith("CVL202 ")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_comment_is_found_with_any_line_ending(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "model.py"
    path.write_bytes(forward(f"{LINE}  # convlint: ignore[CVL202]").replace("\n", newline).encode())
    assert linted(path) == []


def test_a_comment_may_stand_on_any_line_of_the_statement(agree: Agree) -> None:
    agree(forward("y = f(\n    int(x.shape[0]),\n    1,\n)  # convlint: ignore[CVL202]\nreturn y"))
    agree(forward("y = f(  # convlint: ignore[CVL202]\n    int(x.shape[0]),\n)\nreturn y"))
    agree(forward("y = f(\n    1,  # convlint: ignore[CVL202]\n    int(x.shape[0]),\n)\nreturn y"))


def test_a_comment_on_the_line_above_silences_nothing(tmp_path: Path) -> None:
    said = lint_line(tmp_path, f"# convlint: ignore[CVL202]\n{LINE}")
    assert [one[:6] for one in said] == ["CVL002", "CVL202"]


def test_a_comment_on_a_header_does_not_silence_the_body(agree: Agree) -> None:
    body = "if x.sum() > 0:  # convlint: ignore[CVL301, CVL202]\n    x = x / x.max().item()  # CVL202\nreturn x"
    with pytest.raises(AssertionError, match=r"'CVL002'"):
        agree(forward(body))
    agree(forward(body.replace(", CVL202]", "]")))


def test_a_comment_in_a_body_does_not_silence_the_header(tmp_path: Path) -> None:
    said = lint_line(tmp_path, "if x.sum() > 0:\n    return x  # convlint: ignore[CVL301]\nreturn x * 2")
    assert [one[:6] for one in said] == ["CVL301", "CVL002"]


def test_a_comment_behind_the_colon_silences_a_test_of_several_lines(agree: Agree) -> None:
    agree(forward("if (\n    x.sum()\n    > 0\n):  # convlint: ignore[CVL301]\n    return x\nreturn x * 2"))


def test_a_file_comment_silences_its_codes_everywhere_and_no_others(agree: Agree) -> None:
    source = forward(f"y = x / x.max().item()\nassert x.sum() > 0  # CVL305\n{LINE}")
    agree(source + "# convlint: ignore-file[CVL202] an old model\n")


def test_what_a_comment_silences_for_others_is_in_use(tmp_path: Path) -> None:
    """Harmless in this run, but not for every exporter, target and opset."""
    assert lint_line(tmp_path, "return x * x.sum().item()  # convlint: ignore[CVL202]", exporter="dynamo") == []
    assert lint_line(tmp_path, "return x[x > 0]  # convlint: ignore[CVL401]") == []
    assert len(lint_line(tmp_path, "return x[x > 0]", target="tensorrt")) == 1


def test_a_code_that_was_not_selected_is_not_called_unused(tmp_path: Path) -> None:
    assert lint_line(tmp_path, "return x * 2  # convlint: ignore[CVL202]", select=["CVL0", "CVL3"]) == []
    assert lint_line(tmp_path, "return x * 2  # convlint: ignore[CVL202]", ignore=["CVL002"]) == []


def test_an_unused_code_is_a_warning_that_names_it(tmp_path: Path) -> None:
    assert lint_line(tmp_path, f"{LINE}  # convlint: ignore[CVL202, CVL301, CVL4]") == [
        "CVL002 nothing to suppress here for CVL301, CVL4; remove it"
    ]


def test_foreign_and_bare_comments_are_never_called_unused(tmp_path: Path) -> None:
    assert lint_line(tmp_path, "return x * 2  # noqa") == []
    assert lint_line(tmp_path, "return x * 2  # noqa: E501") == []


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("# convlint: ignore CVL202", "`ignore` names no code; write `# convlint: ignore[CODE] reason`"),
        ("# convlint: ignore[CVL202", "`ignore` names no code; write `# convlint: ignore[CODE] reason`"),
        ("# convlint: ignore[]", "`ignore` names no code; write `# convlint: ignore[CODE] reason`"),
        ("# convlint: ignore-file", "`ignore-file` names no code; write `# convlint: ignore-file[CODE] reason`"),
        ("# convlint: disable[CVL202]", "`disable` is no instruction; write `# convlint: ignore[CODE] reason`"),
        ("# convlint: ignore[cvl202]", "`cvl202` is no code; write codes like `CVL301`, separated by commas"),
        ("# convlint: ignore[scalar]", "`scalar` is no code; write codes like `CVL301`, separated by commas"),
    ],
)
def test_a_malformed_comment_silences_nothing_and_is_explained(tmp_path: Path, comment: str, message: str) -> None:
    finding, about = lint_line(tmp_path, f"{LINE}  {comment}")
    assert finding.startswith("CVL202")
    assert about == f"CVL003 {message}"


def test_an_unknown_code_is_a_warning_with_the_nearest(tmp_path: Path) -> None:
    said = lint_line(tmp_path, f"{LINE}  # convlint: ignore[CVL202, CVL222]")
    assert said == ["CVL004 `CVL222` is no rule; did you mean `CVL202`?"]


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("return x  # convlint: ignore[CVL202] why", "return x"),
        ("return x  # convlint: ignore[CVL202, CVL301] why", "return x"),
        (f"{LINE}  # convlint: ignore[CVL202, CVL301] why", f"{LINE}  # convlint: ignore[CVL202] why"),
        (f"{LINE}  # convlint: ignore[CVL301,CVL202]", f"{LINE}  # convlint: ignore[CVL202]"),
        (f"{LINE}  # convlint: ignore[CVL, CVL301]", f"{LINE}  # convlint: ignore[CVL]"),
        ("return x  # old  # convlint: ignore[CVL202] why", "return x  # old"),
        ("return x  # convlint: ignore[CVL202] if x else 3  # type: ignore", "return x  # type: ignore"),
        ("return x  # noqa: CVL202", "return x"),
        ("return x  # noqa: cvl202", "return x"),
        ("return x  # noqa: CVL202, E501", "return x  # noqa: E501"),
        ("return x  # noqa: E501 CVL202 long", "return x  # noqa: E501 long"),
        ("return x  # noqa: CVL202  # convlint: ignore[CVL301]", "return x"),
        ("return '# noqa: CVL202'  # noqa: CVL202", "return '# noqa: CVL202'"),
    ],
)
def test_fix_takes_out_what_is_unused_and_no_more(tmp_path: Path, line: str, after: str) -> None:
    assert repaired(tmp_path, line) == after


def test_a_syntax_error_can_be_silenced(tmp_path: Path) -> None:
    path = tmp_path / "template.py"
    path.write_text("# convlint: ignore-file[CVL001] filled in later\ndef {{ name }}(:\n")
    assert linted(path) == []


# --- --add-ignores -------------------------------------------------------------------------------------------------


def ignored(tmp_path: Path, source: str) -> tuple[int, str, list[str]]:
    path = tmp_path / "model.py"
    path.write_bytes(source.encode())
    count = api.add_ignores([path], Configuration(isolated=True))
    return count, path.read_bytes().decode(), linted(path)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_after_add_ignores_nothing_is_found(tmp_path: Path, newline: str) -> None:
    source = forward(f"if x.sum() > 0:  # a note\n    x = x / x.max().item() * len(x.abs())\n{LINE}").replace(
        "\n", newline
    )
    count, text, left = ignored(tmp_path, source)
    assert (count, left) == (4, [])
    assert text == (
        source.replace("# a note", "# a note  # convlint: ignore[CVL301]")
        .replace("len(x.abs())", "len(x.abs())  # convlint: ignore[CVL202, CVL205]")
        .replace(LINE, f"{LINE}  # convlint: ignore[CVL202]")
    )


def test_add_ignores_joins_the_comment_that_is_there(tmp_path: Path) -> None:
    line = "return x / x.max().item() * len(x.abs())  # convlint: ignore[CVL205] a fixed batch"
    count, text, left = ignored(tmp_path, forward(line))
    assert (count, left) == (1, [])
    assert text == forward(line).replace("[CVL205]", "[CVL205, CVL202]")


def test_add_ignores_twice_adds_nothing(tmp_path: Path) -> None:
    _, once, _ = ignored(tmp_path, forward(LINE))
    count, twice, _ = ignored(tmp_path, once)
    assert (count, twice) == (0, once)


@pytest.mark.parametrize(
    ("body", "commented"),
    [
        ('y = f(int(x.shape[0]), """\n""")\nreturn y', '""")'),
        ("y = f(\n    int(x.shape[0]),\n)\nreturn y", ")"),
        ("y = int(x.shape[0]); z = (1,\n    2)\nreturn y", "y = int(x.shape[0]); z = (1,"),
        ("y = (1 +\n  int(x.shape[0])) * \\\n    2\nreturn y", "2"),
        ("for i in range(\n    x.shape[0]\n): x = x * 2\nreturn x", "): x = x * 2"),
        ("return x * int(x.shape[0])", LINE),
    ],
)
def test_a_comment_goes_where_it_changes_nothing(tmp_path: Path, body: str, commented: str) -> None:
    source = forward(body).removesuffix("\n")
    count, text, left = ignored(tmp_path, source)
    assert (count, left) == (1, [])
    assert [line.split("  # convlint")[0].strip() for line in text.splitlines() if "# convlint" in line] == [commented]


@pytest.mark.parametrize(
    "body",
    ['y = int(x.shape[0]); z = """\n"""\nreturn y', "y = int(x.shape[0]); z = 1 + \\\n    2\nreturn y"],
)
def test_where_no_comment_can_stand_the_file_stays_as_it_is(tmp_path: Path, body: str) -> None:
    count, text, left = ignored(tmp_path, forward(body))
    assert (count, text, len(left)) == (0, forward(body), 1)


def test_add_ignores_leaves_findings_about_the_file_alone(tmp_path: Path) -> None:
    count, text, _ = ignored(tmp_path, "def f(:\n")
    assert (count, text) == (0, "def f(:\n")


def test_comments_of_a_text_that_ends_too_early_are_read_as_far_as_it_goes() -> None:
    from convlint.source.suppressions import suppressions

    found, _ = suppressions(Document("m.py", "x = 1  # noqa: CVL1\ny = (\n"))
    assert [one.span.row for one in found] == [1]


@pytest.mark.parametrize(
    ("data", "code"), [(b"x = 1  # convlint: ignore CVL202\n", "CVL003"), (b"x = (\n", "CVL001"), (b"\xff", "CVL001")]
)
def test_what_is_said_of_a_file_can_be_ignored_in_it(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "model.py"
    path.write_bytes(data)
    assert [line.partition(" ")[0] for line in linted(path)] == [code]
    assert linted(path, per_file_ignores={"model.py": [code]}) == []
