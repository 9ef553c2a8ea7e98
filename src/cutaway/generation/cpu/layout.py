"""What the compiled step and the code that lays out its memory agree on."""

F32, BF16, INT8, INT4 = range(4)  # kinds of weight; `instructions.py` says how each lies in memory
GROUP_BYTES = (2048, 1024, 544, 320)  # of 16 outputs × 32 inputs, by kind
TOGETHER = 12  # queries of a key head that go through attention together
