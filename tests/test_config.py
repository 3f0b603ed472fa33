from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Cli

from convlint.config import Configuration, Layer, Options, Settings, parse_config_option, parse_options, parse_targets
from convlint.errors import UsageError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def resolved(*layers: dict[str, object]) -> Settings:
    return Configuration([Layer(parse_options(layer, "test"), "test", Path.cwd()) for layer in layers]).settings(Path())


def test_the_nearest_configuration_wins(here: Path) -> None:
    (here / "pyproject.toml").write_text("[tool.convlint]\nexporter = 'dynamo'\n")
    (here / "part").mkdir()
    (here / "part/pyproject.toml").write_text("[tool.other]\n")
    (here / "other").mkdir()
    (here / "other/convlint.toml").write_text("exporter = 'torchscript'\n")
    configuration = Configuration()
    assert configuration.settings(here / "part").exporter == "dynamo"
    assert configuration.settings(here / "part").root == here
    assert configuration.settings(here / "other").exporter == "torchscript"


def test_convlint_toml_wins_over_pyproject_beside_it(here: Path) -> None:
    (here / "pyproject.toml").write_text("[tool.convlint]\nopset = 17\n")
    (here / "convlint.toml").write_text("opset = 18\n")
    assert Configuration().settings(here).opset == 18


def test_isolated_reads_no_file(here: Path) -> None:
    (here / "convlint.toml").write_text("this is no toml")
    assert Configuration(isolated=True).settings(here).opset is None


def test_a_named_file_replaces_the_nearest(here: Path) -> None:
    (here / "convlint.toml").write_text("opset = 17\n")
    (here / "mine.toml").write_text("opset = 18\nextend-exclude = ['a/b']\n")
    settings = Configuration(file=here / "mine.toml").settings(here)
    assert settings.opset == 18
    assert (here / "a/b").as_posix() in settings.exclude


def test_the_command_line_wins_over_the_file(here: Path) -> None:
    (here / "convlint.toml").write_text("exporter = 'dynamo'\npreview = true\n")
    settings = Configuration([Layer(Options(exporter="any", preview=False), "command line", here)]).settings(here)
    assert (settings.exporter, settings.preview) == ("any", False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("slect = ['CVL1']", ["convlint.toml", "`slect`", "did you mean `select`?"]),
        ("preview = 'yes'", ["`preview`", "expected `bool`", "`str`"]),
        ("exporter = 'dynmo'", ["`exporter`", "dynmo", "torchscript, dynamo, any"]),
        ("opset = 3", ["`opset`", ">= 7"]),
        ("select = ['CVX']", ["`CVX`", "convlint rule --all"]),
        ("target = 'tensort'", ["`tensort`", "did you mean `tensorrt`?"]),
        ("a = ", ["not valid TOML"]),
        ("entry-points = ['pkg.mod']", ["`entry-points`", "`pkg.mod`", "package.module:function"]),
        ("entry-points = ['pkg/mod.py:f']", ["`pkg/mod.py:f`", "package.module:function"]),
        ("entry-points = 'pkg.mod:f'", ["`entry-points`", "expected `array`"]),
        ("exclude-entry-points = ['pkg mod']", ["`exclude-entry-points`", "`pkg mod`", "package.legacy.*"]),
    ],
)
def test_mistakes_are_named_with_their_file(here: Path, text: str, words: list[str]) -> None:
    (here / "convlint.toml").write_text(text)
    with pytest.raises(UsageError) as error:
        Configuration().settings(here)
    assert all(word in str(error.value) for word in ["convlint.toml", *words])
    assert "\n" not in str(error.value) or "TOML" in str(error.value)


def test_tool_convlint_must_be_a_table(here: Path) -> None:
    (here / "pyproject.toml").write_text("[tool]\nconvlint = 3\n")
    with pytest.raises(UsageError, match="no table"):
        Configuration().settings(here)


