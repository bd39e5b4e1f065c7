"""Where workers meet, and whom they do not trust."""

import os
from pathlib import Path

import pytest

from pattern_stack.atoms.ipc import rendezvous
from pattern_stack.atoms.ipc.parent import Parent, began
from pattern_stack.atoms.ipc.rendezvous import Untrusted, at_path, own_folder, under_parent

ME = Parent(os.getpid(), began(os.getpid()) or "")


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(os.path.relpath(tmp_path))  # what is not absolute is not taken
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setattr(rendezvous.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(rendezvous, "_temporary", lambda: str(tmp_path))
    return tmp_path


def test_one_server_one_place(runtime: Path) -> None:
    here = under_parent(ME, ["app:app", "8000"], "space")
    assert here == under_parent(ME, ["app:app", "8000"], "space")
    assert here.path.parent == own_folder() == runtime / f"pattern-stack-{os.getuid()}"
    others = [
        under_parent(ME._replace(began="0"), ["app:app", "8000"], "space"),
        under_parent(ME._replace(pid=1), ["app:app", "8000"], "space"),
        under_parent(ME, ["app:app", "8001"], "space"),
        under_parent(ME, ["app:app8000", ""], "space"),
    ]
    assert len({here.path, *(other.path for other in others)}) == 5


def test_the_folder_of_this_user_s_session_is_preferred(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Path("/tmp") / f"ps-{os.getpid()}"
    session.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    assert own_folder() == session / "pattern-stack"
    assert own_folder().stat().st_mode & 0o777 == 0o700
    own_folder().rmdir()
    session.rmdir()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_others_may_enter_is_refused(runtime: Path, mode: int) -> None:
    own_folder().chmod(mode)
    with pytest.raises(Untrusted, match="0700"):
        own_folder()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(runtime: Path) -> None:
    os.chown(own_folder(), 12_345, -1)
    with pytest.raises(Untrusted, match="another user"):
        own_folder()
    with pytest.raises(Untrusted, match="another user"):
        at_path(runtime / f"pattern-stack-{os.getuid()}" / "x", "space")


def test_a_link_in_place_of_the_folder_is_refused(runtime: Path) -> None:
    elsewhere = runtime / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (runtime / f"pattern-stack-{os.getuid()}").symlink_to(elsewhere)
    with pytest.raises(Untrusted, match="not a directory"):
        own_folder()


def test_a_path_in_a_folder_that_others_write_in(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(Untrusted, match="other users may write"):
        at_path(tmp_path / "x", "space")
    tmp_path.chmod(0o1777)  # like /tmp, where nobody takes away what is another's
    assert at_path(tmp_path / "x", "space").path == tmp_path / "x"
    with pytest.raises(OSError, match="nowhere"):
        at_path(tmp_path / "nowhere" / "x", "space")
