"""A crawl by Scrapy, run by a Python that has it; `bench_crawl` starts it.

Its frontier is durable (JOBDIR), its archive is its own HTTP cache, robots.txt is obeyed. It
follows the links that its own extractor finds to the addresses of a list, so that both crawlers ask
for the same pages.

    python scrapy_arm.py START LIST FOLDER

LIST has a page a line: its address and the SHA-1 of its bytes. Prints one JSON line.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main() -> None:
    began = time.perf_counter()
    import scrapy
    from scrapy.crawler import CrawlerProcess
    from scrapy.linkextractors import LinkExtractor

    start, listed, folder = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    wanted = dict(line.split() for line in listed.read_text("utf-8").splitlines())
    pages: dict[str, str] = {}

    class Pages(scrapy.Spider):
        name = "pages"
        start_urls = (start,)
        extractor = LinkExtractor()

        def parse(self, response: Any) -> Iterator[Any]:
            pages[response.url] = hashlib.sha1(response.body, usedforsecurity=False).hexdigest()
            for link in self.extractor.extract_links(response):
                url = link.url.partition("#")[0]
                if url in wanted:
                    yield scrapy.Request(url)

    process = CrawlerProcess(
        {
            "JOBDIR": f"{folder}/job",
            "HTTPCACHE_ENABLED": True,
            "HTTPCACHE_DIR": f"{folder}/cache",
            "ROBOTSTXT_OBEY": True,
            "DOWNLOAD_DELAY": 0,
            "CONCURRENT_REQUESTS": 16,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
            # Breadth first, as its documentation has it.
            "DEPTH_PRIORITY": 1,
            "SCHEDULER_DISK_QUEUE": "scrapy.squeues.PickleFifoDiskQueue",
            "SCHEDULER_MEMORY_QUEUE": "scrapy.squeues.FifoMemoryQueue",
            "COOKIES_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "LOG_LEVEL": "ERROR",
        }
    )
    process.crawl(Pages)
    process.start()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "scrapy": scrapy.__version__,
        "pages": len(pages),
        "are_the_same": pages == wanted,
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_s": round(time.perf_counter() - began, 2),
        "peak_mib": round(usage.ru_maxrss / 1024),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
