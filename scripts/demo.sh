#!/usr/bin/env bash
# Generates a repository into demo/ and trains it: in a container where an engine works and the
# base image can be had, else on this machine. usage: demo.sh COOKIECUTTER LANGUAGE
set -euo pipefail
cd "$(dirname "$0")/.."

main() {
  local cookiecutter=$1 language=$2 engine
  local repository="demo/penguins-${language}"
  "${cookiecutter}" --no-input --overwrite-if-exists --output-dir demo . \
    "project_name=Penguins in ${language}" "project_slug=penguins-${language}" "language=${language}"
  cd "${repository}"
  engine=$(find_engine)
  if [[ -z "${engine}" ]]; then
    on_this_machine "No container engine answers"
  elif CONTAINER_ENGINE=${engine} make --no-print-directory build; then
    CONTAINER_ENGINE=${engine} make --no-print-directory train
  else
    on_this_machine "The image could not be built (see above)"
  fi
}

# Prints the engine that answers: CONTAINER_ENGINE, or the first one.
find_engine() {
  local name
  for name in ${CONTAINER_ENGINE:-docker podman finch}; do
    if command -v "${name}" >/dev/null && "${name}" ps >/dev/null 2>&1; then
      echo "${name}"
      return
    fi
  done
}

on_this_machine() {
  printf '\n%s: training on this machine instead, without a container.\n\n' "$1"
  python3 tools train --no-container
}

main "$@"
