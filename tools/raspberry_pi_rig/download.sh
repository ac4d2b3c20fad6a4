#!/usr/bin/env bash
# Brings Debian's arm64 packages without installing them, and prints their paths:
#   download.sh RELEASE WORK DOWNLOADS PACKAGE...
# A package named kernel is the one that linux-image-arm64 stands for. What is in DOWNLOADS already is
# checked by apt and not brought again.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tools/debian.sh
. tools/debian.sh

release=$1 work=$2 downloads=$3
shift 3
mkdir -p "$downloads"
private_apt "$work/apt" "$release" arm64 >&2
for package; do
  if [ "$package" = kernel ]; then
    # Not ended by the first match: apt-cache would be told of a broken pipe.
    package=$(apt-cache depends linux-image-arm64 | awk '/Depends: linux-image-/ && !found {print $2; found = 1}')
  fi
  # Its second word is the file's name, with the epoch as apt writes it.
  file=$(cd "$work" && apt-get -q download --print-uris "$package" | awk '{print $2; exit}')
  (cd "$downloads" && apt-get -q download "$package" >&2)
  [ -e "$downloads/$file" ] || { echo "$file was not brought" >&2; exit 1; }
  echo "$downloads/$file"
done
