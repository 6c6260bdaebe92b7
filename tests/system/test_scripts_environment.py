"""`scripts/environment`: on a checkout of its own, whose project installs without the network."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import attrs
import pytest

from scripts.provision import places
from scripts.provision.errors import ProvisionError
from tests.support.postgres import wait_until

Ended = tuple[int, str, str]  # exit status, stdout, stderr

# Making an environment takes a core about six seconds, and a busy machine ten times as long.
pytestmark = pytest.mark.timeout(300)
END_SECONDS = 90

CHECKOUT = Path(__file__).parents[2]
VENV = ".venv-{}.{}".format(*sys.version_info)

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "small"
version = "1"

[project.optional-dependencies]
little = []
broken = ["headrace-is-not-there-by-this-name"]
"""

# A build backend in a few lines: pip asks it for a wheel that leads to the checkout.
BACKEND = """
import os, time, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    info = "small-1.dist-info"
    declared = "Provides-Extra: little\\nProvides-Extra: broken\\n"
    declared += "Requires-Dist: headrace-is-not-there-by-this-name; extra == 'broken'\\n"
    with zipfile.ZipFile(f"{folder}/small-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("small.pth", os.getcwd())
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: small\\nVersion: 1\\n{declared}"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return "small-1-py3-none-any.whl"
"""

# What a Python that will not do looks like, by what is loaded as it starts.
TOO_OLD = "import sys; sys.version_info = (3, 9, 18)"
WITHOUT_VENV = "import sys; sys.modules['ensurepip'] = None"


