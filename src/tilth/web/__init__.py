"""Reach the web: addresses that were checked, pages fetched politely, and kept as they came."""
