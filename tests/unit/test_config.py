"""Settings: a wrong one is told before anything is sent."""

import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pan115kit.client import Pan115Client
from pan115kit.config import (
    GIB,
    KIB,
    MIB,
    SERVER_PUBLIC_KEY,
    Endpoints,
    UploadConfig,
    server_public_key,
    state_directory,
)
from pan115kit.errors import ConfigError


@pytest.mark.parametrize(
    "wrong",
    [
        {"part_size": 100 * KIB - 1},
        {"part_size": 5 * GIB + 1},
        {"part_size": 1e7},
        {"multipart_threshold": -1},
        {"multipart_threshold": 6 * GIB},
        {"max_concurrent_uploads": 0},
        {"max_concurrent_uploads": True},
        {"max_concurrent_parts": 0},
        {"retries": -1},
        {"api_rate": -0.1},
        {"read_timeout": 0},
        {"bandwidth_limit": 0},
        {"app_version": ""},
    ],
    ids=str,
)
def test_values_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        UploadConfig(**wrong)  # type: ignore[arg-type]


def test_defaults_are_the_specifications_and_warn_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = UploadConfig()
    assert (config.part_size, config.multipart_threshold) == (10 * MIB, 100 * MIB)
    assert (config.max_concurrent_uploads, config.max_concurrent_parts) == (3, 5)
    assert config.adapts_part_size


def test_parallel_parts_are_explained_once() -> None:
    """Who asks for five parts at once must learn why there is one, but not on every upload."""
    with pytest.warns(UserWarning, match="in order, one at a time"):
        assert UploadConfig(max_concurrent_parts=5).max_concurrent_parts == 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        UploadConfig(max_concurrent_parts=5)


def test_a_named_part_size_is_kept_as_it_is() -> None:
    assert not UploadConfig(part_size=10 * MIB).adapts_part_size
    assert UploadConfig().with_(retries=1).adapts_part_size


def test_environment_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAN115_PART_SIZE", str(20 * MIB))
    monkeypatch.setenv("PAN115_MULTIPART_THRESHOLD", "0")
    monkeypatch.setenv("PAN115_API_RATE", "0")
    config = UploadConfig.from_environment(api_rate=3)
    assert (config.part_size, config.multipart_threshold, config.api_rate) == (20 * MIB, 0, 3)
    monkeypatch.setenv("PAN115_PART_SIZE", "many")
    with pytest.raises(ConfigError, match="PAN115_PART_SIZE"):
        UploadConfig.from_environment()


@given(retry=st.integers(1, 2000), chance=st.floats(0, 1), base=st.floats(0, 10), cap=st.floats(0, 60))
def test_waits_double_up_to_the_cap(retry: int, chance: float, base: float, cap: float) -> None:
    """No wait is longer than the user set, none is shorter than the one before, a long outage never overflows."""
    config = UploadConfig(retry_base=base, retry_cap=cap)
    wait = config.retry_wait(retry, chance)
    assert 0 <= wait <= min(cap, base * 2.0 ** min(retry - 1, 60))
    assert wait <= config.retry_wait(retry + 1, chance)
    assert wait >= config.retry_wait(retry, 1.0) / 2


def test_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Endpoints.from_environment().pro == "https://proapi.115.com"
    monkeypatch.setenv("PAN115_ENDPOINT", "http://127.0.0.1:1/")
    assert {Endpoints.from_environment().pro, Endpoints.from_environment().web} == {"http://127.0.0.1:1"}
    with pytest.raises(ConfigError):
        Endpoints.at("127.0.0.1:1")


def test_the_key_of_initupload(monkeypatch: pytest.MonkeyPatch) -> None:
    assert server_public_key() == SERVER_PUBLIC_KEY
    monkeypatch.setenv("PAN115_ECDH_PUBLIC_KEY", "ab" * 56)
    assert server_public_key() == b"\xab" * 56
    monkeypatch.setenv("PAN115_ECDH_PUBLIC_KEY", "xyz")
    with pytest.raises(ConfigError):
        server_public_key()


def test_state_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert state_directory() == tmp_path / "state"
    assert state_directory(tmp_path / "mine") == tmp_path / "mine"
    monkeypatch.delenv("PAN115_STATE_DIR")
    assert state_directory().name == "pan115kit"


def test_a_dict_is_no_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings given as a dict would fail somewhere later with words about attributes."""
    monkeypatch.setenv("PAN115_COOKIE", "UID=1_A1_2; CID=ab; SEID=cd")
    for make in (Pan115Client, Pan115Client.sandbox):
        with pytest.raises(ConfigError, match="config must be an UploadConfig, not dict"):
            make(config={"part_size": MIB})  # type: ignore[arg-type]
