"""No byte of a user's is lost: a file is the old one or the new one, whatever ends the run or stands in its way.

``KILLS`` says how often ``--fix`` is killed (20 unless given).
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from convlint_rules.examples import forward

from convlint.config import Settings
from convlint.fixer import fix_paths
from convlint.source.replacing import replace_bytes

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals, modes and mounts of Unix")

KILLS = int(os.environ.get("KILLS", "20"))
OLD = forward("return x * int(x.shape[0])")
NEW = OLD.replace("int(x.shape[0])", "x.shape[0]")
FILLED = OLD + "# filled\n" * 5000
FIX = "import sys; from convlint.cli.app import run; sys.stdout.write('.'); sys.stdout.flush(); run(['.', '--fix'])"
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def fixing(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", FIX], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> str:
    return process.communicate(timeout=120)[1].decode()


def texts(folder: Path) -> set[str]:
    return {path.read_text() for path in folder.glob("*.py")}


# --- what ends a run -----------------------------------------------------------------------------------------------


KILLING = """
import os, random, signal, sys, time
from pathlib import Path
from convlint.cli.app import run

def fork():
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        run([".", "--fix", "--isolated"])
        os._exit(0)
    return child

old, kills = sys.stdin.read(), int(sys.argv[1])
names = [f"m{number:02}.py" for number in range(60)]
def renew():
    for name in names:
        Path(name).write_text(old)
renew()
run([".", "--isolated"])  # imports
at = time.monotonic()
os.waitpid(fork(), 0)
takes, chance = time.monotonic() - at, random.Random(0)
for number in range(kills):
    renew()
    child = fork()
    if number % 5 == 0:
        time.sleep(chance.uniform(0, 1.1) * takes)
    else:  # files are written at the end, in a few thousandths of a second
        over = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while not any(map(str.startswith, os.listdir(), [".convlint-"] * 99)) and not os.waitid(os.P_PID, child, over):
            pass
        time.sleep(chance.uniform(0, 1) ** 4 * 0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    texts = [Path(name).read_text() for name in names]
    assert all(text in (old, old.replace("int(x.shape[0])", "x.shape[0]")) for text in texts), texts
    print(sum(text != old for text in texts), file=sys.stderr)
    for name in set(os.listdir()) - set(names):
        os.remove(name)
"""


def test_a_run_that_is_killed_leaves_each_file_old_or_new() -> None:
    """At moments drawn from those of a whole run; how many files were new by then goes to stderr."""
    command = [sys.executable, "-c", KILLING, str(KILLS)]
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # where no time is spent waiting for the disk
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        done = subprocess.run(command, cwd=folder, input=OLD, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    new = done.stderr.split()
    assert len(new) == KILLS
    assert len(set(new)) > 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_end_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    for one in range(40):
        (tmp_path / f"m{one:02}.py").write_text(OLD)
    process = subprocess.Popen([sys.executable, "-m", "convlint", ".", "--fix"], cwd=tmp_path, stderr=subprocess.PIPE)
    while not any(path.name.startswith(".convlint-") for path in tmp_path.iterdir()) and process.poll() is None:
        time.sleep(0)
    process.send_signal(number)
    at = time.monotonic()
    assert "Traceback" not in ended(process)
    assert time.monotonic() - at < 5
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"m{one:02}.py" for one in range(40)]
    assert texts(tmp_path) <= {OLD, NEW}


def test_runs_at_the_same_time_write_what_one_would(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"m{number:02}.py").write_text(OLD)
    told = [ended(process) for process in [fixing(tmp_path) for _ in range(3)]]
    assert all("fault" not in one for one in told)
    assert texts(tmp_path) == {NEW}
    assert len(list(tmp_path.iterdir())) == 20


# --- what stands in its way ----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for one file, not for its copy."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = len(FILLED) + 8192
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if not ROOT or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_one_error_and_the_file_stays(small_disk: Path) -> None:
    (small_disk / "model.py").write_text(FILLED)
    process = subprocess.run(
        [sys.executable, "-m", "convlint", str(small_disk), "--fix"], capture_output=True, text=True, check=False
    )
    assert process.returncode == 2
    assert "model.py: cannot be written: No space left on device; this file is unchanged" in process.stderr
    assert [path.name for path in small_disk.iterdir()] == ["model.py"]
    assert (small_disk / "model.py").read_text() == FILLED


def test_a_limit_on_the_size_of_files_is_one_error_and_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(FILLED)
    command = f'ulimit -f 8; exec "{sys.executable}" -m convlint . --fix'
    process = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr.count("\n")) == (2, 1)
    assert os.strerror(errno.EFBIG) in process.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["model.py"]
    assert (tmp_path / "model.py").read_text() == FILLED


def test_a_disk_that_is_read_only_is_one_error(small_disk: Path) -> None:
    (small_disk / "model.py").write_text(OLD)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    process = subprocess.run(
        [sys.executable, "-m", "convlint", str(small_disk), "--fix"], capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr.count("\n")) == (2, 1)
    assert (small_disk / "model.py").read_text() == OLD


# --- whose file it is ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not ROOT, reason="only the superuser gives files away")
def test_the_owner_stays_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(OLD)
    os.chown(path, 1234, 4321)
    path.chmod(0o640)
    fix_paths([path], Settings(root=tmp_path), write=True)
    is_now = path.stat()
    assert path.read_text() == NEW
    assert (is_now.st_uid, is_now.st_gid, stat.S_IMODE(is_now.st_mode)) == (1234, 4321, 0o640)


@pytest.mark.skipif(not ROOT, reason="needs a file of another user's")
def test_who_may_not_give_a_file_away_keeps_its_group_and_lends_no_rights(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp())  # which another user may enter
    try:
        folder.chmod(0o777)
        path = folder / "model.py"
        path.write_text("old")
        os.chown(path, 1234, 4321)
        path.chmod(0o4666)
        child = os.fork()
        if not child:
            os.setgroups([4321])
            os.setgid(2345)
            os.setuid(2345)
            replace_bytes(path, b"new")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        is_now = path.stat()
        assert (path.read_text(), is_now.st_uid, is_now.st_gid) == ("new", 2345, 4321)
        assert stat.S_IMODE(is_now.st_mode) == 0o666
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="Linux")
def test_extended_attributes_stay(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(OLD)
    try:
        os.setxattr(path, "user.origin", b"here")
    except OSError:
        pytest.skip("this file system has none")
    fix_paths([path], Settings(root=tmp_path), write=True)
    assert (path.read_text(), os.getxattr(path, "user.origin")) == (NEW, b"here")


def test_another_name_of_the_file_keeps_the_old_text(tmp_path: Path) -> None:
    path, other = tmp_path / "model.py", tmp_path / "kept.txt"
    path.write_text(OLD)
    other.hardlink_to(path)
    fix_paths([path], Settings(root=tmp_path), write=True)
    assert (path.read_text(), other.read_text()) == (NEW, OLD)


def test_the_time_of_a_repaired_file_is_now(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(OLD)
    os.utime(path, (1, 1))
    fix_paths([path], Settings(root=tmp_path), write=True)
    assert time.time() - path.stat().st_mtime < 60
