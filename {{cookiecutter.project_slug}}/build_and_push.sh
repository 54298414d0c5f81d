#!/usr/bin/env bash
# Builds the image, pushes it to Amazon ECR and prints it by digest: `make push`, --help.
# Bash 3.2 (macOS) is enough; besides it needs make, docker, podman or finch, and the aws CLI v2.
set -euo pipefail

# What SageMaker takes (C82, C83): one Docker manifest, of this platform.
platform=linux/amd64
manifest=application/vnd.docker.distribution.manifest.v2+json

help() {
  cat <<'END'
Usage: ./build_and_push.sh [FLAG …]

Pushes the image of this tree to ECR, tagged by the git commit; of a tree that is not committed, by a
hash of what it is built of. Prints the image by digest, and writes it to pushed-image.json.

  --region REGION    else that of training-job.json, AWS_REGION, the profile's
  --profile NAME     a profile of the aws CLI
  --repository NAME  else that of training-job.json
  --role-arn ARN     a role to assume, with --external-id ID where it asks for one
  --no-create        fail where the ECR repository is missing
  --no-build         push the local image (IMAGE) as it is
  --builder codebuild  build in AWS CodeBuild: no container engine needed here
  --dry-run          ask what must be known; print the other commands instead of running them
  --print-tag        print the tag of this tree, nothing else
  --print-build-flags  print what `make build` adds to the engine's build, nothing else
END
}

say() { printf '%s\n' "$*" >&2; }
die() { say "Not pushed: $*" && exit 1; }
interruptible() { trap 'die "interrupted; run this again, what has arrived stays there."' INT TERM; }

# --- The tree -------------------------------------------------------------------------------------

# context FIND-ARGUMENTS: what the image may be built of. Of .dockerignore only the plain lines are
# followed: a file too many in the hash does no harm, one too few would let two trees share a tag.
context() {
  local line ignored=(-path ./.git -o -path ./runs -o -path ./pushed-image.json)
  if [ -f .dockerignore ] && ! grep -q '^!' .dockerignore; then
    while read -r line || [ -n "$line" ]; do
      case $line in
        '' | '#'*) ;;
        '**/'*/*) ;;
        '**/'*) ignored+=(-o -name "${line#??/}") ;;
        *[*?[]*) ;;
        *) line=${line#/} && ignored+=(-o -path "./${line%/}") ;;
      esac
    done <.dockerignore
  fi
  find . \( "${ignored[@]}" \) -prune -o "$@" -print | LC_ALL=C sort
}

# Contents and names, which files are programs, where links lead.
context_hash() {
  local link sha256=(shasum -a 256)
  ! command -v sha256sum >/dev/null || sha256=(sha256sum)
  {
    context -type f | tr '\n' '\0' | xargs -0 "${sha256[@]}"
    context -type f -perm -100
    context -type l | while IFS= read -r link; do printf '%s -> %s\n' "$link" "$(readlink "$link")"; done
  } | "${sha256[@]}" | cut -c 1-16
}

# The commit, where the tree is just that: nothing changed, nothing in the image that git does not keep.
tree_tag() {
  local commit
  if [ -n "${IMAGE_REVISION:-}" ]; then
    # CodeBuild has the tree without its git.
    echo "$IMAGE_REVISION"
  elif commit=$(git rev-parse --verify --quiet HEAD 2>/dev/null) &&
    [ -z "$(git --no-optional-locks status --porcelain -- .)" ] &&
    [ -z "$(LC_ALL=C comm -13 <(git -c core.quotePath=off ls-files) <(context ! -type d | sed 's|^\./||'))" ]; then
    echo "$commit"
  else
    echo "uncommitted-$(context_hash)"
  fi
}

# Where the source lies, without the password that a URL may hold.
tree_source() {
  echo "${IMAGE_SOURCE:-$(git remote get-url origin 2>/dev/null | sed -e 's|//[^/]*@|//|' -e 's/ /%20/g')}"
}

# --- The engine -----------------------------------------------------------------------------------

