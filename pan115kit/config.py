"""Settings: what an upload may do, where 115 is, where state is kept.

Everything has a default; arguments win over the environment (``PAN115_*``), which wins over the default.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import platformdirs

from .errors import ConfigError
from .i18n import brief, say

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

#: OSS refuses smaller parts (but for the last one); protocol.md §4.5.
MIN_PART_SIZE = 100 * KIB
#: OSS refuses larger parts and larger single PUTs; protocol.md §4.5.
MAX_PART_SIZE = 5 * GIB
#: OSS refuses more parts; protocol.md §4.5.
MAX_PARTS = 10_000

#: The constant public key of 115's initupload, X‖Y on P-224; protocol.md §2.4.
SERVER_PUBLIC_KEY = bytes.fromhex(
    "57A29257CD2320E5D6D143322FA4BB8A3CF9D3CC623EF5EDAC62B7678A89C91A83BA800D6129F522D034C895DD2465243ADDC250953BEEBA"
)
#: The constant RSA-1024 modulus that links of large files are encrypted for; protocol-drive.md D3.2.
DOWNLOAD_MODULUS = int(
    "8686980c0f5a24c4b9d43020cd2c22703ff3f450756529058b1cf88f09b8602136477198a6e2683149659bd122c33592fdb5ad47944ad1ea"
    "4d36c6b172aad6338c3bb6ac6227502d010993ac967d1aef00f0c8e038de2e4d3bc2ec368af2e9f10a6f1eda4f7262f136420c07c331b871"
    "bf139f74f3010e3c4fe57df3afb71683",
    16,
)
#: Sent as ``appversion``; too old a one is answered "please upgrade" (protocol.md §2.3).
DEFAULT_APP_VERSION = "36.2.28"


#: Environment variables that hold credentials, or (``PAN115_PROFILE``) name the saved ones.
CREDENTIAL_VARIABLES = ("PAN115_COOKIE", "PAN115_ACCESS_TOKEN", "PAN115_REFRESH_TOKEN", "PAN115_PROFILE")


class _DefaultInt(int):
    """An int that remembers nobody asked for it."""


class _DefaultFloat(float):
    """A float that remembers nobody asked for it."""


_DEFAULT_PARALLEL_PARTS = _DefaultInt(5)
_DEFAULT_PART_SIZE = _DefaultInt(10 * MIB)
_DEFAULT_API_RATE = _DefaultFloat(2.0)
_warned_about_parts = False


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where each of 115's hosts is reached.

    With ``PAN115_ENDPOINT`` (or ``endpoint=``) all of them are one address with the same paths: a sandbox, a mirror.

    Example:
        >>> Endpoints.at("http://127.0.0.1:8115").upload
        'http://127.0.0.1:8115'
        >>> Endpoints().upload
        'https://uplb.115.com'
    """

    upload: str = "https://uplb.115.com"
    web: str = "https://webapi.115.com"
    pro: str = "https://proapi.115.com"
    passport: str = "https://passportapi.115.com"
    qrcode: str = "https://qrcodeapi.115.com"
    my: str = "https://my.115.com"
    app_version: str = "https://appversion.115.com"
    aps: str = "https://aps.115.com"

    @classmethod
    def at(cls, address: str) -> Self:
        """Every host at one address.

        Raises:
            ConfigError: ``address`` is not an http(s) URL.
        """
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(say("config.endpoint", address=brief(address)), hint=say("config.endpoint.hint"))
        clean = address.rstrip("/")
        return cls(**{f.name: clean for f in fields(cls)})

    @classmethod
    def from_environment(cls, address: str | None = None) -> Self:
        """``address``, else ``PAN115_ENDPOINT``, else 115 itself."""
        address = address or os.environ.get("PAN115_ENDPOINT") or None
        return cls.at(address) if address else cls()


