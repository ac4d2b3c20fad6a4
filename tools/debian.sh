# Debian's packages without installing any: sourced by the tools that unpack them into .twinkle.
# shellcheck shell=bash

# release: the name of the release this computer runs.
release() {
  # shellcheck source=/dev/null
  (. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
}

# mirror: the one this computer uses for Debian itself, from either form of apt's sources.
mirror() {
  cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -nE 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p; s/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]].*/\2/p' |
    grep -E '/debian/?$' | head -n 1
}

# private_apt FOLDER INSTALLED RELEASE ARCHITECTURE [KIND]: from here on, until APT_CONFIG is unset, an
# apt with lists and state of its own, so that the system's are neither used nor changed. INSTALLED is "none"
# or "system": what it takes to be installed already. KIND is deb, or deb-src. Debian's archive keys are those
# apt already trusts, so every package is verified.
private_apt() {
  local at=$1 status=/var/lib/dpkg/status uri
  uri=$(mirror)
  [ -n "$uri" ] || { echo "no Debian mirror in this computer's apt sources"; return 1; }
  mkdir -p "$at/lists/partial" "$at/cache/archives/partial" "$at/state"
  if [ "$2" = none ]; then
    status=$at/status
    : >"$status"
  fi
  echo "${5:-deb} $uri $3 main" >"$at/sources.list"
  cat >"$at/apt.conf" <<CONF
Dir::Etc::SourceList "$at/sources.list";
Dir::Etc::SourceParts "-";
Dir::State "$at/state";
Dir::State::Lists "$at/lists";
Dir::State::status "$status";
Dir::Cache "$at/cache";
APT::Architecture "$4";
APT::Architectures { "$4"; };
Acquire::Languages "none";
APT::Sandbox::User "";
CONF
  export APT_CONFIG=$at/apt.conf
  apt-get -q update
}
