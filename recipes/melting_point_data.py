"""The tables of melting-point: molecules that RDKit accepts, and the train part in several spellings.

Run: python recipes/melting_point_data.py clean TABLE.csv OUT.csv, or: … spell TRAIN.csv OUT.csv
"""

import csv
import sys
from pathlib import Path

from rdkit import Chem, rdBase

SPELLINGS = 6


def main(work: str, table: str, out: str) -> None:
    with Path(table).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with Path(out).open("w", encoding="utf-8", newline="") as file, rdBase.BlockLogs():
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("smiles", "kelvin"))
        for row in rows:
            if (molecule := Chem.MolFromSmiles(row["smiles"])) is None:
                continue
            spelled = [Chem.MolToSmiles(molecule)]
            if work == "spell":  # a molecule is the same from whichever atom one begins
                spelled += Chem.MolToRandomSmilesVect(molecule, SPELLINGS, randomSeed=1)
            writer.writerows((smiles, row["kelvin"]) for smiles in dict.fromkeys(spelled))


if __name__ == "__main__":
    main(*sys.argv[1:])
