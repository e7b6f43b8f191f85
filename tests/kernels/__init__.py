"""Tests of the kernels, each against its plain twin."""