find_engine() {
  engine=${CONTAINER_ENGINE:-$(command -v docker || command -v podman || command -v finch)} ||
    die "there is no container engine: install docker, podman or finch, or build with make push BUILDER=codebuild."
  command -v "$engine" >/dev/null || die "CONTAINER_ENGINE is \"$engine\", and there is no such command."
}

# takes COMMAND FLAG: whether this command of the engine knows the flag.
takes() { case $("$engine" "$1" --help 2>&1) in *" $2 "*) ;; *) false ;; esac; }

build_flags() {
  local key=org.opencontainers.image tag=$1 source version
  source=$(tree_source)
  # The version of the template that this repository came from, or was updated to.
  version=$(sed -n '/^\[tool.template\]/,/^$/s/^version = "\(.*\)"/\1/p' pyproject.toml)
  printf -- '--label %s\n' "$key.revision=$tag" ${source:+"$key.source=$source"} "template.version=$version"
  if takes build --provenance; then
    # BuildKit: without these an OCI index, which SageMaker's endpoints refuse.
    printf -- '%s\n' --provenance=false --sbom=false --output type=docker,oci-mediatypes=false
  elif takes build --format; then
    printf -- '%s\n' --format docker
  fi
}

# loudly COMMAND: runs it, its words on the terminal and in $work/log.
loudly() { "$@" 2>&1 | tee "$work/log" >&2; }

# last_words FILE: the last line that says something.
last_words() { grep -v -e '^make' -e '^ *$' "$1" | tail -n 1 || true; }

# engine_failed WHAT: ends with what the engine's last lines mean.
engine_failed() {
  local words
  words=$(last_words "$work/log")
  case $(tail -n 20 "$work/log") in
    *[Nn]"o space left on "*)
      die "$1 failed, the disk is full: make room ($engine system prune), then run this again." ;;
    *"buildx component is missing"*)
      die "docker can't build without buildx: install docker-buildx-plugin (Debian: docker-buildx), then run this again." ;;
  esac
  case "$1: $words" in
    # Its words may be of anything.
    "the build"*) ;;
    *immutable*)
      die "the tag $tag was taken meanwhile, and tags are immutable: run this again, it will find that image." ;;
    *"token has expired"* | *"basic auth credentials"* | *nauthorized*)
      die "$1 failed, the login to ECR does not hold ($words): run this again." ;;
    *denied* | *"not authorized"* | *orbidden*)
      die "$1 failed, ECR refuses you ($words): ask for the right to push to $repository, by your own policy and by the repository's." ;;
    *"no such host"* | *time*out* | *connect* | *EOF* | *"broken pipe"* | *TLS*)
      die "$1 failed, $registry can't be reached ($words): look at network and proxy, then run this again; what has arrived stays there." ;;
  esac
  die "$1 failed ($words): mend that, then run this again."
}

# --- AWS ------------------------------------------------------------------------------------------

# show COMMAND: prints it in a dry run, as one would type it.
show() { ! $dry_run || { printf '+' && printf ' %q' "$@" && printf '\n'; } >&3; }

# ask ARGUMENTS: a question to AWS, which changes nothing: a dry run asks it too.
ask() {
  show "${aws[@]}" "$@"
  "${aws[@]}" "$@" 2>"$work/error"
}

# change ARGUMENTS: what a dry run only prints.
change() {
  show "${aws[@]}" "$@"
  $dry_run || "${aws[@]}" "$@" >/dev/null 2>"$work/error"
}

# aws_failed WHAT: ends with what the answer of AWS means.
aws_failed() {
  local words
  words=$(last_words "$work/error")
  case $words in
    *[Ee]xpired*)
      die "your AWS credentials have expired: renew them (aws sso login), then run this again." ;;
    *"locate credentials"* | *"sso login"* | *"SSO Token"*)
      die "there are no AWS credentials: log in (aws sso login) or name a profile (--profile), then run this again." ;;
    *"onfig profile"*)
      die "there is no such AWS profile ($words): aws configure list-profiles lists them." ;;
    *InvalidClientTokenId* | *UnrecognizedClient* | *SignatureDoesNotMatch* | *AuthFailure*)
      die "AWS does not know your credentials in the region $region: check the region (--region) and that your account has it enabled, then the credentials." ;;
    *"connect to the endpoint"* | *"connect to proxy"* | *"match a supported format"* | *"onnect timeout"* | *"Invalid endpoint"*)
      die "AWS can't be reached in the region \"$region\": check its name (--region), then your network and proxy." ;;
    *AccessDenied* | *"not authorized"*)
      die "you may not $1 ($words): ask for that right, or name another role (--role-arn) or profile (--profile)." ;;
  esac
  die "AWS could not $1 ($words): mend that, then run this again."
}

