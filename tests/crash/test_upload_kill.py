"""kill -9 of a real uploader: whatever the moment, the next run goes on, and nothing that arrived goes twice."""

from __future__ import annotations

import random

import pytest
from crash_support import Tally, check, forging, is_written, random_kills
from upload_support import PART, Stage

both_modes = pytest.mark.parametrize("journal_mode", ["wal", "delete"])


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a busy machine may take ten times as long
def test_a_kill_at_every_store_write_and_every_http_exchange(stage: Stage) -> None:
    """One upload has so many points; at each a process dies for real, and a second one finishes the file."""
    tally = Tally()
    with forging(stage) as forge:
        for seed in (998, 999):  # the first run makes the folder and the database: points that later runs do not have
            whole = forge.upload(stage.file("whole.mkv", size=4 * PART + 7, seed=seed))
            assert whole["result"]["success"], whole
        points = whole["points"]
        assert sum("write" in point for point in points) >= 20
        assert sum("PUT" in point for point in points) >= 2 * 5
        for number, name in enumerate(points, 1):
            path = stage.file(f"film {number}.mkv", size=4 * PART + 7, seed=number)
            stage.box.clear_requests()
            first = forge.upload(path, point=(name, points[:number].count(name)))
            assert first["killed"], (number, name, first)
            written = is_written(stage, path)
            second = forge.upload(path)
            assert second["result"]["success"], (number, name, second)
            assert second["result"]["quick_upload"] == written, (number, name)
            check(stage, path, 1, tally)
    assert tally.kills == len(points)


@both_modes
def test_kills_at_random_moments(stage: Stage, journal_mode: str) -> None:
    """As the power cut comes: at any time, several times in one upload."""
    chance, tally = random.Random(journal_mode), Tally()
    with forging(stage, journal_mode) as forge:
        while tally.kills < 8:
            random_kills(stage, forge, chance, chance.randrange(1, 4), tally)
    assert tally.uploads >= 2


def test_a_kill_after_the_reply_was_lost_sends_nothing_twice(stage: Stage) -> None:
    """OSS has the part, the process dies before it knows: the next run asks and goes on behind it."""
    tally = Tally()
    with forging(stage) as forge:
        for seed in (77, 78):  # the first run makes the folder and the database: points that later runs do not have
            points = forge.upload(stage.file("whole.mkv", size=4 * PART + 7, seed=seed))["points"]
        for number in range(1, points.count("after PUT") + 1):
            path = stage.file(f"lost {number}.mkv", size=4 * PART + 7, seed=number)
            stage.box.clear_requests()
            assert forge.upload(path, point=("after PUT", number))["killed"]
            assert forge.upload(path)["result"]["resumed"]
            check(stage, path, 1, tally)
    assert tally.kills == 5
    assert tally.sent_again == 0
