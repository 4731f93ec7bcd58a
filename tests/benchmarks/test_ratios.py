"""Figures as ratios against a peer in the same run; nothing here depends on how fast the machine is."""

from __future__ import annotations

from pathlib import Path

import pytest
from run import against_curl, against_oss2, make_file, memory_growth, share_of_link


@pytest.mark.benchmark
@pytest.mark.slow
def test_figures_can_be_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The big run (run.py) must work when somebody wants to know; small sizes, no bound on time."""
    path = make_file(str(tmp_path), 64)
    figures = against_oss2(path, 1) | against_curl(path, 1)
    share = share_of_link(path, bandwidth=100e6)
    with capsys.disabled():
        print(f"\nbenchmark (64 MiB): {figures}, share of the line {share:.2f}")
    assert all(value > 0 for value in figures.values())
    assert 0 < share <= 1.1


@pytest.mark.benchmark
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A laptop with 4 GB uploads a 100 GB file (law 6)."""
    assert memory_growth(str(tmp_path), 1) < 64
