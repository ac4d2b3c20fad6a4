# The steps by which .twinkle is filled, each done wholly or not at all: sourced by the tools that have some.
# shellcheck shell=bash
set -euo pipefail

home=$PWD/.twinkle
work=$home/new # a step's own folder while it runs

# shellcheck source=tools/debian.sh
. tools/debian.sh

# fail TEXT: end the tool with one line that names it.
fail() { printf '%s: %s\n' "${0##*/}" "$1" >&2; exit 1; }

# need REMEDY COMMAND...: end the step when the computer lacks a command.
need() {
  local remedy=$1 command
  shift
  for command; do
    command -v "$command" >/dev/null || { echo "$command is missing: $remedy"; exit 1; }
  done
}

# step NAME TEXT REMEDY THINGS [FILE...]: bring what tools/steps/NAME makes, unless it is there and current.
# THINGS are the names in .twinkle of what it makes; FILEs are what it reads, beside itself.
# The script is given the empty folder $work, which mirrors .twinkle: what it leaves there is put in place when it
# has ended well. It runs in a process of its own, where nothing that a caller writes can switch errexit off. The
# last thing that process does is the stamp: the inputs, and the name of every file that was made,
# links that lead nowhere excepted.
step() {
  local name=$1 text=$2 remedy=$3 things=$4 codename inputs log=$home/$1.log begun=$SECONDS status=0
  shift 4
  codename=$(release)
  inputs=$(cat "tools/steps/$name" tools/debian.sh "$@" | sha256sum)
  inputs="$codename $PWD ${inputs%% *}"
  # shellcheck disable=SC2310 # a question
  if made "$name" "$inputs"; then return; fi

  mkdir -p "$home/stamps"
  # Held by the step's process, too: one that outlives the tool that began it is waited for.
  exec 9>"$home/lock"
  flock -n 9 || {
    echo "another set-up is at work; waiting for it" >&2
    flock -w 1800 9 || fail "another set-up has been at work for half an hour; end it and try again"
  }
  # shellcheck disable=SC2310 # a question
  if ! made "$name" "$inputs"; then
    printf '%s … ' "$text" >&2
    rm -rf "$home/stamps/$name" "$work"
    mkdir -p "$work"
    bash -euo pipefail -O inherit_errexit -c '. "tools/steps/$1"; put_in_place "$1" "$2" "$3"' \
      step "$name" "$inputs" "$things" \
      >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
      printf 'failed\n' >&2
      tail -n 15 "$log" >&2
      rm -rf "$work"
      fail "$text: failed with status $status. $remedy Then run $0 again. The whole output is in .twinkle/$name.log."
    fi
    printf 'done (%d s)\n' "$((SECONDS - begun))" >&2
  fi
  exec 9>&-
}

# made NAME INPUTS: true when the step was done with these inputs and every file that it made is still there.
made() {
  local stamp=$home/stamps/$1 inputs
  [ -f "$stamp" ] && read -r inputs <"$stamp" && [ "$inputs" = "$2" ] &&
    (cd "$home" && tail -n +2 "$stamp" | xargs -d '\n' stat --dereference --format= -- >/dev/null 2>&1)
}

# put_in_place NAME INPUTS THINGS: what the step made replaces what was there, and the stamp says so.
put_in_place() {
  local name=$1 inputs=$2 things thing
  read -r -a things <<<"$3"
  for thing in "${things[@]}"; do
    if [ -e "$work/$thing" ]; then
      rm -rf "${home:?}/$thing"
      mv "$work/$thing" "$home/$thing"
    fi
  done
  {
    echo "$inputs"
    (cd "$home" && find "${things[@]}" -name __pycache__ -prune -o ! -xtype l -print)
  } >"$home/stamps/.$name"
  rm -rf "$work"
  mv "$home/stamps/.$name" "$home/stamps/$name"
}
