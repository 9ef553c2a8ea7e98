"""Train the teacher and the student of movie-sentiment.sh, in a folder; the same call goes on where it was cut off."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from sklearn.linear_model import LogisticRegression
from torch import nn

from movie_sentiment_data import Row, parts, varied
from movie_sentiment_models import WORDS, Teacher, batch, smaller_tokenizer, student_of

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/movie-sentiment")
TEACHER_STEPS, STUDENT_STEPS, ROWS = 1000, 5000, 32
DATA = parts(FOLDER)
MOVIES, OTHERS = DATA["train"], DATA["other"]


def wanted(rows: list[Row]) -> torch.Tensor:
    """Return the chance that a snippet is positive, from its rating: a rating near 0 says little."""
    return torch.sigmoid(1.5 * torch.tensor([float(row["rating"]) for row in rows]))


def chosen_rows(step: int) -> list[Row]:
    """Return the rows of a step, similar in length: three of four are about movies."""
    rng = np.random.default_rng([0, step])
    pool = MOVIES if rng.random() < 0.75 else OTHERS
    some = [pool[i] for i in rng.choice(len(pool), 8 * ROWS, replace=False)]
    some.sort(key=lambda row: len(row["text"]))
    start = int(rng.integers(8)) * ROWS
    return some[start : start + ROWS]


def train(name: str, model: nn.Module, steps: int, rate: float, loss_of: Callable[[int], torch.Tensor]) -> None:
    """Train with AdamW; every step depends on its number alone, so a run that was cut off goes on from its file."""
    file, begin = FOLDER / f"{name}.pt", 0
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    if file.is_file():
        kept = torch.load(file, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        begin = kept["step"]
    model.train()
    started = time.process_time()
    for step in range(begin, steps):
        torch.manual_seed(step)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / (0.06 * steps)) * (1 - step / steps)
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(step)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % 100 == 0:
            print(f"{name}: step {step + 1}, loss {float(loss):.3f}, {time.process_time() - started:.0f} s", flush=True)
        if (step + 1) % 500 == 0 or step + 1 == steps:
            torch.save(
                {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1},
                file.with_suffix(".part"),
            )
            file.with_suffix(".part").rename(file)
    model.eval()


def accuracy(logit_of: Callable[[list[str]], torch.Tensor], rows: list[Row]) -> float:
    rows, right = sorted(rows, key=lambda row: len(row["text"])), 0
    with torch.inference_mode():
        for start in range(0, len(rows), 64):
            some = rows[start : start + 64]
            guess = logit_of([row["text"] for row in some]) > 0
            right += sum(bool(g) == (row["label"] == "POSITIVE") for g, row in zip(guess, some, strict=True))
    return right / len(rows)


def probe(teacher: Teacher) -> float:
    """Return the test accuracy of a logistic regression on MiniLM's own vectors."""
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        teacher.eval()
        both = [
            torch.cat([teacher.vectors([row["text"] for row in rows[i : i + 64]]) for i in range(0, len(rows), 64)])
            for rows in (MOVIES, DATA["test"])
        ]
    learned, asked = (F.normalize(one.float()).numpy() for one in both)
    fitted = LogisticRegression(C=10, max_iter=2000).fit(learned, [row["label"] for row in MOVIES])
    return float(fitted.score(asked, [row["label"] for row in DATA["test"]]))


def similar_words(teacher: Teacher, kept: list[int]) -> dict[str, list[str]]:
    """Return for each whole word among the kept pieces the eight with the most similar vectors."""
    names = [WORDS.id_to_token(i) for i in kept]
    some = [(i, name) for i, name in zip(kept, names, strict=True) if name.isalpha() and len(name) > 2]
    with torch.inference_mode():
        table = F.normalize(teacher.bert.embeddings.word_embeddings.weight[[i for i, _ in some]])
        near = (table @ table.T).topk(9).indices[:, 1:].tolist()
    return {name: [some[j][1] for j in row] for (_, name), row in zip(some, near, strict=True)}


def main() -> None:
    if (FOLDER / "model" / "model.safetensors").is_file():
        return
    torch.manual_seed(0)
    teacher = Teacher()
    print(f"a logistic regression on MiniLM's own vectors: test accuracy {probe(teacher):.4f}", flush=True)

    def teacher_loss(step: int) -> torch.Tensor:
        rows = chosen_rows(step)
        logit, _ = teacher([row["text"] for row in rows])
        return F.binary_cross_entropy_with_logits(logit, wanted(rows))

    train("teacher", teacher, TEACHER_STEPS, 1e-4, teacher_loss)
    for part in ("validation", "test"):
        print(f"teacher: {part} accuracy {accuracy(lambda texts: teacher(texts)[0], DATA[part]):.4f}", flush=True)

    model = FOLDER / "model"
    words = {10: [row["text"] for row in MOVIES], 3: [row["text"] for row in OTHERS]}
    tokenizer, kept = smaller_tokenizer(words, model)
    student = student_of(teacher, kept, [[row["text"] for row in chosen_rows(step)] for step in range(8)])
    alike = similar_words(teacher, kept)

    def student_loss(step: int) -> torch.Tensor:
        rows, rng = chosen_rows(step), np.random.default_rng([1, step])
        own = torch.tensor(rng.random(ROWS) < 0.3)
        texts = [
            row["text"] if as_it_is else varied(row["text"], alike, rng)
            for row, as_it_is in zip(rows, own, strict=True)
        ]
        with torch.inference_mode():
            logit, vectors = teacher(texts)
        said = torch.sigmoid(logit)
        target = torch.where(own, (said + wanted(rows)) / 2, said)
        ids, mask = batch(texts, tokenizer)
        state = student.distilbert(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
        logits = student.classifier(F.dropout(F.relu(student.pre_classifier(state)), 0.1, student.training)).float()
        far = 1 - F.cosine_similarity(state.float(), vectors, dim=1).mean()
        return F.binary_cross_entropy_with_logits(logits[:, 1] - logits[:, 0], target) + far

    train("student", student, STUDENT_STEPS, 3e-4, student_loss)
    student.save_pretrained(model)

    def student_logit(texts: list[str]) -> torch.Tensor:
        ids, mask = batch(texts, tokenizer)
        logits = student(input_ids=ids, attention_mask=mask).logits
        return logits[:, 1] - logits[:, 0]

    print(f"student: validation accuracy {accuracy(student_logit, DATA['validation']):.4f}", flush=True)


if __name__ == "__main__":
    main()
