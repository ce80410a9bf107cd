#!/bin/sh
# Checks the licence of every package that what we ship is built from: those of the lock files below src, or of the lock files that are named. Each package
# says its licence in its own metadata, in the folder of restored packages; deploy/pipelines/licences.txt says which are allowed. Run dotnet restore first.
#
#   licences.sh [packages.lock.json...]
#
# It lists each package with its licence, and ends with 1 where one is not allowed, or not known.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
allowed="${MODELGATEWAY_LICENCES:-$here/licences.txt}"
packages="${NUGET_PACKAGES:-$HOME/.nuget/packages}"
[ $# -gt 0 ] || set -- "$here"/../../src/*/packages.lock.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Name and version of all that is resolved; a project has none.
for lock; do
  [ -f "$lock" ] || { echo "licences: there is no lock file '$lock'." >&2; exit 1; }
  awk -F'"' '
    /^ *"[^"]+": *\{ *$/ { name = $2 }
    /^ *"resolved": *"/  { print tolower(name), tolower($4) }
  ' "$lock"
done | sort -u >"$work/packages"
[ -s "$work/packages" ] || { echo "licences: the lock files name no package." >&2; exit 1; }

faults=0
while read -r name version; do
  nuspec="$packages/$name/$version/$name.nuspec"
  if [ ! -f "$nuspec" ]; then
    echo "licences: $name $version is not restored ('$nuspec')." >&2
    faults=$((faults + 1))
    continue
  fi

  # An expression says it; a file or an address has to be read by somebody, who writes it into the list, for that version alone.
  licence=$(tr -d '\r\n' <"$nuspec" | sed -n 's/.*<license  *type="expression">\([^<]*\)<.*/\1/p')
  [ -n "$licence" ] || licence=$(awk -v name="$name" -v version="$version" 'tolower($1) == name && $2 == version { print $3 }' "$allowed")
  if [ -z "$licence" ]; then
    echo "licences: $name $version does not say its licence in a word: read it, and add '$name $version LICENCE' to $allowed." >&2
    faults=$((faults + 1))
  elif ! awk -v licence="$licence" 'NF == 1 && $1 == licence { found = 1 } END { exit !found }' "$allowed"; then
    echo "licences: $name $version has the licence '$licence', which is not allowed." >&2
    faults=$((faults + 1))
  else
    echo "$name $version $licence"
  fi
done <"$work/packages"
[ "$faults" -eq 0 ] || { echo "licences: $faults of $(wc -l <"$work/packages") packages refused." >&2; exit 1; }
