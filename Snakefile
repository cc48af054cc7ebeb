"""data -> prepared arrays -> runs -> executed chapters -> book; and runs -> scores -> recorded results

Every rule names as input exactly what decides its output: files of the data set, the part of the package that the step
imports, the lock. So a change makes what depends on it run again, and nothing else. `make` sets up the environment and
calls this file. Called directly, the programs of the environment have to be found:

    PATH=$PWD/.venv/bin:$PATH snakemake --cores 2 [-n] [--config dataset=tumorseg data=FOLDER scale=quick]

With --profile profiles/slurm (or another of that folder) the same rules run as jobs of a cluster.
"""

import json
import os
import re
import sys
from pathlib import Path

import yaml

from brainseg.data.dataset import DATASETS, phantom_folder
from brainseg.data.outside import shown
from brainseg.errors import BrainsegError, known
from brainseg.experiments.matrix import ATTENTIONS, chosen, read_matrix
from brainseg.experiments.ladder import STEPS
from brainseg.experiments.plan import NEEDS
from brainseg.fingerprint import code_fingerprint, source_files
from brainseg.models import MODELS
from brainseg.paper.build.asked import asked_for
from brainseg.paper.build.inputs import inputs



def refused(words):
    """End with one line."""
    sys.exit(f"Error: {words}")


def settings():
    """What is chosen on the command line, checked before anything is planned: data set, scale, seed, and its folder."""
    try:
        dataset = known(str(config.get("dataset", "phantom")), DATASETS, "DATASET")
        scale = known(str(config.get("scale", "quick")), NEEDS, "SCALE")
        known(str(config.get("experiment", "ladder")), read_matrix(), "EXPERIMENT")
    except BrainsegError as error:
        refused(error)
    seed, data = str(config.get("seed", 0)), config.get("data")
    if not (seed.isascii() and seed.isdigit() and int(seed) < 2**32):
        refused(f"received SEED {shown(seed)}, expected a whole number from 0 to {2**32 - 1}")
    for folder in (data, os.environ.get("BRAINSEG_WORKSPACE", "")):
        if folder is not None and not (isinstance(folder, (str, int, float)) and plain(str(folder))):
            refused(f"received the folder {shown(folder)}, expected a name without braces, quotes and control characters")
    if data is not None and not Path(str(data)).is_dir():
        refused(f"received DATA {shown(str(data))}, which is no folder: name the one with tumorseg-coco and cheng2017")
    return dataset, scale, int(seed), None if data is None else Path(str(data)).absolute()


def plain(name):
    return name.isprintable() and not set(name) & set("{}'\"")


DATASET, SCALE, SEED, DATA = settings()
if DATASET == "tumorseg" and DATA is None:
    refused("received no folder for the data set tumorseg: add DATA=FOLDER (snakemake: data=FOLDER), or leave DATASET out")
COURSE = str(config.get("course", ""))
if COURSE and COURSE not in (COURSES := yaml.safe_load(Path("book/courses.yml").read_text())):
    refused(f"received COURSE {shown(COURSE)}, expected one of {', '.join(COURSES)}")
LOCALE = str(config.get("locale", ""))
if LOCALE and LOCALE not in (LOCALES := sorted(path.name for path in Path("book/locale").iterdir())):
    refused(f"received LOCALE {shown(LOCALE)}, expected one of {', '.join(LOCALES)}")
LOCK = "requirements.lock"
WORK = Path(os.path.relpath(os.environ.setdefault("BRAINSEG_WORKSPACE", str(Path("build").absolute()))))
OUT = WORK / f"{DATASET}-{SCALE}-{SEED}"
BOOK = OUT / "book"
PREPARED = str(WORK / "prepared" / f"{DATASET}-{SCALE}.json")
RUNS = {path.stem: asked_for(path) for path in sorted(Path("notebooks").glob("[0-9]*.py"))}  # what chapters ask for
CHAPTERS = list(RUNS)
PAGES = [str(path) for path in sorted(Path("book").rglob("*")) if path.is_file()]
MAPS = {"saliency": "", "maps": "--method gradient --method Seg-Grad-CAM"}  # kinds of record, and of which maps each is

# What is not the default goes into the chapters as a parameter; with the defaults, none does.
DEFAULTS = {"dataset": "phantom", "scale": "quick", "seed": 0, "data": None}
CHOSEN = {"dataset": DATASET, "scale": SCALE, "seed": SEED, "data": str(DATA) if DATASET == "tumorseg" else None}
CHANGED = {name: value for name, value in CHOSEN.items() if value != DEFAULTS[name]}
PARAMETERS = " ".join(f"--parameter {name}='{value}'" for name, value in CHANGED.items())
TAKES = {each["chapter"]: each["first_seconds"] for each in json.loads(Path("results/classroom.json").read_text())["chapters"]}
LIMIT = 60 * NEEDS[SCALE][1]  # seconds that a cell of a chapter may take: as long as a training

