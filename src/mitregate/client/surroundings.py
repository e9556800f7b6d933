"""The world as the client's dialogues want to know it: the real one."""

import random
import time
from datetime import UTC, datetime

from mitregate.client.retries import Surroundings

REAL = Surroundings(
    now=lambda: datetime.now(UTC),  # noqa: TID251  who uses a library has no clock to hand in
    elapsed=time.monotonic,
    chance=random.random,
)
