from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from convlint.errors import UsageError
from convlint.source.discovery import DEFAULT_EXCLUDE, anchored, discover, project_root


@dataclass(frozen=True)
class Scope:
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    force_exclude: bool = False
    respect_gitignore: bool = True


def tree(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(root: Path, *paths: str, scope: Scope | None = None) -> list[str]:
    files = discover([root / path for path in paths or (".",)], lambda _: scope or Scope())
    return [file.relative_to(root).as_posix() for file in files]


def test_python_files_in_order_without_the_usual_folders(tmp_path: Path) -> None:
    tree(tmp_path, "b.py", "a/c.py", "a/c.txt", "a/c.pyi", "build/x.py", "a/.venv/x.py", "node_modules/x.py", "py")
    assert found(tmp_path) == ["a/c.py", "b.py"]


def test_patterns_by_name_and_by_place(tmp_path: Path) -> None:
    tree(tmp_path, "gen/a.py", "src/gen/a.py", "src/old/a.py", "src/b_pb2.py", "src/b.py")
    assert found(tmp_path, scope=Scope(("gen", "*_pb2.py"))) == ["src/b.py", "src/old/a.py"]
    assert found(tmp_path, scope=Scope((anchored("./gen", tmp_path), anchored("src/o*/", tmp_path)))) == [
        "src/b.py",
        "src/b_pb2.py",
        "src/gen/a.py",
    ]


def test_a_folder_with_glob_characters_is_no_glob(tmp_path: Path) -> None:
    root = tmp_path / "a[b]*"
    tree(root, "x/a.py", "y/a.py")
    assert found(root, scope=Scope((anchored("x/*", root),))) == ["y/a.py"]


def test_a_named_file_is_linted_unless_exclusion_is_forced(tmp_path: Path) -> None:
    tree(tmp_path, "build/x.py", "script")
    assert found(tmp_path, "build/x.py", "script") == ["build/x.py", "script"]
    assert found(tmp_path, "build/x.py", "script", scope=Scope(force_exclude=True)) == ["script"]


def test_a_named_folder_is_walked_although_excluded(tmp_path: Path) -> None:
    tree(tmp_path, "site-packages/timm/a.py", "site-packages/timm/build/b.py")
    assert found(tmp_path, "site-packages/timm") == ["site-packages/timm/a.py"]


def test_gitignore_of_each_folder_up_to_the_repository(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", "out/a.py", "src/a.py", "src/tmp_a.py", "src/keep/tmp_b.py", "src/local.py", "src/deep/out")
    (tmp_path / ".git/info").mkdir(parents=True)
    (tmp_path / ".git/info/exclude").write_text("local.py\n")
    (tmp_path / ".gitignore").write_text("/out/\ntmp_*\n")
    (tmp_path / "src/keep/.gitignore").write_text("!tmp_b.py\n")
    assert found(tmp_path) == ["a.py", "src/a.py", "src/keep/tmp_b.py"]
    assert found(tmp_path, "src") == ["src/a.py", "src/keep/tmp_b.py"]
    assert found(tmp_path, "out") == ["out/a.py"]
    assert "out/a.py" in found(tmp_path, scope=Scope(respect_gitignore=False))


def test_gitignore_counts_only_in_a_repository(tmp_path: Path) -> None:
    tree(tmp_path, "a.py")
    (tmp_path / ".gitignore").write_text("a.py\n")
    assert found(tmp_path) == ["a.py"]


def test_a_file_named_twice_is_linted_once(tmp_path: Path) -> None:
    tree(tmp_path, "a/b.py")
    assert found(tmp_path, "a", "a/b.py", "a/../a") == ["a/b.py"]


def test_a_link_to_a_folder_above_does_not_loop(tmp_path: Path) -> None:
    tree(tmp_path, "a/b.py")
    (tmp_path / "a/up").symlink_to(tmp_path)
    assert found(tmp_path) == ["a/b.py"]


def test_a_missing_path_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothere.*does not exist"):
        found(tmp_path, "nothere")


def test_each_file_has_the_scope_of_its_folder(tmp_path: Path) -> None:
    tree(tmp_path, "a/x.py", "b/x.py")
    inner = Scope(("x.py",))
    files = discover([tmp_path], lambda folder: inner if folder.name == "a" else Scope())
    assert [file.parent.name for file in files] == ["b"]


@pytest.mark.parametrize("mark", ["pyproject.toml", "setup.py", "setup.cfg", ".git"])
def test_the_project_root_is_the_nearest_marked_folder(tmp_path: Path, mark: str) -> None:
    tree(tmp_path, mark, "src/pkg/__init__.py", "src/pkg/model.py")
    assert project_root(tmp_path / "src/pkg/model.py") == tmp_path


def test_an_installed_package_does_not_belong_to_the_project_around_it(tmp_path: Path) -> None:
    tree(tmp_path, "pyproject.toml", "venv/lib/site-packages/timm/models/vit.py")
    assert project_root(tmp_path / "venv/lib/site-packages/timm/models/vit.py").name == "site-packages"


def test_without_marks_the_root_holds_the_top_package(tmp_path: Path) -> None:
    tree(tmp_path, "lib/pkg/__init__.py", "lib/pkg/sub/__init__.py", "lib/pkg/sub/m.py")
    assert project_root(tmp_path / "lib/pkg/sub/m.py") == tmp_path / "lib"
