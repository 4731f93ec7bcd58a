"""Hundreds of kills at random moments, in both journal modes: ``python tests/crash/many_kills.py --kills 200``."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from crash_support import Tally, forging, random_kills
from upload_support import Stage


def main() -> None:
    """Kill until it is enough; print what it has cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="over both journal modes together")
    parser.add_argument("--seed", type=int, default=115)
    options = parser.parse_args()
    for mode in ("wal", "delete"):
        begun, tally, chance = time.monotonic(), Tally(), random.Random(f"{options.seed}/{mode}")
        with tempfile.TemporaryDirectory() as folder:
            stage = Stage(Path(folder))
            try:
                with forging(stage, mode) as forge:
                    while tally.kills < options.kills / 2:
                        random_kills(stage, forge, chance, chance.randrange(1, 6), tally)
            finally:
                stage.close()
        print(
            f"{mode}: {tally.kills} kills in {tally.uploads} uploads ({tally.too_late} came too late), all right; "
            f"{tally.parts} parts, {tally.sent_again} sent again ({tally.sent_again / tally.kills:.2f} a kill), "
            f"{tally.refused} refused; {time.monotonic() - begun:.0f} s"
        )


if __name__ == "__main__":
    main()
