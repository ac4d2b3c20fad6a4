# Debian's packages without installing any: sourced by tools/steps.sh for the steps that unpack them into .twinkle.
# shellcheck shell=bash
set -euo pipefail

# release: the name of the release this computer runs.
release() {
  # shellcheck source=/dev/null
  (. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
}

# mirror: the one this computer uses for Debian itself, from either form of apt's sources.
mirror() {
  find /etc/apt -name '*.list' -o -name '*.sources' | sort | xargs -r -d '\n' cat |
    sed -nE 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p; s/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]].*/\2/p' |
    sed -nE '/\/debian\/?$/p' | sed -n 1p
}

# private_apt FOLDER RELEASE ARCHITECTURE [KIND]: from here on, until APT_CONFIG is unset, an apt with lists and
# state of its own, for which nothing is installed: the system's are neither used nor changed, and what a package
# needs is brought whatever the system has. KIND is deb, or deb-src. Debian's archive keys are those apt already
# trusts, so every package is verified.
private_apt() {
  local at=$1 uri
  uri=$(mirror)
  [ -n "$uri" ] || { echo "no Debian mirror in this computer's apt sources"; exit 1; }
  mkdir -p "$at/lists/partial" "$at/cache/archives/partial" "$at/state"
  : >"$at/status"
  echo "${4:-deb} $uri $2 main" >"$at/sources.list"
  cat >"$at/apt.conf" <<CONF
Dir::Etc::SourceList "$at/sources.list";
Dir::Etc::SourceParts "-";
Dir::State "$at/state";
Dir::State::Lists "$at/lists";
Dir::State::status "$at/status";
Dir::Cache "$at/cache";
APT::Architecture "$3";
APT::Architectures { "$3"; };
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
APT::Sandbox::User "";
CONF
  export APT_CONFIG=$at/apt.conf
  apt-get -q update -o APT::Update::Error-Mode=any
}

# unpack_packages FOLDER PACKAGE...: unpack packages of this computer's release, with all that they depend on,
# into FOLDER. What is unpacked runs with the system's loader and FOLDER's libraries in LD_LIBRARY_PATH. The
# C library alone is left out: it belongs to the loader, and the two must be of one build.
unpack_packages() {
  local into=$1 at=$1.apt codename architecture deb
  shift
  codename=$(release)
  architecture=$(dpkg --print-architecture)
  private_apt "$at" "$codename" "$architecture"
  apt-get -q -y --no-install-recommends --download-only -o Debug::NoLocking=1 install "$@"
  unset APT_CONFIG
  mkdir -p "$into"
  for deb in "$at"/cache/archives/*.deb; do
    case ${deb##*/} in
      libc6_*) ;;
      *) dpkg-deb -x "$deb" "$into" ;;
    esac
  done
  rm -rf "$at"
}

# wrap PLACE PROGRAM [ARGUMENT...]: write the command PLACE/bin/…, which runs PLACE/root/PROGRAM with these arguments
# first and the libraries unpacked beside it. Nothing else is run with them.
wrap() {
  local place=$1 program=$2 triplet arguments=
  shift 2
  triplet=$(find "$place/root/usr/lib" -maxdepth 1 -name '*-linux-gnu*' -printf '%f\n')
  [ -x "$place/root/$program" ] || { echo "the packages have no $program"; exit 1; }
  [ $# -eq 0 ] || arguments=$(printf '%q ' "$@")
  mkdir -p "$place/bin"
  cat >"$place/bin/${program##*/}" <<WRAPPER
#!/bin/sh
root=\$(dirname "\$(readlink -f "\$0")")/../root
export LD_LIBRARY_PATH="\$root/usr/lib/$triplet:\$root/lib/$triplet"
exec "\$root/$program" $arguments"\$@"
WRAPPER
  chmod +x "$place/bin/${program##*/}"
}
