"""Windows of the two pathways of adenylate kinase, as three distances in nanometres: python … DATA_FOLDER FOLDER.

The distances are those that have been measured between labels on the enzyme: I52-K145, A55-V169 and A127-A194
(Beckstein et al. 2009, doi:10.1016/j.jmb.2009.09.009). They are small if the lids over the binding site are closed. A
window has 64 frames; there is one for each frame at which it can begin.
"""

import json
import sys
from pathlib import Path

from cutaway.sequences import read_records

FRAMES = 64
COLUMNS = ["distance 769 2237", "distance 817 2633", "distance 1957 3022"]  # alpha carbons, counted from 1

data, folder = Path(sys.argv[1]), Path(sys.argv[2])
windows = []
for path, file in (("one", "adk_dims.dcd"), ("two", "adk_dims2.dcd")):
    # The first file ends within a frame.
    (record,) = read_records(data / file, "series", column=COLUMNS, skip_bad=True)
    frames = len(record.sequence[0])
    own = [
        [list(map(float, channel[i : i + FRAMES])) for channel in record.sequence] for i in range(frames - FRAMES + 1)
    ]
    (folder / f"{path}.jsonl").write_text("".join(json.dumps({"sequence": window}) + "\n" for window in own))
    windows += own
(folder / "both.jsonl").write_text("".join(json.dumps({"sequence": window}) + "\n" for window in windows))
print(f"{len(windows)} windows of {FRAMES} frames in {folder}")