@pytest.mark.parametrize(
    ("layers", "code", "selected"),
    [
        ([{}], "CVL301", True),
        ([{}], "ABC001", True),
        ([{"select": ["ALL"]}], "ABC001", True),
        ([{"select": ["CVL0"]}], "CVL301", False),
        ([{"ignore": ["CVL0"]}], "CVL001", False),
        ([{"select": ["CVL0"], "ignore": ["CVL00"]}], "CVL001", False),
        ([{"select": ["CVL001"], "ignore": ["CVL0"]}], "CVL001", True),
        ([{"select": ["CVL001"]}, {"ignore": ["CVL0"]}], "CVL001", False),
        ([{"select": ["CVL001"]}, {"ignore": ["ALL"]}], "CVL001", False),
        ([{"ignore": ["CVL001"]}, {"select": ["CVL0"]}], "CVL001", True),
        ([{"ignore": ["CVL001"]}, {"extend-select": ["CVL0"]}], "CVL001", True),
        ([{"ignore": ["CVL001"]}, {"extend-select": ["CVL002"]}], "CVL001", False),
    ],
)
def test_which_codes_are_selected(here: Path, layers: list[dict[str, object]], code: str, selected: bool) -> None:
    assert resolved(*layers).selects(code) is selected


def test_fixable_and_unfixable(here: Path) -> None:
    settings = resolved({"fixable": ["CVL0"], "unfixable": ["CVL001"]})
    assert [settings.may_fix(code) for code in ("CVL002", "CVL001", "CVL301")] == [True, False, False]


def test_per_file_ignores_are_relative_to_their_configuration(here: Path) -> None:
    settings = resolved({"per-file-ignores": {"tests/*": ["CVL0"], "!src/**": ["CVL002"], "old.py": ["ALL"]}})
    assert settings.ignores_in(here / "tests/a.py", "CVL001")
    assert not settings.ignores_in(here / "src/tests/a.py", "CVL001")
    assert settings.ignores_in(here / "b.py", "CVL002")
    assert not settings.ignores_in(here / "src/b.py", "CVL002")
    assert settings.ignores_in(here / "src/deep/old.py", "CVL301")


def test_entry_points_are_those_of_the_uppermost_layer(here: Path) -> None:
    settings = resolved({"entry-points": ["a:f"], "exclude-entry-points": ["b.*"]}, {"entry-points": ["c.d:F.g"]})
    assert [point.name for point in settings.entry_points] == ["c.d:F.g"]
    assert [pattern.name for pattern in settings.exclude_entry_points] == ["b.*"]


def test_targets_with_and_without_versions() -> None:
    assert parse_targets("onnxruntime==1.16, coreml") == (("onnxruntime", "1.16"), ("coreml", None))
    assert parse_targets(["tensorrt==10.0.1", "litert"]) == (("tensorrt", "10.0.1"), ("litert", None))


@pytest.mark.parametrize("text", ["onnxruntime==", "onnxruntime==new", "onnxruntime=1.16"])
def test_a_target_version_is_a_version(text: str) -> None:
    with pytest.raises(UsageError, match="onnxruntime"):
        parse_targets(text)


def test_config_option_is_a_file_or_a_pair(here: Path) -> None:
    (here / "x.toml").write_text("")
    assert parse_config_option("x.toml") == Path("x.toml")
    assert parse_config_option("opset = 18") == Options(opset=18)
    with pytest.raises(UsageError, match="neither a file nor a pair"):
        parse_config_option("missing.toml")


def test_a_version_of_a_target_that_nothing_is_known_of_is_said(cli: Cli) -> None:
    Path("a.py").write_text("")
    ran = cli("a.py", "--target", "tensorrt==8.7,openvino")
    assert "target `tensorrt==8.7`: what is known is of TensorRT 10.0, not of 8.7" in ran.err
    assert "openvino" not in ran.err
    assert "known are 10.0, 9.3, 9.2," in ran.err
    assert not cli("a.py", "--target", "tensorrt==8.6").err


def test_an_opset_that_is_not_known_is_refused(cli: Cli) -> None:
    Path("a.py").write_text("")
    ran = cli("a.py", "--opset", "99")
    assert (ran.code, "opset 99 is not known" in ran.err) == (2, True)