@dataclass(frozen=True, slots=True)
class UploadConfig:
    """What an upload may do.

    Attributes:
        part_size: Bytes of a part (default 10 MiB); grown where a file would need more than 10,000 parts, and, if
            left at its default, where the line would idle between parts (up to 32 MiB).
        multipart_threshold: Files of at least this many bytes go in parts and can resume (default 100 MiB).
        max_concurrent_uploads: Files at once (default 3).
        max_concurrent_parts: Accepted, but 115 needs the parts of a file in order, one at a time (protocol.md §4.3).
            Several files at once do help.
        retries: Tries after the first for a call whose error says a retry helps.
        retry_base: Seconds before the first retry, doubled for each further one: :meth:`retry_wait`.
        retry_cap: Longest wait between tries in seconds.
        connect_timeout: Seconds to get a connection.
        read_timeout: Seconds without a byte from the server; long, because OSS answers a part late
            (protocol.md §4.7).
        network_patience: Seconds that an outage of the network is waited out before files fail (default 24 h);
            0 fails them at once.
        session_days: Sessions untouched for longer are cleaned at start (default 7).
        bandwidth_limit: Bytes per second over all uploads together, or None.
        api_rate: Calls per second to 115 (default 2), 0 for no limit; ``PAN115_API_RATE``.
        api_burst: Calls that may go at once before the rate applies (default 8).
        app_version: Client version told to 115; raise it when 115 says "please upgrade".
        create_target: Make missing target folders.

    Raises:
        ConfigError: A value is out of range.

    Example:
        >>> UploadConfig().part_size, UploadConfig(part_size=20 * MIB).part_size
        (10485760, 20971520)
    """

    part_size: int = field(default=_DEFAULT_PART_SIZE)
    multipart_threshold: int = 100 * MIB
    max_concurrent_uploads: int = 3
    max_concurrent_parts: int = field(default=_DEFAULT_PARALLEL_PARTS)
    retries: int = 6
    retry_base: float = 0.5
    retry_cap: float = 30.0
    connect_timeout: float = 15.0
    read_timeout: float = 300.0
    network_patience: float = 86400.0
    session_days: float = 7.0
    bandwidth_limit: int | None = None
    api_rate: float = field(default=_DEFAULT_API_RATE)
    api_burst: int = 8
    app_version: str = DEFAULT_APP_VERSION
    create_target: bool = True

    def __post_init__(self) -> None:
        _check_numbers(self)
        if not MIN_PART_SIZE <= self.part_size <= MAX_PART_SIZE:
            raise ConfigError(say("config.part_size", value=self.part_size), hint=say("config.part_size.hint"))
        if not 0 <= self.multipart_threshold <= MAX_PART_SIZE:
            raise ConfigError(
                say("config.multipart_threshold", value=self.multipart_threshold),
                hint=say("config.multipart_threshold.hint"),
            )
        for name in ("max_concurrent_uploads", "max_concurrent_parts", "api_burst"):
            if getattr(self, name) < 1:
                raise ConfigError(say("config.at_least_one", name=name, value=getattr(self, name)))
        for name in ("retries", "retry_base", "retry_cap", "network_patience", "session_days", "api_rate"):
            if getattr(self, name) < 0:
                raise ConfigError(say("config.not_negative", name=name, value=getattr(self, name)))
        for name in ("connect_timeout", "read_timeout"):
            if getattr(self, name) <= 0:
                raise ConfigError(say("config.positive", name=name, value=getattr(self, name)))
        if self.bandwidth_limit is not None and self.bandwidth_limit <= 0:
            message = say("config.positive", name="bandwidth_limit", value=self.bandwidth_limit)
            raise ConfigError(message, hint=say("config.bandwidth_limit.hint"))
        if not self.app_version:
            hint = say("config.app_version.hint", version=DEFAULT_APP_VERSION)
            raise ConfigError(say("config.app_version"), hint=hint)
        if self.max_concurrent_parts > 1:
            _warn_about_parts(self.max_concurrent_parts)

    @property
    def adapts_part_size(self) -> bool:
        """Whether parts may grow on a line with long answers: only if nobody named a size."""
        return isinstance(self.part_size, _DefaultInt)

    @property
    def limits_api_by_default(self) -> bool:
        """Whether nobody named ``api_rate``: the limit spares a real 115, a local one needs none."""
        return isinstance(self.api_rate, _DefaultFloat)

    def retry_wait(self, retry: int, chance: float) -> float:
        """Seconds before a call is made again: doubling, capped, the upper half of it by chance.

        Args:
            retry: 1 for the first retry.
            chance: 0 to 1.

        Example:
            >>> config = UploadConfig(retry_base=0.5, retry_cap=30)
            >>> [config.retry_wait(n, 1.0) for n in (1, 2, 3, 20)]
            [0.5, 1.0, 2.0, 30.0]
        """
        return min(self.retry_cap, self.retry_base * 2.0 ** min(retry - 1, 60)) * (0.5 + chance / 2)

    @classmethod
    def from_environment(cls, **given: Any) -> Self:
        """Defaults, then ``PAN115_PART_SIZE``, ``PAN115_MULTIPART_THRESHOLD``, ``PAN115_API_RATE``, then ``given``.

        Example:
            >>> UploadConfig.from_environment(part_size=MIB).part_size
            1048576
        """
        values: dict[str, Any] = {}
        for name, variable, kind in (
            ("part_size", "PAN115_PART_SIZE", int),
            ("multipart_threshold", "PAN115_MULTIPART_THRESHOLD", int),
            ("api_rate", "PAN115_API_RATE", float),
        ):
            text = os.environ.get(variable, "").strip()
            if text:
                try:
                    values[name] = kind(text)
                except ValueError:
                    message = say("config.variable_number", variable=variable, value=repr(text))
                    raise ConfigError(message) from None
        return cls(**(values | given))

    @classmethod
    def or_default(cls, config: Self | None) -> Self:
        """``config``, or where it is None what the environment says.

        Raises:
            ConfigError: It is something else, e.g. a dict.
        """
        if config is None:
            return cls.from_environment()
        if not isinstance(config, cls):
            message = say("config.not_a_config", value=brief(config))
            raise ConfigError(message, hint=say("config.not_a_config.hint"))
        return config

    def with_(self, **changes: Any) -> Self:
        """A copy with some values changed."""
        return replace(self, **changes)