# The first that is set counts; the others may say otherwise, but not unnoticed.
choose_region() {
  local project variable profiles place other=''
  project=$(printf '%s' "$project_image" | sed -n 's/.*\.dkr\.ecr\.\([^.]*\)\..*/\1/p')
  variable=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
  profiles=$(aws ${profile:+--profile "$profile"} configure get region 2>/dev/null || true)
  for place in "$region --region" "$project training-job.json" "$variable AWS_REGION" "$profiles profile"; do
    case $place in
      ' '*) ;;
      *) [ -n "$region" ] || region=${place%% *}
         [ "${place%% *}" = "$region" ] || other="$other, ${place#* } says ${place%% *}" ;;
    esac
  done
  [ -n "$region" ] || die "there is no region: name one by --region."
  [ -z "$other" ] || say "The region is $region$other."
}

assume_role() {
  local answer
  answer=$(ask sts assume-role --role-arn "$role_arn" --role-session-name build-and-push \
    ${external_id:+--external-id "$external_id"} \
    --query 'Credentials.[AccessKeyId, SecretAccessKey, SessionToken]' --output text) ||
    aws_failed "assume the role $role_arn"
  read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN <<<"$answer"
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  unset AWS_PROFILE
  aws=(aws --region "$region")
}

dns_suffix() {
  case $region in
    cn-*) echo amazonaws.com.cn ;; eusc-*) echo amazonaws.eu ;; eu-isoe-*) echo cloud.adc-e.uk ;;
    us-iso-*) echo c2s.ic.gov ;; us-isob-*) echo sc2s.sgov.gov ;; us-isof-*) echo csp.hci.ic.gov ;;
    *) echo amazonaws.com ;;
  esac
}

# Sets digest to what the registry has under the tag, or to nothing; creates a missing repository.
look_up() {
  local answer kind
  digest=
  if answer=$(ask ecr describe-images --repository-name "$repository" --image-ids imageTag="$tag" \
    --query 'imageDetails[0].[imageDigest, imageManifestMediaType]' --output text); then
    read -r digest kind <<<"$answer"
    [ "$kind" = "$manifest" ] || die "SageMaker does not take what lies in ECR under the tag $tag, a $kind: remove it" \
      "(aws ecr batch-delete-image --region $region --repository-name $repository --image-ids imageTag=$tag)," \
      "update docker, podman or finch, and run this again."
  elif grep -q RepositoryNotFound "$work/error"; then
    create_repository
  elif ! grep -q ImageNotFound "$work/error"; then
    aws_failed "look into the ECR repository $repository"
  fi
}

create_repository() {
  $create || die "there is no ECR repository $repository in $region: create it (make deploy), or run this without --no-create."
  say "Creating the ECR repository $repository in $region."
  # All or nothing: a second run takes a repository as it is.
  trap '' INT TERM
  if ! change ecr create-repository --repository-name "$repository" --image-tag-mutability IMMUTABLE \
    --image-scanning-configuration scanOnPush=true --encryption-configuration encryptionType=AES256; then
    ! grep -q RepositoryAlreadyExists "$work/error" || { interruptible && return; }
    aws_failed "create the ECR repository $repository"
  fi
  change ecr put-lifecycle-policy --repository-name "$repository" --lifecycle-policy-text \
    '{"rules": [{"rulePriority": 1, "description": "Images of trees that were not committed",
      "selection": {"tagStatus": "tagged", "tagPrefixList": ["uncommitted-"],
        "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30},
      "action": {"type": "expire"}}]}' && interruptible && return
  "${aws[@]}" ecr delete-repository --repository-name "$repository" >/dev/null 2>&1 ||
    say "Remove the half-made ECR repository: aws ecr delete-repository --region $region --repository-name $repository"
  aws_failed "give the new ECR repository $repository its lifecycle policy"
}

