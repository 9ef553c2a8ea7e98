"""`cutaway.ranks`: who this process is, whichever launcher started it, and where the ranks meet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.errors import InputError
from cutaway.ranks import Ranks, expand_nodes, find_ranks, job_identity, rank_for_log, set_rendezvous
from tests.unit.launchers import LAUNCHERS, emulated

NAMES = {"hydra": "pmi"}


def numbers(ranks: Ranks) -> tuple[int, int, int, str | None]:
    return ranks.rank, ranks.local_rank, ranks.size, ranks.launcher


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize(("rank", "size"), [(0, 1), (0, 3), (2, 3)])
def test_every_launcher_is_read(launcher: str, rank: int, size: int) -> None:
    ranks = find_ranks(emulated(launcher, rank, size))
    assert numbers(ranks) == (rank, rank, size, NAMES.get(launcher, launcher))
    assert ranks.local_size == size
    assert ranks.host


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, (0, 0, 1, None)),
        # PALS without a size: PMI, which counts the process alike, has it; or someone exported it.
        ({"PALS_RANKID": "9", "PALS_LOCAL_RANKID": "1", "PMI_SIZE": "12"}, (9, 1, 12, "pals")),
        ({"PALS_RANKID": "9", "PALS_LOCAL_RANKID": "1", "PMI_RANK": "9", "PMI_SIZE": "12"}, (9, 1, 12, "pals")),
        ({"PALS_RANKID": "9", "PALS_LOCAL_RANKID": "1", "WORLD_SIZE": "12"}, (9, 1, 12, "pals")),
        ({"PALS_RANKID": "9", "PMI_RANK": "9", "PMI_LOCAL_RANK": "3", "PMI_SIZE": "12"}, (9, 3, 12, "pals")),
        # Slurm's PMI-2 sets no local rank; Slurm does.
        (
            {"PMI_RANK": "5", "PMI_SIZE": "8", "SLURM_PROCID": "5", "SLURM_LOCALID": "1", "SLURM_STEP_NUM_TASKS": "8"},
            (5, 1, 8, "pmi"),
        ),
        # A step of two tasks in a job of eight.
        (
            {"SLURM_PROCID": "1", "SLURM_LOCALID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "8"},
            (1, 1, 2, "slurm"),
        ),
        # The script of a Slurm job, without srun: alone, however many tasks it may start.
        ({"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NTASKS": "8", "SLURM_JOB_ID": "1"}, (0, 0, 1, None)),
        ({"SLURM_NTASKS": "8", "SLURM_JOB_ID": "1"}, (0, 0, 1, None)),
        # What torchrun and mpiexec start inside a job of Slurm inherits SLURM_PROCID: of the script, or of their agent.
        ({**emulated("openmpi", 5, 8), "SLURM_PROCID": "0", "SLURM_NTASKS": "2"}, (5, 5, 8, "openmpi")),
        ({**emulated("torchrun", 1, 4), **emulated("slurm", 0, 2)}, (1, 1, 4, "torchrun")),
        # torchrun numbers the nodes in its own order.
        ({**emulated("torchrun", 1, 2), **emulated("slurm", 0, 2)}, (1, 1, 2, "torchrun")),
        # A launcher of several processes in each rank of another one exports RANK and WORLD_SIZE itself.
        ({"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", **emulated("slurm", 1, 2)}, (5, 1, 8, "torchrun")),
        # A wrapper passes the launcher's numbers on.
        ({"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", **emulated("pmi", 1, 2)}, (1, 1, 2, "torchrun")),
        ({"RANK": "1", **emulated("pmi", 1, 2)}, (1, 1, 2, "torchrun")),
        ({"RANK": "", "PMI_RANK": " 1 ", "PMI_LOCAL_RANK": "1", "PMI_SIZE": "2"}, (1, 1, 2, "pmi")),
        ({"WORLD_SIZE": "1"}, (0, 0, 1, None)),
        ({"PALS_RANKID": "0", "PMI_SIZE": "1"}, (0, 0, 1, "pals")),
    ],
)
def test_sets_mix_and_nest(variables: dict[str, str], expected: tuple[int, int, int, str | None]) -> None:
    assert numbers(find_ranks(variables)) == expected


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PALS_RANKID": "9", "PALS_LOCAL_RANKID": "1"}, "PALS_RANKID=9 .*how many ranks"),
        ({"RANK": "1"}, "RANK=1 .*how many ranks"),
        ({"WORLD_SIZE": "4"}, "WORLD_SIZE=4 is set, but no rank"),
        ({"PMI_RANK": "1", "PMI_SIZE": "4"}, "PMI_RANK=1 .*its number on this node"),
        # The numbers of a rank of another job are not ours.
        ({"PALS_RANKID": "9", "PALS_LOCAL_RANKID": "1", "PMI_RANK": "2", "PMI_SIZE": "12"}, "how many ranks"),
        ({"RANK": "first", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "RANK is 'first', not a whole number"),
        ({"RANK": "1", "WORLD_SIZE": "many", "LOCAL_RANK": "0"}, "WORLD_SIZE is 'many'"),
        ({"RANK": "-1"}, "RANK is '-1'"),
        ({"RANK": "²"}, "RANK is '²'"),
        ({"RANK": "3", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}, r"RANK=3, but there are only 2 ranks \(WORLD_SIZE=2\)"),
        # Left over in a shell: every process would train alone, and all would write into one folder.
        (
            {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", **emulated("pmi", 3, 4)},
            "RANK=0 of WORLD_SIZE=1 contradicts PMI_RANK=3 of 4",
        ),
        ({"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", **emulated("slurm", 1, 2)}, "SLURM_PROCID=1 of 2"),
    ],
)
def test_partial_and_contradicting_sets_are_one_clear_error(variables: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        find_ranks(variables)
    assert caught.value.hint
    assert len(str(caught.value).splitlines()) == 2


def test_the_log_never_fails() -> None:
    assert rank_for_log({}) == 0
    assert rank_for_log({"RANK": "first", "PMI_RANK": "1"}) == 1
    assert rank_for_log({"RANK": "²"}) == 0
    assert rank_for_log({"PALS_RANKID": "9"}) == 9
    assert rank_for_log({"SLURM_PROCID": "0", "OMPI_COMM_WORLD_RANK": "5"}) == 5


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_all_ranks_on_this_machine_meet_on_it(launcher: str) -> None:
    places = set()
    for rank in range(3):
        environ = emulated(launcher, rank, 3)
        set_rendezvous(find_ranks(environ), environ)
        assert (environ["RANK"], environ["LOCAL_RANK"], environ["WORLD_SIZE"]) == (str(rank), str(rank), "3")
        places.add((environ["MASTER_ADDR"], environ["MASTER_PORT"]))
    [(host, port)] = places
    assert host == "127.0.0.1"
    assert 1024 < int(port) < 32768


def test_ranks_on_several_nodes_meet_on_the_first(tmp_path: Path) -> None:
    nodes = tmp_path / "nodes"
    nodes.write_text("x1.hsn.example\nx1.hsn.example\nx2.hsn.example\n")
    two = {"PALS_LOCAL_SIZE": "2", "PMI_LOCAL_SIZE": "2"}
    for variables, host in [
        ({**emulated("slurm", 1, 4), "SLURM_STEP_TASKS_PER_NODE": "2(x2)", "SLURM_STEP_NODELIST": "nid[7-8]"}, "nid7"),
        ({**emulated("slurm", 1, 3), "SLURM_STEP_TASKS_PER_NODE": "2,1", "SLURM_STEP_NODELIST": "a-[09-10]"}, "a-09"),
        ({**emulated("pals", 3, 4), **two, "PBS_NODEFILE": str(nodes)}, "x1.hsn.example"),
        ({**emulated("pmi", 3, 4), **two, "MASTER_ADDR": "here"}, "here"),
        ({**emulated("openmpi", 1, 4), "OMPI_COMM_WORLD_LOCAL_SIZE": "2", "SLURM_JOB_NODELIST": "n[1,5]"}, "n1"),
    ]:
        set_rendezvous(find_ranks(variables), variables)
        assert variables["MASTER_ADDR"] == host
    lost = {**emulated("pals", 3, 4), **two, "PBS_NODEFILE": str(tmp_path / "on the first node only")}
    with pytest.raises(InputError, match="no variable tells the host of rank 0") as caught:
        set_rendezvous(find_ranks(lost), lost)
    assert "export MASTER_ADDR=" in str(caught.value)


def test_jobs_and_launches_in_one_job_have_ports_of_their_own() -> None:
    def port(**changes: str) -> str:
        environ = {**emulated("slurm", 0, 2), **changes}
        set_rendezvous(find_ranks(environ), environ)
        return environ["MASTER_PORT"]

    ports = [port(), port(SLURM_JOB_ID="4712"), port(SLURM_STEP_ID="1"), port(SLURM_JOB_ID="471", SLURM_STEP_ID="10")]
    assert len(set(ports)) == 4
    assert port(MASTER_PORT="5") == "5"
    assert job_identity(emulated("slurm", 0, 2)) == job_identity(emulated("slurm", 1, 2))


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("nid001", ["nid001"]),
        ("node[001-004,007]", ["node001", "node002", "node003", "node004", "node007"]),
        ("a[9-11],b", ["a9", "a10", "a11", "b"]),
        ("a,b[1],c-d.e", ["a", "b1", "c-d.e"]),
        ("r[1-2]n[09-10]x", ["r1n09x", "r1n10x", "r2n09x", "r2n10x"]),
        ("a[098-101]", ["a098", "a099", "a100", "a101"]),
    ],
)
def test_slurms_lists_of_nodes(text: str, nodes: list[str]) -> None:
    assert expand_nodes(text) == nodes


@pytest.mark.parametrize("text", ["", "a[", "a[1", "a]", "a[1-]", "a[3-1]", "a[]", "a[x]", "a,,b", "a[1]]"])
def test_a_malformed_list_of_nodes_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a list of nodes"):
        expand_nodes(text)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 1500), min_size=1, max_size=40, unique=True), st.integers(1, 5), st.integers(0, 2**32))
def test_what_slurm_shortens_is_expanded(chosen: list[int], width: int, seed: int) -> None:
    """Shorten lists as Slurm does, runs of neighbours as ranges, and expand them again."""
    values, draw = sorted(chosen), np.random.default_rng(seed)
    groups: list[list[int]] = []
    for value in values:
        if groups and value == groups[-1][-1] + 1 and draw.random() < 0.9:
            groups[-1].append(value)
        else:
            groups.append([value])
    ranges = ",".join(f"{g[0]:0{width}d}" + (f"-{g[-1]:0{width}d}" if len(g) > 1 else "") for g in groups)
    assert expand_nodes(f"node[{ranges}]") == [f"node{value:0{width}d}" for value in values]