def make_checkout(folder: Path) -> Path:
    """A folder, with a space in its name, that has the script and a project."""
    made = folder / "a checkout"
    for path in [CHECKOUT / "scripts/environment", *CHECKOUT.glob("scripts/provision/*.py")]:
        copy = made / path.relative_to(CHECKOUT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        copy.chmod(path.stat().st_mode)
    (made / "pyproject.toml").write_text(PYPROJECT)
    (made / "backend.py").write_text(BACKEND)
    return made


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_checkout(tmp_path)


@attrs.frozen
class Provided:
    """A checkout whose environment is made, and good for the extra `little`.

    Making one takes seconds of a core, so the tests share it and how it came about: `refused` is
    what was said of the extra `broken`, before; then there were two at once who wanted `little`.
    """

    checkout: Path
    refused: Ended
    first: Ended
    second: Ended

    @property
    def python(self) -> Path:
        return self.checkout / VENV / "bin" / "python"


@pytest.fixture(scope="module")
def provided(tmp_path_factory: pytest.TempPathFactory) -> Provided:
    made = make_checkout(tmp_path_factory.mktemp("provided"))
    refused = run(made, "broken", PIP_NO_INDEX="1")
    both = [start(made, "little") for _ in range(2)]
    first, second = [ended(process) for process in both]
    return Provided(made, refused, first, second)


def start(checkout: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if name != "HEADRACE_PYTHON"}
    defaults = {"PIP_NO_INDEX": "1", "PYTHON": sys.executable}
    return subprocess.Popen(
        [str(checkout / "scripts" / "environment"), *arguments],
        cwd="/",
        env=kept | defaults | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(checkout: Path, *arguments: str, **environment: str) -> Ended:
    return ended(start(checkout, *arguments, **environment))


def ended(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=END_SECONDS)
    return process.returncode, out, err


def test_what_is_made_is_used_at_once_the_next_time(provided: Provided) -> None:
    assert run(provided.checkout, "little") == (0, f"{provided.python}\n", "")


def test_it_becomes_that_python_when_it_is_given_arguments(provided: Provided) -> None:
    program = "import backend, sys; print(sys.prefix)"
    status, out, err = run(provided.checkout, "little", "-c", program)
    assert (status, out) == (0, f"{provided.checkout / VENV}\n"), err


def test_a_changed_declaration_refreshes_it_and_a_changed_setting_does_not(
    provided: Provided,
) -> None:
    project = provided.checkout / "pyproject.toml"
    declared = project.read_text()
    project.write_text(declared + "[tool.ruff]\nline-length = 80\n")
    assert run(provided.checkout, "little")[2] == ""
    project.write_text(declared + "more = []\n")
    _, _, err = run(provided.checkout, "little")
    assert "installing" in err
    assert "making" not in err


def test_two_at_once_make_one(provided: Provided) -> None:
    told = (provided.first, provided.second)
    assert [(status, out) for status, out, _ in told] == [(0, f"{provided.python}\n")] * 2, told
    assert sum("installing" in err for _, _, err in told) == 1


def test_what_pip_cannot_do_is_told_and_the_unfinished_is_not_used(provided: Provided) -> None:
    status, out, err = provided.refused
    assert (status, out) == (1, "")
    assert "pip install failed:" in err
    assert "headrace-is-not-there-by-this-name" in err
    assert sum("making an environment" in err for _, _, err in (provided.first, provided.second))


@pytest.mark.parametrize(
    ("number", "status"),
    [
        pytest.param(signal.SIGINT, 130, id="ctrl-c"),
        pytest.param(signal.SIGTERM, 143, id="sigterm", marks=pytest.mark.slow),
    ],
)
def test_stopped_in_the_middle_it_leaves_nothing_running_and_nothing_that_is_used(
    checkout: Path, number: signal.Signals, status: int
) -> None:
    (checkout / "backend.py").write_text(
        BACKEND.replace("    info =", "    time.sleep(60); info =")
    )
    process = start(checkout, "little")
    assert process.stderr is not None
    assert any("installing" in line for line in process.stderr)
    process.send_signal(number)
    process.communicate(timeout=END_SECONDS)
    assert process.returncode == status
    wait_until(lambda: not processes_in(checkout), seconds=15)
    assert not (checkout / VENV / "headrace.json").exists()  # the stamp of a finished one


def processes_in(checkout: Path) -> list[str]:
    words = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return [each.decode() for each in words if os.fsencode(checkout) in each]


@pytest.mark.parametrize(
    ("trait", "said"),
    [
        pytest.param(TOO_OLD, "is Python 3.9.18, and Headrace needs 3.11 or newer", id="too old"),
        pytest.param(WITHOUT_VENV, "install the package python3-venv", id="without venv"),
    ],
)
def test_a_python_that_will_not_do_is_told_in_one_line(
    checkout: Path, tmp_path: Path, trait: str, said: str
) -> None:
    made = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made)], check=True)
    site, *_ = made.glob("lib/python*/site-packages")
    # A .pth, since a distribution's own sitecustomize may stand before ours.
    (site / "trait.py").write_text(textwrap.dedent(trait))
    (site / "trait.pth").write_text("import trait\n")
    status, out, err = run(checkout, "little", PYTHON=str(made / "bin" / "python"))
    assert (status, out) == (1, "")
    assert said in err
    assert err.count("\n") == 1


def test_an_extra_that_is_not_declared_is_told(checkout: Path) -> None:
    status, _, err = run(checkout, "nonsense")
    assert status == 1
    assert err == "scripts/environment: there is no extra 'nonsense'; there are: broken, little\n"


def test_where_the_checkout_cannot_be_written_the_cache_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = places.own_folder(Path("/proc/1"), "things")
    assert folder.parent.parent == tmp_path / "headrace"
    assert folder.is_dir()


def test_where_neither_can_be_written_a_private_temporary_folder_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/1/cache")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = places.own_folder(Path("/proc/1"), "things")
    ours = tmp_path / f"headrace-{os.geteuid()}"
    assert folder.is_relative_to(ours)
    assert ours.stat().st_mode & 0o777 == 0o700


def test_a_temporary_folder_that_leads_elsewhere_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/1/cache")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"headrace-{os.geteuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProvisionError, match="no permission"):
        places.own_folder(Path("/proc/1"), "things")
    assert list((tmp_path / "elsewhere").iterdir()) == []