# --- Build and push -------------------------------------------------------------------------------

build() {
  show make build "PLATFORM=$platform" "IMAGE=$image"
  $dry_run || loudly env "CONTAINER_ENGINE=$engine" make --no-print-directory build "PLATFORM=$platform" "IMAGE=$image" ||
    engine_failed "the build"
}

# The image must be one that SageMaker can run, and that of this tree.
check_image() {
  local found revision
  show "$engine" image inspect "$image"
  if $dry_run && $build; then return; fi
  found=$("$engine" image inspect --format '{{.Os}}/{{.Architecture}}' "$image" 2>/dev/null) ||
    die "there is no image $image: run make build, or this without --no-build."
  [ "$found" = "$platform" ] ||
    die "$image is for $found, SageMaker runs $platform: make build PLATFORM=$platform."
  revision=$("$engine" image inspect --format '{{index .Config.Labels "org.opencontainers.image.revision"}}' "$image" || true)
  [ "$revision" = "$tag" ] ||
    die "$image was built of another tree (${revision:-unknown}) than this one ($tag): run this again, without --no-build."
}

# The password goes from one to the other by a pipe: no file, log or process list has it.
log_in() {
  local login=("$engine" login --username AWS --password-stdin "$registry")
  show "${aws[@]}" ecr get-login-password
  show "${login[@]}"
  if $dry_run; then return; fi
  "${aws[@]}" ecr get-login-password 2>"$work/error" | "${login[@]}" >"$work/log" 2>&1 && return
  [ "${PIPESTATUS[0]}" = 0 ] || aws_failed "log in to ECR"
  # ECR's credential helper logs in by itself, and refuses to store a password.
  grep -q "not implemented" "$work/log" || engine_failed "the login to $registry"
}

push() {
  local remote=$registry/$repository:$tag command
  command=("$engine" push)
  ! takes push --format || command+=(--format v2s2)
  show "$engine" tag "$image" "$remote"
  show "${command[@]}" "$remote"
  if $dry_run; then return; fi
  "$engine" tag "$image" "$remote" >"$work/log" 2>&1 || engine_failed "the tag"
  loudly "${command[@]}" "$remote" || engine_failed "the push"
  # The name alone: the local image keeps its own.
  "$engine" image rm "$remote" >/dev/null 2>&1 || true
}

