"""Bring data in, from the web and from files; every record that cannot be read is a row too.

Crawling: `crawl` (the source operation), `crawler` (the loop: levels, hosts in turn), `hosts` (each
site's rules, pace, health), `frontier` (what is known of every URL, in SQLite), `warc_store` (the
pages, in WARC), `client` (HTTP with bounds), `retry`, `robots` (robots.txt, opt-outs), `sitemap`,
`links` (what a page's markup says), `urls` (one spelling a page; scope), `address` (which network
addresses may be reached), `fetch` (one public data file, from a mirror or by HTTP), `demo_site` and
`demo_pages` (a real site on loopback).

Files: `jsonl`, `csv`, `parquet`, `idx` (MNIST's format), `audio` (WAV
and FLAC with transcripts; `sound_header`), `label_studio` (what annotators deliver),
`demo_digits` (such a delivery, made from real digits); `files` and `records` are what they share.
"""
