"""The folder that keeps the tour's model: never one of the user's."""

from __future__ import annotations

from pathlib import Path

from cutaway.lessons.trained_folder import CARD, clear, new_folder


def made(folder: Path, *others: str) -> Path:
    folder.mkdir()
    (folder / "README.md").write_text(f"# tiny-model\n\n{CARD}\n", encoding="utf-8")
    (folder / "config.json").write_text("{}", encoding="utf-8")
    for name in others:
        (folder / name).write_text("mine", encoding="utf-8")
    return folder


def test_a_name_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    assert new_folder(tmp_path, replace=True) == tmp_path / "tiny-model"
    made(tmp_path / "tiny-model")
    assert new_folder(tmp_path, replace=False) == tmp_path / "tiny-model-2"
    (tmp_path / "tiny-model-2").write_text("a file", encoding="utf-8")
    assert new_folder(tmp_path, replace=False) == tmp_path / "tiny-model-3"


def test_only_a_folder_that_a_tour_wrote_is_used_again(tmp_path: Path) -> None:
    made(tmp_path / "tiny-model")
    assert new_folder(tmp_path, replace=True) == tmp_path / "tiny-model"
    clear(tmp_path / "tiny-model")
    assert not (tmp_path / "tiny-model").exists()


def test_a_folder_with_anything_of_the_users_is_not_used_again(tmp_path: Path) -> None:
    kept = made(tmp_path / "tiny-model", "notes.txt")
    assert new_folder(tmp_path, replace=True) == tmp_path / "tiny-model-2"
    clear(kept)
    assert (kept / "notes.txt").read_text(encoding="utf-8") == "mine"
    other = tmp_path / "tiny-model-2"
    other.mkdir()
    (other / "README.md").write_text("# my own model\n", encoding="utf-8")
    assert new_folder(tmp_path, replace=True) == tmp_path / "tiny-model-3"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "tiny-model").symlink_to(made(tmp_path / "elsewhere"), target_is_directory=True)
    assert new_folder(tmp_path, replace=True) == tmp_path / "tiny-model-2"
    clear(tmp_path / "tiny-model")
    assert (tmp_path / "elsewhere" / "config.json").is_file()
