# %% [markdown]
# # 9 · From a laptop to a cluster
#
# A cluster runs the same commands as your laptop. What differs is around them: the network, many processes at once, a
# queue, an end that comes too early, and a log that someone has to read the next day.
#
# After this notebook you can
#
# - get through a proxy, and check what a machine offers;
# - say how a process knows which of many it is;
# - read a job script line by line, and know what it costs before you queue;
# - kill a run and go on with the same losses;
# - write logs that stay readable.
#
# Uses: no model; it makes one. It needs no cluster: what a cluster does is simulated here.

# %%
# Install cutaway if this Python lacks it: from the clone that this notebook lies in, or from a wheel beside it.
import importlib.util
import subprocess
import sys
from pathlib import Path

if importlib.util.find_spec("cutaway") is None:
    here = Path.cwd()
    clones = [folder for folder in (here, here.parent) if (folder / "src" / "cutaway").is_dir()]
    found = [*clones, *sorted(here.glob("cutaway-*.whl"), reverse=True)]
    if not found:
        raise SystemExit(f"Put the file cutaway-….whl into {here} (in Colab: upload it), then run this cell again.")
    torch_first = [] if importlib.util.find_spec("torch") else ["torch==2.13.0"]
    for package in [*torch_first, str(found[0])]:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", package], check=True)
    importlib.invalidate_caches()

import cutaway

print("cutaway", cutaway.__version__)

# %% [markdown]
# ## Out through the proxy
#
# Compute centres let you out through a *proxy* only. Programs find it in variables of the environment. Some read
# `https_proxy`, others `HTTPS_PROXY`: set both, to the same address.
#
# > **Guess first.** The address below holds a password. `cutaway doctor` reports what a machine offers. Will the
# > password stand in the report?

# %%
import os

before = dict(os.environ)
for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
    os.environ[name] = "http://ada:secret@proxy.example.org:3128"
os.environ["HF_HUB_OFFLINE"] = "1"  # it asks nobody now: there is no such proxy
checked = cutaway.doctor()
os.environ.clear()
os.environ.update(before)
checked

# %% [markdown]
# No: it is masked. On a cluster, download what you need where there is a network (`cutaway models get NAME`,
# `cutaway data get NAME`), then set `HF_HUB_OFFLINE=1` for the job. The models of the package need no download.
#
# ## Which one am I?
#
# A job is the same program many times. Each process is a *rank*: a number, out of how many, and where. Nobody tells it;
# it reads the variables of whoever started it. Every launcher has other names.
#
# > **Guess first.** Below, the second entry has no size: PALS often sets none. Where can a program find it?

# %%
from cutaway.ranks import find_ranks

