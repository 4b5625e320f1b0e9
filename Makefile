# Two commands on a fresh machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Of the container image: cpu or cuda.
TARGET ?= cpu
TAG ?= latest
TORCH_INDEX_cpu := https://download.pytorch.org/whl/cpu
TORCH_INDEX_cuda := https://pypi.org/simple

.PHONY: demo test lint docs reference audit sbom image clean

demo: $(STAMP)
	$(BIN)/isnet-cxr demo --out demo-out

# Two files at a time, one thread each: more would wait for each other on two cores.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

reference: $(STAMP) # the pages that are made from the code
	$(BIN)/python -m isnet_cxr.pipeline.config.reference > docs/reference-study.md
	$(BIN)/python -m typer isnet_cxr.pipeline.cli utils docs --name isnet-cxr --title Commands > docs/reference-commands.md

# Known weaknesses of the pinned packages, as PyPI's database says; needs a network.
audit: $(STAMP)
	$(BIN)/python .ci/audit.py constraints.txt

# What is installed, for a hospital's list of software. The image has its own: docs/howto-hospital-batch.md
sbom: $(STAMP)
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-format JSON \
		--output-file sbom.cdx.json $(BIN)/python

image:
	docker build -f docker/Dockerfile -t isnet-cxr:$(TAG) \
		--build-arg TORCH_INDEX=$(TORCH_INDEX_$(TARGET)) \
		--build-arg REVISION="$$(git rev-parse HEAD)" \
		--build-arg SOURCE="$$(git config --get remote.origin.url || echo unknown)" .

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,checks]'
	touch $@

clean:
	rm -rf $(VENV) build site *.egg-info
