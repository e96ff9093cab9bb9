"""What is installed: one namespace, no bare names, from a wheel, from an sdist, and in a spawned process."""

from __future__ import annotations

import ast
import importlib
import multiprocessing
import subprocess
import sys
import venv
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("agents", "analysis", "envs", "runs", "thermo")


def test_importing_the_package_loads_nothing_heavy():
    """``import thermopolis`` and the command line's help must stay fast: no JAX, no xarray."""
    code = (
        "import sys, thermopolis, thermopolis.runs.cli;"
        "print([m for m in ('jax', 'xarray', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_is_refused_under_its_bare_name(folder):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {folder}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and f"thermopolis.{folder}" in done.stderr


def test_every_public_name_resolves():
    for folder in FOLDERS:
        module = importlib.import_module(f"thermopolis.{folder}")
        for name in module.__all__:
            assert getattr(module, name) is not None, f"{folder}.{name}"


def test_a_spawned_process_imports_the_namespace():
    from thermopolis.errors import ModelError

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        error = pool.submit(ModelError, "a word of ours, there and back").result(timeout=60)
    assert isinstance(error, ModelError)


def test_the_import_contracts_can_fail(tmp_path):
    """A copy of the project in which thermo imports runs breaks the first contract."""
    package = tmp_path / "src" / "thermopolis"
    for folder in FOLDERS:
        (package / folder).mkdir(parents=True)
        (package / folder / "__init__.py").write_text("")
    for name in ("__init__", "errors", "keys"):
        (package / f"{name}.py").write_text("")
    lazy = "".join(f"import thermopolis.{folder}\n" for folder in FOLDERS)
    (package / "__init__.py").write_text(lazy)
    (package / "thermo" / "__init__.py").write_text("import thermopolis.runs\n")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    code = (
        f"import sys; sys.path.insert(0, {str(package.parent)!r}); sys.argv = ['lint-imports'];"
        "from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "thermo imports nothing of ours BROKEN" in done.stdout
    assert "4 kept, 1 broken" in done.stdout


def test_the_tests_mirror_the_folders_and_parse():
    for folder in FOLDERS:
        assert (ROOT / "tests" / folder).is_dir(), folder
        for path in (ROOT / folder).rglob("*.py"):
            ast.parse(path.read_text())


@pytest.mark.long
@pytest.mark.parametrize("form", ["wheel", "sdist"])
def test_a_clean_environment_imports_what_was_built(form, tmp_path):
    """Builds, installs without dependencies beside this environment's own, imports every module's folder and runs the
    command line from elsewhere."""
    build = [sys.executable, "-m", "build", "--outdir", str(tmp_path / "dist")]
    subprocess.run(
        [*build, *(["--wheel"] if form == "wheel" else []), str(ROOT)], check=True, capture_output=True
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    site = next(home.glob("lib/python*/site-packages"))
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True)
    here = Path(sys.prefix) / "lib" / site.parent.name / "site-packages"
    # dependencies come from this environment, but not its editable install of the project
    (site / "zz_dependencies.pth").write_text(f"import sys; sys.path.append({str(here)!r})\n")
    names = ", ".join(f"thermopolis.{folder}" for folder in FOLDERS)
    code = f"import {names}, thermopolis; print(thermopolis.__file__, thermopolis.load)"
    done = subprocess.run([str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(site)), done.stdout
    listed = subprocess.run(
        [str(python), "-m", "thermopolis", "list", "experiments"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert listed.returncode == 0 and "prisoners_dilemma" in listed.stdout, listed.stderr
