"""Speed and memory of the hot parts; `make bench` runs all of them."""
