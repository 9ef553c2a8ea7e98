"""Decoding on the CPU with our own vector kernels: one call of a compiled step for each token and thread.

`instructions`, `products`, `arithmetic`, `attention` and `jobs` make up `step`, which numba compiles. `machine_code`
keeps its code and loads it without numba. `families` reads a transformers model, `weights` lays it out, `decoder` runs
rows of it.
"""
