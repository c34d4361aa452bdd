"""Benchmarks: the fused losses of lossbook beside what people use, measured in one process. See README.md."""