#: What the values of a setting's declared type may be; texts and switches are no numbers.
_NUMBERS: dict[str, Any] = {"int": int, "float": int | float, "int | None": int | float | None}


def _check_numbers(config: UploadConfig) -> None:
    """``"2M"``, ``None`` or NaN are refused by name instead of failing somewhere later."""
    for part in fields(config):
        value, wanted = getattr(config, part.name), _NUMBERS.get(str(part.type))
        if wanted and (not isinstance(value, wanted) or isinstance(value, bool) or value != value):
            shown = brief(value)
            raise ConfigError(
                say("config.whole_number", name=part.name, value=shown)
                if wanted is int
                else say("config.number", name=part.name, value=shown)
            )


def _warn_about_parts(asked: int) -> None:
    """Say once that parts of one file go in order, unless the number is only the default."""
    global _warned_about_parts
    if isinstance(asked, _DefaultInt) or _warned_about_parts:
        return
    _warned_about_parts = True
    warnings.warn(
        say("config.parts_in_order", asked=asked),
        UserWarning,
        stacklevel=4,
    )


def state_directory(given: str | os.PathLike[str] | None = None) -> Path:
    """Where sessions and history live: ``given``, else ``PAN115_STATE_DIR``, else the user's state directory.

    Example:
        >>> state_directory("/tmp/somewhere").name
        'somewhere'
    """
    chosen = given or os.environ.get("PAN115_STATE_DIR") or None
    if chosen is None:
        return Path(platformdirs.user_state_dir("pan115kit", appauthor=False))
    return Path(chosen).expanduser().absolute()


def server_public_key() -> bytes:
    """The P-224 key (X‖Y, 56 bytes) initupload is encrypted for: ``PAN115_ECDH_PUBLIC_KEY`` or 115's own.

    Raises:
        ConfigError: The variable is not 56 bytes of hex.

    Example:
        >>> len(server_public_key())
        56
    """
    text = os.environ.get("PAN115_ECDH_PUBLIC_KEY", "").strip()
    if not text:
        return SERVER_PUBLIC_KEY
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 56:
        raise ConfigError(say("config.ecdh_key"))
    return key


def download_modulus() -> int:
    """The RSA modulus that download links are encrypted for: ``PAN115_RSA_MODULUS`` (hex) or 115's own.

    Raises:
        ConfigError: The variable is not 1,024 bits in hex.
    """
    text = os.environ.get("PAN115_RSA_MODULUS", "").strip()
    if not text:
        return DOWNLOAD_MODULUS
    try:
        modulus = int(text, 16)
    except ValueError:
        modulus = 0
    if modulus.bit_length() != 1024:
        raise ConfigError(say("config.rsa_modulus"))
    return modulus
