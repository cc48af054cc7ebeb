"""data -> prepared arrays -> runs -> executed chapters -> book

Every rule names as input exactly what decides its output: files of the data set, the part of the package that the step
imports, the lock. So a change makes what depends on it run again, and nothing else. `make` sets up the environment and
calls this file; called directly: .venv/bin/snakemake --cores 2 [-n] [--config dataset=tumorseg data=FOLDER scale=quick].
"""

from pathlib import Path

from brainseg.data.dataset import phantom_folder
from brainseg.sources import imported_files, source_files

DATASET = config.get("dataset", "phantom")
SCALE = config.get("scale", "quick")
SEED = int(config.get("seed", 0))
LOCK = "requirements.lock"
WORK = Path("build")
OUT = WORK / f"{DATASET}-{SCALE}-{SEED}"
BOOK = OUT / "book"
RUNS = {
    "02_unet": ["unet"],
    "03_linknet": ["linknet"],
    "04_segnet": ["segnet"],
    "05_deeplab": ["deeplab"],
    "06_comparison": ["unet", "linknet", "segnet", "deeplab"],
}
CHAPTERS = sorted(path.stem for path in Path("notebooks").glob("[0-9]*.py"))
PAGES = [str(path) for path in sorted(Path("book").rglob("*")) if path.is_file()]
DATA = Path(config["data"]) if DATASET == "tumorseg" else phantom_folder(WORK)

# What is not the default goes into the chapters as a parameter; with the defaults, none does.
DEFAULTS = {"dataset": "phantom", "scale": "quick", "seed": 0, "data": None}
CHOSEN = {"dataset": DATASET, "scale": SCALE, "seed": SEED, "data": str(DATA) if DATASET == "tumorseg" else None}
CHANGED = {name: value for name, value in CHOSEN.items() if value != DEFAULTS[name]}
PARAMETERS = " ".join(f"--parameter {name}='{value}'" for name, value in CHANGED.items())
EXPERIMENT = f"--dataset {DATASET} --scale {SCALE} --seed {SEED}" + (f" --data '{DATA}'" if DATASET == "tumorseg" else "")


def sources(*modules):
    return [str(path.relative_to(Path.cwd())) for path in source_files(*modules)] + [LOCK]


def chapter_sources(wildcards):
    return [str(path.relative_to(Path.cwd())) for path in imported_files(Path(f"notebooks/{wildcards.chapter}.py"))]


def data_files(wildcards):
    if DATASET == "phantom":
        checkpoints.phantom.get()
    return sorted(str(path) for path in DATA.rglob("*") if path.suffix in {".jpg", ".json"})


wildcard_constraints:
    chapter=r"\d\d_\w+",


rule book:
    input:
        notebooks=expand(str(BOOK / "notebooks" / "{chapter}.ipynb"), chapter=CHAPTERS),
        pages=PAGES,
        settings=["_config.yml", "_toc.yml"],
        checks=sources("brainseg.book.__main__"),
    output:
        str(BOOK / "_build" / "html" / "index.html"),
    params:
        checks=" && ".join(
            f"python -m brainseg.book check {BOOK}/notebooks/{name}.ipynb notebooks/{name}.py {PARAMETERS}"
            for name in CHAPTERS
        ),
    shell:
        "{params.checks} && python -m brainseg.book stage {BOOK} && "
        "jupyter-book build -W -n --keep-going --all {BOOK} && "
        "python -m brainseg.book site {BOOK}/_build/html _toc.yml"


rule chapters:
    input:
        expand(str(BOOK / "notebooks" / "{chapter}.ipynb"), chapter=CHAPTERS),


rule runs:
    input:
        expand(str(OUT / "runs" / "{model}.json"), model=RUNS["06_comparison"]),


rule reference:
    input:
        expand(str(BOOK / "notebooks" / "{chapter}.ipynb"), chapter=CHAPTERS),
    shell:
        "cp {input} notebooks/"


rule chapter:
    input:
        "notebooks/{chapter}.py",
        chapter_sources,
        LOCK,
        sorted(str(path) for path in Path("results").glob("*.json")),
        str(OUT / "prepared.json"),
        lambda wildcards: expand(str(OUT / "runs" / "{model}.json"), model=RUNS.get(wildcards.chapter, [])),
    output:
        str(BOOK / "notebooks" / "{chapter}.ipynb"),
    shell:
        "python -m brainseg.book execute notebooks/{wildcards.chapter}.py {output} {PARAMETERS}"


rule run:
    input:
        sources("brainseg.train"),
        str(OUT / "prepared.json"),
    output:
        str(OUT / "runs" / "{model}.json"),
    shell:
        "brainseg train {wildcards.model} {EXPERIMENT} --record {output}"


rule prepare:
    input:
        sources("brainseg.data.prepare"),
        data_files,
    output:
        str(OUT / "prepared.json"),
    shell:
        "brainseg data prepare {DATA} --scale {SCALE} --record {output}"


checkpoint phantom:
    input:
        sources("brainseg.data.phantom"),
    output:
        directory(str(phantom_folder(WORK))),
    shell:
        "brainseg data make-phantom {output}"