launched = {
    "torchrun": {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"},
    "mpiexec in PBS (PALS)": {"PALS_RANKID": "9", "PALS_LOCAL_RANKID": "1", "PMI_RANK": "9", "PMI_SIZE": "12"},
    "srun in Slurm": {"SLURM_PROCID": "5", "SLURM_LOCALID": "1", "SLURM_STEP_NUM_TASKS": "8"},
    "a laptop": {},
}
for how, variables in launched.items():
    ranks = find_ranks(variables)
    print(f"{how:22} rank {ranks.rank} of {ranks.size}, number {ranks.local_rank} on its node")

# %% [markdown]
# PALS and PMI count this process alike, so the size of one is the size of the other.
#
# > **Guess first.** A script has left `RANK=3` in the environment, and nothing else. Should a program take it for one
# > process of many, or for a single one?

# %%
try:
    find_ranks({"RANK": "3"})
except cutaway.CutawayError as error:
    print(error.message)
    print("→", error.hint)

# %% [markdown]
# Neither: it should say so. A program that guesses here trains the same model eight times, and nobody notices.
#
# ## What does it cost?
#
# > **Guess first.** A model of 85 million parameters is to read 2.5 billion tokens on 8 GPUs (H100). Is that minutes,
# > hours or days? Does it fit into the memory?

# %%
cutaway.plan("small", arch="llama", device="h100", count=8, batch_size=512, context=1024, tokens=2_500_000_000)

# %% [markdown]
# ## A job script, line by line
#
# A cluster has a *scheduler*: you hand in a script, it waits in a queue, and runs when there is room. `--submit` does
# not train. It writes the script, for you to read.
#
# > **Guess first.** The job may take one hour, and the training takes three. What should happen after an hour?

# %%
import shutil

work = Path("notebook-9")  # all files of this notebook
shutil.rmtree(work, ignore_errors=True)
work.mkdir()


def run(*arguments, **options):
    """Run a command of cutaway in a process of its own."""
    command = [sys.executable, "-m", "cutaway", *arguments]
    return subprocess.run(command, cwd=work, check=True, capture_output=True, text=True, **options)


training = ["train", "built-in", "--steps", "5000", "-o", "big"]
run(*training, "--submit", "slurm", "--nodes", "2", "--per-node", "4", "--walltime", "1:00:00")
print((work / "big.slurm").read_text())

# %% [markdown]
# | lines | what they say |
# |---|---|
# | `#SBATCH --nodes`, `#SBATCH --ntasks-per-node`, `#SBATCH --time` | 2 nodes, 4 processes on each, one hour |
# | `#SBATCH --signal=B:USR1@300` | 300 seconds before the end, send the signal USR1 to this script |
# | `cd`, `export` | run where it was submitted; use the cache that is there, and no network |
# | `trap`, `srun … &`, `wait` | start 8 ranks in the background; when USR1 comes, pass it on to them |
# | `code=$?` … `75` | they write a checkpoint and end with code 75: there is more to do |
# | `sbatch …` | so submit the same script again; its command goes on from the checkpoint |
#
# > **Guess first.** PBS is another scheduler. Which of these lines must differ, and which can stay?

# %%
run(*training, "--submit", "pbs", "--nodes", "2", "--per-node", "4", "--walltime", "1:00:00")
slurm, pbs = ((work / f"big.{name}").read_text().splitlines() for name in ("slurm", "pbs"))
print("only in the script for PBS:\n")
print(*(line for line in pbs if line not in slurm and line.strip()), sep="\n")

# %% [markdown]
# PBS sends no warning, so its script counts the time itself. And every `mpiexec` spells its options differently, so the
# script asks which one it is.
#
# ## Killed, and nothing lost
#
# Now see it for yourself. Below, one run is left in peace. A second one is killed while it works: not asked to end, but
# killed at once, as when a node dies.
#
# > **Guess first.** A checkpoint is saved every 4 steps. If a run dies right after step 7, what is lost?

# %%
import json
import time

command = ["train", "built-in", "--steps", "16", "--save-every", "4", "--micro-batch", "4", "--samples", "0"]
command += ["--threads", "1", "--precision", "float32", "--attention", "plain", "-o"]


def losses(name):
    """Return the loss of each step of a run so far."""
    file = work / name / "metrics.jsonl"
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return {one["step"]: one["loss"] for one in (json.loads(line) for line in lines if line.endswith("\n"))}


run(*command, "whole")
killed = subprocess.Popen([sys.executable, "-m", "cutaway", *command, "parts", "-q"], cwd=work)
while len(losses("parts")) < 7 and killed.poll() is None:
    time.sleep(0.02)
killed.kill()
killed.wait()
print(f"left in peace: {len(losses('whole'))} steps; killed: {len(losses('parts'))} steps")
print("checkpoints of the killed one:", sorted(path.name for path in (work / "parts" / "checkpoints").iterdir()))

# %% [markdown]
# Lost is what came after the last *complete* checkpoint. Now the same command again.
#
# > **Guess first.** It computes the lost steps once more. Will their losses be the same as before, nearly the same, or
# > those of a new random start?

# %%
before_it_died = losses("parts")
run(*command, "parts")
print("step   in peace   killed, then resumed")
for step, loss in losses("whole").items():
    print(f"{step:4}   {loss:.6f}   {losses('parts')[step]:.6f}{'   (was there before)' * (step in before_it_died)}")
assert losses("parts") == losses("whole")

# %% [markdown]
# The same, to the last digit: each row of the data is a function of the seed and its number, so there is no place in
# the data to lose. [Exact resume](../docs/explain/exact-resume.md) says how.
#
# > **Guess first.** Now two processes train one model together. Each reads half of the rows. Same losses, or not?

# %%
run(*command, "two-ranks", "--procs", "2")
print("one process:  ", [round(loss, 6) for loss in losses("whole").values()][:6])
print("two processes:", [round(loss, 6) for loss in losses("two-ranks").values()][:6])
assert max(abs(losses("whole")[step] - losses("two-ranks")[step]) for step in losses("whole")) < 1e-4

# %% [markdown]
# ## Logs that stay readable
#
# In the hands-on that this course grew out of, three loggers wrote twenty lines each into a notebook. On the page that
# was made of it, the lines of the first one looked like this:
#
#     i: 0g logger=<Logger basic (INFO)>
#     1g logger=<Logger basic (INFO)>
#     i: 2ogger=<Logger basic (INFO)>
#     3ogger=<Logger basic (INFO)>
#
# Lines wrote over each other, as text does after a *carriage return* (`\r`): the cursor goes back to the start of the
# line, and what stood there shows through.
#
# > **Guess first.** What does a screen show of `"Using logger=<Logger basic (INFO)>\ri: 0"`?


# %%
def on_screen(line):
    """Return what a screen shows of a line with carriage returns."""
    shown = ""
    for part in line.split("\r"):
        shown = part + shown[len(part) :]
    return shown


print(on_screen("Using logger=<Logger basic (INFO)>\ri: 0"))

# %% [markdown]
# Progress bars live from this trick, and logs die of it: in a file, in a notebook, between eight processes. cutaway's
# logger never goes back. One record is one line, written at once, with its time, level and place.
#
# > **Guess first.** One message below holds a line break, a carriage return and a colour code. How many lines does it
# > take?

# %%
for name in ("basic", "rich", "ezpz"):
    logger = cutaway.get_logger(name)
    for i in range(20):
        logger.info(f"i: {i}")
logger.info("two\nlines,\rback to the start, \x1b[31mred")

# %% [markdown]
# One. What would move the cursor is shown as an escape.
#
# Is it the same text elsewhere? The next cell writes a small program, and runs it as ranks 0, 1 and 2 of a job.
#
# > **Guess first.** It logs one message for information and one error. How many lines will three ranks write together?

# %%
(work / "cell.py").write_text("""
import cutaway
logger = cutaway.get_logger("job")
logger.info("step 50/600: loss 0.512 nats")
logger.error("no room on the disk")
""")
for rank in range(3):
    variables = {**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "3"}
    done = subprocess.run([sys.executable, "cell.py"], cwd=work, env=variables, capture_output=True, text=True)
    print(f"rank {rank}:", *done.stderr.splitlines(), sep="\n   ")

# %% [markdown]
# Four: information comes from rank 0 alone, errors from every rank. The text is that of this notebook, time stamps
# apart; on a terminal only colours are added. A test of cutaway compares terminal, notebook and nbconvert.
#
# ## Exercises
#
# 1. **Your centre.** Write the script for your own cluster: `--queue`, `--account`, `--walltime`. Which line would you
#    have forgotten?
#    <details><summary>Hint</summary><code>cutaway train --help</code> lists the options. Your centre's documentation
#    says which queue and account.</details>
# 2. **One day.** How many tokens does this model read in a day on a single H100? And on your laptop
#    (`device="cpu"`)?
#    <details><summary>Hint</summary>Change <code>count</code>, <code>device</code> and <code>tokens</code> of
#    <code>cutaway.plan(...)</code> until the time is a day. For a laptop begin with 10 million tokens.</details>
# 3. **Killed while it saves.** Kill a run at a random moment, ten times, always with the same command. Do you ever find
#    a loss that differs?
#    <details><summary>Hint</summary>Put the cell with <code>Popen</code> into a loop, and sleep a random time instead
#    of waiting for step 7.</details>
#
# ## What you know now
#
# Proxies are variables; `cutaway doctor` shows what a program sees. A rank is read from the launcher's variables, and
# half an answer is an error. A plan says what a run costs before it queues, and a job script is a page that you can
# read. A run that is killed goes on with the same losses, on as many processes as you have. A log line is one line.
#
# The homework for this notebook: `cutaway homework start ranks --name "Your name"`.