# Snakemake gives every job one core; with as many threads as cores, jobs side by side get in each other's way.
shell.prefix("export TF_NUM_INTEROP_THREADS=1; ")


def stamp(name, digest):
    """A file that is written anew, and so later than what is made from it, when the digest is another."""
    path = WORK / "code" / name
    if not path.is_file() or path.read_text() != digest:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(digest)
    return str(path)


def sources(*modules):
    """What decides a step, apart from its data: what the modules do that it runs, and the lock."""
    return [stamp("+".join(modules), code_fingerprint(source_files(*modules))), LOCK]


for chapter in CHAPTERS:  # Snakemake looks into a folder once: what chapter_sources makes later would be missing
    if not (WORK / "code" / chapter).is_file():
        stamp(chapter, "")


def chapter_sources(wildcards):
    """What decides a chapter, as the executed notebook will know it."""
    files = inputs(Path(f"notebooks/{wildcards.chapter}.py"), Path(LOCK), {})["files"]
    return stamp(wildcards.chapter, json.dumps(files, indent=1))


def folder_of(dataset):
    """Folder of the images of a data set."""
    if dataset == "phantom":
        return phantom_folder(WORK)
    if DATA is None:
        raise WorkflowError(f"no folder for the data set {dataset}: add data=FOLDER (make: DATA=FOLDER), or dataset=phantom")
    return DATA


def data_files(wildcards):
    if wildcards.dataset == "phantom":
        checkpoints.phantom.get()
    return sorted(str(path) for path in folder_of(wildcards.dataset).rglob("*") if path.suffix in {".jpg", ".json"})


def options(wildcards):
    """Options of `brainseg train` that say on what and how large."""
    given = f"--dataset {wildcards.dataset} --scale {wildcards.scale} --seed {wildcards.seed}"
    return given + (f" --data '{folder_of(wildcards.dataset)}'" if wildcards.dataset != "phantom" else "")


def named_options(wildcards):
    """What a name has besides network, step and attention, as options: `-fold-1` is `--fold 1`."""
    return re.sub(r"-([a-z-]+)-([\d.]+)", r" --\1 \2", wildcards.guidance + wildcards.get("changes", "") + wildcards.fold)


def memory(wildcards, attempt):
    return attempt * NEEDS[wildcards.scale][0]


def minutes(wildcards, attempt):
    return attempt * NEEDS[wildcards.scale][1]


def experiment():
    """The experiment that is to be recorded; what is given in the configuration takes the place of its own values."""
    try:
        (matrix,) = chosen([config.get("experiment", "ladder")])
        seed = int(config["seed"]) if "seed" in config else None
        return matrix.at(config.get("dataset"), config.get("scale"), seed)
    except BrainsegError as error:
        raise WorkflowError(str(error)) from error


def records(wildcards):
    return [str(WORK / path) for path in experiment().files.values()]


def kept_records(wildcards):
    """Shell commands that put each record, compressed, among the results."""
    folder = f"results/{experiment().folder}"
    copies = [f"gzip -n9c '{WORK / path}' > {folder}/{name}.json.gz" for name, path in experiment().files.items()]
    return " && ".join([f"mkdir -p {folder}", *copies])


wildcard_constraints:
    chapter=r"\d\d_\w+",
    dataset="|".join(DATASETS),
    scale="|".join(NEEDS),
    seed=r"\d+",
    guidance=r"(-guidance-[\d.]+)?",
    changes=r"(-(width|batch-size|epochs)-\d+)*",
    fold=r"(-fold-\d)?",
    maps="|".join(MAPS),
    model="|".join(MODELS),
    step="|".join(STEPS),
    attention="|".join(ATTENTIONS),


localrules:
    runs,
    results,
    compare,
    reference,


