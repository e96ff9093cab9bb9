"""A broken file is refused whole: exit 2, one line per fault with its line, no traceback, nothing written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from thermopolis.runs.cli import main

HEAD = "name: x\nsteps: 10\nenvironment: {kind: matrix_game}\n"
AGENT = "agents:\n  - {kind: active_inference, count: 2}\n"
GOOD = HEAD + AGENT

# text, then every fault: (line, a part of what is said)
BROKEN: dict[str, tuple[str | bytes, list[tuple[int, str]]]] = {
    "unknown key": (GOOD + "replicats: 3\n", [(6, "replicats: unknown key; did you mean 'replicates'?")]),
    "unknown nested key": (
        HEAD + "agents:\n  - kind: active_inference\n    count: 2\n    temprature: 1\n",
        [(7, "agents.0.temprature: unknown key; did you mean 'temperature'?")],
    ),
    "wrong kind": (
        "name: x\nsteps: 1\nenvironment:\n  kind: matrix_gane\n" + AGENT,
        [(4, "environment.kind: no such kind \"matrix_gane\"; did you mean 'matrix_game'?")],
    ),
    "kind missing": ("name: x\nsteps: 1\nenvironment: {}\n" + AGENT, [(3, "environment.kind: missing")]),
    "wrong agent": (HEAD + "agents: [{kind: active}]\n", [(4, 'agents.0.kind: no such kind "active"')]),
    "wrong type": (GOOD.replace("steps: 10", "steps: ten"), [(2, 'steps: expected a whole number, got "ten"')]),
    "fraction of a step": (GOOD.replace("steps: 10", "steps: 1.5"), [(2, "steps: expected a whole number")]),
    "flag for a number": (GOOD.replace("steps: 10", "steps: true"), [(2, "steps: expected a whole number")]),
    "number for a section": (GOOD + "core: 5\n", [(6, "core: expected a section of keys, got 5")]),
    "text for a flag": (
        HEAD + "agents:\n  - {kind: active_inference, count: 2, information_gain: {state: no}}\n",
        [(5, "agents.0.information_gain.state: expected true or false")],
    ),
    "out of range": (GOOD + "replicates: 0\n", [(6, "replicates: must be at least 1, got 0")]),
    "negative seed": (GOOD + "seed: -1\n", [(6, "seed: must be at least 0")]),
    "temperature zero": (
        HEAD + "agents:\n  - {kind: active_inference, count: 2, temperature: 0}\n",
        [(5, "agents.0.temperature: must be greater than 0")],
    ),
    "noise above one": (
        "name: x\nsteps: 1\nenvironment: {kind: matrix_game, noise: 1.5}\n" + AGENT,
        [(3, "environment.noise: must be at most 1")],
    ),
    "not finite": (
        "name: x\nsteps: 1\nenvironment: {kind: matrix_game, noise: .nan}\n" + AGENT,
        [(3, "environment.noise: must be a finite number")],
    ),
    "infinite by size": (
        HEAD + "agents:\n  - {kind: active_inference, count: 2, temperature: 1e999}\n",
        [(5, "agents.0.temperature: must be a finite number")],
    ),
    "missing": ("steps: 10\n", [(1, "name: missing"), (1, "environment: missing")]),
    "no agents": (HEAD, [(1, "agents: at least one group")]),
    "duplicate key": (GOOD + "steps: 20\n", [(6, "steps: duplicate key (first on line 2)")]),
    "bad name": (GOOD.replace("name: x", "name: Big Name"), [(1, "name: must match")]),
    "bad yaml": (HEAD + "agents: [\n", [(5, "not YAML")]),
    "tab": ("name: x\n\tsteps: 1\n", [(2, "not YAML")]),
    "empty": ("", [(1, "the file is empty")]),
    "only a comment": ("# nothing\n", [(1, "the file is empty")]),
    "a list": ("- 1\n- 2\n", [(1, "expected keys")]),
    "two documents": (GOOD + "---\nname: y\n", [(6, "a second document")]),
    "binary": (b"\x89HDF\r\n\x1a\n\x00\xff\xfe", [(1, "not text")]),
    "control character": ("name: x\nsteps: \x07\n", [(2, "not text")]),
    "tag": (GOOD + "seed: !!python/object/apply:os.system ['true']\n", [(6, "seed: tags are not allowed")]),
    "unknown alias": (GOOD + "seed: *other\n", [(6, "*other")]),
    "key that is a list": (GOOD + "[1, 2]: 3\n", [(6, "a key must be plain text")]),
    "payoffs not square": (
        "name: x\nsteps: 1\nenvironment:\n  kind: matrix_game\n  game: {payoffs: [[1, 2, 3], [4, 5, 6]]}\n" + AGENT,
        [(5, "environment.game.payoffs: expected a square matrix")],
    ),
    "ragged payoffs": (
        "name: x\nsteps: 1\nenvironment:\n  kind: matrix_game\n  game: {payoffs: [[1, 2], [4]]}\n" + AGENT,
        [(5, "environment.game.payoffs: expected a matrix of numbers")],
    ),
    "unknown game": (
        "name: x\nsteps: 1\nenvironment:\n  kind: matrix_game\n  game: prisoners_dilema\n" + AGENT,
        [(5, "environment.game: there is no game 'prisoners_dilema'; did you mean 'prisoners_dilemma'?")],
    ),
    "impossible sweep path": (
        GOOD + "sweep:\n  agents.0.temprature: [1, 2]\n",
        [(7, "there is no key 'temprature'; did you mean 'temperature'?")],
    ),
    "sweep of a place that isn't": (
        GOOD + "sweep:\n  agents.1.temperature: [1, 2]\n",
        [(7, "1 is no place in a list of 1")],
    ),
    "bad swept value": (
        GOOD + "sweep:\n  agents.0.temperature: [1, -2]\n",
        [(7, "with agents.0.temperature = -2: must be greater than 0")],
    ),
    "bad sweep": (
        GOOD + "sweep:\n  agents.0.temperature: {linspce: [1, 2, 3]}\n",
        [(7, "linspce: unknown key; did you mean 'linspace'?")],
    ),
    "geometric through zero": (
        GOOD + "sweep:\n  agents.0.temperature: {geomspace: [0, 2, 3]}\n",
        [(7, "both ends must be of one sign and not zero")],
    ),
    "zip of unequal lengths": (
        GOOD + "sweep:\n  seed: [1, 2]\n  steps: [1, 2, 3]\n  zip: [[seed, steps]]\n",
        [(9, "zipped paths need equally many values: seed has 2, steps has 3")],
    ),
    "zip of what isn't swept": (GOOD + "sweep:\n  seed: [1, 2]\n  zip: [[seed, steps]]\n", [(8, "'steps' is not swept")]),
    "too many policies": (
        HEAD + "agents:\n  - {kind: active_inference, count: 2, horizon: 20}\n",
        [(5, "agents.0.horizon: 2^20 = 1048576 policies are more than 4096")],
    ),
    "odd pairs": (HEAD + "agents: [{kind: random, count: 3}]\n", [(4, "agents: pairs need an even number of players")]),
    "count and share": (
        HEAD + "agents: [{kind: random, count: 2, share: 1}]\n",
        [(4, "agents.0.share: give count or share, not both")],
    ),
    "players that don't fit": (
        "name: x\nsteps: 1\nenvironment:\n  kind: matrix_game\n  topology: {kind: ring, n: 5}\n" + AGENT,
        [(6, "agents: 2 players are counted, the topology has 5")],
    ),
    "who answers one partner in a crowd": (
        "name: x\nsteps: 1\nenvironment:\n  kind: matrix_game\n  action: broadcast\n  topology: {kind: ring, n: 5}\n"
        "agents: [{kind: memory_one, strategy: always_defect, count: 5}]\n",
        [(7, "agents.0.kind: memory_one answers one partner's move")],
    ),
    "a machine of two moves among three": (
        "name: x\nsteps: 1\nenvironment:\n  kind: matrix_game\n  game: {payoffs: [[1, 2, 3], [3, 2, 1], [0, 0, 0]]}\n"
        "agents: [{kind: finite_state, strategy: tit_for_two_tats, count: 2}]\n",
        [(6, "agents.0.kind: needs a game of 2 actions, this one has 3")],
    ),
    "strategy unknown": (
        HEAD + "agents: [{kind: memory_one, count: 2, strategy: tit_for_tta}]\n",
        [(4, "agents.0.strategy: no strategy is named 'tit_for_tta'; did you mean 'tit_for_tat'")],
    ),
    "three probabilities": (
        HEAD + "agents: [{kind: memory_one, count: 2, cooperation: [1, 0, 1]}]\n",
        [(4, "agents.0.cooperation.3: missing")],
    ),
    "model file missing": (
        HEAD + "agents: [{kind: pymdp, count: 2, model: none.npz}]\n",
        [(4, "agents.0.model: no such file")],
    ),
    "unknown device": (GOOD + "core: {device: cmos_pbitt}\n", [(6, "core.device: no such device 'cmos_pbitt'; did you")]),
    "unknown variable": (
        GOOD + "record: {variables: [acton]}\n",
        [(6, "record.variables.0: 'acton' is no variable of the results; did you mean 'action'?")],
    ),
    "merge key": (
        HEAD + "agents:\n  - &a {kind: active_inference}\n  - {<<: *a, temperature: 2.0}\n",
        [(6, "agents.1: merge keys (<<) are not read; write the keys out")],
    ),
    "a horizon of twenty digits": (
        GOOD.replace("count: 2", "count: 2, horizon: 99999999999999999999"),
        [(5, "agents.0.horizon: must be at most 10000")],
    ),
    "a horizon with too many policies to be counted": (
        GOOD.replace("count: 2", "count: 2, horizon: 10000"),
        [(5, "agents.0.horizon: 2^10000 policies are more than 4096")],
    ),
    "payoffs are shown as they were given": (
        GOOD.replace("{kind: matrix_game}", "{kind: matrix_game, game: {payoffs: [[1, 2], [3]]}}"),
        [(3, "two of one size, got [[1, 2], [3]]")],
    ),
    "a section named as its kind": (
        GOOD.replace("{kind: matrix_game}", "{kind: matrix_game, topology: {kind: edges, edges: [[0, 2]]}}"),
        [(3, "environment.topology.edges: player 1 meets nobody")],
    ),
    "several at once": (
        GOOD.replace("steps: 10", "steps: -1") + "seed: x\nrecord: {evry: 2}\nseed: 1\n",
        [(2, "steps: must be at least 1"), (6, "seed"), (7, "record.evry"), (8, "seed: duplicate key")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content, faults = BROKEN[case]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "broken.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SystemExit) as left:
        main(["run", "broken.yaml"])
    assert left.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert "Traceback" not in printed.err
    assert all(re.match(r"broken\.yaml:\d+:\d+: ", line) for line in lines), lines
    for number, part in faults:
        assert any(line.startswith(f"broken.yaml:{number}:") and part in line for line in lines), (
            part,
            lines,
        )
    if len(faults) > 1 or case not in ("missing",):
        assert len(lines) >= len(faults)
    assert [entry.name for entry in tmp_path.iterdir()] == ["broken.yaml"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("absent.yaml", "no such file; did you mean 'present.yaml'?"), (".", "this is a directory")],
)
def test_what_is_no_file_is_refused(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "present.yaml").write_text(GOOD)
    with pytest.raises(SystemExit) as left:
        main(["run", name])
    assert left.value.code == 2
    assert capsys.readouterr().err == f"{name}:1:1: {said}\n" if name != "." else True


def test_a_bomb_of_aliases_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(SystemExit) as left:
        main(["validate", str(path)])
    assert left.value.code == 2
    assert "more than 200000 values" in capsys.readouterr().err


def test_deep_nesting_and_large_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, said in (
        ("a: " + "[" * 5000, "nested deeper than 50"),
        ("# " + "x" * 2**20, "larger than 1024 KiB"),
    ):
        path = tmp_path / "large.yaml"
        path.write_text(text)
        with pytest.raises(SystemExit) as left:
            main(["validate", str(path)])
        assert left.value.code == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--set", "agents.0.temprature=3"],
            "--set agents.0.temprature=3: agents.0.temprature: unknown key; did you",
        ),
        (["--set", "a.b.c=3"], "--set a.b.c=3: a: unknown key"),
        (["--out", ""], "'--out': expected a name, got ''"),
        (["--set", "agents.5.temperature=3"], "5 is no place in a list of 1"),
        (["--set", "steps"], "expected PATH=VALUE"),
        (["--set", "steps=[1"], "not YAML"),
        (["--set", "steps=no"], "--set steps=no: steps: expected a whole number"),
        (["--engine", "compield"], "--engine: expected one of auto, compiled, pettingzoo"),
        (
            ["--quiet", "--progress", "bra"],
            "--progress: expected one of auto, bar, lines, json, none, got 'bra'",
        ),
        (["--quiet", "--progress", "json"], "--quiet: shows no progress; leave it out"),
        (["--executor", "slurm"], "--executor: expected one of local, dask, dask://HOST:PORT, got 'slurm'"),
        (["--executor", "dask://"], "--executor: expected one of local"),
        (["--executor", "local", "--workers", "0"], "--workers: expected at least 1, got 0"),
        (["--workers", "2"], "--workers: belongs to an executor, such as --executor local"),
        (["--workers", "two"], "run --help lists what there is"),
        (["--memory", "4 parsecs"], "--memory: expected a size such as 4GiB"),
        (["--otu", "x"], "thermopolis run: no such option: --otu"),
        (["--out"], "thermopolis run: option '--out' requires an argument"),
        (["again.yaml"], "thermopolis run: got unexpected extra argument"),
        (
            ["--set", "agents=[{kind: axelrod, strategy: Alternator, count: 2}]", "--engine", "compiled"],
            "--engine: agents.0.kind axelrod can't be compiled; expected auto or pettingzoo",
        ),
    ],
)
def test_a_wrong_call_is_refused(
    options: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    with pytest.raises(SystemExit) as left:
        main(["run", "good.yaml", *options])
    assert left.value.code == 2
    printed = capsys.readouterr()
    assert said in printed.err and printed.err.count("\n") == 1 and printed.out == ""
    assert [entry.name for entry in tmp_path.iterdir()] == ["good.yaml"]
