"""`python -m tests.bench.prober URL`: asks every 20 ms until its input ends, then says the longest answer in ms."""

import http.client
import select
import sys
import time
from typing import Final
from urllib.parse import urlsplit

EVERY: Final = 0.02  # seconds


def main() -> None:
    address = urlsplit(sys.argv[1])
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    longest = 0.0
    while not select.select([sys.stdin], [], [], EVERY)[0]:
        begin = time.perf_counter()
        connection.request("GET", address.path)
        connection.getresponse().read()
        longest = max(longest, time.perf_counter() - begin)
    print(f"{1000 * longest:.1f}")


if __name__ == "__main__":
    main()
