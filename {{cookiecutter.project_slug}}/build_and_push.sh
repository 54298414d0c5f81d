#!/usr/bin/env bash
# Builds the image, pushes it to Amazon ECR and prints it by digest, as `make push` does: --help.
set -euo pipefail
cd "$(dirname "$0")"
exec python3 tools push "$@"
