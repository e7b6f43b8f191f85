"""Bytes of strangers, changed at random: every parser answers with what it is meant to."""
