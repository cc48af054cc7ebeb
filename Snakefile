"""data -> prepared arrays -> runs -> executed chapters -> book

Every rule names as input exactly what decides its output: files of the data set, the part of the package that the step
imports, the lock. So a change makes what depends on it run again, and nothing else. `make` sets up the environment and
calls this file; called directly: .venv/bin/snakemake --cores 2 [-n] [--config dataset=tumorseg data=FOLDER scale=quick].
"""

from itertools import chain
from pathlib import Path

from brainseg.data.dataset import phantom_folder
from brainseg.models import ARCHITECTURES, MODELS
from brainseg.sources import imported_files, source_files

DATASET = config.get("dataset", "phantom")
SCALE = config.get("scale", "quick")
SEED = int(config.get("seed", 0))
LOCK = "requirements.lock"
WORK = Path("build")
OUT = WORK / f"{DATASET}-{SCALE}-{SEED}"
BOOK = OUT / "book"
TRAINED = ("published", "paired", "borders", "patients", "corrected")  # the steps of the ladder that need a training
LADDER = {model: [f"{model}-{step}-published" for step in TRAINED] for model in MODELS}
ABLATION = {model: [f"{model}-corrected-{kind or 'none'}" for kind in ARCHITECTURES[model].attentions[1:]] for model in MODELS}
BOTH_ENDS = {model: [runs[0], runs[-1]] for model, runs in LADDER.items()}
GUIDED, GUIDANCE = ("unet", "deeplab"), ("0", "0.1", "0.3", "1")  # networks, and weights of the guidance term
EXPERIMENTS = {
    "ladder": [f"runs/{run}" for run in chain(*LADDER.values(), (f"{model}-processed-published" for model in MODELS))],
    "attention": [f"runs/{run}" for run in chain((runs[-1] for runs in LADDER.values()), *ABLATION.values())],
    "saliency": [f"saliency/{model}" for model in MODELS],
    "guidance": [f"guidance/{model}-{weight}" for model in GUIDED for weight in GUIDANCE],
    "guided-maps": [f"guided-maps/{model}-{weight}" for model in GUIDED for weight in GUIDANCE],
    "labels": [f"labels/{model}" for model in GUIDED],
}
RUNS = {
    "02_unet": BOTH_ENDS["unet"],
    "03_linknet": BOTH_ENDS["linknet"],
    "04_segnet": BOTH_ENDS["segnet"],
    "05_deeplab": BOTH_ENDS["deeplab"],
    "06_comparison": [*chain(*BOTH_ENDS.values()), *LADDER["deeplab"][1:-1]],
    "07_morphology": [runs[-1] for runs in BOTH_ENDS.values()],
    "08_saliency": [runs[-1] for runs in BOTH_ENDS.values()],
}
EXPERIMENT = config.get("experiment", "ladder")
if EXPERIMENT not in EXPERIMENTS:
    raise WorkflowError(f"received experiment={EXPERIMENT}, expected one of: {', '.join(EXPERIMENTS)}")
CHAPTERS = sorted(path.stem for path in Path("notebooks").glob("[0-9]*.py"))
PAGES = [str(path) for path in sorted(Path("book").rglob("*")) if path.is_file()]
DATA = Path(config["data"]) if DATASET == "tumorseg" else phantom_folder(WORK)

# What is not the default goes into the chapters as a parameter; with the defaults, none does.
DEFAULTS = {"dataset": "phantom", "scale": "quick", "seed": 0, "data": None}
CHOSEN = {"dataset": DATASET, "scale": SCALE, "seed": SEED, "data": str(DATA) if DATASET == "tumorseg" else None}
CHANGED = {name: value for name, value in CHOSEN.items() if value != DEFAULTS[name]}
PARAMETERS = " ".join(f"--parameter {name}='{value}'" for name, value in CHANGED.items())
OPTIONS = f"--dataset {DATASET} --scale {SCALE} --seed {SEED}" + (f" --data '{DATA}'" if DATASET == "tumorseg" else "")

# Snakemake gives every job one core; with as many threads as cores, jobs side by side get in each other's way.
shell.prefix("export TF_NUM_INTEROP_THREADS=1; ")


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
    model="|".join(MODELS),
    step=r"[a-z]+",
    attention=r"[a-z]+",
    weight=r"[\d.]+",


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
        expand(str(OUT / "runs" / "{run}.json"), run=RUNS["06_comparison"]),


rule results:
    input:
        expand(str(OUT / "{record}.json"), record=EXPERIMENTS[EXPERIMENT]),
    params:
        folder=f"results/{DATASET}-{SCALE}-{EXPERIMENT}",
    shell:
        "mkdir -p {params.folder} && "
        "for file in {input}; do gzip -n9c $file > {params.folder}/$(basename $file .json)-{SEED}.json.gz; done"


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
        sorted(str(path) for path in Path("results").rglob("*") if path.is_file()),
        str(OUT / "prepared.json"),
        lambda wildcards: expand(str(OUT / "runs" / "{run}.json"), run=RUNS.get(wildcards.chapter, [])),
    output:
        str(BOOK / "notebooks" / "{chapter}.ipynb"),
    shell:
        "python -m brainseg.book execute notebooks/{wildcards.chapter}.py {output} {PARAMETERS}"


rule run:
    input:
        sources("brainseg.experiment"),
        str(OUT / "prepared.json"),
    output:
        str(OUT / "runs" / "{model}-{step}-{attention}.json"),
    shell:
        "brainseg train {wildcards.model} --step {wildcards.step} --attention {wildcards.attention} "
        "{OPTIONS} --record {output}"


rule saliency:
    input:
        sources("brainseg.saliency.evaluation"),
        str(OUT / "runs" / "{model}-corrected-published.json"),
    output:
        str(OUT / "saliency" / "{model}.json"),
    shell:
        "brainseg saliency {wildcards.model} {OPTIONS} --record {output}"


rule guided:
    input:
        sources("brainseg.experiment"),
        str(OUT / "prepared.json"),
    output:
        str(OUT / "guidance" / "{model}-{weight}.json"),
    shell:
        "brainseg train {wildcards.model} --step corrected --guidance {wildcards.weight} {OPTIONS} --record {output}"


rule guided_maps:
    input:
        sources("brainseg.saliency.evaluation"),
        str(OUT / "guidance" / "{model}-{weight}.json"),
    output:
        str(OUT / "guided-maps" / "{model}-{weight}.json"),
    shell:
        "brainseg saliency {wildcards.model} --guidance {wildcards.weight} --method gradient --method Seg-Grad-CAM "
        "{OPTIONS} --record {output}"


rule labels:
    input:
        sources("brainseg.saliency.evaluation"),
        str(OUT / "prepared.json"),
    output:
        str(OUT / "labels" / "{model}.json"),
    shell:
        "brainseg randomise-labels {wildcards.model} {OPTIONS} --record {output}"


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
