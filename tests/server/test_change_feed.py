"""The messages about a list of uploads: whoever reads them, however slowly, ends with the list as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_support import Joined

from pan115kit.server.change_feed import KEPT, PAGE, PAGES_PER_STEP, ChangeFeed


def text(job_id: str, value: int) -> str:
    return json.dumps({"job_id": job_id, "value": value})


def ids(count: int) -> list[str]:
    return [f"job-{number}" for number in range(count)]


def full(feed: ChangeFeed, count: int, value: int = 0) -> list[str]:
    """A feed of ``count`` uploads, told to nobody yet."""
    order = ids(count)
    feed.update({job_id: text(job_id, value) for job_id in order}, order)
    while feed.waiting:
        feed.update({})
    return order


def test_a_short_list_is_always_told_whole() -> None:
    """The specification's clients know nothing of changes."""
    feed = ChangeFeed()
    order = full(feed, PAGE)
    feed.update({order[3]: text(order[3], 7)}, order)
    (message,) = feed.since(0) or []
    data = json.loads(message)
    assert data["type"] == "upload_progress"
    assert set(data["data"]) == {"uploads"}
    assert [upload["job_id"] for upload in data["data"]["uploads"]] == order


def test_nothing_new_is_no_message() -> None:
    """Clients hear of changes only."""
    feed = ChangeFeed()
    order = full(feed, 5)
    number = feed.number
    assert not feed.update({order[0]: text(order[0], 0)}, order)
    assert feed.number == number
    assert feed.since(number) == []


def test_a_reader_of_a_short_list_skips_to_the_newest() -> None:
    """Old lists are of no use to anybody."""
    feed = ChangeFeed()
    order = full(feed, 3)
    for value in range(1, 100):
        feed.update({order[0]: text(order[0], value)}, order)
    (message,) = feed.since(1) or []
    assert json.loads(message)["data"]["uploads"][0]["value"] == 99


def test_a_long_list_is_told_in_pages_then_in_changes() -> None:
    """Ten thousand uploads are sent once, not twice a second."""
    feed = ChangeFeed()
    order = full(feed, 10_000)
    listing = feed.listing()
    assert len(listing.messages) == 50
    first = json.loads(listing.messages[0])["data"]
    assert (first["page"], first["pages"], first["total"], len(first["uploads"])) == (1, 50, 10_000, PAGE)
    feed.update({job_id: text(job_id, 1) for job_id in order[:3]}, order)
    (message,) = feed.since(listing.number) or []
    data = json.loads(message)["data"]
    assert data["partial"] is True
    assert data["total"] == 10_000
    assert len(data["uploads"]) == 3


def test_a_change_of_everything_is_spread() -> None:
    """Pause all of ten thousand must not be ten megabytes in one moment."""
    feed = ChangeFeed()
    order = full(feed, 10_000)
    reader = Joined()
    listing = feed.listing()
    reader.take_all(listing.messages)
    place = listing.number
    feed.update({job_id: text(job_id, 1) for job_id in order}, order)
    steps = 1
    while True:
        messages = feed.since(place) or []
        assert len(messages) <= PAGES_PER_STEP
        reader.take_all(messages)
        place = feed.number
        if not feed.waiting:
            break
        feed.update({})
        steps += 1
    assert steps == 10
    assert all(upload["value"] == 1 for upload in reader.uploads.values())


def test_what_moves_now_is_told_before_what_waits() -> None:
    """The running upload's bar goes on while ten thousand others are told to be paused."""
    feed = ChangeFeed()
    order = full(feed, 10_000)
    feed.update({job_id: text(job_id, 1) for job_id in order}, order)
    place = feed.number
    feed.update({order[-1]: text(order[-1], 2)}, order)
    first = json.loads((feed.since(place) or [])[0])["data"]["uploads"][0]
    assert (first["job_id"], first["value"]) == (order[-1], 2)


def test_who_has_fallen_behind_starts_again() -> None:
    """No message is kept for ever for a client that does not read."""
    feed = ChangeFeed()
    order = full(feed, PAGE + 1)
    place = feed.listing().number
    for value in range(1, KEPT + 2):
        feed.update({order[0]: text(order[0], value)}, order)
    assert feed.since(place) is None


def test_who_comes_at_the_same_time_gets_the_same_list() -> None:
    """Two hundred pages opened at once cost one encoding."""
    feed = ChangeFeed()
    order = full(feed, 1000)
    first = feed.listing()
    feed.update({order[0]: text(order[0], 1)}, order)
    assert feed.listing() is first
    assert feed.since(first.number) is not None


def test_an_upload_that_is_no_longer_shown_is_removed() -> None:
    feed = ChangeFeed()
    order = full(feed, PAGE + 5)
    place = feed.listing().number
    feed.update({}, order[2:])
    (message,) = feed.since(place) or []
    assert json.loads(message)["data"]["removed"] == order[:2]


@pytest.mark.parametrize("page", [1, 3, 7])
@settings(max_examples=40)
@given(data=st.data())
def test_every_reader_ends_with_the_truth(page: int, data: st.DataObject) -> None:
    """Lists outgrow one message and shrink again, uploads come, change and go, readers come and lag as they like."""
    feed = ChangeFeed(page=page, pages_per_step=2, kept=4)
    truth: dict[str, int] = {}
    readers: list[tuple[Joined, list[int]]] = []
    born = 0
    for _ in range(data.draw(st.integers(1, 25), label="steps")):
        changed = set()
        for _ in range(data.draw(st.integers(0, 6), label="new")):
            truth[f"job-{born}"] = 0
            changed.add(f"job-{born}")
            born += 1
        for job_id in data.draw(st.lists(st.sampled_from(sorted(truth)), max_size=8)) if truth else []:
            truth[job_id] += 1
            changed.add(job_id)
        for job_id in data.draw(st.lists(st.sampled_from(sorted(truth)), max_size=5)) if truth else []:
            truth.pop(job_id, None)
            changed.discard(job_id)
        feed.update({job_id: text(job_id, truth[job_id]) for job_id in changed}, list(truth))
        if data.draw(st.booleans(), label="a new reader"):
            readers.append((Joined(), []))
        for joined, place in readers:
            if data.draw(st.booleans(), label="it reads"):
                _read(feed, joined, place)
    while feed.waiting:
        feed.update({})
    for joined, place in [*readers, (Joined(), [])]:
        _read(feed, joined, place)
        assert {job_id: upload["value"] for job_id, upload in joined.uploads.items()} == truth


def _read(feed: ChangeFeed, joined: Joined, place: list[int]) -> None:
    """As the hub does for one client: what comes after its place, or the list again."""
    messages = feed.since(place[0]) if place else None
    if messages is None:
        listing = feed.listing()
        joined.take_all(listing.messages)
        place[:] = [listing.number]
        messages = feed.since(listing.number)
        assert messages is not None
    joined.take_all(messages)
    place[:] = [feed.number]


def test_who_begins_with_the_list_does_not_get_it_again_as_changes() -> None:
    """The first page of ten thousand uploads gets the list, and not all of it again as changes."""
    feed = ChangeFeed()
    order = ids(10_000)
    feed.update({job_id: text(job_id, 0) for job_id in order}, order)
    feed.forget_messages()
    listing = feed.listing()
    assert not feed.waiting
    assert feed.since(listing.number) == []
    assert sum(len(json.loads(message)["data"]["uploads"]) for message in listing.messages) == 10_000
