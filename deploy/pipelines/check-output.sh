#!/bin/sh
# Keeps the published output small: at most 120 MB (decimal), and each file of more than 1 MiB with its reason in a page's table that begins with
# "| file |", where its name stands in backticks. docker/Dockerfile runs it.
#
#   check-output.sh FOLDER PAGE
#
# It says the size, and ends with 1 where the output is too large, or has a large file that the table does not name.
set -eu
folder=$1
page=$2
limit=120000000
[ -d "$folder" ] || { echo "check-output: there is no folder '$folder'." >&2; exit 1; }
[ -f "$page" ] || { echo "check-output: there is no page '$page'." >&2; exit 1; }

table=$(awk '/^\| file \|/ { inside = 1 } !/^\|/ { inside = 0 } inside' "$page")
faults=0
size=$(find "$folder" -type f -exec cat {} + | wc -c)
if [ "$size" -gt "$limit" ]; then
  echo "check-output: the output has $size bytes, more than $limit." >&2
  faults=1
fi

# Blocks of 512 bytes, begun ones counted: 2049 are more than 1 MiB.
large=$(find "$folder" -type f -size +2048)
while IFS= read -r file; do
  [ -n "$file" ] || continue
  if ! printf '%s\n' "$table" | grep -qF "\`${file##*/}\`"; then
    echo "check-output: '${file##*/}' has more than 1 MiB; say in the table of $page why the output needs it." >&2
    faults=1
  fi
done <<END
$large
END
[ "$faults" -eq 0 ] || exit 1
echo "The output has $size bytes, at most $limit."
