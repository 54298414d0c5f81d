#!/usr/bin/env bash
# Base images for the container tests where no image registry answers: made of Debian packages,
# under the names that the Dockerfiles have in their FROM lines, so these are built unmodified.
# usage: stand_ins.sh python=IMAGE r=IMAGE jre=IMAGE maven=IMAGE     (any of them)
# A real image, present or pulled, is always preferred. Needs mmdebstrap and an engine.
# What is there already is kept; after a change to make_base: docker rmi stand-in/debian:trixie
set -euo pipefail

engine=${CONTAINER_ENGINE:-docker}
here=$(cd "$(dirname "$0")" && pwd)
base=stand-in/debian:trixie
pull_seconds=120   # a registry that does not answer must not hold up the tests
export DOCKER_BUILDKIT=1

# What all stand-ins share. The certificates come before ca-certificates is set up, so that curl,
# pip, R and Java all trust what this machine trusts. apt is configured as in the official images:
# without it every apt-get install of a Dockerfile would leave its caches in the layer.
# The folders of the man pages stay: openjdk's set-up fails without them.
make_base() {
  # shellcheck disable=SC2016  # $1, the new root, is expanded by mmdebstrap's shell
  mmdebstrap --quiet --variant=apt --include=ca-certificates --dpkgopt=force-unsafe-io \
    --essential-hook='cp -a /usr/local/share/ca-certificates "$1/usr/local/share/"' \
    --customize-hook="copy-in $here/stand_ins/docker-clean /etc/apt/apt.conf.d" \
    --customize-hook='echo "path-exclude=/usr/share/doc/*" >"$1/etc/dpkg/dpkg.cfg.d/slim"' \
    --customize-hook='cd "$1/usr/share" && rm -rf doc/* man/*/* locale/* ../../var/cache/apt/*.bin' \
    trixie - \
    | "$engine" import --change 'ENV LANG=C.UTF-8' \
        --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
        - "$base"
}

exists() { "$engine" image inspect "$1" >/dev/null 2>&1; }

is_stand_in() {
  [ "$("$engine" image inspect --format '{{ index .Config.Labels "stand-in" }}' "$1")" = yes ]
}

# Three attempts: each reads package lists over the network.
build() {
  local attempt
  for attempt in 1 2 3; do
    "$engine" build --quiet --target "$1" --tag "$2" "$here/stand_ins" && return
    sleep $((attempt * 5))
  done
  echo "stand_ins.sh: the stand-in $2 can't be built." >&2
  return 1
}

wanted=()
for argument in "$@"; do
  image=${argument#*=}
  if exists "$image"; then
    if is_stand_in "$image"; then wanted+=("$argument"); else echo "$image: the real one"; fi
  elif timeout "$pull_seconds" "$engine" pull --quiet "$image" 2>/dev/null; then
    echo "$image: the real one, pulled"
  else
    wanted+=("$argument")
  fi
done
[ ${#wanted[@]} -gt 0 ] || exit 0

# An import of nothing succeeds too: what a failed mmdebstrap leaves must not stay.
exists "$base" || make_base || { "$engine" rmi "$base" >&2; exit 1; }
jobs=()
for argument in "${wanted[@]}"; do
  echo "${argument#*=}: a stand-in"
  build "${argument%%=*}" "${argument#*=}" &
  jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job"; done
