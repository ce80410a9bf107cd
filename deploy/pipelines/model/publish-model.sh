#!/bin/sh
# Publishes a version of a model to the repository of running gateways, waits until each of them has it ready, and tries it. If it does not get ready or
# answers wrongly, it is taken out again, and the version before answers, which it did all the while.
#
#   publish-model.sh MODEL/VERSION       a folder such as iris/3, with model.onnx; beside it, in iris/smoke, at least one request NAME.json and, where
#                                        its answer matters, NAME.expect: lines that each must be a part of the answer
#   publish-model.sh --rollback MODEL VERSION      takes a version out again, later
#
# The environment says where:
#   MODELGATEWAY_REPOSITORY   a folder, or remote:bucket/path for rclone, which reaches S3, Google Cloud Storage, Azure and others
#   MODELGATEWAY_URLS         addresses of the gateways, with spaces between. Behind a balancer name each replica: all of them must have the version
#   MODELGATEWAY_TOKEN        a token with the scopes models:read, models:predict and models:manage; none where Gateway:Auth is off
#   MODELGATEWAY_TIMEOUT      seconds until all gateways must have it; 300
#   MODELGATEWAY              the command of src/ModelGateway.Cli; modelgateway
#   MODELGATEWAY_INDEX        a command that writes the repository's index.json anew; needed where a bucket has one
#   MODELGATEWAY_KEY          public key (PEM) that the manifest's signature must verify with; none where versions are not signed
#
# It ends with 0 where the version is live, 1 where it was refused or taken out again, 2 where it was called wrongly. Needs curl.
set -eu

say() { echo "publish-model: $*" >&2; }
misused() { say "$*"; exit 2; }
refuse() { say "$*"; exit 1; }

repository=${MODELGATEWAY_REPOSITORY:-} urls=${MODELGATEWAY_URLS:-} timeout=${MODELGATEWAY_TIMEOUT:-300} tool=${MODELGATEWAY:-modelgateway}
[ -n "$repository" ] || misused "MODELGATEWAY_REPOSITORY is not set: the folder of the repository, or remote:bucket/path for rclone."
[ -n "$urls" ] || misused "MODELGATEWAY_URLS is not set: the addresses of the gateways, for example http://gateway-0:8080."
case $timeout in '' | *[!0-9]*) misused "MODELGATEWAY_TIMEOUT must be a number of seconds, not '$timeout'." ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the repository: a folder, or what rclone reaches ---

