"""How well bounce mails are judged: hard ones found, others called hard, on mails whose class is known.

``python -m benchmarks.bounces FOLDER``. A folder with one folder a class (hard, soft, policy, undetermined, complaint,
none; other: whichever but hard), or a folder or mbox of mails with ``--labels``; or ``--flufl``, the source
distribution of flufl.bounce, whose sample mails ``flufl_bounce.txt`` labels. Of a mail that tells of several recipients
the worst class counts. No database is asked, and no time is taken.
"""

import argparse
import mailbox
import re
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import django
from django.conf import settings

from benchmarks import report

CLASSES = ("hard", "complaint", "policy", "undetermined", "soft", "none")
LABELS = (*CLASSES, "other")
FOUND_AT_LEAST, CALLED_AT_MOST = 0.75, 0.05
OF_FLUFL = Path(__file__).with_name("flufl_bounce.txt")
Mail = tuple[str, str, bytes]


def labels_in(path: Path) -> dict[str, str]:
    """Lines of a class and the names of its mails: file names with or without ending, numbers in an mbox."""
    lines = [line.split() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    wrong = {line[0] for line in lines} - set(LABELS)
    if wrong:
        sys.exit(f"{path}: {', '.join(sorted(wrong))}: no class. There are {', '.join(LABELS)}.")
    return {name: line[0] for line in lines for name in line[1:]}


def labelled(named: Iterator[tuple[str, bytes]], labels: dict[str, str]) -> Iterator[Mail]:
    """Mails without a label are left out."""
    for name, raw in named:
        if label := labels.get(name) or labels.get(name.rpartition(".")[0]):
            yield name, label, raw


def mails_of(options: argparse.Namespace) -> Iterator[Mail]:
    if options.flufl:
        return labelled(_of_flufl(options.flufl), labels_in(OF_FLUFL))
    where, labels = options.mails, labels_in(options.labels) if options.labels else None
    if where is None or (labels is None and not where.is_dir()):
        sys.exit("Give a folder with a folder for each class, or mails with --labels, or --flufl.")
    if labels is None:
        paths = sorted(path for path in where.glob("*/*") if path.is_file() and path.parent.name in LABELS)
        return ((path.name, path.parent.name, path.read_bytes()) for path in paths)
    if where.is_dir():
        return labelled(((path.name, path.read_bytes()) for path in sorted(where.iterdir()) if path.is_file()), labels)
    box = mailbox.mbox(where, create=False)
    return labelled(((str(number), box.get_bytes(key)) for number, key in enumerate(box.iterkeys(), start=1)), labels)


def _of_flufl(where: Path) -> Iterator[tuple[str, bytes]]:
    if where.is_dir():
        yield from ((path.name, path.read_bytes()) for path in sorted(where.rglob("tests/data/*.txt")))
        return
    with tarfile.open(where) as archive:
        for member in archive:
            if re.search(r"/tests/data/\w+\.txt$", member.name) and (file := archive.extractfile(member)):
                yield Path(member.name).name, file.read()


def judge(raw: bytes) -> tuple[str, str]:
    """The worst class that we find in a mail, and what chose it."""
    from recovery.bounces import mails

    found = [(str(failure.classified.bounce_class), failure.classified.rule) for failure in mails.read(raw).failures]
    return min(found, key=lambda one: CLASSES.index(one[0]), default=("none", ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("mails", nargs="?", type=Path, help="A folder, or an mbox.")
    parser.add_argument("--labels", type=Path, help="Lines of a class and the names of its mails.")
    parser.add_argument("--flufl", type=Path, help="flufl.bounce's source distribution, packed or not.")
    parser.add_argument("--wrong", action="store_true", help="Name each mail that was judged wrongly, and the rule.")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/local"))
    options = parser.parse_args()
    settings.configure(
        SECRET_KEY="none",
        USE_TZ=True,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "recovery"],
    )
    django.setup()

    counts: Counter[tuple[str, str]] = Counter()
    for name, label, raw in mails_of(options):
        judged, rule = judge(raw)
        counts[label, judged] += 1
        if options.wrong and (label == "hard") != (judged == "hard"):
            print(f"{name}: {label}, judged {judged} ({rule or 'no bounce'})")
    if not counts:
        sys.exit("There are no mails with a label.")
    rows = [[label, *(counts[label, judged] for judged in CLASSES)] for label in LABELS if _sum(counts, label)]
    report.table(["is", *(f"judged {judged}" for judged in CLASSES)], rows)

    hard, others = _sum(counts, "hard"), sum(_sum(counts, label) for label in LABELS if label != "hard")
    found = counts["hard", "hard"]
    called = sum(counts[label, "hard"] for label in LABELS if label != "hard")
    said = [
        ("hard found", found, hard, f"at least {FOUND_AT_LEAST:.0%}", found >= FOUND_AT_LEAST * hard),
        ("others called hard", called, others, f"under {CALLED_AT_MOST:.0%}", called < CALLED_AT_MOST * others),
    ]
    lines = [
        (what, part, of, f"{part / of:.1%}" if of else "–", goal, "met" if met or not of else "missed")
        for what, part, of, goal, met in said
    ]
    report.table(["", "mails", "of", "share", "goal", ""], lines)
    report.save(options.out, "bounces", {"counts": {" as ".join(key): count for key, count in counts.items()}})


def _sum(counts: Counter[tuple[str, str]], label: str) -> int:
    return sum(counts[label, judged] for judged in CLASSES)


if __name__ == "__main__":
    main()
