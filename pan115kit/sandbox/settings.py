"""What can be changed while the sandbox runs."""

from __future__ import annotations

from dataclasses import dataclass

from ..config import GIB, MIB


@dataclass(slots=True)
class Settings:
    """Everything that can be changed while the sandbox runs.

    Attributes:
        sts_life: Seconds that new STS keys live (protocol.md §2.2: 3600).
        access_token_life: Seconds that new access tokens live (protocol.md §1.2: 7200).
        latency_ms: Milliseconds every request waits before it is looked at.
        bandwidth: Bytes per second into OSS, over all connections together; None for no limit.
        size_limit: Bytes of the largest file of the account (protocol.md §2.1).
        space_left: Bytes the drive still has room for.
        second_check_size: Files of at least this many bytes are asked for the SHA-1 of a range (protocol.md §2.3).
        min_app_version: initupload answers "please upgrade" below it.
        callback_timeout: Seconds OSS waits for the callback (protocol.md §4.9: 5).
        qr_polls: Status polls until a QR login counts as confirmed; None: only :meth:`Sandbox.login_step` does.
        qr_long_poll: Seconds a status poll is held when nothing changes by itself.
        object_as_url: init answers with a full URL as ``object``, which p115oss needs to keep the port
            (protocol.md §11.3).
        folder_limit: Entries a folder may have (protocol.md §6.3).
        listing_lag_ms: Milliseconds until listings and searches show a change (protocol-drive.md D0.15: 1000-2000).
        search_lag_ms: Milliseconds until a new entry can be searched for (D5).
        change_ms: Milliseconds a delete, move, copy, rename or restore takes; a second one meanwhile is refused (D4).
        folder_change_ms: Milliseconds that the deletion or the copy of a folder goes on after its reply (D4.2).
        change_limit: Items that one move or copy may take, with all that is in them (D4.2).
        confirm_delete: A cookie route's delete without ``ignore_warn=1`` is refused with 800007 (D4.1).
        refuse_missing_ids: A move, copy or delete that names an id that is not there is refused with 231011; else
            that id is passed over.  What 115 does is not established (D4.2).
        same_content_same_entry: An upload of the content and name of an entry of the same folder is that entry;
            else it is a second one (D4.2).
        unknown_folder_is_root: An unknown folder id lists the root; else it is refused with 990002 (D9).
        order_supported: False: webapi refuses every order but the folder's own with 20130827 (D1.1).
        app_page_limit: Entries that a page of the app route may have; above it is HTTP 500 (D1.1).
        open_missing_is_empty: The Open API's get_info of what is not there has empty data instead of 430004 (D2).
        open_file_without_utime: The Open API's get_info of a file has no ``utime`` and no ``pick_code`` (D2).
        safety_key: The six digits that purging asks for on the cookie route (D4.1).
        link_life: Seconds that a download link lives (D3.3).
        link_bound: ``f`` of cookie-route links: 0 nothing, 1 the User-Agent, 3 also the reply's cookie (D3.3).
        link_bound_open: The same for the Open API's links.
        link_opens: How often one link may be open at once (``c``); 0 for no limit.
        user_opens: How many links may be open at once in all (``uc``).
        web_link_limit: Bytes of the largest file for which ``/files/download`` gives a link (D3.1).
        download_bandwidth: Bytes per second out of the download host, all together; None for no limit.
        links_left: Download links the account still gets today, then 406; None for no limit (D3.1).
        open_calls_left: Open API calls the account still gets, then 770004; None for no limit (D6).
        empty_body_hang: Seconds that the Open API's downurl hangs without pick_code in its body (D0.13).
    """

    sts_life: float = 3600.0
    access_token_life: float = 7200.0
    latency_ms: float = 0.0
    bandwidth: float | None = None
    size_limit: int = 115 * GIB
    space_left: int = 10 * 1024 * GIB
    second_check_size: int = MIB
    min_app_version: str = "27.0.0"
    callback_timeout: float = 5.0
    qr_polls: int | None = 3
    qr_long_poll: float = 30.0
    object_as_url: bool = False
    folder_limit: int = 50_000
    listing_lag_ms: float = 0.0
    search_lag_ms: float = 0.0
    change_ms: float = 10.0
    folder_change_ms: float = 200.0
    change_limit: int = 50_000
    confirm_delete: bool = False
    refuse_missing_ids: bool = False
    same_content_same_entry: bool = True
    unknown_folder_is_root: bool = True
    order_supported: bool = True
    app_page_limit: int = 7_000
    open_missing_is_empty: bool = False
    open_file_without_utime: bool = False
    safety_key: str = "000000"
    link_life: float = 300.0
    link_bound: int = 3
    link_bound_open: int = 1
    link_opens: int = 2
    user_opens: int = 10
    web_link_limit: int = 200 * MIB
    download_bandwidth: float | None = None
    links_left: int | None = None
    open_calls_left: int | None = None
    empty_body_hang: float = 60.0