is_remote() { case $repository in /* | ./* | ../*) return 1 ;; *:*) return 0 ;; *) return 1 ;; esac; }
holds() { # PATH: whether the repository has a folder of this name, with anything in it
  if is_remote; then [ -n "$(rclone lsf "$repository/$1" 2>/dev/null)" ]; else [ -d "$repository/$1" ]; fi
}
has_index() { is_remote && [ -n "$(rclone lsf "$repository/index.json" 2>/dev/null)" ]; }
index() { ! has_index || sh -c "${MODELGATEWAY_INDEX:-false}" >&2; }
put() { # FILE PATH
  if is_remote; then rclone copyto "$1" "$repository/$2"; else mkdir -p "$(dirname "$repository/$2")" && cp "$1" "$repository/$2"; fi
}
remove() { # PATH of a file or folder
  if is_remote; then rclone purge "$repository/$1" 2>/dev/null || rclone deletefile "$repository/$1"; else rm -rf "${repository:?}/$1"; fi
}

# --- the gateways ---

ask() { # METHOD URL [FILE]: prints the status, 000 where there is none; the body is in $work/answer
  ask_method=$1 ask_url=$2
  set -- --silent --max-time 60 --output "$work/answer" --write-out '%{http_code}' --request "$ask_method" ${3:+--header 'Content-Type: application/json' --data-binary "@$3"}
  : >"$work/answer"
  # The token comes through a pipe: arguments can be read by everybody on the machine.
  { [ -z "${MODELGATEWAY_TOKEN:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$MODELGATEWAY_TOKEN"; } | curl --config - "$@" "$ask_url" || true
}
refresh() { for url in $urls; do ask POST "$url/v2/repository/refresh" >/dev/null; done; }
entry() { # URL: the version's entry in the index of a gateway, or nothing
  [ "$(ask POST "$1/v2/repository/index")" = 200 ] || return 0
  sed 's/},{/}\
{/g' "$work/answer" | grep -F "\"name\":\"$model\"," | grep -F "\"version\":\"$version\"," || true
}
reason() { sed -n 's/.*"reason":"\(\([^"\\]\|\\.\)*\)".*/\1/p'; }

# --- the steps ---

validate() {
  case $model in '' | *[!A-Za-z0-9._-]*) refuse "'$model' is no name of a model: letters, digits, dot, dash, underscore." ;; esac
  case $version in '' | 0* | *[!0-9]*) refuse "'$version' is no version: a positive number." ;; esac
  [ -d "$folder" ] || refuse "There is no folder '$folder'."
  ls "$folder"/../smoke/*.json >/dev/null 2>&1 || refuse "There is no request in '$folder/../smoke': without one nobody can tell whether the version is good."
  [ -f "$folder/manifest.json" ] || $tool manifest "$folder" || exit 1
  $tool verify "$folder" ${MODELGATEWAY_KEY:+--key "$MODELGATEWAY_KEY"} || exit 1
  # Gateways look at nothing else where there is one, and would not see the version.
  ! has_index || [ -n "${MODELGATEWAY_INDEX:-}" ] || refuse "The repository has an index.json, which must be written anew after each change: give the command for it as MODELGATEWAY_INDEX."
  ! holds "$model/$version" || refuse "The repository has version $version of '$model' already: a version that was published never changes. Take a higher number."
}

publish() {
  # The manifest goes first: with it a gateway knows what is still to come, and does not touch the version before it is there.
  for name in manifest.json.sig manifest.json; do
    [ ! -f "$folder/$name" ] || put "$folder/$name" "$model/$version/$name" || return 1
  done
  (cd "$folder" && find . -type f ! -name '.*' ! -path './manifest.json*') >"$work/files"
  while read -r name; do
    put "$folder/$name" "$model/$version/${name#./}" || return 1
  done <"$work/files"
  index || return 1
  refresh
}

wait_until_ready() {
  deadline=$(($(date +%s) + timeout))
  for url in $urls; do
    until [ "$(ask GET "$url/v2/models/$model/versions/$version/ready")" = 200 ]; do
      found=$(entry "$url")
      why=$(printf '%s' "$found" | reason)
      case $found in
        *'"state":"UNAVAILABLE"'*)
          # Not so what is only not there yet.
          case $why in 'Waiting for '* | *'still changing.') ;; *) say "$url does not load it: $why"; return 1 ;; esac ;;
      esac
      [ "$(date +%s)" -lt "$deadline" ] || { say "$url does not have it ready after $timeout s. ${why:-It does not see it.}"; return 1; }
      sleep 1
    done
  done
}

smoke() {
  for url in $urls; do
    for request in "$folder"/../smoke/*.json; do
      status=$(ask POST "$url/predict/$model/versions/$version" "$request")
      [ "$status" = 200 ] || { say "$url answers $status to $(basename "$request"): $(head -c 500 "$work/answer")"; return 1; }
      expected="${request%.json}.expect"
      [ ! -f "$expected" ] || while IFS= read -r line || [ -n "$line" ]; do
        grep -qF -- "$line" "$work/answer" || { say "$url answers $(basename "$request") without '$line': $(head -c 500 "$work/answer")"; return 1; }
      done <"$expected"
    done
  done
}

roll_back() {
  remove "$model/$version"
  index || say "index.json could not be written anew: gateways may still see version $version of '$model' in it."
  refresh
  deadline=$(($(date +%s) + timeout))
  for url in $urls; do
    while case $(entry "$url") in *'"state":"READY"'* | *'"state":"UNLOADING"'*) true ;; *) false ;; esac; do
      [ "$(date +%s)" -lt "$deadline" ] || refuse "$url still has version $version of '$model' after $timeout s."
      sleep 1
    done
  done
  say "version $version of '$model' is taken out again."
}

case ${1:-} in
  --rollback)
    [ $# -eq 3 ] || misused "--rollback takes a model and a version."
    model=$2 version=$3
    holds "$model/$version" || refuse "The repository has no version $version of '$model'."
    roll_back ;;
  '' | -*) misused "give the folder of a version, such as iris/3, or --rollback and a model and a version." ;;
  *)
    [ $# -eq 1 ] || misused "give one folder."
    folder=$(cd "$1" 2>/dev/null && pwd) || refuse "There is no folder '$1'."
    version=$(basename "$folder") model=$(basename "$(dirname "$folder")")
    validate
    # Whatever ends it from here on takes the version out again.
    trap 'roll_back; rm -rf "$work"; exit 1' INT TERM
    if publish && wait_until_ready && smoke; then
      say "version $version of '$model' is live."
    else
      roll_back
      exit 1
    fi ;;
esac