rule book:
    input:
        notebooks=expand(str(BOOK / "notebooks" / "{chapter}.ipynb"), chapter=CHAPTERS),
        pages=PAGES,
        settings=["_config.yml", "_toc.yml"],
        prepared=PREPARED,
        checks=sources("brainseg.paper.build.__main__"),
        parts=[*expand("brainseg/plotting/{part}", part=["lab.css", "lab.js", "lab_network.js"]), "CITATION.cff", "results/classroom.json"],
        network="brainseg/app/weights/deeplab.onnx",
        documented=[str(path) for path in sorted(Path("brainseg").rglob("*.py"))],
    params:
        course=f"--course '{COURSE}'" if COURSE else "",
        locale=f"--locale '{LOCALE}'" if LOCALE else "",
    output:
        str(BOOK / "_build" / "html" / "index.html"),
    shell:
        "python -m brainseg.paper.build check {input.notebooks:q} --prepared {input.prepared:q} {PARAMETERS} && "
        "python -m brainseg.paper.build stage {BOOK:q} --prepared {input.prepared:q} {params.course} {params.locale} && "
        "jupyter-book build -W -n --keep-going --all {BOOK:q} && "
        "python -m brainseg.paper.build site {BOOK:q}/_build/html _toc.yml"


rule runs:
    input:
        expand(str(OUT / "runs" / "{run}.json"), run=sorted({run for runs in RUNS.values() for run in runs})),


rule results:
    input:
        records,
    params:
        keep=kept_records,
    shell:
        "{params.keep}"


if CHANGED:

    def committed(wildcards):
        raise WorkflowError(f"the committed chapters show the phantom at the default scale: leave out {', '.join(CHANGED)}")

else:
    committed = expand(str(BOOK / "notebooks" / "{chapter}.ipynb"), chapter=CHAPTERS)


rule compare:
    input:
        committed,
    shell:
        "python -m brainseg.paper.build compare {input:q}"


rule reference:
    input:
        committed,
    shell:
        "cp {input:q} notebooks/"


rule chapter:
    input:
        chapter_sources,
        sources("brainseg.paper.build.chapters"),
        lambda wildcards: expand(str(OUT / "runs" / "{run}.json"), run=RUNS.get(wildcards.chapter, [])),
        prepared=PREPARED,
    output:
        notebook=str(BOOK / "notebooks" / "{chapter}.ipynb"),
        provenance=str(BOOK / "notebooks" / "{chapter}.json"),
    priority: lambda wildcards: TAKES.get(wildcards.chapter, 0)  # the longest is not left for the end
    shell:
        "python -m brainseg.paper.build execute notebooks/{wildcards.chapter}.py {output.notebook:q} "
        "--prepared {input.prepared:q} --limit {LIMIT} {PARAMETERS}"


rule run:
    input:
        sources("brainseg.experiments.workspace"),
        str(WORK / "prepared" / "{dataset}-{scale}.json"),
    output:
        str(WORK / "{dataset}-{scale}-{seed}" / "runs" / "{model}-{step}-{attention}{guidance}{changes}{fold}.json"),
    priority: lambda wildcards: 1000 - MODELS.index(wildcards.model)  # before chapters, and U-Net first
    params:
        options=options,
        named=named_options,
    resources:
        mem_mb=memory,
        runtime=minutes,
    shell:
        "brainseg train {wildcards.model} --step {wildcards.step} --attention {wildcards.attention} "
        "{params.named} {params.options} --record {output:q}"


rule saliency:
    input:
        sources("brainseg.experiments.saliency"),
        str(WORK / "{dataset}-{scale}-{seed}" / "runs" / "{model}-corrected-published{guidance}{fold}.json"),
    output:
        str(WORK / "{dataset}-{scale}-{seed}" / "{maps}" / "{model}{guidance}{fold}.json"),
    params:
        options=options,
        named=named_options,
        methods=lambda wildcards: MAPS[wildcards.maps],
    resources:
        mem_mb=memory,
        runtime=minutes,
    shell:
        "brainseg saliency {wildcards.model} {params.named} {params.methods} {params.options} --record {output:q}"


rule labels:
    input:
        sources("brainseg.experiments.workspace", "brainseg.experiments.saliency"),
        str(WORK / "prepared" / "{dataset}-{scale}.json"),
    output:
        str(WORK / "{dataset}-{scale}-{seed}" / "labels" / "{model}.json"),
    params:
        options=options,
    resources:
        mem_mb=memory,
        runtime=minutes,
    shell:
        "brainseg randomise-labels {wildcards.model} {params.options} --record {output:q}"


rule prepare:
    input:
        sources("brainseg.data.prepare"),
        data_files,
    output:
        str(WORK / "prepared" / "{dataset}-{scale}.json"),
    params:
        folder=lambda wildcards: folder_of(wildcards.dataset),
    resources:
        mem_mb=2000,
        runtime=30,
    shell:
        "brainseg data prepare {params.folder:q} --scale {wildcards.scale} --record {output:q}"


checkpoint phantom:
    input:
        sources("brainseg.data.phantom"),
    output:
        directory(str(phantom_folder(WORK))),
    resources:
        mem_mb=2000,
        runtime=30,
    shell:
        "brainseg data make-phantom {output:q}"