# Packs the tree, builds it by this very script in CodeBuild (tools/cloud/buildspec.yml), follows the log.
build_in_codebuild() {
  local answer project bucket id status=IN_PROGRESS group stream token='' next name variables=''
  # shellcheck disable=SC2016  # These quotes are the query's.
  answer=$(ask cloudformation describe-stacks --stack-name "$stack" --output text --query \
    'Stacks[0].[Outputs[?OutputKey==`BuildProject`].OutputValue, Outputs[?OutputKey==`BucketName`].OutputValue][]') ||
    aws_failed "read the stack $stack, which make deploy creates,"
  read -r project bucket <<<"$answer"
  [ -n "${bucket:-}" ] || die "the stack $stack in $region has no bucket or build project: make deploy, then run this again."
  context ! -type d | python3 -c 'import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
    for name in sys.stdin.read().splitlines():
        archive.write(name)' "$work/source.zip"
  change s3 cp --only-show-errors "$work/source.zip" "s3://$bucket/$stack/builds/$tag.zip" || aws_failed "upload the tree to $bucket"
  for name in "IMAGE_REVISION=$tag" "IMAGE_SOURCE=$(tree_source)" "REPOSITORY=$repository" "BUILD_ARGS=${BUILD_ARGS:-}"; do
    variables="$variables, {\"name\": \"${name%%=*}\", \"value\": \"$(printf %s "${name#*=}" | sed 's/["\\]/\\&/g')\"}"
  done
  set -- codebuild start-build --project-name "$project" --source-type-override S3 \
    --source-location-override "$bucket/$stack/builds/$tag.zip" --environment-variables-override "[${variables#, }]"
  if $dry_run; then change "$@" && return; fi
  id=$(ask "$@" --query build.id --output text) || aws_failed "start the build project $project"
  trap 'die "you stopped watching; the build goes on, and this stops it: aws codebuild stop-build --region $region --id $id"' INT
  while [ "$status" = IN_PROGRESS ]; do
    answer=$(ask codebuild batch-get-builds --ids "$id" --output text \
      --query 'builds[0].[buildStatus, logs.groupName, logs.streamName]') || aws_failed "look at the build $id"
    read -r status group stream <<<"$answer"
    # Page by page; the same token again is the end.
    while [ "${stream:-None}" != None ]; do
      next=$(ask logs get-log-events --log-group-name "$group" --log-stream-name "$stream" --start-from-head \
        ${token:+--next-token "$token"} --query '[nextForwardToken, events[].message]' --output json |
        python3 -c 'import json, sys
token, lines = json.load(sys.stdin)
sys.stderr.write("".join(line.rstrip("\n") + "\n" for line in lines))
print(token)') || break
      [ "$next" != "$token" ] || break
      token=$next
    done
    [ "$status" != IN_PROGRESS ] || sleep 5
  done
  trap - INT
  [ "$status" = SUCCEEDED ] || die "the build $id ended as $status: its last lines say why; mend that, then run this again."
}

main() {
  local name
  engine='' region='' profile='' repository='' role_arn='' external_id='' builder='' digest=''
  create=true build=true dry_run=false print=''
  while [ $# -gt 0 ]; do
    case $1 in
      --region | --profile | --repository | --role-arn | --external-id | --builder)
        [ -n "${2:-}" ] || die "$1 needs a value; --help lists the flags."
        name=${1#--} && printf -v "${name//-/_}" %s "$2" && shift ;;
      --no-create) create=false ;;
      --no-build) build=false ;;
      --dry-run) dry_run=true ;;
      --print-tag | --print-build-flags) print=$1 ;;
      -h | --help) help && exit ;;
      *) die "$1 is no flag; --help lists them." ;;
    esac
    shift
  done
  case $builder in '' | codebuild) ;; *) die "there is no builder $builder: it is codebuild or left out." ;; esac

  cd "$(dirname "$0")"
  tag=$(tree_tag)
  case $print in
    --print-tag) echo "$tag" && exit ;;
    --print-build-flags) find_engine && build_flags "$tag" && exit ;;
  esac
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # Where a dry run prints.
  exec 3>&1
  interruptible

  command -v aws >/dev/null || die "there is no aws command: install the AWS CLI v2, then run this again."
  if [ -z "$builder" ]; then
    find_engine
    "$engine" ps >"$work/log" 2>&1 || die "$engine does not answer ($(last_words "$work/log")): start it, then run this again."
  fi
  project_image=$(sed -n 's/.*"TrainingImage": *"\([^"]*\)".*/\1/p' training-job.json)
  stack=$(printf '%s' "$project_image" | sed -e 's|^[^/]*/||' -e 's/[:@].*//')
  repository=${repository:-$stack}
  image=${IMAGE:-$stack:local}
  choose_region
  aws=(aws --region "$region" ${profile:+--profile "$profile"})
  [ -z "$role_arn" ] || assume_role
  registry=$(ask sts get-caller-identity --query Account --output text) || aws_failed "ask who you are"
  registry=$registry.dkr.ecr.$region.$(dns_suffix)

  look_up
  if [ -n "$digest" ]; then
    say "Already pushed: $registry/$repository:$tag"
  else
    if [ -n "$builder" ]; then
      build_in_codebuild
    else
      if $build; then build; fi
      check_image
      log_in
      push
    fi
    if $dry_run; then return; fi
    look_up
    [ -n "$digest" ] || die "ECR does not know the tag $tag after the push: run this again."
  fi
  $dry_run || printf '{"image": "%s", "tag": "%s"}\n' "$registry/$repository@$digest" "$tag" >pushed-image.json
  echo "$registry/$repository@$digest"
}

main "$@"
