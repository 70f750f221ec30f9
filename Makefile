# Both commands do all of their own set-up: a virtual environment with pinned packages, made once.
#   make demo   verify a lung segmentation on virtual patients made from a real chest CT, and say where the report is
#   make test   run the tests
# And, with data that are not in this repository:
#   make study DATA=hippocampus   deterministic and Bayesian networks under verification, see examples/testing_the_trust

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := build/demo

.PHONY: demo study picture test lint clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable ".[demo,onnx,pdf,sign]" jsonschema pypdf SimpleITK scikit-learn \
		playwright axe-playwright-python mypy ruff scipy-stubs
	touch $(READY)

# One model fails a requirement on purpose, and one verdict is inconclusive: pytest's exit code 1 is the demo's success.
demo: $(READY)
	rm -rf $(DEMO)/report  # of an older version, perhaps
	$(BIN)/python examples/chest_ct/cohort.py $(DEMO)/cohort
	$(BIN)/python -m pytest examples/chest_ct/segrobust.toml -p no:cacheprovider \
		--segrobust-model=examples/chest_ct/weights.pt --segrobust-data=$(DEMO)/cohort \
		--segrobust-report=$(DEMO)/report -n 2 $(ARGS); code=$$?; \
	$(BIN)/python examples/chest_ct/expected.py $(DEMO)/report/report.json $$code

# The seed's study on the Decathlon's hippocampi, DATA being what examples/hippocampus/split.py wrote; ARGS=--smoke for a first look.
study: $(READY)
	$(BIN)/python examples/testing_the_trust/study.py --data $(DATA) $(ARGS)

# The picture in the README: the first page of the demo's report, in any Chromium.
picture: demo
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1200,1560 \
		--user-data-dir=build/chromium --screenshot=docs/report.png file://$(CURDIR)/$(DEMO)/report/report.html

# One thread for each of the two workers: more would wait for each other.
test: $(READY)
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -p no:cacheprovider -n 2 $(ARGS)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build
