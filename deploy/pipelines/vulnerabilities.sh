#!/bin/sh
# Fails where a package of the solution, however far behind another one, has a known vulnerability. dotnet's own command lists them and ends with 0.
# A feed that publishes no vulnerabilities, as some mirrors do, names none: run it where nuget.org, or one that passes its data on, is a source.
set -eu
cd "$(dirname "$0")/../.."
report=$(mktemp)
trap 'rm -f "$report"' EXIT
dotnet list ModelGateway.sln package --vulnerable --include-transitive --format json >"$report" || { cat "$report" >&2; exit 1; }
grep -q '"projects"' "$report" || { echo "vulnerabilities: dotnet list gave no report:" >&2; cat "$report" >&2; exit 1; }
if grep -q '"severity"' "$report"; then
  echo "vulnerabilities: update these packages, or pin a version in Directory.Packages.props that is not affected:" >&2
  grep -E '"(path|id|resolvedVersion|severity|advisoryurl)"' "$report" >&2
  exit 1
fi
echo "No package has a known vulnerability."
